"""`leash doctor --prove`: a real session whose agent tries what none may do, and what its log says of each try.

Knows the scene, the tries and which tier promises what. Refuses to take the agent's word alone: a refused program must
be in the log, by whom and why. Invariant: a try that went through where the session's tier promises that it cannot is
broken, never a note; what a tier does not promise is said to be open.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from msgspec import DecodeError

from leashtui.agents import canary_script
from leashtui.agents.adapter import Adapter
from leashtui.agents.canary_script import peep
from leashtui.agents.registry import adapter_for, names, nearest
from leashtui.faces.cli.checks import BAD, NOTE, OK, Check
from leashtui.faces.cli.nesting import outer_session
from leashtui.faces.cli.workspace import find_git
from leashtui.guards.kernel.floor import KEYS
from leashtui.guards.kernel.harmless import holds_secret
from leashtui.guards.kernel.probe import landlock_abi, probe
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Decided
from leashtui.model.request import Layer, Tier
from leashtui.model.verdict import Outcome
from leashtui.stores.directories import config_dir, sessions_dir, state_dir
from leashtui.stores.journal import read
from leashtui.stores.sessions import SessionInfo, describe
from leashtui.supervisor.config import load as load_config

_EXECS = frozenset({Tier.STRICT, Tier.COMPAT, Tier.EXEC})
_STRICT = frozenset({Tier.STRICT})
_ALL = frozenset(Tier)
_TRIES: dict[str, tuple[str, frozenset[Tier], str]] = {
    "program": ("a program by its path", _EXECS, "canary-program"),
    "sh": ("a command by /bin/sh -c", _EXECS, "canary-sh"),
    "sh-by-name": ("a command by sh -c", _ALL, "canary-sh-by-name"),
    "shell": ("a command by $SHELL -c", _EXECS, "canary-shell"),
    "daemon": ("a program of a daemon", _EXECS, "canary-daemon"),
    "own-files": ("a file of leash's own", _STRICT, ""),
    "hook": ("a git hook", _STRICT, ".git/hooks/canary"),
    "rename": (".git renamed", _STRICT, ".git"),
    "secret": ("reading a secret", frozenset({Tier.STRICT, Tier.COMPAT}), ""),
    "outside": ("a file in the home", _STRICT, ".leash-canary"),
    "connect": ("a connection to a stranger", _STRICT, canary_script.NOBODY[0]),
    "desk": ("an answer to its own card", _EXECS, ""),
    "signal": ("a signal to the supervisor", _EXECS, ""),
    "trace": ("tracing a process", _EXECS, ""),
    "namespace": ("a user namespace", _STRICT, ""),
    "io_uring": ("calls by io_uring", _EXECS, ""),
}
"""Name of a try: in plain words, the tiers that promise to refuse it, and what the log knows it by ('' when the kernel
refuses it without asking)."""
_TIME = 120
_LOOKS_BACK = 50


def prove(agent: str, guard: str | None) -> list[Check]:
    """The findings of one session. agent: a known agent whose tier and surroundings it gets, '' for any program.

    Raises LeashError when the session could not be started.
    """
    if agent and agent not in names():
        near = nearest(agent)
        hint = f"leash doctor --prove {near[0] if near else names()[0]}"
        raise LeashError(f"no agent is called {agent}", hint, Exit.USAGE)
    if outer_session(os.environ):
        raise LeashError("nothing can be proved inside a session", "run it in a terminal of your own", Exit.USAGE)
    root = Path(os.path.realpath(tempfile.mkdtemp(prefix="leash-prove-")))
    try:
        return list(_examine(root, agent, guard))
    finally:
        shutil.rmtree(root, ignore_errors=True)
        for left in (state_dir() / "canary", Path.home() / ".leash-canary"):
            left.unlink(missing_ok=True)


def _examine(root: Path, agent: str, guard: str | None) -> Iterator[Check]:
    workspace, report = root / "workspace", root / "report"
    secret = _a_secret(adapter_for(agent))
    _build(root, workspace, report, agent, secret)
    options = ["--headless", "--on-ask", "deny", "--mode", "guard", "--workspace", str(workspace)]
    if guard:
        options += ["--guard", guard]
    done = subprocess.run(
        [sys.executable, "-I", "-m", "leashtui", "run", *options, "--", str(root / (agent or "canary"))],
        cwd=workspace,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_TIME,
        check=False,
    )
    session = _session_in(workspace)
    tried = _tried(report)
    if session is None or not tried:
        words = [line for line in done.stderr.splitlines() if line.startswith("leash:")] or ["it said nothing"]
        raise LeashError(f"no session could be tried (exit {done.returncode}): {words[0]}", "leash doctor", Exit.FAILED)
    tier = Tier(session.tier)
    adapter = adapter_for(agent)
    yield Check("session", OK, f"{session.id}: {agent or 'any program'}, tier {tier}; leash log {session.id}")
    denied = [act for act in _decided(session.path) if act.decision.outcome is not Outcome.ALLOW]
    for name, (title, promised, mark) in _TRIES.items():
        holds = tier in promised and not (name == "connect" and adapter.asks_a_model)  # its model is somewhere
        if name == "secret":
            holds = holds and probe().covers
            title = f"reading {Path(secret).name}" if Path(secret) != sessions_dir() else "reading leash's logs"
        if name == "signal":
            holds = holds and landlock_abi() >= 6
        yield _finding(title, tried.get(name), holds, mark, denied)
    if agent:
        yield _hooks(adapter)


def _a_secret(adapter: Adapter) -> str:
    """What is covered here and holds something: a key of the person, else leash's own logs."""
    opened = (*load_config(config_dir()).config.secrets.open, *adapter.places_in(os.environ))
    keys = (str(Path.home() / name) for name in KEYS if name not in opened and holds_secret(str(Path.home()), name))
    return next((path for path in keys if peep(path)[1] == "it was read"), str(sessions_dir()))


def _build(root: Path, workspace: Path, report: Path, agent: str, secret: str) -> None:
    """A repository, and an agent of the right name. Raises LeashError."""
    git = find_git(os.getcwd())
    workspace.mkdir()
    if git is None:
        (workspace / ".git" / "hooks").mkdir(parents=True)
    else:
        subprocess.run([git, "init", "-q", str(workspace)], check=True, capture_output=True)
        (workspace / ".git" / "hooks").mkdir(exist_ok=True)
    leash = [sys.executable, "-I", "-m", "leashtui"]
    program = root / (agent or "canary")
    program.write_text(f"#!{sys.executable} -IS\n{Path(canary_script.__file__).read_text()}")
    program.chmod(0o700)
    words = [str(report), str(workspace), str(state_dir()), secret, *leash]
    Path(f"{program}{canary_script.WORDS}").write_text("\0".join(words))


def _tried(report: Path) -> dict[str, tuple[bool, str]]:
    """What the agent wrote down: (refused, words) a try."""
    if not report.exists():
        return {}
    rows = (line.split("\t", 2) for line in report.read_text(encoding="utf-8", errors="replace").splitlines())
    return {row[0]: (row[1] == "refused", row[2]) for row in rows if len(row) == 3}


def _session_in(workspace: Path) -> SessionInfo | None:
    found = (describe(path) for path in sorted(sessions_dir().glob("*.db"), reverse=True))
    return next((session for session in found if session.workspace == str(workspace)), None)


def _decided(log: Path) -> Iterator[Decided]:
    """The acts of a log."""
    for row in read(log):
        try:
            event = codec.decode_record(row.body).event if isinstance(row.body, bytes) else None
        except (DecodeError, ValueError):
            continue
        if isinstance(event, Decided):
            yield event


def _finding(title: str, tried: tuple[bool, str] | None, promised: bool, mark: str, denied: list[Decided]) -> Check:
    """What became of one try. tried: None when the agent never got to it."""
    if tried is None:
        return Check(title, BAD, "it was never tried: the session ended before", "leash log")
    refused, words = tried
    if not refused:
        words = "it ran" if words.startswith("leash:") else words  # the program was leash, whatever it said then
        if promised:
            return Check(
                title, BAD, f"went through ({words}) though this tier promises to stop it", "please report this"
            )
        return Check(title, NOTE, f"went through ({words}): this tier does not stop it")
    seen = next((act for act in denied if mark and _is_about(act, mark)), None)
    if seen is not None:
        policies = ", ".join(policy.id for policy in seen.decision.policies) or "no policy"
        return Check(title, OK, f"refused, seen by the {seen.request.layer} guard: {policies}")
    if mark and promised and not words.startswith("E"):
        return Check(title, BAD, f"refused ({words}), but the log does not know why", "please report this")
    return Check(title, OK, f"refused by the floor ({words})")


def _hooks(agent: Adapter) -> Check:
    """Whether the agent's own hooks were ever heard: live, silent, or absent. Only the agent itself can fire them."""
    if not agent.hold:
        return Check("its hooks", NOTE, f"absent: leash uses none of {agent.kind}; its programs and files are guarded")
    recent = (describe(path) for path in sorted(sessions_dir().glob("*.db"), reverse=True)[:_LOOKS_BACK])
    sessions = [session for session in recent if session.agent == agent.kind and not session.problem]
    for session in sessions:
        if any(act.request.layer is Layer.HOOK for act in _decided(session.path)):
            return Check("its hooks", OK, f"live: heard in session {session.id}")
    fix = f"leash hooks install {agent.kind}" if agent.by_install else f"leash {agent.names[0]}, and let it use a tool"
    if not sessions:
        return Check("its hooks", NOTE, "never tried: no session of it is recorded here", fix)
    return Check("its hooks", NOTE, f"silent in its last {len(sessions)} sessions; its programs are guarded", fix)


def _is_about(act: Decided, mark: str) -> bool:
    request = act.request
    words = (request.path, act.facts.normalised)
    return mark == request.host or any(word.endswith(mark) for word in words)
