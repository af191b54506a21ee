"""`leash hooks`: puts leash's hooks into an agent's own settings, says where they are, and takes them out again.

Sessions of agents that take hooks on their command line need none of this; the others do, once. Knows settings files
as text around JSON. Refuses to edit what it cannot parse. Invariants: what will change is shown as a diff, the bytes
before are kept, and `remove` gives them back exactly; a file that was changed since loses leash's entries and nothing
else.
"""

from __future__ import annotations

import argparse
import difflib
import json
import os
import sys
from pathlib import Path
from typing import Any

from leashtui.agents import splice
from leashtui.agents.adapter import Adapter, Settings
from leashtui.agents.registry import AGENTS, placed
from leashtui.faces.cli.nesting import outer_session
from leashtui.guards.hook import HookDirectory
from leashtui.model.errors import Exit, LeashError
from leashtui.stores import patches

_MARK = "leashtui/client/hook.py"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the action and where."""
    parser.add_argument("action", choices=["install", "status", "remove"])
    parser.add_argument("agent", nargs="?", default="", help="one agent; status: all of them by default")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--user", dest="scope", action="store_const", const="user", help="for every project (default)")
    where.add_argument("--project", dest="scope", action="store_const", const="project", help="for this directory only")
    parser.add_argument("--json", action="store_true", help="one object a line (status)")
    parser.set_defaults(scope="user")


def run(args: argparse.Namespace) -> int:
    """Do it. Raises LeashError."""
    agents = [_agent(args.agent)] if args.agent else list(AGENTS)
    if args.action == "status":
        return _status(agents, as_json=args.json)
    if not args.agent:
        raise LeashError(f"leash hooks {args.action} of which agent?", f"one of: {', '.join(_kinds())}", Exit.USAGE)
    if outer_session(os.environ):
        raise LeashError(
            "an agent's hooks are the person's to change, not from inside a session",
            "use another terminal",
            Exit.DENIED,
        )
    settings = _settings(agents[0])
    path = place(settings.project if args.scope == "project" else settings.user)
    return _install(agents[0], settings, path) if args.action == "install" else _remove(agents[0], settings, path)


def place(pattern: str) -> Path:
    """Where '~/x' and './x' are, for this person."""
    home = os.environ.get("HOME") or os.path.expanduser("~")
    where = placed(pattern, os.environ)
    if where != pattern:
        return Path(where)
    return Path(home if pattern.startswith("~/") else os.getcwd()) / pattern[2:]


def _kinds() -> list[str]:
    return [agent.kind for agent in AGENTS if agent.settings(_command) is not None]


def _agent(word: str) -> Adapter:
    found = next((agent for agent in AGENTS if word == agent.kind or word in agent.names), None)
    if found is None:
        raise LeashError(f"no agent is called {word!r}", f"one of: {', '.join(_kinds())}", Exit.USAGE)
    return found


def _command(event: str, seconds: float, gate: bool) -> str:
    return HookDirectory(Path("/nonexistent")).installed(event, seconds, gate=gate)


def _settings(agent: Adapter) -> Settings:
    settings = agent.settings(_command)
    if settings is None:
        why = "its sessions get their hooks by themselves" if agent.hold else "it has no hooks that leash can rely on"
        raise LeashError(f"nothing to install for {agent.kind}: {why}", f"leash {agent.names[0]}", Exit.USAGE)
    return settings


def _load(path: Path) -> tuple[bytes | None, str]:
    raw = patches.read(path)
    try:
        return raw, (raw or b"").decode("utf-8")
    except ValueError as error:
        raise LeashError(f"{path}: not UTF-8", "mend it, then try again", Exit.USAGE) from error


def _is_ours(entry: str) -> bool:
    return _MARK in entry


def _before(patch: patches.Patch | None) -> str:
    """The text that leash's entries were added to, '' where that is not known."""
    return ((patch.original() if patch is not None else None) or b"").decode("utf-8", "replace")


def _with(raw: bytes | None, text: str, settings: Settings, path: Path) -> tuple[bytes | None, bytes]:
    """(the file without leash's hooks, the file with them, once). Raises LeashError."""
    patch = patches.find(path)
    if settings.whole:
        return patch.original() if patch is not None else None, settings.whole.encode()
    try:
        bare = splice.without(text, _is_ours, _before(patch))
        whole = splice.add(bare, settings.hooks)
    except ValueError as error:
        raise LeashError(f"{path}: not JSON: {error}", "mend it, then try again", Exit.USAGE) from error
    return None if raw is None else bare.encode(), whole.encode()


def _show(path: Path, before: bytes | None, after: bytes | None) -> None:
    one, two = ((text or b"").decode("utf-8", "replace").splitlines() for text in (before, after))
    for line in difflib.unified_diff(one, two, str(path), str(path), lineterm=""):
        print(line)


def _install(agent: Adapter, settings: Settings, path: Path) -> int:
    raw, text = _load(path)
    if settings.whole and raw is not None and _MARK not in text:
        raise LeashError(f"{path} is somebody else's", "move it, then try again", Exit.USAGE)
    bare, after = _with(raw, text, settings, path)
    if raw == after:
        patches.tidy(path)
        print(f"leash: the hooks are in {path} already", file=sys.stderr)
        return Exit.OK
    _show(path, raw, after)
    patches.apply(path, after, bare)
    print(f"leash: {agent.kind} asks leash from now on; `leash hooks remove {agent.kind}` undoes it", file=sys.stderr)
    if agent.kind == "codex":
        print("leash: codex asks you to review new hooks at its next start; say yes there", file=sys.stderr)
    return Exit.OK


def _remove(agent: Adapter, settings: Settings, path: Path) -> int:
    patches.tidy(path)
    patch = patches.find(path)
    raw, text = _load(path)
    if patch is not None and patches.is_ours(path, patch):
        _show(path, raw, patch.original())
        patches.restore(path)
        print(f"leash: {path} is as it was", file=sys.stderr)
        return Exit.OK
    if _MARK not in text:
        patches.forget(path)
        print(f"leash: there are no hooks of leash in {path}", file=sys.stderr)
        return Exit.OK
    try:
        after = None if settings.whole else splice.without(text, _is_ours, _before(patch)).encode()
    except ValueError as error:
        raise LeashError(f"{path}: not JSON: {error}", "take leash's entries out by hand", Exit.USAGE) from error
    _show(path, raw, after)
    if after is None:
        path.unlink()
    else:
        patches.rewrite(path, after)
    patches.forget(path)
    print(f"leash: {path} was changed since; leash's entries are out of it, the rest stays", file=sys.stderr)
    return Exit.OK


def _status(agents: list[Adapter], *, as_json: bool) -> int:
    for agent in agents:
        row = _row(agent)
        if as_json:
            print(json.dumps(row))
        else:
            where = ", ".join(row["installed"]) or "-"
            print(f"{row['agent']:<10} {row['session']:<34} installed: {where}")
    return Exit.OK


def _row(agent: Adapter) -> dict[str, Any]:
    settings = agent.settings(_command)
    found = []
    for pattern in (settings.user, settings.project) if settings is not None else ():
        path = place(pattern)
        patches.tidy(path)
        raw = patches.read(path)
        if raw is not None and _MARK.encode() in raw:
            found.append(str(path))
    session = "hooks for each session" if agent.hold else "no hooks: its programs are guarded"
    return {"v": 1, "agent": agent.kind, "session": session, "installed": found}
