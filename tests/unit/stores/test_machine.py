"""The machine chain: many writers, one chain, and no failure that could stop a session."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path

from log_samples import Clock

from leashtui.audit.verify import verify
from leashtui.model import codec
from leashtui.model.event import ChainClosed, ChainOpened
from leashtui.stores.journal import read
from leashtui.stores.machine import Machine

WRITER = """
import itertools, pathlib, sys, time
from leashtui.stores.machine import Machine
numbers = itertools.count()
machine = Machine(pathlib.Path(sys.argv[1]), lambda: 1, lambda: f"{sys.argv[2]}-{next(numbers)}")
for n in range(10):
    entry = machine.opened(f"{sys.argv[2]}-{n}")
    assert entry.notice is None, entry.notice
    print(entry.mark)
"""


def machine(path: Path) -> Machine:
    numbers = count(1)
    return Machine(path, Clock(), lambda: f"M{next(numbers)}")


def test_beginnings_and_ends_are_chained(tmp_path: Path) -> None:
    path = tmp_path / "state" / "machine.db"
    entry = machine(path).opened("a", agent="bash", log="a.db")
    assert entry.notice is None
    assert machine(path).closed("a", head="ab" * 32, count=7).mark.startswith("2:")
    rows = list(read(path))
    assert verify(rows, session="machine").count == 2
    assert entry.mark == f"1:{bytes(rows[0].hash).hex()}"  # type: ignore[arg-type]
    events = [codec.decode_record(bytes(row.body)).event for row in rows]  # type: ignore[arg-type]
    assert events == [ChainOpened("a", "bash", "a.db"), ChainClosed("a", "ab" * 32, 7)]


def test_a_beginning_does_not_wait_for_the_file_to_be_written_out(tmp_path: Path) -> None:
    path = tmp_path / "machine.db"
    wal, mine, other = tmp_path / "machine.db-wal", machine(path), machine(path)
    assert mine.opened("a").mark.startswith("1:")
    assert wal.stat().st_size
    assert other.opened("b").mark.startswith("2:"), "others write meanwhile"
    other.rest()
    mine.rest()
    assert mine.closed("a", head="ab" * 32, count=7).mark.startswith("3:")
    assert not wal.exists()
    assert verify(list(read(path)), session="machine").count == 3


def test_many_supervisors_write_one_chain(tmp_path: Path) -> None:
    path = tmp_path / "machine.db"
    command = [sys.executable, "-c", WRITER, str(path)]
    running = [subprocess.Popen([*command, name], stdout=subprocess.PIPE, text=True) for name in "abcd"]
    marks = [line for process in running for line in process.communicate(timeout=60)[0].splitlines()]
    assert [process.returncode for process in running] == [0, 0, 0, 0]
    assert sorted(int(mark.partition(":")[0]) for mark in marks) == list(range(1, 41))
    assert verify(read(path), session="machine").count == 40


def test_what_cannot_be_written_is_a_notice_not_an_error() -> None:
    paused: list[float] = []
    entry = Machine(Path("/proc/leash/machine.db"), Clock(), lambda: "M", paused.append).opened("a")
    assert entry.mark == ""
    assert entry.notice is not None
    assert "could vanish unnoticed" in entry.notice.text
    assert "/proc/leash" in entry.notice.text
    assert sum(paused) < 2


def test_a_machine_file_that_is_something_else_is_a_notice(tmp_path: Path) -> None:
    path = tmp_path / "machine.db"
    path.write_bytes(b"not a database at all" * 50)
    entry = Machine(path, Clock(), lambda: "M", lambda _: None).opened("a")
    assert entry.notice is not None
    assert "no SQLite database" in entry.notice.text
