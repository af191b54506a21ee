"""Verification of one log as a state machine: rows in, a new state or `Broken` out.

Knows the chain and the envelope of a record (version, id, session, kind). Refuses to know kinds: a record written by
a newer leash is as provable as ours. Invariant: the first bad record is named, with one plain sentence about what is
wrong with it; a verified state may be kept and continued later, and gives the same answer as starting afresh.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from hashlib import sha256
from types import MappingProxyType

import msgspec
from msgspec import Struct

from leashtui.audit.chain import GENESIS, SIZE, Row, link
from leashtui.model.errors import Exit, LeashError

ENDED = "session.ended"
"""The kind that closes a session's log."""


class Fault(StrEnum):
    """What is wrong with a log, for programs; `Broken.message` says it for people."""

    TYPE = "type"
    MISSING = "missing"
    DUPLICATE = "duplicate"
    EDITED = "edited"
    INSERTED = "inserted"
    REORDERED = "reordered"
    UNLINKED = "unlinked"
    NOT_A_RECORD = "not-a-record"
    FOREIGN = "foreign"
    CUT = "cut"
    FORKED = "forked"
    VANISHED = "vanished"
    UNREADABLE = "unreadable"
    FORGED = "forged"
    UNSIGNED = "unsigned"


class Broken(LeashError):
    """A log does not prove itself. seq: the first bad record (0: the log as a whole); good: verified before it."""

    code = Exit.FINDINGS

    def __init__(self, fault: Fault, seq: int, message: str, good: int = 0, hint: str = "") -> None:
        super().__init__(message, hint)
        self.fault = fault
        self.seq = seq
        self.good = good


class State(Struct, frozen=True):
    """What has been verified so far. before: the head one record earlier. ended: the last record closes the session."""

    count: int = 0
    head: bytes = GENESIS
    before: bytes = GENESIS
    session: str = ""
    first: int = 0  # t of the first record, microseconds since the epoch
    last: int = 0  # t of the last record
    ended: bool = False


class _Kind(Struct):
    kind: str


class _Envelope(Struct):
    v: int
    id: str
    t: int
    session: str
    event: _Kind


_envelope: msgspec.json.Decoder[_Envelope] = msgspec.json.Decoder(_Envelope)


def verify(
    rows: Iterable[Row],
    state: State | None = None,
    *,
    session: str = "",
    marks: Mapping[int, bytes] = MappingProxyType({}),
    each: Callable[[bytes, bytes], None] | None = None,
) -> State:
    """Verify rows in ascending seq, going on from `state`.

    session: the id every record must carry; '' takes the first record's. marks: heads that somebody else noted, by
    seq. each: told (sha256 of the body, hash) of every record that proved. Raises Broken at the first bad record.
    """
    start = state or State()
    count, head, before = start.count, start.head, start.before
    session = session or start.session
    first, last, kind = start.first, start.last, ENDED if start.ended else ""
    decode = _envelope.decode
    stream = iter(rows)
    for row in stream:
        seq, body, digest = row
        due = count + 1
        if type(seq) is not int or type(body) is not bytes or type(digest) is not bytes or len(digest) != SIZE:
            raise _mistyped(row, due, count)
        if seq != due:
            raise _misnumbered(seq, due, count)
        inner = sha256(body).digest()
        if sha256(head + inner).digest() != digest:
            raise _unlinked(seq, body, digest, head, before, stream)
        try:
            envelope = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            text = f"record {seq} is in the chain but is not a record: {error}"
            raise Broken(Fault.NOT_A_RECORD, seq, text, count) from error
        if envelope.session != session:
            if session:
                text = f"record {seq} belongs to session {envelope.session!r}, this log is of session {session!r}"
                raise Broken(Fault.FOREIGN, seq, text, count)
            session = envelope.session
        if marks and marks.get(seq, digest) != digest:
            text = f"record {seq} is not the one that was noted elsewhere: the log was rewritten as a whole"
            raise Broken(Fault.FORKED, seq, text, count)
        first = first or envelope.t
        last, kind = envelope.t, envelope.event.kind
        count, head, before = due, digest, head
        if each is not None:
            each(inner, digest)
    return State(count, head, before, session, first, last, kind == ENDED)


def _mistyped(row: Row, due: int, good: int) -> Broken:
    if type(row.seq) is not int:
        found = f"its number is {type(row.seq).__name__} instead of an integer"
    elif type(row.body) is not bytes:
        found = f"its body is {type(row.body).__name__} instead of bytes"
    elif type(row.hash) is not bytes:
        found = f"its hash is {type(row.hash).__name__} instead of bytes"
    else:
        found = f"its hash has {len(row.hash)} bytes instead of {SIZE}"
    number = row.seq if type(row.seq) is int else due
    return Broken(Fault.TYPE, number, f"record {number} has a wrong type: {found}", good)


def _misnumbered(seq: int, due: int, good: int) -> Broken:
    if seq < 1:
        text = f"record {seq} was inserted: numbers begin with 1"
        return Broken(Fault.INSERTED, due, text, good)
    if seq < due:
        return Broken(Fault.DUPLICATE, seq, f"record {seq} is there again after record {due - 1}", good)
    gone = f"record {due} is missing" if seq == due + 1 else f"records {due} to {seq - 1} are missing"
    after = f"record {due - 1} is followed by" if due > 1 else "the log begins with"
    return Broken(Fault.MISSING, due, f"{gone}: {after} record {seq}", good)


def _unlinked(seq: int, body: bytes, digest: bytes, head: bytes, before: bytes, later: Iterator[Row]) -> Broken:
    """Why record `seq` does not follow from the one before it, as far as it and its next neighbour tell."""
    good = seq - 1
    if seq > 1 and link(before, body) == digest:
        text = f"record {seq - 1} was inserted: record {seq} was written right after record {seq - 2}"
        return Broken(Fault.INSERTED, seq - 1, text, good - 1)
    follower = next(later, None)
    if follower is not None and type(follower.body) is bytes and type(follower.hash) is bytes:
        if link(head, follower.body) == follower.hash:
            if link(follower.hash, body) == digest:
                text = f"records {seq} and {follower.seq} were swapped: each stands in the other's place"
                return Broken(Fault.REORDERED, seq, text, good)
            text = f"record {seq} was inserted: record {follower.seq} was written right after record {seq - 1}"
            return Broken(Fault.INSERTED, seq, text, good)
        if link(follower.hash, body) == digest:
            text = f"record {seq} stands in the wrong place: it was written after what is now record {follower.seq}"
            return Broken(Fault.REORDERED, seq, text, good)
        if link(digest, follower.body) == follower.hash:
            text = (
                f"record {seq} does not match its hash: it was changed after it was written, "
                f"or what stood before it was replaced or taken out"
            )
            return Broken(Fault.EDITED, seq, text, good)
    elif follower is None:
        text = f"record {seq}, the last one, was changed after it was written"
        return Broken(Fault.EDITED, seq, text, good)
    text = f"record {seq} does not follow from record {seq - 1}: the log was rewritten here"
    return Broken(Fault.UNLINKED, seq, text, good)


def complete(state: State, count: int) -> None:
    """Check that a verified log has at least the `count` records that somebody else noted. Raises Broken if cut."""
    if state.count < count:
        text = (
            f"the end of the log is missing: {count} records were noted elsewhere, {state.count} are left "
            f"({count - state.count} cut)"
        )
        raise Broken(Fault.CUT, state.count + 1, text, state.count)
