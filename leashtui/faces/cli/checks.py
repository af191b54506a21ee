"""The checks of `leash doctor`, one function each, in the order in which a session would meet the trouble.

Knows what a session needs. Refuses to guess: a check tries the very thing, or reads what the kernel says. Invariant:
every finding that is not ok carries the command or the setting that mends it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from leashtui.agents.registry import AGENTS, adapter_of
from leashtui.faces.cli.nesting import locked_up, one_is_enough, outer_session
from leashtui.faces.cli.workspace import find_git
from leashtui.guards.kernel.probe import NOT_IN_WATCH, probe
from leashtui.model.errors import LeashError
from leashtui.model.request import Tier
from leashtui.stores.directories import config_dir, ensure_private, runtime_dir, sessions_dir, state_dir, why_closed
from leashtui.supervisor import layers
from leashtui.supervisor.config import load as load_config
from leashtui.supervisor.variables import sort
from leashtui.words.variables import how, listed, outset

OK, NOTE, BAD = "ok", "note", "bad"


class Check(Struct, frozen=True):
    """One finding. state: ok|note|bad. fix: the remedy, '' when there is nothing to do. more: further lines."""

    name: str
    state: str
    detail: str
    fix: str = ""
    more: tuple[str, ...] = ()


_TIERS = {
    Tier.STRICT: "strict: every program start, change of a file and connection is held by the kernel",
    Tier.COMPAT: "compat: every program start is held by the kernel, file changes are judged as far as they are seen",
    Tier.EXEC: "exec: every program start is held by the kernel",
    Tier.WATCH: "watch: the kernel enforces nothing",
}


def examine() -> list[Check]:
    """Every check of this machine."""
    return [check for group in _GROUPS for check in group()]


def _python() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 11)
    yield Check(
        "python", OK if good else BAD, f"{version} at {sys.executable}", "" if good else "use Python 3.11 or later"
    )


def _guard() -> Iterator[Check]:
    if locked_up() and (outer := outer_session(os.environ)):  # what is tried in here tells of that session's guard
        session = "the session" if outer == "?" else f"session {outer}"
        yield Check(
            "guard tier", NOTE, f"that of {session}, which this runs in; what this host gives shows outside of it"
        )
        return
    support = probe()
    for name, good, detail in support.found:
        yield Check(name, OK if good else NOTE, detail)
    watch = support.tier is Tier.WATCH
    lost = NOT_IN_WATCH if watch else support.lost
    words = _TIERS[support.tier]
    fix = "; ".join(support.fixes)
    yield Check("guard tier", NOTE if watch else OK, words, fix, tuple(f"not stopped: {line}" for line in lost))
    if os.geteuid() == 0:
        yield Check("user", NOTE, "root: weak; a guarded root still owns every file", "run leash as an ordinary user")
    else:
        yield Check("user", OK, f"uid {os.geteuid()}")


def _yama() -> Iterator[Check]:
    file = Path("/proc/sys/kernel/yama/ptrace_scope")
    try:
        scope = file.read_text(encoding="ascii").strip()
    except OSError:
        yield Check("ptrace scope", OK, "no Yama in this kernel: nothing in the way")
        return
    if scope in {"0", "1"}:
        yield Check("ptrace scope", OK, f"{scope}: a parent may trace its children")
    else:
        yield Check("ptrace scope", NOTE, f"{scope}: execs cannot be held", "sudo sysctl kernel.yama.ptrace_scope=1")


def _nesting() -> Iterator[Check]:
    outer = outer_session(os.environ)
    if outer:
        detail = f"inside session {outer}" if outer != "?" else "inside a session of leash"
        yield Check("nesting", NOTE, detail, one_is_enough())


def _directory(name: str, path: Path) -> Check:
    """Owned, private, and a file can be made in it. Nothing of it stays."""
    missing = not os.path.lexists(path)
    if missing:
        parent = next(p for p in path.parents if p.exists())
        if os.access(parent, os.W_OK | os.X_OK):
            return Check(name, OK, f"{path} (made when needed)")
        return Check(name, BAD, f"{path}: {parent} is not writable", f"make {parent} writable")
    try:
        ensure_private(path)
        probe_file = path / f".doctor-{os.getpid()}"
        probe_file.write_bytes(b"")
        probe_file.unlink()
    except LeashError as error:
        return Check(name, NOTE if why_closed(str(path)) else BAD, error.message, error.hint)
    except OSError as error:
        if closed := why_closed(str(path)):
            return Check(name, NOTE, closed.message, closed.hint)
        return Check(name, BAD, f"{path}: {error.strerror}", "make room, or make it writable")
    return Check(name, OK, str(path))


def _directories() -> Iterator[Check]:
    yield _directory("runtime dir", runtime_dir())
    yield _directory("state dir", state_dir())
    try:
        logs = len(list(sessions_dir().glob("*.db")))
        free = shutil.disk_usage(next(p for p in (state_dir(), *state_dir().parents) if p.exists())).free
    except OSError:
        return
    enough = free > 100 << 20
    detail = f"{free >> 20:,} MiB free, {logs} logs"
    yield Check(
        "log space", OK if enough else BAD, detail, "" if enough else "make room: a full disk refuses every act"
    )


def _config() -> Iterator[Check]:
    try:
        loaded = load_config(config_dir())
    except LeashError as error:
        yield Check("config", BAD, error.message, error.hint)
    else:
        yield Check("config", OK, str(loaded.path) if loaded.present else f"defaults ({loaded.path} does not exist)")


def _policies() -> Iterator[Check]:
    try:
        bundle = layers.load(config_dir()).bundle
    except LeashError as error:
        yield Check("policies", BAD, error.message, error.hint or "leash policy check")
    else:
        yield Check("policies", OK, f"{len(bundle.policies)} policies, bundle {bundle.digest}")


def _variables() -> Iterator[Check]:
    """What of this environment an agent would go without, and which known agent gets which key of its own."""
    try:
        settings = load_config(config_dir()).config.environment
    except LeashError:
        return  # said by the check of the configuration
    anybody = sort(os.environ, adapter_of(""), settings.grant, settings.withhold)
    own = [(kind.kind, sort(os.environ, kind, settings.grant, settings.withhold).own) for kind in AGENTS]
    detail = outset(anybody.withheld, (), anybody.given) or "no variable here looks secret"
    more = tuple(f"{kind} would get its own key: {listed(names)}" for kind, names in own if names)
    yield Check("variables", OK, detail, how(anybody.withheld) if anybody.withheld else "", more)


def _rivals() -> Iterator[Check]:
    """Another program called leash, earlier on PATH than this one."""
    first = shutil.which("leash")
    if first is None:
        yield Check("command", NOTE, "leash is not on PATH", f"add {Path(sys.executable).parent} to PATH")
    elif _is_ours(first):
        yield Check("command", OK, first)
    else:
        yield Check(
            "command", NOTE, f"{first} is another program called leash", "use `leashtui`, or change the order of PATH"
        )


def _is_ours(program: str) -> bool:
    try:
        with open(program, "rb") as file:
            return b"leashtui" in file.read(4096)
    except OSError:
        return False


def _terminal() -> Iterator[Check]:
    term = os.environ.get("TERM", "")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        yield Check("terminal", NOTE, "stdin or stdout is no terminal: sessions here are headless")
    elif term in {"", "dumb", "unknown"}:
        yield Check(
            "terminal", NOTE, f"TERM={term or 'unset'}: lines instead of the panel", "export TERM=xterm-256color"
        )
    else:
        size = shutil.get_terminal_size()
        good = size.columns >= 80 and size.lines >= 24
        yield Check(
            "terminal", OK if good else NOTE, f"{term}, {size.columns}x{size.lines}", "" if good else "at least 80x24"
        )
    if "utf" not in (sys.stdout.encoding or "").lower():
        yield Check("encoding", NOTE, f"stdout is {sys.stdout.encoding}", "export LC_ALL=C.UTF-8")


def _git() -> Iterator[Check]:
    git = find_git(os.getcwd())
    if git is None:
        yield Check("git", NOTE, "not found: the workspace is the current directory", "install git")
        return
    try:
        done = subprocess.run([git, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        yield Check("git", NOTE, f"{git}: {error}", "install git again")
        return
    yield Check("git", OK, f"{done.stdout.strip()} at {git}")


_GROUPS: tuple[Callable[[], Iterator[Check]], ...] = (
    _python,
    _guard,
    _yama,
    _nesting,
    _directories,
    _config,
    _policies,
    _variables,
    _rivals,
    _terminal,
    _git,
)
