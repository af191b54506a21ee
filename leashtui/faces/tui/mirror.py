"""The agent's terminal as this face has it: the pump's bytes into an engine, keys and sizes back to the pump.

Knows the pump's connection and what of its store was asked and answered before. Refuses to know widgets, cards and
layouts. Invariant: what is typed before there is a terminal is kept for it, and one that only looks sends nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable

from leashtui.faces.link import Typing
from leashtui.faces.tui.desk import Desk
from leashtui.faces.tui.engine import Engine
from leashtui.faces.tui.feed import Intake, Stream, follow
from leashtui.model.errors import LeashError

_YOUNG = 5_000_000
"""Microseconds after the session's start in which its first questions to a terminal may still be answered."""
_RETRY = 0.3


class Mirror:
    """engine: what is drawn from. answers: whether it answers the agent's questions to its terminal. types: whether
    what the person types reaches the agent. wall: microseconds since the epoch. clock: seconds.
    """

    def __init__(
        self, engine: Engine, *, answers: bool, types: bool, wall: Callable[[], int], clock: Callable[[], float]
    ) -> None:
        self.engine = engine
        self.answers = answers
        self.types = types
        self.intake = Intake(engine)
        self._wall = wall
        self._clock = clock
        self._stream: Stream | None = None
        self._typing = Typing()
        self._started = 0

    async def follow(self, desk: Desk, size: Callable[[], tuple[int, int]], draw: Callable[[], None]) -> None:
        """Until the agent's terminal is closed; a pump that died is asked again. size: columns and rows."""
        self._started = desk.welcome.started
        while True:
            try:
                self._stream = await desk.open_terminal(*size())
            except LeashError:
                await asyncio.sleep(_RETRY)
                continue
            self.intake = Intake(self.engine)
            self._typing.meet(self._stream)
            with contextlib.suppress(OSError, ValueError):
                await follow(self._stream, self.intake, clock=self._clock, draw=draw, hello=self._replay)
            self._typing.part()
            if self.intake.closed:
                return
            await asyncio.sleep(_RETRY)
            self.engine.reset()

    def _replay(self, payload: bytes) -> None:
        """The pump's hello: what it has in store was asked and answered before this face came."""
        hello = json.loads(payload)
        past = max(0, int(hello.get("end", hello.get("start", 0))) - int(hello.get("start", 0)))
        young = self._wall() - self._started < _YOUNG
        self.intake.replayed(0 if self.answers and young else past if self.answers else 1 << 62)

    def send(self, data: bytes) -> None:
        """Bytes for the agent; what was typed before it was there is kept for it."""
        if data and self.types:
            self._typing.send(data)

    def fit(self, columns: int, rows: int) -> None:
        """Its terminal has this size from now on."""
        if (columns, rows) != (self.engine.cols, self.engine.rows):
            self.engine.resize(columns, rows)
            if self._stream is not None:
                self._stream.resize(columns, rows)

    def close(self) -> None:
        """Let go of the pump."""
        if self._stream is not None:
            self._stream.close()
