"""Which sessions live on this machine, for this user.

Knows the runtime directory. Refuses to trust it before it is ours, and refuses to call a session live because a file
says so: something of ours must answer on its socket. Invariant: looking changes nothing.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import Exit, LeashError, Unreachable
from leashtui.sockets import peer_of
from leashtui.stores.directories import ensure_private, runtime_dir

TIMEOUT = 5.0
"""Seconds to wait for a supervisor's answer."""


class Live(Struct, frozen=True):
    """One session as its session.json tells it. code: approving needs the code shown where it was started."""

    session: str
    pid: int
    socket: str
    agent: str = ""
    argv: tuple[str, ...] = ()
    workspace: str = ""
    tier: str = ""
    started: int = 0
    log: str = ""
    code: bool = False


def dial(live: Live) -> socket.socket:
    """A connection whose other end was checked. Raises Unreachable when nobody, or somebody else, is there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(TIMEOUT)
    try:
        connection.connect("\0" + live.socket)
        pid, uid = peer_of(connection)
    except OSError as error:
        connection.close()
        raise Unreachable(
            f"session {live.session}: its supervisor does not answer ({error.strerror or error})", "leash status"
        ) from error
    if uid != os.getuid() or pid != live.pid:
        connection.close()
        raise Unreachable(
            f"session {live.session}: its socket is held by uid {uid}, pid {pid}, not by its supervisor",
            "end that process, then look at `leash status`",
        )
    return connection


def live_sessions() -> list[Live]:
    """The sessions whose supervisor answers, oldest first. Raises LeashError for a runtime directory not ours."""
    root = runtime_dir()
    if not os.path.lexists(root):
        return []
    ensure_private(root)
    found: list[Live] = []
    for file in sorted(root.glob("*/session.json")):
        live = _read(file)
        if live is None:
            continue
        try:
            dial(live).close()
        except Unreachable as error:
            if not isinstance(error.__cause__, TimeoutError | BlockingIOError):  # busy is not gone
                continue
        found.append(live)
    return sorted(found, key=lambda one: (one.started, one.session))


def _read(file: Path) -> Live | None:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Live)
    except (OSError, msgspec.DecodeError):
        return None  # half removed, or of another version: not a live session of ours


def directory_of(live: Live) -> Path:
    """The session's directory."""
    return runtime_dir() / live.session


def choose(sessions: Sequence[Live], wanted: str = "") -> Live:
    """The session a person means: its id, a unique beginning or end of it, or the only one there is.

    Raises LeashError listing the candidates.
    """
    if not sessions:
        raise Unreachable("no session is running", "start one: leash PROGRAM, or leash demo")
    if not wanted:
        if len(sessions) == 1:
            return sessions[0]
        raise LeashError(f"{len(sessions)} sessions are running", "name one: " + _listed(sessions), Exit.USAGE)
    exact = [one for one in sessions if one.session == wanted]
    near = exact or [one for one in sessions if one.session.startswith(wanted) or one.session.endswith(wanted)]
    if len(near) == 1:
        return near[0]
    if near:
        raise LeashError(f"{wanted!r} names {len(near)} sessions", "name one: " + _listed(near), Exit.USAGE)
    raise Unreachable(f"no session {wanted!r} is running", "running: " + _listed(sessions))


def _listed(sessions: Sequence[Live]) -> str:
    return ", ".join(f"{one.session} ({one.agent})" for one in sessions)
