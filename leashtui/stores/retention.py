"""Old sessions are taken away so that what is left still proves itself: the machine chain keeps a tombstone of each.

Knows which sessions are over, how old and how big they are. Refuses to touch one that runs, that does not prove itself,
or that the team store does not have yet. Invariant: the tombstone (number of records, chain head, who, when) is
committed before the log goes, so that no crash makes a pruned session look like one that vanished.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from leashtui.model.errors import StoreError
from leashtui.stores.database import sync_directory
from leashtui.stores.index import forget
from leashtui.stores.machine import Machine
from leashtui.stores.proof import Proof, prove
from leashtui.stores.sessions import SessionInfo, describe


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
    state: Path, limits: Limits, machine: Machine, *, who: str, sent: Mapping[str, int] | None, rehearse: bool = False
) -> Iterator[Pruned]:
    """Take away what the limits no longer allow, oldest first. sent: records the team store has, None without one.

    rehearse: only say it. Raises StoreError when the machine chain cannot be written; then nothing more goes.
    """
    proofs = [proof for proof in prove(state) if proof.log.endswith(".db")]
    known = [(describe(Path(proof.log)), proof) for proof in proofs if Path(proof.log).parent.name == "sessions"]
    known.sort(key=lambda one: (one[0].started, one[0].id))
    total = sum(_size(info.path) for info, _ in known)
    for info, proof in known:
        size = _size(info.path)
        if not (info.ended and info.ended < limits.before) and not 0 <= limits.size < total:
            continue
        reason = _keeps(info, proof, sent)
        if not reason:
            total -= size
            if not rehearse:
                _bury(info, proof, machine, who)
        yield Pruned(info.id, proof.records, size, reason)


def _size(path: Path) -> int:
    return sum(p.stat().st_size for p in (path, path.with_name(path.name + "-wal")) if p.exists())


def _keeps(info: SessionInfo, proof: Proof, sent: Mapping[str, int] | None) -> str:
    if not proof.ok:
        return f"it does not prove itself: {proof.message}"
    if not info.ended:
        return "it runs, or was cut off"
    if sent is not None and sent.get(info.id, 0) < proof.records:
        return f"the team store has only {sent.get(info.id, 0)} of its {proof.records} records"
    return ""


def _bury(info: SessionInfo, proof: Proof, machine: Machine, who: str) -> None:
    entry = machine.pruned(info.id, head=proof.head, count=proof.records, who=who)
    if entry.notice is not None:
        raise StoreError(f"nothing was pruned: {entry.notice.text}", entry.notice.hint)
    for name in (info.path, *(info.path.with_name(info.path.name + tail) for tail in ("-wal", "-shm"))):
        with contextlib.suppress(FileNotFoundError):
            name.unlink()
    forget(info.path.parent.parent, info.path.stem)
    sync_directory(info.path.parent)
