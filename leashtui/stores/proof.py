"""Which logs prove themselves: each chain, what its session signed, and what the machine chain noted of it.

Knows what stands beside a log, wherever it lies (a Source: a file, a chain of the team store). Refuses to judge a
chain itself (audit.verify and audit.attest do). Invariant: every log gets exactly one result, and so does every
session the machine chain knows whose log is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.audit.attest import Attested, certificate_of
from leashtui.audit.chain import Row
from leashtui.audit.note import BadNote, Key, parse_key
from leashtui.audit.verify import Broken, Fault, State, complete, verify
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError, StoreError
from leashtui.model.event import ChainClosed, ChainOpened, ChainPruned, SessionStarted
from leashtui.stores import keys, machine
from leashtui.stores.journal import notes, read
from leashtui.stores.sessions import paths


class Proof(Struct, frozen=True, omit_defaults=True):
    """The result for one log. seq: the first bad record (0: the log as a whole). note: what was not looked at.

    signed: how many records a checkpoint of the session covers; by: the device that vouches for its key.
    """

    log: str
    ok: bool
    session: str = ""
    records: int = 0
    head: str = ""
    ended: bool = False
    signed: int = 0
    by: str = ""
    fault: str = ""
    seq: int = 0
    message: str = ""
    hint: str = ""
    note: str = ""


class Source(Struct, frozen=True):
    """One log. session: the id its records must carry, '' for any. count, head: what its keeper notes of its end.

    beside: whether it lies where its machine chain belongs.
    """

    name: str
    session: str
    rows: Callable[[int], Iterator[Row]]
    notes: Callable[[], Sequence[tuple[object, object]]]
    beside: bool = False
    count: int = 0
    head: bytes = b""


class Trust(Struct, frozen=True):
    """Whose signatures count. demanded: a log that none of these keys vouches for is bad."""

    keys: tuple[Key, ...] = ()
    demanded: bool = False


class Witness(Struct, frozen=True):
    """What the machine chain says: who began, who was pruned, (count, head) of who closed, its own hashes by seq."""

    opened: frozenset[str] = frozenset()
    pruned: frozenset[str] = frozenset()
    closed: Mapping[str, tuple[int, bytes]] = {}
    hashes: Mapping[int, bytes] = {}
    source: Source | None = None  # None: there is no machine chain

    @property
    def present(self) -> bool:
        """Whether there is a machine chain at all."""
        return self.source is not None

    def entry(self, seq: int) -> bytes:
        """The hash of an entry, b'' when there is none; looks again for one that came after the first look."""
        if seq not in self.hashes and self.source is not None:
            row = next(self.source.rows(seq - 1), None)
            return row.hash if row is not None and row.seq == seq and isinstance(row.hash, bytes) else b""
        return self.hashes.get(seq, b"")


def file_source(path: Path, session: str) -> Source:
    """A log in a file."""
    return Source(str(path), session, partial(read, path), partial(notes, path), path.parent.name == "sessions")


def read_keys(path: Path) -> tuple[Key, ...]:
    """The public keys in a file, one a line; # begins a comment. Raises LeashError."""
    try:
        lines = path.read_text("utf-8").splitlines()
        return tuple(parse_key(line) for line in lines if line.strip() and not line.startswith("#"))
    except (OSError, BadNote, UnicodeDecodeError) as error:
        hint = "one key a line, as leash team join prints it"
        raise LeashError(f"{path} holds no public keys: {error}", hint, Exit.USAGE) from error


def prove(target: Path, trust: Trust | None = None) -> Iterator[Proof]:
    """The proofs of a log file, of a directory of logs, or of a state directory with its machine chain.

    trust: None is this directory's own device. Raises StoreError when there is nothing of the kind.
    """
    if target.is_dir():
        state = target.parent if target.name == "sessions" and (target.parent / machine.FILE).exists() else target
        sessions = state / "sessions"
        if sessions.is_dir() or (state / machine.FILE).exists():
            yield from _prove_state(state, trust or _own(state))
            return
        found = paths(target)
        if not found:
            raise StoreError(f"there are no logs in {target}", "name a log, a session or a directory of logs")
        for path in found:
            yield prove_log(file_source(path, ""), Witness(), trust or Trust())
    elif target.name == machine.FILE:
        yield witness_of(_machine_source(target))[0]
    elif target.exists():
        state = target.parent.parent
        if target.parent.name != "sessions":
            yield prove_log(file_source(target, ""), Witness(), trust or Trust())
            return
        result, witness = witness_of(_machine_source(state / machine.FILE))
        if not result.ok:
            yield result
        yield prove_log(file_source(target, target.stem), witness, trust or _own(state))
    else:
        raise StoreError(f"there is no log {target}", "see what is there: leash log --sessions")


def prover(state: Path) -> Callable[[Path], Proof]:
    """Proofs of single logs of a state directory, against its machine chain as it is now."""
    chain, witness = witness_of(_machine_source(state / machine.FILE))
    trust = _own(state)

    def proves(path: Path) -> Proof:
        if not chain.ok:
            text = f"the machine chain does not prove itself: {chain.message}"
            return Proof(str(path), False, path.stem, fault=chain.fault, message=text)
        return prove_log(file_source(path, path.stem), witness, trust)

    return proves


def _own(state: Path) -> Trust:
    key = keys.public_key(state)
    return Trust((key,)) if key is not None else Trust()


def _machine_source(path: Path) -> Source | None:
    return file_source(path, machine.NAME) if path.exists() else None


def _prove_state(state: Path, trust: Trust) -> Iterator[Proof]:
    logs = [file_source(path, path.stem) for path in paths(state / "sessions")]
    folder = state / "sessions"
    yield from prove_machine(
        _machine_source(state / machine.FILE),
        logs,
        trust,
        lambda session: "" if (folder / f"{session}.db").exists() else str(folder / f"{session}.db"),
    )


def prove_machine(
    chain: Source | None, logs: Sequence[Source], trust: Trust, gone: Callable[[str], str]
) -> Iterator[Proof]:
    """The proofs of one machine: its chain, its logs, and the sessions whose log is not there.

    gone: where the log of a session should be, '' when it is there after all.
    """
    result, witness = witness_of(chain)
    if witness.present or not result.ok:
        yield result
    for log in logs:
        yield prove_log(log, witness, trust)
    for session in sorted(witness.opened - witness.pruned - {log.session for log in logs}):
        place = gone(session)
        if place:
            text = f"session {session} is gone: the machine chain has its beginning, its log is not there"
            yield Proof(log=place, ok=False, session=session, fault=Fault.VANISHED, message=text)


def witness_of(source: Source | None) -> tuple[Proof, Witness]:
    """The proof of the machine chain and what it says of sessions; a missing one says nothing."""
    if source is None:
        return Proof(log=machine.FILE, ok=True), Witness()
    opened: set[str] = set()
    pruned: set[str] = set()
    closed: dict[str, tuple[int, bytes]] = {}
    hashes: dict[int, bytes] = {}

    def noted(rows: Iterator[Row]) -> Iterator[Row]:
        for row in rows:
            yield row
            if isinstance(row.seq, int) and isinstance(row.hash, bytes) and isinstance(row.body, bytes):
                hashes[row.seq] = row.hash
                _note(row.body, opened, pruned, closed)

    def look() -> State:
        marks = {source.count: source.head} if source.count else {}
        state = verify(noted(source.rows(0)), session=machine.NAME, marks=marks)
        complete(state, source.count)
        return state

    return _proof(source, look), Witness(frozenset(opened), frozenset(pruned), closed, hashes, source)


def _note(body: bytes, opened: set[str], pruned: set[str], closed: dict[str, tuple[int, bytes]]) -> None:
    try:
        event = codec.decode_record(body).event
    except msgspec.DecodeError:
        return  # a kind of a newer leash; verify says whether it is a record at all
    if isinstance(event, ChainOpened):
        opened.add(event.session)
    elif isinstance(event, ChainPruned):
        pruned.add(event.session)
    elif isinstance(event, ChainClosed):
        closed[event.session] = (event.count, bytes.fromhex(event.head))


def prove_log(source: Source, witness: Witness, trust: Trust) -> Proof:
    """The proof of one session's log. Never raises for a bad log."""
    count, head = witness.closed.get(source.session, (0, b""))
    marks = {n: h for n, h in ((count, head), (source.count, source.head)) if n}
    covered = [0, ""]

    def look() -> State:
        attested, by = _attested(source, trust)
        state = verify(source.rows(0), session=source.session, marks=marks, each=attested)
        complete(state, max(count, source.count))
        if attested is not None:
            attested.finish(state)
            covered[:] = attested.signed, by
        if not state.count and source.session in witness.opened and count == 0:
            raise Broken(Fault.CUT, 1, f"the log is empty, though session {source.session} began", 0)
        _check_mark(source, witness)
        return state

    result = _proof(source, look)
    if result.ok:
        said = [_standing(source, witness, closed=bool(count)), _signature(trust, *covered)]  # type: ignore[arg-type]
        note = "; ".join(part for part in said if part)
        signed, by = covered
        return msgspec.structs.replace(result, note=note, signed=signed, by=by)
    return result


def _standing(source: Source, witness: Witness, *, closed: bool) -> str:
    if witness.present and source.session not in witness.opened:
        return "not in the machine chain"
    if not witness.present:
        return "no machine chain beside it: a cut end would not show"
    return "" if closed else "not closed (running, or its supervisor was killed)"


def _signature(trust: Trust, signed: int, by: str) -> str:
    if not by:
        return "not signed" if trust.keys else ""
    return "" if any(key.name == by for key in trust.keys) else f"signed by device {by}, whose key you did not name"


def _attested(source: Source, trust: Trust) -> tuple[Attested | None, str]:
    """What checks the log's checkpoints, and the device behind them; None for a log without a certificate."""
    first = _first(source)
    if first is None or not first.certificate:
        if trust.demanded:
            raise Broken(Fault.UNSIGNED, 0, "nobody whose key you named signed this log")
        return None, ""
    session = source.session or _session_of(source)
    certificate, known = certificate_of(session, first.certificate, first.device, trust.keys)
    if trust.demanded and not known:
        text = f"device {certificate.device} signed this log, and its key is not among those you named"
        raise Broken(Fault.UNSIGNED, 0, text)
    return Attested(certificate, source.notes()), certificate.device


def _first(source: Source) -> SessionStarted | None:
    row = next(source.rows(0), None)
    if row is None or not isinstance(row.body, bytes):
        return None
    try:
        event = codec.decode_record(row.body).event
    except msgspec.DecodeError:
        return None
    return event if isinstance(event, SessionStarted) else None


def _session_of(source: Source) -> str:
    row = next(source.rows(0), None)
    return codec.decode_record(row.body).session if row is not None and isinstance(row.body, bytes) else ""


def _check_mark(source: Source, witness: Witness) -> None:
    """A session names its entry in the machine chain: an entry that is not there was taken out of it."""
    first = _first(source) if source.beside else None
    number, _, digest = first.machine.partition(":") if first is not None else ("", "", "")
    if number.isdigit() and witness.entry(int(number)).hex() != digest:
        what = "is not the one this session began with" if witness.present else "is gone"
        raise Broken(Fault.FORKED, 1, f"the machine chain {what}: entry {number} does not match", 0)


def _proof(source: Source, look: Callable[[], State]) -> Proof:
    try:
        state = look()
    except Broken as error:
        seq, fault, message, hint, good = error.seq, error.fault, error.message, error.hint, error.good
    except LeashError as error:
        seq, fault, message, hint, good = 0, Fault.UNREADABLE, error.message, error.hint, 0
    else:
        return Proof(source.name, True, state.session, state.count, state.head.hex(), state.ended)
    name = source.session or Path(source.name).stem
    return Proof(source.name, False, name, good, fault=fault, seq=seq, message=message, hint=hint)
