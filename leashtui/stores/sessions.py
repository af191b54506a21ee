"""Which sessions are recorded here, and what the first and the last record of each say.

Knows the sessions directory. Refuses to verify: a log that cannot be read is listed with its problem, never left out.
Invariant: listing changes nothing on the disk.
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.audit.chain import Row
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Record, SessionEnded, SessionStarted
from leashtui.stores.directories import why_closed
from leashtui.stores.journal import ends

_SECOND = len("20261121-093015")
EMPTY = "it has no records"
"""The problem of a log that was created and never written."""


class SessionInfo(Struct, frozen=True):
    """One recorded session. started, ended: microseconds since the epoch (ended 0: running, or it was cut off)."""

    id: str
    path: Path
    started: int = 0
    ended: int = 0
    agent: str = ""
    argv: tuple[str, ...] = ()
    workspace: str = ""
    tier: str = ""
    code: int = 0
    records: int = 0
    last: int = 0  # t of the last record
    problem: str = ""


def describe(path: Path) -> SessionInfo:
    """What one log says about its session. Never raises: problem says why it cannot be read."""
    try:
        found = ends(path)
        if found is None:
            return SessionInfo(path.stem, path, problem=EMPTY)
        first, last = (_record(row) for row in found)
    except LeashError as error:
        return SessionInfo(path.stem, path, problem=error.message)
    except (msgspec.DecodeError, TypeError, UnicodeDecodeError) as error:
        return SessionInfo(path.stem, path, problem=f"its first or last record is not readable: {error}")
    number = found[1].seq
    start = first.event if first is not None and isinstance(first.event, SessionStarted) else None
    end = last.event if last is not None and isinstance(last.event, SessionEnded) else None
    return SessionInfo(
        id=path.stem,
        path=path,
        started=first.t if first else 0,
        ended=last.t if last and end else 0,
        agent=start.agent if start else "",
        argv=start.argv if start else (),
        workspace=start.workspace if start else "",
        tier=start.tier if start else "",
        code=end.code if end else 0,
        records=number if isinstance(number, int) else 0,
        last=last.t if last else 0,
    )


class _Known(Struct):
    kind: str


class _Any(Struct):
    event: _Known


def _record(row: Row) -> Record | None:
    """The record of a row; None when its kind is unknown here (a newer leash wrote it)."""
    if not isinstance(row.body, bytes):
        raise TypeError(f"a body is {type(row.body).__name__} instead of bytes")
    try:
        return codec.decode_record(row.body)
    except msgspec.ValidationError:
        msgspec.json.decode(row.body, type=_Any)
        return None


def list_sessions(directory: Path) -> list[SessionInfo]:
    """Every session recorded below `directory`, oldest first; [] when there is no such directory."""
    found = [describe(path) for path in paths(directory)]
    return sorted(found, key=lambda s: (s.started or 0, s.id))


def newest(directory: Path) -> SessionInfo | None:
    """The session that started last; None when there is none. Names tell seconds only: of one second the logs are read.

    Raises LeashError.
    """
    found = [p for p in paths(directory) if p.stem[:1].isdigit()] or paths(directory)
    if not found:
        return None
    second = max(path.stem[:_SECOND] for path in found)
    return max((describe(p) for p in found if p.stem[:_SECOND] == second), key=lambda s: (s.started, s.id))


def paths(directory: Path) -> list[Path]:
    """The session databases in `directory` by name. Raises LeashError when it cannot be read."""
    try:
        return sorted(p for p in directory.iterdir() if p.suffix == ".db")
    except FileNotFoundError:
        return []
    except OSError as error:
        unread = LeashError(f"cannot read {directory}: {error.strerror}", f"ls -ld {directory}", Exit.STORE)
        raise why_closed(str(directory)) or unread from error


def find_session(directory: Path, text: str) -> Path | None:
    """The log of the session whose id is `text`, or begins or ends with it and no other does; None if there is none."""
    every = paths(directory)
    exact = [p for p in every if p.stem == text]
    if exact:
        return exact[0]
    if len(text) < 4:
        return None
    near = [p for p in every if p.stem.startswith(text) or p.stem.endswith(text)]
    return near[0] if len(near) == 1 else None
