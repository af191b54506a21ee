"""A busy agent: bounded memory, bounded time a frame, and the right last screen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from leashtui.faces.tui.bittty_engine import BitttyEngine
from leashtui.faces.tui.feed import LIMIT, Intake, follow
from leashtui.guards.pty import frames


class Ticking:
    """A clock that moves `step` seconds each time it is read."""

    def __init__(self, step: float) -> None:
        self.at = 0.0
        self.step = step

    def __call__(self) -> float:
        self.at += self.step
        return self.at


def screen(engine: BitttyEngine) -> list[str]:
    return [engine.strip(y).text.rstrip() for y in range(engine.rows)]


def drained(intake: Intake) -> None:
    while not intake.empty:
        intake.work(Ticking(0))


FLOOD = b"".join(b"\x1b[3%dmline %d\x1b[0m\r\n" % (n % 8, n) for n in range(60_000))


def test_a_flood_of_lines_is_held_in_bounds_and_ends_on_the_same_screen() -> None:
    direct = BitttyEngine(60, 20)
    direct.feed(FLOOD[-40_000:])
    engine = BitttyEngine(60, 20)
    intake = Intake(engine)
    for at in range(0, len(FLOOD), 65536):
        intake.put(frames.OUTPUT, FLOOD[at : at + 65536])
        assert not intake.full
    assert intake.skipped > 500_000
    drained(intake)
    assert screen(engine) == screen(direct)


@pytest.mark.parametrize("begin", [b"\x1b[?1049h", b""])
def test_a_painted_screen_is_never_skipped_but_not_read_further(begin: bytes) -> None:
    engine = BitttyEngine(60, 20)
    engine.feed(begin)
    intake = Intake(engine)
    paint = b"".join(b"\x1b[%d;1Hrow %d\n" % (n % 20 + 1, n) for n in range(30_000))
    intake.put(frames.OUTPUT, paint)
    assert intake.full
    assert intake.skipped == 0
    drained(intake)
    direct = BitttyEngine(60, 20)
    direct.feed(begin + paint)
    assert screen(engine) == screen(direct)


def test_work_keeps_to_its_budget() -> None:
    intake = Intake(BitttyEngine(60, 20))
    intake.put(frames.OUTPUT, b"\x1b[1;1H" + b"x" * 100_000)
    intake.work(Ticking(0.005), budget=0.012)
    assert not intake.empty


def test_a_gap_starts_over() -> None:
    engine = BitttyEngine(20, 4)
    intake = Intake(engine)
    intake.put(frames.OUTPUT, b"old\x1b[?1049h")
    drained(intake)
    intake.put(frames.OUTPUT, b"lost")
    intake.put(frames.GAP, b"")
    intake.put(frames.OUTPUT, b"new")
    drained(intake)
    assert screen(engine)[0] == "new"
    assert not engine.modes().alternate_screen


def test_questions_of_the_past_stay_unanswered() -> None:
    intake = Intake(BitttyEngine(20, 4))
    intake.replayed(10)
    intake.put(frames.OUTPUT, b"0123456\x1b[c")
    assert intake.work(Ticking(0)) == b""
    intake.put(frames.OUTPUT, b"\x1b[5n")
    assert intake.work(Ticking(0)) == b"\x1b[0n"


class Pump:
    """Sends as much as is read, and remembers how much that was."""

    def __init__(self, chunk: bytes, count: int) -> None:
        self.chunk = chunk
        self.count = count
        self.read = 0
        self.sent = bytearray()

    async def frames(self) -> AsyncIterator[tuple[bytes, bytes]]:
        for _ in range(self.count):
            self.read += len(self.chunk)
            yield frames.OUTPUT, self.chunk
            await asyncio.sleep(0)

    def send(self, data: bytes) -> None:
        self.sent += data

    def resize(self, cols: int, rows: int) -> None: ...

    def close(self) -> None: ...


async def test_a_slow_screen_stops_the_reading() -> None:
    pump = Pump(b"\x1b[1;1H" + b"y" * 60_000, 20)
    engine = BitttyEngine(40, 10)
    intake = Intake(engine)
    most = 0

    def draw() -> None:
        nonlocal most
        most = max(most, len(intake._waiting))

    await follow(pump, intake, clock=Ticking(0.004), draw=draw, hello=lambda _: None)
    assert intake.empty
    assert pump.read == 20 * len(pump.chunk)
    assert LIMIT // 2 < most <= LIMIT + len(pump.chunk)


async def test_answers_go_back_to_the_agent() -> None:
    pump = Pump(b"\x1b[c", 1)
    await follow(
        pump, Intake(BitttyEngine(20, 4)), clock=Ticking(0), draw=lambda: None, hello=lambda _: None
    )  # fmt: skip
    assert bytes(pump.sent) == b"\x1b[?62;22c"
