"""The journal: what an acknowledgement is worth, who may read, and what happens when the disk says no."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from log_samples import tamper

from leashtui.audit.chain import GENESIS, link
from leashtui.audit.verify import verify
from leashtui.model.errors import Exit, LeashError, StoreError
from leashtui.stores.journal import Journal, ends, read


def body(number: int, size: int = 0) -> bytes:
    pad = "x" * size
    return f'{{"event":{{"kind":"notice","text":"{pad}"}},"id":"{number}","session":"s","t":{number},"v":1}}'.encode()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sessions" / "s.db"


def test_append_numbers_hashes_and_stores_the_exact_bytes(path: Path) -> None:
    journal = Journal.create(path, "s")
    first = link(GENESIS, body(1))
    assert journal.append(body(1), durable=True) == (1, first)
    assert journal.append(body(2), durable=False) == (2, link(first, body(2)))
    assert [row.body for row in read(path)] == [body(1), body(2)]
    assert [row.seq for row in read(path, after=1)] == [2]
    assert (journal.count, journal.head) == (2, link(first, body(2)))
    journal.close()


def test_a_log_is_private_and_one_plain_file_after_its_end(path: Path) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=False)
    for file in path.parent.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    journal.close()
    assert [p.name for p in path.parent.iterdir()] == ["s.db"]
    assert verify(read(path)).count == 1


def test_riders_count_only_after_the_next_commit(path: Path) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=False)
    assert journal.ride(body(2))[0] == 2
    journal.ride(body(3))
    assert (journal.count, journal.riding, len(list(read(path)))) == (1, 2, 1)
    assert journal.append(body(4), durable=False)[0] == 4
    assert (journal.count, journal.riding) == (4, 0)
    assert verify(read(path)).head == journal.head
    journal.ride(body(5))
    journal.close()
    assert verify(read(path)).count == 5


def test_riders_do_not_pile_up(path: Path) -> None:
    journal = Journal.create(path, "s")
    for number in range(1, 1001):
        journal.ride(body(number))
        assert journal.riding < 1000
    assert journal.count > 700
    journal.ride(body(1001, size=2 << 20))
    assert journal.riding == 0
    journal.close()
    assert verify(read(path)).count == 1001


def test_a_reader_sees_one_moment_beside_a_live_writer(path: Path) -> None:
    journal = Journal.create(path, "s")
    for number in range(1, 11):
        journal.append(body(number), durable=False)
    rows = read(path)
    assert next(rows).seq == 1
    journal.append(body(11), durable=True)
    assert [row.seq for row in rows] == list(range(2, 11))
    assert len(list(read(path))) == 11
    journal.close()


def test_closing_while_somebody_reads_loses_nothing(path: Path) -> None:
    journal = Journal.create(path, "s")
    for number in range(1, 11):
        journal.append(body(number), durable=False)
    rows = read(path)
    next(rows)
    journal.close()
    assert len(list(rows)) == 9
    assert verify(read(path)).count == 10


def test_ends(path: Path) -> None:
    journal = Journal.create(path, "s")
    assert ends(path) is None
    journal.append(body(1), durable=False)
    journal.append(body(2), durable=False)
    found = ends(path)
    assert found is not None
    assert [row.seq for row in found] == [1, 2]
    journal.close()


def test_a_log_is_never_written_twice(path: Path) -> None:
    Journal.create(path, "s").close()
    with pytest.raises(StoreError, match="exists already"):
        Journal.create(path, "s")


def test_a_symbolic_link_is_not_followed(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    path.symlink_to(tmp_path / "elsewhere.db")
    with pytest.raises(StoreError):
        Journal.create(path, "s")
    assert not (tmp_path / "elsewhere.db").exists()


def test_a_place_that_cannot_be_written_is_named_with_the_remedy() -> None:
    with pytest.raises(LeashError) as found:
        Journal.create(Path("/proc/leash/s.db"), "s")
    assert "/proc/leash" in found.value.message
    assert "LEASH_STATE_DIR" in found.value.hint
    assert found.value.code is Exit.STORE


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_directory_is_named_with_the_remedy(path: Path) -> None:
    path.parent.mkdir(mode=0o500)
    with pytest.raises(StoreError, match="Permission denied") as found:
        Journal.create(path, "s")
    assert "LEASH_STATE_DIR" in found.value.hint


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_an_ended_log_is_readable_in_a_read_only_directory(path: Path) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=False)
    rows = read(path)
    next(rows)
    journal.close()  # while somebody reads: the -wal file stays
    rows.close()  # type: ignore[attr-defined]
    (path.parent / "s.db-shm").unlink(missing_ok=True)
    path.parent.chmod(0o500)
    try:
        assert verify(read(path)).count == 1
    finally:
        path.parent.chmod(0o700)


def fill(journal: Journal) -> None:
    """Leave the database no room to grow."""
    connection = journal._connection  # noqa: SLF001 - the disk's part is played from inside
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count={pages}")


def make_room(journal: Journal) -> None:
    journal._connection.execute("PRAGMA max_page_count=1000000")  # noqa: SLF001


def test_a_full_disk_stops_everything_and_loses_nothing(path: Path) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=True)
    journal.ride(body(2))
    fill(journal)
    with pytest.raises(StoreError, match="the disk is full") as found:
        journal.append(body(3, size=20_000), durable=False)
    assert "free some space" in found.value.hint
    assert "refuses every act" in found.value.hint
    with pytest.raises(StoreError, match="the disk is full"):
        journal.append(body(4), durable=False)
    with pytest.raises(StoreError, match="the disk is full"):
        journal.ride(body(4))
    assert (journal.count, verify(read(path)).count) == (1, 1)
    make_room(journal)
    with pytest.raises(StoreError):
        journal.append(body(4), durable=False)
    journal.recover()
    assert journal.failed is None
    assert journal.append(body(5), durable=False)[0] == 3
    assert [row.body for row in read(path)] == [body(1), body(2), body(5)]
    assert verify(read(path)).head == journal.head
    journal.close()


def test_recovering_too_early_changes_nothing(path: Path) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=False)
    journal.ride(body(2, size=20_000))
    fill(journal)
    with pytest.raises(StoreError):
        journal.append(body(3, size=20_000), durable=False)
    with pytest.raises(StoreError):
        journal.recover()
    assert journal.failed is not None
    make_room(journal)
    journal.recover()
    assert verify(read(path)).count == journal.count == 2
    journal.close()


def test_a_second_writer_is_noticed_and_nothing_is_renumbered(path: Path) -> None:
    journal = Journal.create(path, "s")
    head = journal.append(body(1), durable=False)[1]
    tamper(path, ("INSERT INTO event VALUES (2, ?, ?)", (body(2), link(head, body(2)))))
    with pytest.raises(StoreError, match="somebody else wrote"):
        journal.append(body(3), durable=False)
    with pytest.raises(StoreError, match="somebody else wrote"):
        journal.recover()
    assert [row.body for row in read(path)] == [body(1), body(2)]


@pytest.mark.parametrize("victim", ["s.db", "s.db-wal"])
def test_a_deleted_log_is_noticed_before_the_next_verdict(path: Path, victim: str) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=False)
    (path.parent / victim).unlink()
    with pytest.raises(StoreError, match="is gone"):
        journal.append(body(2), durable=False)


def test_a_replaced_log_is_noticed_before_the_next_verdict(path: Path) -> None:
    journal = Journal.create(path, "s")
    journal.append(body(1), durable=False)
    path.rename(path.with_name("old.db"))
    path.write_bytes(b"")
    with pytest.raises(StoreError, match="was moved or deleted while it was written"):
        journal.append(body(2), durable=False)


def test_a_locked_log_is_refused_in_time_and_goes_on_later(path: Path) -> None:
    journal = Journal.create(path, "s")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        journal.append(body(1), durable=False)
    other.execute("ROLLBACK")
    other.close()
    journal.recover()
    assert journal.append(body(2), durable=False)[0] == 1
    journal.close()


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_what_is_no_log_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(StoreError, match="not a leash log|no SQLite database"):
        list(read(path))
    assert path.read_bytes() == content


def test_a_foreign_database_is_said_to_be_foreign(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    tamper(path, "CREATE TABLE event (seq INTEGER PRIMARY KEY, body BLOB, hash BLOB)")
    with pytest.raises(StoreError, match="another program made it"):
        list(read(path))
    tamper(
        path,
        "PRAGMA application_id=1279607123",
        "DROP TABLE event",
        "CREATE VIEW event AS SELECT 1 seq, 2 body, 3 hash",
    )
    with pytest.raises(StoreError, match="no table event"):
        list(read(path))
    with pytest.raises(StoreError, match="there is no log"):
        list(read(tmp_path / "none.db"))


def test_a_newer_format_asks_for_an_update(path: Path) -> None:
    Journal.create(path, "s").close()
    tamper(path, "PRAGMA user_version=7")
    with pytest.raises(StoreError, match=r"newer leash \(format 7\)"):
        list(read(path))


def test_damage_inside_is_named_after_the_last_good_record(path: Path) -> None:
    journal = Journal.create(path, "s")
    for number in range(1, 200):
        journal.append(body(number, size=400), durable=False)
    journal.close()
    with path.open("r+b") as file:
        file.seek(10 * 4096)
        file.write(b"\xff" * 4096 * 4)
    seen = []
    with pytest.raises(StoreError, match=r"damaged.*\(after record \d+\)"):
        seen.extend(read(path))
    assert seen


def test_every_kind_of_full_disk_is_survived(tmp_path: Path) -> None:
    """A real file system of 512 KiB, in a mount namespace of its own: every acknowledged record is there after it."""
    script = Path(__file__).with_name("fill_disk.py")
    place = tmp_path / "small"
    place.mkdir()
    command = f"mount -t tmpfs -o size=512k,mode=700 none {place} && exec {sys.executable} {script} {place}"
    done = subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True, text=True, timeout=60)
    if "unshare" in done.stderr or "mount" in done.stderr:
        pytest.skip(f"no small file system to be had here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("held ")
