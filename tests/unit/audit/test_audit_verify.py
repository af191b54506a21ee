"""The chain proves what it should and names the first record it cannot prove."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from leashtui.audit.chain import GENESIS, Row, link
from leashtui.audit.verify import Broken, Fault, State, complete, verify

Rows = list[Row]


def body(number: int, session: str = "s", kind: str = "notice") -> bytes:
    return msgspec.json.encode({"v": 1, "id": f"R{number}", "t": number, "session": session, "event": {"kind": kind}})


def chain(*bodies: bytes) -> Rows:
    rows: Rows = []
    head = GENESIS
    for seq, text in enumerate(bodies, 1):
        head = link(head, text)
        rows.append(Row(seq, text, head))
    return rows


def ten() -> Rows:
    return chain(*(body(n) for n in range(1, 11)))


def renumber(rows: Rows) -> Rows:
    return [Row(seq, row.body, row.hash) for seq, row in enumerate(rows, 1)]


def test_a_whole_chain_proves_itself() -> None:
    state = verify(ten())
    assert (state.count, state.session, state.first, state.last, state.ended) == (10, "s", 1, 10, False)
    assert state.head == ten()[-1].hash
    assert verify([]) == State()


def test_the_end_of_a_session_is_seen_only_when_it_is_last() -> None:
    assert verify(chain(body(1), body(2, kind="session.ended"))).ended
    assert not verify(chain(body(1, kind="session.ended"), body(2))).ended


def test_a_verified_state_goes_on_where_it_stopped() -> None:
    rows = ten()
    assert verify(rows[4:], verify(rows[:4])) == verify(rows)
    with pytest.raises(Broken) as found:
        verify(rows[5:], verify(rows[:4]))
    assert found.value.fault is Fault.MISSING


def test_unknown_kinds_and_fields_are_as_provable_as_ours() -> None:
    newer = msgspec.json.encode(
        {"v": 9, "id": "x", "t": 1, "session": "s", "event": {"kind": "act.dreamt", "of": [1]}, "new": {}}
    )
    assert verify(chain(newer)).count == 1


def edit(rows: Rows) -> Rows:
    rows[4] = Row(5, body(55), rows[4].hash)
    return rows


def edit_and_rehash(rows: Rows) -> Rows:
    rows[4] = Row(5, body(55), link(bytes(rows[3].hash), body(55)))  # type: ignore[arg-type]
    return rows


def edit_last(rows: Rows) -> Rows:
    rows[9] = Row(10, body(99), rows[9].hash)
    return rows


def insert(rows: Rows) -> Rows:
    return renumber([*rows[:4], Row(0, body(99), link(bytes(rows[3].hash), body(99))), *rows[4:]])  # type: ignore[arg-type]


def insert_nonsense(rows: Rows) -> Rows:
    return renumber([*rows[:4], Row(0, body(99), b"\1" * 32), *rows[4:]])


def swap(rows: Rows) -> Rows:
    return renumber([*rows[:4], rows[5], rows[4], *rows[6:]])


def move(rows: Rows) -> Rows:
    return renumber([*rows[:4], *rows[5:8], rows[4], *rows[8:]])


def rewrite(rows: Rows) -> Rows:
    return rows[:4] + [Row(n, body(n * 7), b"\2" * 32) for n in range(5, 11)]


CASES: list[tuple[Callable[[Rows], Rows], Fault, int, str]] = [
    (edit, Fault.EDITED, 5, "record 5 does not match its hash"),
    (edit_and_rehash, Fault.EDITED, 6, "what stood before it was replaced"),
    (edit_last, Fault.EDITED, 10, "the last one, was changed"),
    (lambda r: r[:4] + r[5:], Fault.MISSING, 5, "record 5 is missing: record 4 is followed by record 6"),
    (lambda r: r[:4] + r[7:], Fault.MISSING, 5, "records 5 to 7 are missing"),
    (lambda r: r[2:], Fault.MISSING, 1, "the log begins with record 3"),
    (lambda r: renumber(r[:4] + r[5:]), Fault.EDITED, 5, "taken out"),
    (lambda r: [*r[:5], r[4], *r[5:]], Fault.DUPLICATE, 5, "record 5 is there again"),
    (insert, Fault.INSERTED, 5, "record 5 was inserted"),
    (insert_nonsense, Fault.INSERTED, 5, "record 5 was inserted"),
    (swap, Fault.REORDERED, 5, "records 5 and 6 were swapped"),
    (move, Fault.EDITED, 5, "replaced or taken out"),
    (rewrite, Fault.UNLINKED, 5, "the log was rewritten here"),
    (lambda r: [*r[:4], Row("5", r[4].body, r[4].hash)], Fault.TYPE, 5, "its number is str instead of an integer"),
    (lambda r: [*r[:4], Row(5, "text", r[4].hash)], Fault.TYPE, 5, "its body is str instead of bytes"),
    (lambda r: [*r[:4], Row(5, r[4].body, None)], Fault.TYPE, 5, "its hash is NoneType instead of bytes"),
    (lambda r: [*r[:4], Row(5, r[4].body, b"short")], Fault.TYPE, 5, "its hash has 5 bytes instead of 32"),
    (lambda r: chain(body(1), b'{"v": 1}'), Fault.NOT_A_RECORD, 2, "is in the chain but is not a record"),
    (lambda r: chain(body(1), b"\xff\xfe"), Fault.NOT_A_RECORD, 2, "is not a record"),
    (lambda r: chain(body(1), b"[" * 100_000), Fault.NOT_A_RECORD, 2, "is not a record"),
    (lambda r: chain(body(1), body(2, "other")), Fault.FOREIGN, 2, "belongs to session 'other'"),
]


@pytest.mark.parametrize(("change", "fault", "seq", "words"), CASES)
def test_tampering_is_found_and_named(change: Callable[[Rows], Rows], fault: Fault, seq: int, words: str) -> None:
    with pytest.raises(Broken) as found:
        verify(change(ten()))
    assert (found.value.fault, found.value.seq) == (fault, seq)
    assert words in found.value.message
    assert found.value.good <= seq


def test_a_log_of_another_session_is_foreign() -> None:
    with pytest.raises(Broken, match="record 1 belongs to session 's', this log is of session 'other'"):
        verify(ten(), session="other")


def test_a_log_rewritten_from_the_start_differs_from_what_was_noted() -> None:
    again = chain(*(body(n * 3) for n in range(1, 11)))
    assert verify(again).count == 10
    with pytest.raises(Broken) as found:
        verify(again, marks={7: bytes(ten()[6].hash)})  # type: ignore[arg-type]
    assert (found.value.fault, found.value.seq) == (Fault.FORKED, 7)


def test_a_cut_end_shows_against_a_noted_count() -> None:
    state = verify(ten()[:7])
    complete(state, 7)
    with pytest.raises(Broken, match="10 records were noted elsewhere, 7 are left") as found:
        complete(state, 10)
    assert (found.value.fault, found.value.seq) == (Fault.CUT, 8)
