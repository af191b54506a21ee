"""Files that a command runs: their text is read once, with the same engine, and what it would do is said beforehand.

Knows how findings about a script, a recipe or a package script become findings about the command that runs it. Refuses
to find the texts (handlers do). Invariant: a script is never judged for a line of it that leash could not understand:
what is clear counts as if typed. A script that is too long to read is said to be so, never taken for a harmless one.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from leashtui.classify.call import BY_INPUT, IN_ADDRESS, IN_HEADER, Call, adopt
from leashtui.classify.ledger import RANK, Ledger
from leashtui.classify.library import Findings, digest
from leashtui.classify.machine import Machine, Setting, parsed
from leashtui.classify.marks import judge_marks, judge_starts
from leashtui.classify.normalise import cleaned
from leashtui.classify.plumbing import Plumbing
from leashtui.classify.python_code import judge_python
from leashtui.classify.reader import Unparsable
from leashtui.classify.standing import place, short
from leashtui.classify.state import State
from leashtui.classify.syntax import Sequence
from leashtui.classify.values import TERMINAL, Word, bare, is_fixed
from leashtui.classify.witness import Witness
from leashtui.model.facts import Effect, Origin, Place, Severity, Verb
from leashtui.model.request import Mode

LENGTH = 64 * 1024
"""Longest script that is read, characters."""
RULES = 256 * 1024
"""Longest Makefile or manifest that is read, of which one run uses a part only."""
NESTED = 4
"""How deep scripts may run scripts."""
FILES = 64
"""How many texts one command may come to."""
_CARRIED = frozenset(
    "catastrophic sends_secret pipe_to_shell reverse_shell backdoor obfuscated privileged guard_tamper git_force"
    " git_protected hides_tracks network".split()
)
_GRAVE = frozenset("catastrophic reverse_shell guard_tamper".split())
"""What counts in a program that is read for its calls, not command by command."""
_GRAVEST = frozenset(("catastrophic",))
"""The same where code is read by its marks only, which take a server with a shell in it for a way in."""
_PLAIN = frozenset((
    Verb.DELETE, Verb.DISCARD_WORK, Verb.HISTORY_REWRITE, Verb.REMOTE_CHANGE, Verb.PUBLISH, Verb.RUN_FETCHED,
    Verb.CLOUD_CHANGE, Verb.CONTAINER_CHANGE, Verb.DATA_CHANGE, Verb.SYSTEM_CHANGE, Verb.PRIVILEGE, Verb.PERSIST,
    Verb.SECRET_READ, Verb.GUARD_TOUCH, Verb.REMOTE_SESSION, Verb.PACKAGE_ADD,
))  # fmt: skip
"""What counts of a program's explicit calls: not what programs read, write and send all day."""
_UNREAD = frozenset((Place.SECRET, Place.DEVICE, Place.PROC, Place.NONE, Place.UNKNOWN))

_PROGRAMS = (
    "\x7fELF", "PK\x03\x04", "PK\x05\x06", "MZ", "\0asm", "\x1f\udc8b", "\udcca\udcfe\udcba\udcbe",
    "\udccf\udcfa\udced", "\udcce\udcfa\udced", "\udcfe\udced\udcfa", "BC\udcc0\udcde", "!<arch>", "SQLite format 3",
)  # fmt: skip
"""How files begin that no shell reads as text; compiled Python has CR LF behind its number. Any other text with a NUL
may be run: a shell passes over it."""


class Passage(Struct, frozen=True):
    """A shell text in a file. path: the file, absolute; line: where the text begins, from 1."""

    text: str
    path: str
    line: int = 1


def text_of(call: Call, path: str) -> str | None:
    """The text of a file that is about to run, as much of it as there is to be had; None for a program or nothing."""
    machine = call.machine
    if not machine.curious or not path or not is_fixed(path) or place(machine, path) in _UNREAD:
        return None
    text = _written(call, path) if path in call.state.files else _on_disk(call, path)
    if text is None or ("\0" in text and (text.startswith(_PROGRAMS) or text[2:4] == "\r\n")):
        return None
    return text.removeprefix("\ufeff")


def _on_disk(call: Call, path: str) -> str | None:
    """What a file holds; nothing of a secret that a link leads to: what is said of it would tell what it holds."""
    probe = call.machine.setting.probe
    real = probe.real(path)
    return None if real != path and place(call.machine, real) in _UNREAD else probe.read_text(path)


def _written(call: Call, path: str) -> str | None:
    """What a file holds that this very command wrote, copied, moved or added to, as far as that is known."""
    known, added = call.state.files[path], ""
    for _ in range(NESTED):
        added = known.added + added
        if known.text is not None:
            return known.text + added
        if not known.origin.startswith("/"):
            break
        before = call.state.files.get(known.origin)
        if before is None or before is known:
            text = _on_disk(call, known.origin)
            return None if text is None and not added else (text or "") + added
        known = before
    return added or None


def is_readable(call: Call, path: str, text: str, most: int = LENGTH) -> bool:
    """Whether a text is short and plain enough to be read; if not, that is said: it is not taken for a harmless one."""
    if len(text) <= most and "\0" not in text:
        return True
    unread(call, path)
    return False


def unread(call: Call, path: str) -> None:
    """Say that something in a file runs which leash did not read."""
    name = short(call.machine, path)
    call.machine.unread.append(name)
    if not call.machine.reading:
        _say_unread(call, name)


def _say_unread(call: Call, name: str) -> None:
    call.opaque(f"runs {name}, which is too long, too deep or too strange for leash to read")


def recite(call: Call, passages: tuple[Passage, ...], cwd: str, params: tuple[Word, ...] = ()) -> None:
    """Report what shell texts would do, each in a shell of its own that starts in `cwd`."""
    machine = call.machine
    known = {n: v for n, v in call.state.vars.items() if all(w.known for w in v)}
    known.update({n: (v,) for n, v in call.env})
    facts = (passages, cwd, params, sorted((n, [(str(w), w.taint) for w in v]) for n, v in known.items()))
    key = digest(facts, machine.setting.mode)
    if key in machine.seen:
        return
    if len(machine.seen) >= FILES or len(machine.reading) >= NESTED:
        unread(call, passages[0].path if passages else cwd)
        return
    machine.seen.add(key)
    nested = bool(machine.reading)
    found = None if nested else machine.setting.library.find(key, machine.setting.probe)
    if found is None:
        witness = Witness(machine.setting.probe)
        notes = witness.begin()
        setting = machine.setting.watched_by(witness)
        parts = []
        for passage in passages:
            state = State(cwd)
            state.vars, state.params = _started(known, passage.path), params
            parts.append(_read(machine, setting, passage, state))
        found = _joined(parts)
        if not nested:
            machine.setting.library.keep(key, found, tuple(notes))
    _report(call, found)


def _started(known: dict[str, tuple[Word, ...]], path: str) -> dict[str, tuple[Word, ...]]:
    """The variables of a shell that a file is started in: it knows its own name."""
    name = (Word(path),)
    return {**known, "0": name, "BASH_SOURCE": name}


def load(call: Call, passage: Passage) -> None:
    """Report what a text does to the shell that loads it (`source`), which knows afterwards what it knows."""
    machine = call.machine
    key = digest("source", passage.path)
    if key in machine.reading:
        return
    if len(machine.reading) >= NESTED or len(machine.seen) >= FILES:
        unread(call, passage.path)
        return
    machine.seen.add(digest("source", len(machine.seen)))
    _report(call, _read(machine, machine.setting, passage, call.state, key))


def run_code(call: Call, path: str, text: str, language: str, *, called: bool = True) -> None:
    """Report what a program says plainly that it does, and the worst that it seems to do.

    called: the file itself is started; else a tool loads it, and only what destroys everything counts.
    """
    machine = call.machine
    key = digest(language, path, text, call.state.cwd, called, machine.setting.mode)
    if key in machine.seen:
        return
    if len(machine.seen) >= FILES:
        unread(call, path)
        return
    machine.seen.add(key)
    library, probe = machine.setting.library, machine.setting.probe
    found = library.find(key, probe)
    if found is None:
        witness = Witness(probe)
        notes = witness.begin()
        inside = _program(machine, machine.setting.watched_by(witness), call.state.cwd, language, key)
        judge_python(inside, text) if language == "python" else judge_marks(inside, language, text)
        signs = frozenset(inside.ledger.signs & (_GRAVE if language == "python" else _GRAVEST))
        where = f"({short(machine, path)})"
        kept = [e for e in inside.ledger.effects.values() if signs and e.severity is Severity.CRITICAL]
        if called and language != "python":
            plain = _program(machine, inside.machine.setting, call.state.cwd, language, key)
            judge_starts(plain, language, text)
            kept.extend(e for e in plain.ledger.effects.values() if e not in kept and _is_plain(machine, e))
        elif called:
            kept.extend(e for e in inside.ledger.effects.values() if e not in kept and _is_plain(machine, e))
        effects = [replace(e, sentence=f"{e.sentence} {where}", origin=Origin.SCRIPT) for e in kept]
        signs |= {"destructive"} if "catastrophic" in signs or any(not e.reversible for e in kept) else set()
        found = Findings(tuple(effects), signs, unread=tuple(inside.machine.unread))
        library.keep(key, found, tuple(notes))
    _report(call, found)


def _program(machine: Machine, setting: Setting, cwd: str, language: str, key: bytes) -> Call:
    """A program that is read by itself, with a ledger of its own."""
    inner = _inner(machine, setting, Ledger(), key)
    return Call(inner, State(cwd), [Word(language)], TERMINAL, (0, 0), Plumbing(TERMINAL))


def _is_plain(machine: Machine, effect: Effect) -> bool:
    """Whether what a program does is said beforehand: a command it starts, something that it takes away."""
    if effect.verb is Verb.SECRET_READ and not effect.target.startswith("/"):
        return False  # a program's own settings
    return effect.verb in _PLAIN and _counts(machine, effect)


def _inner(machine: Machine, setting: Setting, ledger: Ledger, key: bytes) -> Machine:
    inner = Machine(setting, ledger)
    inner.reading = (*machine.reading, key)
    inner.seen = machine.seen
    inner.unread = []
    inner.depth = machine.depth + 1
    inner.expander.lenient = True
    return inner


def _read(machine: Machine, setting: Setting, passage: Passage, state: State, key: bytes = b"") -> Findings:
    """What one text would do."""
    text = cleaned(passage.text)
    ledger = Ledger()
    tree = parsed(text)
    if isinstance(tree, Unparsable):
        ledger.whole = False
        tree = _as_far_as(text, tree)
    inner = _inner(machine, setting, ledger, key or digest(passage))
    worlds = [state]
    inner.begin(tree, worlds)
    adopt(state, worlds[0])
    kept = []
    for effect in ledger.effects.values():
        if effect.origin is Origin.SCRIPT:
            kept.append(effect)
        elif _counts(inner, effect):
            line = passage.line + text.count("\n", 0, effect.span[0])
            where = f"({short(machine, passage.path)}, line {line})"
            kept.append(replace(effect, sentence=f"{effect.sentence} {where}", origin=Origin.SCRIPT))
    signs = set(ledger.signs & _CARRIED)
    if "destructive" in ledger.signs and any(not e.reversible for e in kept):
        signs.add("destructive")
    return Findings(
        tuple(kept),
        frozenset(signs),
        tuple(ledger.programs),
        tuple(ledger.hosts),
        tuple(ledger.remotes),
        tuple(ledger.packages),
        tuple(inner.unread if ledger.whole else [*inner.unread, short(machine, passage.path)]),
    )


def _as_far_as(text: str, error: Unparsable) -> Sequence:
    """The lines before one that cannot be read: a shell runs them before it comes to that line."""
    lines = text[: error.at].splitlines(keepends=True)
    steps = [1 << n for n in range(len(lines).bit_length())]
    for size in sorted({s for step in steps for s in (step, len(lines) - step)}, reverse=True):
        tree = parsed("".join(lines[:size]))
        if not isinstance(tree, Unparsable):
            return tree
    return Sequence(())


def _counts(machine: Machine, effect: Effect) -> bool:
    """Whether what a script does is said before it runs."""
    if effect.verb is Verb.OPAQUE or effect.place is Place.UNKNOWN:
        return False
    if effect.verb in (Verb.READ, Verb.EXEC) and effect.severity is Severity.LOW:
        return False
    if _is_own(machine, effect):
        return False
    if machine.setting.mode is Mode.KERNEL and RANK[effect.severity] < RANK[Severity.HIGH]:
        plain = (IN_ADDRESS, IN_HEADER, BY_INPUT)  # when it starts, it is a request like any other
        told = effect.verb is Verb.NET_SEND and effect.sentence.endswith(plain)
        return told or effect.verb is Verb.WRITE  # what the shell writes itself is not judged when a program starts
    return True


def _is_own(machine: Machine, effect: Effect) -> bool:
    """Whether a script does that to what it made itself, or makes anew: a temporary file, a key for tests, a binary."""
    if effect.verb is Verb.EXEC and effect.place is Place.TEMP:
        return not is_fixed(effect.target) or machine.setting.probe.exists(effect.target) is False
    if effect.verb is Verb.WRITE and effect.place is Place.SECRET:
        return effect.target.startswith(machine.setting.workspace.root + "/")
    return effect.verb is Verb.DELETE and effect.place is Place.SOURCE and _is_made(machine, effect)


def _is_made(machine: Machine, effect: Effect) -> bool:
    """Whether what a script removes is what such scripts make: git ignores it, or it is one file git does not know."""
    probe = machine.setting.probe
    if not is_fixed(effect.target):
        return False
    if probe.tracked(effect.target) is not False:
        return False
    return not effect.recursive or probe.ignored(effect.target) is True or probe.exists(effect.target) is False


def _joined(parts: list[Findings]) -> Findings:
    if len(parts) == 1:
        return parts[0]
    effects = tuple(e for p in parts for e in p.effects)
    signs = frozenset(s for p in parts for s in p.signs)

    def every(name: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(x for p in parts for x in getattr(p, name)))

    return Findings(
        effects, signs, every("programs"), every("hosts"), every("remotes"), every("packages"), every("unread")
    )


def _report(call: Call, found: Findings) -> None:
    """Findings become findings about the command that runs the file."""
    ledger = call.ledger
    for effect in found.effects:
        ledger.adopt(replace(effect, span=call.span))
    ledger.signs.update(found.signs)
    call.machine.unread.extend(found.unread)
    for name in found.unread if not call.machine.reading else ():
        _say_unread(call, name)
    if any(e.place in (Place.HOME, Place.OUTSIDE, Place.SYSTEM, Place.ROOT, Place.SHELL_RC) for e in found.effects):
        ledger.signs.add("outside")
    for names, more in (
        (ledger.programs, found.programs),
        (ledger.hosts, found.hosts),
        (ledger.remotes, found.remotes),
        (ledger.packages, found.packages),
    ):
        names.update(dict.fromkeys(bare(m) for m in more))
