"""The uploader: what the logs of this machine hold and the team store does not yet, sent in order, exactly once.

Knows local logs and the store. Refuses to keep a cursor of its own: the server's head is the cursor, so a killed
upload goes on where the server is. Runs in a process of its own and only reads logs: no session ever waits for it.
Invariant: before a record is sent, the server's head must be a record of the log here; otherwise nothing is sent and
the disagreement is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct

from leashtui.audit.chain import Row
from leashtui.audit.verify import Fault
from leashtui.model.errors import LeashError, StoreError
from leashtui.stores import machine
from leashtui.stores.journal import notes, read
from leashtui.stores.proof import file_source, witness_of
from leashtui.stores.sessions import paths
from leashtui.stores.team.chains import BATCH, Place, TeamStore
from leashtui.stores.team.link import TeamError

_BYTES = 4 << 20


class Sent(Struct, frozen=True):
    """What happened to one log. count: records the store acknowledged in all. fault: why no more could be sent."""

    session: str
    sent: int
    count: int
    fault: str = ""
    message: str = ""

    @property
    def ok(self) -> bool:
        """Whether both sides agree."""
        return not self.fault


Told = Callable[[Sent], None]


class Uploader:
    """Sends the logs below `state` as chains of `device`. told: hears of each batch."""

    def __init__(self, store: TeamStore, device: str, state: Path, told: Told = lambda sent: None) -> None:
        self._store = store
        self._device = device
        self._state = state
        self._told = told
        self._seen: dict[Path, tuple[int, ...]] = {}

    def send_all(self) -> Iterator[Sent]:
        """Send every log that changed since the last call. Raises TeamError when the store cannot be used."""
        there = self._store.my_chains(self._device)
        for session, path in logs(self._state):
            look = _signature(path)
            if self._seen.get(path) == look:
                continue
            result = self.send(session, path)
            if result.ok:
                self._seen[path] = look
            yield result
            there.pop(session, None)
        here = {session for session, _ in logs(self._state)}
        missing = sorted(session for session, (count, _) in there.items() if count and session not in here)
        pruned = self._pruned() if missing else frozenset()
        for session in missing:
            if session not in pruned:
                count = there[session][0]
                text = f"session {session} is gone: the team store has {count} records of it, its log is not here"
                yield Sent(session, 0, count, Fault.VANISHED, text)

    def _pruned(self) -> frozenset[str]:
        """Sessions that were taken away on purpose, as the machine chain says."""
        chain = self._state / machine.FILE
        return witness_of(file_source(chain, machine.NAME))[1].pruned if chain.exists() else frozenset()

    def send(self, session: str, path: Path) -> Sent:
        """Send one log. Raises TeamError when the store cannot be reached; what is wrong with the log is a result."""
        place = self._store.open_chain(self._device, session)
        sent = 0
        try:
            _agree(session, path, place)
            count = place.count
            for first, rows in _batches(path, place.count):
                count, _ = self._store.ingest(
                    place.chain,
                    first,
                    [row.body for row in rows],  # type: ignore[misc]
                    [row.hash for row in rows],  # type: ignore[misc]
                )
                sent += len(rows)
                self._told(Sent(session, sent, count))
            for number, note in notes(path):
                if isinstance(number, int) and isinstance(note, bytes) and place.notes < number <= count:
                    self._store.put_checkpoint(place.chain, number, note)
        except TeamError as error:
            fault = {"LS004": Fault.MISSING, "LS005": Fault.FORKED, "LS006": Fault.EDITED}.get(error.state)
            if fault is None:
                raise
            return Sent(session, sent, place.count + sent, fault, f"session {session}: {error.message}")
        except _Disagreement as error:
            return Sent(session, sent, place.count + sent, error.fault, error.message)
        except LeashError as error:
            return Sent(session, sent, place.count + sent, Fault.UNREADABLE, error.message)
        return Sent(session, sent, count)


class _Disagreement(StoreError):
    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault


def logs(state: Path) -> Iterator[tuple[str, Path]]:
    """(session, path) of every log below a state directory, the machine chain first."""
    if (state / machine.FILE).exists():
        yield machine.NAME, state / machine.FILE
    for path in paths(state / "sessions"):
        yield path.stem, path


def _agree(session: str, path: Path, place: Place) -> None:
    """The server's last record must be ours. Raises _Disagreement."""
    if not place.count:
        return
    row = next(read(path, place.count - 1), None)
    if row is None:
        text = f"session {session} was cut here: the team store has {place.count} records, the log ends before that"
        raise _Disagreement(Fault.CUT, text)
    if row.seq != place.count or row.hash != place.head:
        text = f"session {session}: record {place.count} here is not the one in the team store: the log was rewritten"
        raise _Disagreement(Fault.FORKED, text)


def _batches(path: Path, after: int) -> Iterator[tuple[int, list[Row]]]:
    """(first seq, rows) in pieces the server takes at once. Raises _Disagreement for rows that are no records."""
    batch: list[Row] = []
    weight, due = 0, after + 1
    for row in read(path, after):
        if type(row.seq) is not int or type(row.body) is not bytes or type(row.hash) is not bytes:
            raise _Disagreement(Fault.TYPE, f"{path.stem}: record {due} has a wrong type; it was not sent")
        if row.seq != due:
            raise _Disagreement(Fault.MISSING, f"{path.stem}: record {due} is missing; nothing after it was sent")
        batch.append(row)
        weight, due = weight + len(row.body), due + 1
        if len(batch) >= BATCH or weight >= _BYTES:
            yield due - len(batch), batch
            batch, weight = [], 0
    if batch:
        yield due - len(batch), batch


def _signature(path: Path) -> tuple[int, ...]:
    """What changes when a log does. Readers come and go with an empty -wal file, which says nothing."""
    found: list[int] = []
    for name in (path, path.with_name(path.name + "-wal")):
        try:
            status = name.stat()
        except OSError:
            continue
        if status.st_size:
            found += [status.st_ino, status.st_size, status.st_mtime_ns]
    return tuple(found)
