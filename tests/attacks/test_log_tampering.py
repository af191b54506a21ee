"""Every way to bend a recorded session behind leash's back, each found by `leash audit verify` with its own words."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest
from log_samples import Clock, allowed, started, tamper

from leashtui.audit.chain import GENESIS, link
from leashtui.audit.mask import Masker
from leashtui.model.event import SessionEnded
from leashtui.stores.journal import Journal, read
from leashtui.stores.machine import Machine
from leashtui.stores.proof import Proof, prove
from leashtui.supervisor.stream import Stream

ONE, TWO = "20261121-093015-aaaa", "20261121-093020-bbbb"


def record(state: Path, session: str, *, closed: bool = True) -> Path:
    """A session as the supervisor records it, machine chain and all."""
    numbers = count(1)
    machine = Machine(state / "machine.db", Clock(), lambda: f"{session}-{next(numbers)}")
    path = state / "sessions" / f"{session}.db"
    stream = Stream(Journal.create(path, session), Masker({}), session, Clock())
    entry = machine.opened(session, agent="bash", log=path.name)
    stream.append(msgspec.structs.replace(started(), machine=entry.mark), durable=True)
    for number in range(5):
        stream.append(allowed("echo", str(number)))
    if closed:
        stream.append(SessionEnded(0, "done"), durable=True)
        stream.close()
        machine.closed(session, head=stream.head, count=stream.count)
    else:
        stream.flush()
    return path


@pytest.fixture
def state(tmp_path: Path) -> Path:
    record(tmp_path, ONE)
    record(tmp_path, TWO)
    return tmp_path


def log(state: Path, session: str = ONE) -> Path:
    return state / "sessions" / f"{session}.db"


def rechain(path: Path, keep: int) -> None:
    """Rewrite the whole log consistently, as somebody who knows the format would."""
    rows = list(read(path))[:keep]
    head = GENESIS
    statements: list[tuple[str, tuple[object, ...]]] = [("DELETE FROM event", ())]
    for row in rows:
        body = bytes(row.body).replace(b'"echo"', b'"true"')  # type: ignore[arg-type]
        head = link(head, body)
        statements.append(("INSERT INTO event VALUES (?, ?, ?)", (row.seq, body, head)))
    tamper(path, *statements)


def swap_files(state: Path) -> None:
    log(state).rename(state / "x")
    log(state, TWO).rename(log(state))
    (state / "x").rename(log(state, TWO))


def forge_machine(state: Path) -> None:
    """A machine chain that never heard of anybody."""
    (state / "machine.db").unlink()
    Machine(state / "machine.db", Clock(), lambda: "forged").opened("20261121-000000-0000")
    record(state, "20261121-000000-0000")


UNTYPED = "CREATE TABLE event (seq INTEGER PRIMARY KEY, body, hash)"
GRAFT = "UPDATE event SET (body, hash) = (SELECT body, hash FROM two.event t WHERE t.seq = 4) WHERE seq = 4"
EDIT = "UPDATE event SET body = CAST(replace(body, '\"echo\"', '\"true\"') AS BLOB) WHERE seq=3"

STATEMENTS: dict[str, tuple[tuple[str, ...], str]] = {
    "edit": ((EDIT,), "record 3 does not match its hash: it was changed"),
    "delete": (("DELETE FROM event WHERE seq=3",), "record 3 is missing: record 2 is followed by record 4"),
    "delete-first": (("DELETE FROM event WHERE seq=1",), "the log begins with record 2"),
    "insert": (
        (
            "UPDATE event SET seq = -seq WHERE seq >= 3",
            "UPDATE event SET seq = 1 - seq WHERE seq < 0",
            "INSERT INTO event SELECT 3, body, hash FROM event WHERE seq=2",
        ),
        "was inserted",
    ),
    "reorder": (
        (
            "UPDATE event SET seq=-3 WHERE seq=3",
            "UPDATE event SET seq=3 WHERE seq=4",
            "UPDATE event SET seq=4 WHERE seq=-3",
        ),
        "records 3 and 4 were swapped",
    ),
    "cut": (("DELETE FROM event WHERE seq > 5",), "7 records were noted elsewhere, 5 are left"),
    "empty": (("DELETE FROM event",), "7 records were noted elsewhere, 0 are left"),
    "text-body": (
        ("DROP TABLE event", UNTYPED, "INSERT INTO event VALUES (1, 'text', x'00')"),
        "its body is str instead of bytes",
    ),
    "null-hash": (
        (
            "ALTER TABLE event RENAME TO e2",
            UNTYPED,
            "INSERT INTO event SELECT * FROM e2",
            "UPDATE event SET hash = NULL WHERE seq = 2",
        ),
        "its hash is NoneType instead of bytes",
    ),
}

CASES: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "vanish": (lambda s: log(s).unlink(), ONE, "is gone: the machine chain has its beginning"),
    "swap-sessions": (swap_files, ONE, f"record 1 belongs to session '{TWO}'"),
    "graft": (lambda s: tamper(log(s), f"ATTACH '{log(s, TWO)}' AS two", GRAFT), ONE, "record 4"),
    "rewrite": (lambda s: rechain(log(s), 7), ONE, "record 7 is not the one that was noted elsewhere"),
    "foreign-file": (lambda s: log(s).write_bytes(b"GIF89a" * 300), ONE, "no SQLite database"),
    "other-database": (lambda s: (log(s).unlink(), tamper(log(s), "CREATE TABLE cookies (x)")), ONE, "not a leash log"),
    "machine-edited": (
        lambda s: tamper(s / "machine.db", f"DELETE FROM event WHERE CAST(body AS TEXT) LIKE '%{ONE}%'"),
        "machine",
        "the log begins with record 3",
    ),
    "machine-gone": (lambda s: (s / "machine.db").unlink(), ONE, "the machine chain is gone"),
    "machine-forged": (forge_machine, ONE, "the machine chain is not the one this session began with"),
} | {
    name: (lambda s, statements=statements: tamper(log(s), *statements), ONE, words)
    for name, (statements, words) in STATEMENTS.items()
}


def bad(state: Path) -> list[Proof]:
    return [proof for proof in prove(state) if not proof.ok]


@pytest.mark.parametrize("name", CASES)
def test_each_is_found_with_its_own_words(state: Path, name: str) -> None:
    attack, session, words = CASES[name]
    assert bad(state) == []
    attack(state)
    found = bad(state)
    assert session in [proof.session for proof in found]
    message = next(p.message for p in found if p.session == session)
    assert words in message


def test_no_two_attacks_are_told_in_the_same_words() -> None:
    words = [case[2] for case in CASES.values()]
    assert len(set(words)) == len(words)


def test_a_single_log_is_held_against_its_machine_chain(state: Path) -> None:
    tamper(log(state), "DELETE FROM event WHERE seq > 5")
    (proof,) = prove(log(state))
    assert proof.fault == "cut"
    copy = state / "elsewhere.db"
    shutil.copy(log(state), copy)
    (proof,) = prove(copy)
    assert proof.ok
    assert "a cut end would not show" in proof.note


def test_a_live_or_killed_session_is_no_finding(state: Path) -> None:
    record(state, "20261121-093030-cccc", closed=False)
    found = {p.session: p for p in prove(state)}
    assert all(p.ok for p in found.values())
    assert "not closed" in found["20261121-093030-cccc"].note


def test_a_session_that_begins_while_others_are_proved_is_no_finding(state: Path) -> None:
    walk = prove(state)
    next(walk)  # the machine chain was read
    record(state, "20261121-093040-dddd")
    assert all(p.ok for p in walk)
