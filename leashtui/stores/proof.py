"""Which logs here prove themselves: each chain, and each log against what the machine chain noted of it.

Knows where logs lie and what stands beside them. Refuses to judge a chain itself (audit.verify does). Invariant:
every log gets exactly one result, and so does every session the machine chain knows whose log is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.audit.chain import Row
from leashtui.audit.verify import Broken, Fault, State, complete, verify
from leashtui.model import codec
from leashtui.model.errors import LeashError, StoreError
from leashtui.model.event import ChainClosed, ChainOpened, SessionStarted
from leashtui.stores import machine
from leashtui.stores.journal import ends, read
from leashtui.stores.sessions import paths


class Proof(Struct, frozen=True, omit_defaults=True):
    """The result for one log. seq: the first bad record (0: the log as a whole). note: what was not looked at."""

    log: str
    ok: bool
    session: str = ""
    records: int = 0
    head: str = ""
    ended: bool = False
    fault: str = ""
    seq: int = 0
    message: str = ""
    hint: str = ""
    note: str = ""


class Witness(Struct, frozen=True):
    """What the machine chain says: sessions that began, (count, head) of those that closed, its own hashes by seq."""

    opened: frozenset[str] = frozenset()
    closed: Mapping[str, tuple[int, bytes]] = {}
    hashes: Mapping[int, bytes] = {}
    path: Path | None = None  # None: there is no machine chain

    @property
    def present(self) -> bool:
        """Whether there is a machine chain at all."""
        return self.path is not None

    def entry(self, seq: int) -> bytes:
        """The hash of an entry, b'' when there is none; looks again for one that came after the first look."""
        if seq not in self.hashes and self.path is not None:
            row = next(read(self.path, seq - 1), None)
            return row.hash if row is not None and row.seq == seq and isinstance(row.hash, bytes) else b""
        return self.hashes.get(seq, b"")


def prove(target: Path) -> Iterator[Proof]:
    """The proofs of a log file, of a directory of logs, or of a state directory with its machine chain.

    Raises StoreError when there is nothing of the kind.
    """
    if target.is_dir():
        state = target.parent if target.name == "sessions" and (target.parent / machine.FILE).exists() else target
        sessions = state / "sessions"
        if sessions.is_dir() or (state / machine.FILE).exists():
            yield from _prove_state(state)
            return
        found = paths(target)
        if not found:
            raise StoreError(f"there are no logs in {target}", "name a log, a session or a directory of logs")
        for path in found:
            yield prove_log(path, Witness(), "")
    elif target.name == machine.FILE:
        yield _machine(target)[0]
    elif target.exists():
        chain = target.parent.parent / machine.FILE
        if target.parent.name != "sessions":
            yield prove_log(target, Witness(), "")
            return
        result, witness = _machine(chain)
        if not result.ok:
            yield result
        yield prove_log(target, witness, target.stem)
    else:
        raise StoreError(f"there is no log {target}", "see what is there: leash log --sessions")


def _prove_state(state: Path) -> Iterator[Proof]:
    logs = paths(state / "sessions")
    result, witness = _machine(state / machine.FILE)
    if witness.present or not result.ok:
        yield result
    for path in logs:
        yield prove_log(path, witness, path.stem)
    for session in sorted(witness.opened):
        path = state / "sessions" / f"{session}.db"
        if path.exists():
            continue
        yield Proof(
            log=str(path),
            ok=False,
            session=session,
            fault=Fault.VANISHED,
            message=f"session {session} is gone: the machine chain has its beginning, its log is not there",
        )


def _machine(path: Path) -> tuple[Proof, Witness]:
    """The proof of the machine chain and what it says of sessions; a missing one says nothing."""
    if not path.exists():
        return Proof(log=str(path), ok=True), Witness()
    opened: set[str] = set()
    closed: dict[str, tuple[int, bytes]] = {}
    hashes: dict[int, bytes] = {}

    def noted(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            yield row
            if isinstance(row.seq, int) and isinstance(row.hash, bytes) and isinstance(row.body, bytes):
                hashes[row.seq] = row.hash
                _note(row.body, opened, closed)

    result = _proof(path, lambda: verify(noted(read(path)), session=machine.NAME))
    return result, Witness(frozenset(opened), closed, hashes, path)


def _note(body: bytes, opened: set[str], closed: dict[str, tuple[int, bytes]]) -> None:
    try:
        event = codec.decode_record(body).event
    except msgspec.DecodeError:
        return  # a kind of a newer leash; verify says whether it is a record at all
    if isinstance(event, ChainOpened):
        opened.add(event.session)
    elif isinstance(event, ChainClosed):
        closed[event.session] = (event.count, bytes.fromhex(event.head))


def prove_log(path: Path, witness: Witness, session: str) -> Proof:
    """The proof of one session's log. session: the id it must carry, '' for any. Never raises for a bad log."""
    count, head = witness.closed.get(session, (0, b""))
    marks = {count: head} if count else {}

    def look() -> State:
        state = verify(read(path), session=session, marks=marks)
        complete(state, count)
        if not state.count and session in witness.opened and count == 0:
            raise Broken(Fault.CUT, 1, f"the log is empty, though session {session} began", 0)
        _check_mark(path, witness)
        return state

    result = _proof(path, look)
    if result.ok and witness.present and session not in witness.opened:
        return msgspec.structs.replace(result, note="not in the machine chain")
    if result.ok and not witness.present:
        return msgspec.structs.replace(result, note="no machine chain beside it: a cut end would not show")
    if result.ok and not count:
        return msgspec.structs.replace(result, note="not closed (running, or its supervisor was killed)")
    return result


def _check_mark(path: Path, witness: Witness) -> None:
    """A session names its entry in the machine chain: an entry that is not there was taken out of it."""
    found = ends(path)
    if found is None or not isinstance(found[0].body, bytes) or path.parent.name != "sessions":
        return
    try:
        event = codec.decode_record(found[0].body).event
    except msgspec.DecodeError:
        return
    number, _, digest = event.machine.partition(":") if isinstance(event, SessionStarted) else ("", "", "")
    if number.isdigit() and witness.entry(int(number)).hex() != digest:
        what = "is not the one this session began with" if witness.present else "is gone"
        raise Broken(Fault.FORKED, 1, f"the machine chain {what}: entry {number} does not match", 0)


def _proof(path: Path, look: Callable[[], State]) -> Proof:
    try:
        state = look()
    except Broken as error:
        seq, fault, message, hint, good = error.seq, error.fault, error.message, error.hint, error.good
    except LeashError as error:
        seq, fault, message, hint, good = 0, Fault.UNREADABLE, error.message, error.hint, 0
    else:
        return Proof(str(path), True, state.session, state.count, state.head.hex(), state.ended)
    return Proof(str(path), False, path.stem, good, fault=fault, seq=seq, message=message, hint=hint)
