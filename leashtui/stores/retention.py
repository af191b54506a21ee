"""Old sessions are taken away so that what is left still proves itself: the machine chain keeps a tombstone of each.

Knows which sessions are over, how old and how big they are. Refuses to touch one that runs, that does not prove itself,
or that the team store does not have yet. Invariant: the tombstone (number of records, chain head, who, when) is
committed before the log goes, so that no crash makes a pruned session look like one that vanished.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from leashtui.model.errors import StoreError
from leashtui.stores.database import sync_directory
from leashtui.stores.directories import DENIED, UNDO
from leashtui.stores.index import forget
from leashtui.stores.machine import Machine
from leashtui.stores.proof import Proof, prover
from leashtui.stores.recording import path_of
from leashtui.stores.sessions import SessionInfo, list_sessions


class Pruned(Struct, frozen=True):
    """What happened to one old session. reason: why it stays, '' when it went. size: bytes."""

    session: str
    records: int
    size: int
    reason: str = ""


class Limits(Struct, frozen=True):
    """What may go. before: sessions that ended earlier (us since the epoch). size: oldest first until so many bytes."""

    before: int = 0
    size: int = -1


def prune(
    state: Path,
    limits: Limits,
    machine: Machine,
    *,
    who: str,
    sent: Mapping[str, int] | None,
    rehearse: bool = False,
    running: Collection[str] | None = None,
) -> Iterator[Pruned]:
    """Take away what the limits no longer allow, oldest first. sent: records the team store has, None without one.

    running: the sessions that live now, None when that is not known: then one without an end counts as running.
    rehearse: only say it. Raises StoreError when the machine chain cannot be written; then nothing more goes.
    """
    known = list_sessions(state / "sessions")
    total = sum(_size(state, info.path) for info in known)
    proves = prover(state)
    for info in known:
        size = _size(state, info.path)
        over = info.ended or (info.last if running is not None else 0)
        if not (over and over < limits.before) and not 0 <= limits.size < total:
            continue
        proof = proves(info.path)
        reason = _keeps(info, proof, sent, running)
        if not reason:
            total -= size
            if not rehearse:
                _bury(state, info, proof, machine, who)
        yield Pruned(info.id, proof.records, size, reason)


def _parts(state: Path, log: Path) -> tuple[Path, ...]:
    """All that is kept of a session, its log first."""
    beside = (log.with_name(log.name + tail) for tail in ("-wal", "-shm"))
    return (log, *beside, path_of(log), state / UNDO / log.stem, state / DENIED / log.stem)


def _size(state: Path, log: Path) -> int:
    return sum(_weight(part) for part in _parts(state, log))


def _weight(path: Path) -> int:
    """Bytes of a file, or of all files of a folder."""
    try:
        if not path.is_dir():
            return path.lstat().st_size
        return sum(one.lstat().st_size for one in path.rglob("*"))
    except OSError:
        return 0


def _keeps(info: SessionInfo, proof: Proof, sent: Mapping[str, int] | None, running: Collection[str] | None) -> str:
    if not proof.ok:
        return f"it does not prove itself: {proof.message}"
    if running is None and not info.ended:
        return "it runs, or was cut off"
    if not info.records:
        return "it has no records"
    if running is not None and info.id in running:
        return "it runs"
    if sent is not None and sent.get(info.id, 0) < proof.records:
        return f"the team store has only {sent.get(info.id, 0)} of its {proof.records} records"
    return ""


def _bury(state: Path, info: SessionInfo, proof: Proof, machine: Machine, who: str) -> None:
    entry = machine.pruned(info.id, head=proof.head, count=proof.records, who=who)
    if entry.notice is not None:
        raise StoreError(f"nothing was pruned: {entry.notice.text}", entry.notice.hint)
    for part in _parts(state, info.path):
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part, ignore_errors=True)
            continue
        with contextlib.suppress(FileNotFoundError):
            part.unlink()
    forget(info.path.parent.parent, info.path.stem)
    sync_directory(info.path.parent)
