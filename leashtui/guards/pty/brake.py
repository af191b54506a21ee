"""When to let the agent's output wait a moment, so that a face that reads as fast as it can loses nothing.

Knows how far the fastest face lags behind, and time as it is told. Refuses to wait for a face that does not read at
all. Invariant: reading is paused for at most PAUSE seconds at a time, and never again until some face moves on.
"""

from __future__ import annotations

PAUSE = 0.1
_FAR = 2 << 20
_NEAR = 1 << 20
SIP = 64 << 10
"""Bytes read between two pauses: the least an agent gets through is SIP / PAUSE, 640 KB/s."""


class Brake:
    """Times are monotonic seconds; lags are bytes."""

    def __init__(self) -> None:
        self._until = 0.0
        self._reached = -1
        self.paused = False

    def judge(self, now: float, end: int, fastest: int | None) -> bool:
        """Whether reading must pause now.

        end: offset of the last byte read; fastest: offset that the fastest face was sent, None without faces.
        """
        if fastest is None or end - fastest <= (_NEAR if self.paused else _FAR):
            self.paused = False
        elif self.paused:
            self.paused = now < self._until
        elif fastest != self._reached:
            self._reached, self._until, self.paused = fastest, now + PAUSE, True
        return self.paused

    def wait(self, now: float) -> float | None:
        """Seconds until a pause ends by itself, None when there is none."""
        return max(0.0, self._until - now) if self.paused else None
