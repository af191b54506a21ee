"""From the pump's frames to the engine, a little at a time, so that keys and cards never wait for a screen.

Knows how much may wait and what may be left out. Refuses to know widgets. Invariant: at most `LIMIT` bytes plus one
frame are ever held: a flood of plain lines loses its middle, anything else stops being read until it was drawn.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from typing import Protocol

from leashtui.faces.tui.engine import Engine
from leashtui.guards.pty import frames

LIMIT = 256 << 10
_TAIL = 64 << 10
_SLICE = 4 << 10
_BUDGET = 0.012
_REST = 0.003
_NOT_PLAIN = re.compile(rb"\x1b(?!\[[0-9;:]{0,40}m)|[\x08\x0b\x0c\x0e\x0f\x90\x9b\x9d]")
_COLOUR = re.compile(rb"\x1b\[[0-9;:]{0,40}m")


class Stream(Protocol):
    """The agent's terminal as a face is given it (faces.link.TerminalStream)."""

    def frames(self) -> AsyncIterator[tuple[bytes, bytes]]: ...

    def send(self, data: bytes) -> None: ...

    def resize(self, cols: int, rows: int) -> None: ...

    def close(self) -> None: ...


class Intake:
    """What was read and not yet drawn. past: bytes at the start whose questions were answered long ago."""

    def __init__(self, engine: Engine, past: int = 0) -> None:
        self._engine = engine
        self._waiting = bytearray()
        self._past = past
        self.closed = False
        self.skipped = 0

    @property
    def full(self) -> bool:
        """Whether reading should stop."""
        return len(self._waiting) >= LIMIT

    @property
    def empty(self) -> bool:
        """Whether all was drawn."""
        return not self._waiting

    def replayed(self, count: int) -> None:
        """The next `count` bytes are the past: whoever asked something in them has its answer."""
        self._past = count

    def put(self, kind: bytes, payload: bytes) -> None:
        """Take one frame."""
        if kind == frames.OUTPUT:
            self._waiting += payload
            if self.full:
                self._skip()
        elif kind == frames.GAP:
            self._waiting.clear()
            self._engine.reset()
        elif kind == frames.CLOSED:
            self.closed = True

    def _skip(self) -> None:
        """Leave out the middle of a flood of plain lines: its end scrolls it away before anybody could read it."""
        cut = self._waiting.rfind(b"\n", 0, len(self._waiting) - _TAIL) + 1
        if cut <= self._engine.rows or self._engine.modes().alternate_screen:
            return
        if _NOT_PLAIN.search(self._waiting, 0, cut) or self._waiting.count(b"\n", cut) < 2 * self._engine.rows:
            return
        colours = b"".join(_COLOUR.findall(self._waiting, max(0, cut - 2048), cut))
        self.skipped += cut
        self._past = max(0, self._past - cut)
        self._waiting[:cut] = b"\x18" + colours

    def work(self, clock: Callable[[], float], budget: float = _BUDGET) -> bytes:
        """Feed the engine for at most `budget` seconds; returns what it wants to answer the agent."""
        until = clock() + budget
        answers = bytearray()
        while self._waiting:
            piece = bytes(self._waiting[:_SLICE])
            del self._waiting[:_SLICE]
            self._engine.feed(piece)
            replies = self._engine.replies()
            if self._past > 0:
                self._past -= len(piece)
            else:
                answers += replies
            if clock() >= until:
                break
        return bytes(answers)


async def follow(
    stream: Stream,
    intake: Intake,
    *,
    clock: Callable[[], float],
    draw: Callable[[], None],
    hello: Callable[[bytes], None],
) -> None:
    """Read `stream` into `intake` until the pump hangs up, drawing as it goes. hello: told the pump's first frame."""
    arrived, drawn = asyncio.Event(), asyncio.Event()
    ended = False

    async def read() -> None:
        nonlocal ended
        try:
            async for kind, payload in stream.frames():
                if kind == frames.HELLO:
                    hello(payload)
                intake.put(kind, payload)
                arrived.set()
                while intake.full:
                    drawn.clear()
                    await drawn.wait()
        finally:
            ended = True
            arrived.set()

    reader = asyncio.create_task(read())
    try:
        while not (ended and intake.empty):
            await arrived.wait()
            arrived.clear()
            if answer := intake.work(clock):
                stream.send(answer)
            drawn.set()
            draw()
            if not intake.empty:
                arrived.set()
                await asyncio.sleep(_REST)
        await reader
    finally:
        reader.cancel()
