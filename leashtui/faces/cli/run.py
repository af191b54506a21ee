"""`leash run` and `leash PROGRAM`: says what a session shall be, and hands it to the keeper.

Knows the command line, the configuration, the terminal and the workspace. Refuses to start anything itself and to judge
anything. Invariant: whatever is wrong here is said before any process of the session exists, with code 125, or 127 for
a program that does not exist.
"""

from __future__ import annotations

import argparse
import os
import pwd
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from leashtui.agents.adapter import Adapter
from leashtui.agents.registry import adapter_for, names, nearest
from leashtui.faces.ahead import PANEL, SUPERVISOR
from leashtui.faces.cli import beside, options, workspace
from leashtui.faces.cli.nesting import one_is_enough, outer_session
from leashtui.faces.facing import Face
from leashtui.faces.keeper import Keeper
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import config_dir, runtime_dir, state_dir
from leashtui.supervisor.config import Config, load
from leashtui.supervisor.inventory import version_of

EPILOG = "Everything after PROGRAM is the program's, as it was typed. Exit code: the program's, or 125, 126, 127."
SMALLEST = (40, 10)
"""Columns and rows below which no panel can be drawn."""

_OUTER_TERMINAL = frozenset("TMUX TMUX_PANE STY ZELLIJ ZELLIJ_SESSION_NAME ZELLIJ_PANE_ID".split())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options and the program."""
    options.add_arguments(parser)
    parser.add_argument("argv", nargs="...", metavar="PROGRAM ...", help="the program and its arguments")


def run(args: argparse.Namespace) -> int:
    """Run a session to its end. Returns the program's exit code."""
    try:
        if not args.argv:
            raise LeashError("no program to run", "leash run -- PROGRAM, for example: leash run -- bash")
        return start(args, args.argv, load(config_dir()).config)
    except LeashError as error:
        if error.code not in {Exit.NOT_FOUND, Exit.REFUSED}:
            error.code = Exit.FAILED
        raise


def start(
    args: argparse.Namespace,
    argv: Sequence[str],
    config: Config,
    *,
    name: str = "",
    cwd: str | None = None,
    env: Mapping[str, str] | None = None,
) -> int:
    """One session of `argv` under these options. name: shown for the agent. cwd, env: its own, by default ours.

    Raises LeashError.
    """
    where = os.getcwd() if cwd is None else cwd
    surroundings = dict(os.environ if env is None else env)
    guard = args.guard or config.guard
    exe = resolve(argv[0], where, surroundings.get("PATH", os.defpath))
    refuse_nesting(guard, argv[0])
    agent = adapter_for(argv[0])
    place = workspace.find(where, args.workspace, (runtime_dir(), state_dir(), config_dir()))
    face = choose_face(args, config)
    quiet, said = own_prompts(agent, argv, config, held=lambda: _execs_are_held(guard))
    if said:
        print(f"leash: {said}", file=sys.stderr)
    size = shutil.get_terminal_size()
    letter: dict[str, Any] = {
        "argv": agent.command(argv, quiet=quiet, version=version_of(Path(exe).resolve(), agent.footprint.package)),
        "exe": exe,
        "agent": name or (agent.kind if agent.names else os.path.basename(argv[0])),
        "cwd": where,
        "workspace": place.root,
        "also": list(place.also),
        "guard": guard,
        "on_ask": args.on_ask or config.on_ask or ("deny" if face == "headless" else "wait"),
        "posture": args.mode or config.mode,
        "role": args.role,
        "face": face,
        "env": _inside(agent.environment(surroundings), face),
        "cols": size.columns,
        "rows": size.lines,
        "home": _home(surroundings.get("HOME", "")),
        "linger": args.linger,
        "ignore": list(config.watch.ignore),
        "record": config.record,
        "hooks": config.hooks,
        "mcp": config.mcp,
        "patience": config.patience.get(agent.kind, 0),
        "late": config.late,
        "wake": config.wake,
        "grants": [*config.environment.grant, *args.grant_env],
        "withhold": list(config.environment.withhold),
        "opened": list(config.secrets.open),
        "closed": list(config.secrets.close),
        "sudo": config.sudo,
        "listen": config.listen,
        "watched": list(config.secrets.watch),
        "budget": msgspec.to_builtins(config.budget),
        "scan": config.secrets.scan,
    }
    ahead = getattr(args, "ahead", None)
    beside.attend()
    try:
        return Keeper(supervisor=SUPERVISOR, start=letter, face=face_of(face, config), ahead=ahead).run()
    finally:
        beside.retain(config.retention)


def face_of(face: str, config: Config) -> Face | None:
    """How the keeper starts this face; None for headless."""
    if face == "headless":
        return None
    draws, panel = face in {"tui", "full"}, config.panel
    chosen = ["--notify", panel.notify, *(f"--tell={word}" for word in panel.command)]
    chosen += [flag for flag, on in (("--no-bell", not panel.bell), ("--no-desktop", not panel.desktop)) if on]
    if draws:
        looks = ["--theme", panel.theme, *(f"--key={action}={key}" for action, key in panel.keys.items())]
        looks += [] if panel.motion else ["--still"]
        chosen += ["--leader", panel.leader, *(looks if face == "tui" else [f"--panel={word}" for word in looks])]

    def command(directory: str) -> Sequence[str]:
        return [sys.executable, "-I", "-m", f"leashtui.faces.{face}", *chosen, directory]

    if face != "tui":
        return Face(command=command, paints=draws)
    return Face(command=command, paints=True, safe=("--engine", "python"), waits=(PANEL, chosen))


def choose_face(args: argparse.Namespace, config: Config) -> str:
    """tui, full, plain or headless: what was asked for, else what the terminal can show."""
    interactive = sys.stdin.isatty() and sys.stdout.isatty()
    if args.headless or not interactive:
        if args.plain:
            raise LeashError("--plain needs a terminal on stdin and stdout", "without one: --headless")
        return "headless"
    if args.plain or config.plain or os.environ.get("TERM", "dumb") in {"", "dumb", "unknown"}:
        return "plain"
    size = shutil.get_terminal_size()
    if size.columns < SMALLEST[0] or size.lines < SMALLEST[1]:
        raise LeashError(
            f"this terminal is {size.columns}x{size.lines}: too small for the panel",
            "make it at least 80x24, or use --plain",
        )
    return "full" if (args.layout or config.panel.layout) == "full" else "tui"


def _home(told: str) -> str:
    """The person's home: what HOME says if that can be one, else the account's; '' where there is none."""
    if os.path.isabs(told):
        return told
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return ""


def resolve(word: str, cwd: str, path: str) -> str:
    """The absolute path of the program. Raises LeashError: 127 when there is none, 126 when it cannot be run."""
    if "/" in word:
        found = os.path.normpath(os.path.join(cwd, word))
        if not os.path.lexists(found):
            raise LeashError(f"there is no program {word}", "check the path", Exit.NOT_FOUND)
        if os.path.isdir(found):
            raise LeashError(f"{word} cannot be run", "it is a folder: name a program in it", Exit.REFUSED)
        if not os.access(found, os.X_OK):
            raise LeashError(f"{word} cannot be run", f"if it is a program: chmod +x {word}", Exit.REFUSED)
        return found
    found_by_name = shutil.which(word, path=path)
    if found_by_name is None:
        raise LeashError(f"there is no command and no program {word!r} on PATH", _advice(word), Exit.NOT_FOUND)
    return os.path.normpath(os.path.join(cwd, found_by_name))


def _advice(word: str) -> str:
    from difflib import get_close_matches

    from leashtui.faces.cli.table import BY_NAME

    if word in names():
        return f"install {word} first, or give its path: leash /path/to/{word}"
    near = [f"leash {name}" for name in (*nearest(word), *get_close_matches(word, BY_NAME, 2, 0.7))]
    if near:
        return f"did you mean {' or '.join(near)}?"
    return "leash runs any program: leash bash; `leash --help` lists its own commands"


def own_prompts(agent: Adapter, argv: Sequence[str], config: Config, *, held: Callable[[], bool]) -> tuple[bool, str]:
    """(whether the agent's own prompts are switched off, what the person should know of that, '' for nothing).

    held: whether execs will be held, without which they stay; to find out takes a while, and few have to know.
    """
    kind, wanted = agent.kind, config.own_prompts.get(agent.kind)
    if wanted == "quiet" and not agent.quiet:
        return False, f"{kind} has no prompts of its own that leash could switch off"
    if wanted == "quiet" and not held():
        return False, f"{kind} keeps its own prompts: this session holds no execs"
    if wanted == "quiet":
        return True, f"{kind} runs without its own prompts (own_prompts.{kind})"
    silent = {*agent.quiet, *agent.footprint.bypasses}.intersection(argv)
    if wanted is None and agent.quiet and not agent.answered and not silent:
        return (
            False,
            f'{kind} asks you itself as well, about the same acts: say own_prompts.{kind} = "quiet", or "keep"',
        )
    return False, ""


def _inside(env: dict[str, str], face: str) -> dict[str, str]:
    """Without what speaks of the terminal outside: an agent's own one is leash's, and no pane of a multiplexer."""
    return env if face == "headless" else {name: value for name, value in env.items() if name not in _OUTER_TERMINAL}


def refuse_nesting(guard: str, program: str = "") -> None:
    """Raises LeashError inside a session, where only tier watch can stand. program: what was to be run, '' for none."""
    if guard == "watch":
        return
    outer = outer_session(os.environ)
    if outer:
        name = "a leash session" if outer == "?" else f"leash session {outer}"
        raise LeashError(
            f"this is already inside {name}: what runs here is guarded there",
            one_is_enough(program),
        )


def _execs_are_held(guard: str) -> bool:
    """Whether this session will have the exec guard, without which an agent keeps its own prompts."""
    if guard == "watch":
        return False
    from leashtui.guards.kernel.probe import probe
    from leashtui.model.request import Tier

    return probe().tier is not Tier.WATCH
