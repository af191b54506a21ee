"""The index of a log finds exactly what looking through the log finds, whatever the query, the log or the file is."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest
from log_samples import SESSION, START, allowed, asked

from leashtui.audit import postings
from leashtui.audit.query import parse
from leashtui.model import codec
from leashtui.model.event import ActEnded, Event, FileChanged, Record, SessionStarted
from leashtui.stores import index
from leashtui.stores.index import search, shelf_of, value_of
from leashtui.stores.journal import Journal, read

QUERIES = (
    "verdict:ask", "verdict:allow,deny path:src/", "-verdict:allow", "agent:claude kind:file", "agent:codex",
    "path:*.py", "path:src/m1?.py", "path:src/[mn]*.py", "path:*", "-path:src", "policy:git", "verb:write,delete",
    "text:arg7", "ÄRGER", "-text:zzz", 'text:"force push"', "act:L-1", "act:01j0000000000000000000077",
    f"session:{SESSION}", "session:7f3a", "since:2026-11-21T09:40:00", "until:2026-11-21T09:35:00 kind:act.ended",
    "since:2026-11-21T09:40:00 until:2026-11-21T09:41:00 -kind:notice", "echo -status", "kind:act who:ann", "by:policy",
    '-text:"a\nb"', '"line one\nline"',
)  # fmt: skip


def fill(journal: Journal, first: int, last: int, chance: random.Random) -> None:
    for seq in range(first, last + 1):
        event: Event = chance.choice(
            [
                allowed("git", "status"),
                allowed("echo", f"arg{seq}", "Ärger"),
                allowed("sh", "-c", "line one\nline two"),
                ActEnded(seq % 3),
                FileChanged(f"src/m{seq % 40}.py", "modified", "source", False),
                asked(),
            ]
        )
        if seq == 1:
            event = SessionStarted("claude", ("claude",), "/w", "exec", "b", "wait", "0", user="ann")
        parent = f"01J{seq - 1:023}" if seq % 2 else ""
        journal.ride(codec.encode(Record(1, f"01J{seq:023}", START + seq * 1_000_000, SESSION, event, parent)))
    journal.flush()


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path, Journal]:
    """(state directory, log of 1,500 records, its journal), with blocks of 512 records."""
    monkeypatch.setattr(index, "SIZE", 512)
    monkeypatch.setattr(postings, "_WIDE", 64)
    path = tmp_path / "sessions" / f"{SESSION}.db"
    journal = Journal.create(path, SESSION)
    fill(journal, 1, 1500, random.Random(3))
    return tmp_path, path, journal


def scanned(path: Path, text: str) -> list[object]:
    query = parse(text, now=START)
    return [row.seq for row in read(path) if query.match(value_of(row), "claude")]


def found(state: Path, path: Path, text: str) -> list[object]:
    return [row.seq for row, _ in search(state, shelf_of(path, "claude"), parse(text, now=START))]


def file_of(state: Path) -> Path:
    return state / "index" / f"{SESSION}.idx"


def test_it_finds_what_a_scan_finds(log: tuple[Path, Path, Journal], monkeypatch: pytest.MonkeyPatch) -> None:
    state, path, journal = log
    wanted = {text: scanned(path, text) for text in QUERIES}
    assert sum(map(bool, wanted.values())) > len(QUERIES) * 0.7  # else this test shows little
    looked: list[object] = []
    monkeypatch.setattr(index, "read", lambda *args: looked.append(args) or read(*args))
    for text in QUERIES:
        assert found(state, path, text) == wanted[text], text
    assert looked[0] == (path, 0)  # once, to make the index
    assert {after for _, after in looked[1:]} == {1500}  # and never again
    fill(journal, 1501, 1600, random.Random(4))  # a tail that is not worth indexing
    before = file_of(state).stat().st_size
    for text in QUERIES:
        assert found(state, path, text) == scanned(path, text), text
    assert file_of(state).stat().st_size == before
    fill(journal, 1601, 2300, random.Random(5))
    for text in QUERIES:
        assert found(state, path, text) == scanned(path, text), text
    assert file_of(state).stat().st_size > before


@pytest.mark.parametrize("harm", ["cut", "rubbish", "magic", "empty", "gone"])
def test_a_harmed_index_changes_no_answer(log: tuple[Path, Path, Journal], harm: str) -> None:
    state, path, _ = log
    wanted = found(state, path, "verdict:ask")
    assert wanted
    data = file_of(state).read_bytes()
    changed = {"cut": data[:-100], "rubbish": data + b"\x07" * 40, "magic": b"otherfmt" + data[8:], "empty": b""}
    if harm == "gone":
        file_of(state).unlink()
    else:
        file_of(state).write_bytes(changed[harm])
    for _ in range(3):
        assert found(state, path, "verdict:ask") == wanted
    assert len(file_of(state).read_bytes()) == len(data) + 40 * (harm == "rubbish")  # made anew where blocks are lost


def test_a_log_that_is_not_the_indexed_one_is_indexed_anew(log: tuple[Path, Path, Journal]) -> None:
    state, path, journal = log
    assert found(state, path, "path:src/m7.py")
    journal.close()
    path.unlink()
    other = Journal.create(path, SESSION)
    fill(other, 1, 1500, random.Random(99))
    for _ in range(3):
        assert found(state, path, "path:src/m7.py") == scanned(path, "path:src/m7.py")


def test_what_was_changed_in_the_log_is_never_shown_as_it_was(log: tuple[Path, Path, Journal]) -> None:
    state, path, journal = log
    hit = found(state, path, "path:src/m7.py")[0]
    journal.close()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE event SET body = CAST(replace(body, 'm7.py', 'mX.py') AS BLOB) WHERE seq = ?", (hit,))
    connection.commit()
    connection.close()
    assert hit not in found(state, path, "path:src/m7.py")
