"""A budget that is spent stops the session once and says which; a person's resume gives as much again."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from leashtui.agents.adapter import Run
from leashtui.agents.registry import adapter_of
from leashtui.model.event import AgentTold, Event, FileChanged, Record
from leashtui.supervisor.budget import Budget
from leashtui.supervisor.budgets import REASON, Budgets
from leashtui.supervisor.freezing import Freezer
from leashtui.supervisor.ledger import Ledger
from leashtui.supervisor.sent import bytes_sent


class Standing(Freezer):
    """Stops nothing, and remembers why it would."""

    def __init__(self) -> None:
        super().__init__(lambda: ())
        self.held: list[str] = []

    def hold(self, reason: str) -> bool:
        self.held.append(reason)
        self._reasons.add(reason)
        return True


class Room:
    def __init__(self, budget: Budget) -> None:
        self.freezer, self.told, self.now = Standing(), [], 0.0
        self.budgets = Budgets(
            budget,
            freezer=self.freezer,
            told=self.told.append,
            pids=lambda: [os.getpid()],
            ledger=Ledger(adapter_of("claude"), Run("/w", {}), anywhere=True),
            clock=lambda: self.now,
        )

    def hear(self, event: Event) -> None:
        self.budgets.heard(1, Record(1, "r", 1, "s", event), "")


def changed(path: str) -> FileChanged:
    return FileChanged(path, "modified", "work", False)


def test_different_files_count_and_it_stands_still_once() -> None:
    room = Room(Budget(files=2))
    for path in ("a", "a", "a"):
        room.hear(changed(path))
    assert room.freezer.held == []
    for path in ("b", "c", "d"):
        room.hear(changed(path))
    assert room.freezer.held == [REASON]
    assert room.told == ["2 changed files"]


def test_resume_gives_as_much_again() -> None:
    room = Room(Budget(files=2))
    room.hear(changed("a"))
    assert not room.budgets.more()
    room.hear(changed("b"))
    assert room.budgets.more()
    assert not room.freezer.frozen
    room.hear(changed("c"))
    assert not room.freezer.frozen
    room.hear(changed("d"))
    assert room.freezer.frozen


def test_minutes_and_cost(tmp_path: Path) -> None:
    room = Room(Budget(minutes=1, cost=0.5))
    room.budgets.check()
    room.now = 61
    room.budgets.check()
    assert room.told == ["1 minute"]
    transcript = tmp_path / "t.jsonl"
    transcript.write_text('{"type":"cost-state","totalCostUSD":0.7}\n')
    room.hear(AgentTold("stop", transcript=str(transcript)))
    assert room.budgets._read_cost() == pytest.approx(0.7)


def test_what_was_used_is_said_in_round_numbers() -> None:
    room = Room(Budget(minutes=0.5, files=1))
    room.now = 44.4
    room.hear(changed("a"))
    assert room.budgets.more()
    room.now = 80
    room.budgets.check()
    assert room.told == ["0.5 minutes, 1 changed file", "1.24 minutes"]


def test_nothing_is_limited_by_default_and_nothing_negative() -> None:
    assert not Room(Budget()).budgets.any
    with pytest.raises(ValueError, match="negative"):
        Budget(acts=-1)


def _drain(line: socket.socket) -> None:
    while line.recv(65536):
        pass


def test_bytes_that_left_are_counted_by_the_kernel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as line:
        other, _ = server.accept()
        threading.Thread(target=_drain, args=(other,), daemon=True).start()
        line.sendall(b"x" * 1_000_000)
        inode = os.fstat(line.fileno()).st_ino
        deadline = time.monotonic() + 20
        while bytes_sent([os.getpid()]).get(inode, 0) < 1_000_000 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert bytes_sent([os.getpid()])[inode] >= 1_000_000
        assert bytes_sent([]) == {}
