"""Keeps the guard on the processor of whom it serves.

Between two processors each answer waits for the other one to wake up, which takes longer than the answer itself. So the
guard moves to where its caller ran last, and stays for the next; it may run anywhere again when a while passed without
anybody. Knows processors. Refuses to move anybody else. Invariant: never more than the processors it began with.
"""

from __future__ import annotations

import contextlib
import os

from leashtui.guards.kernel.procfs import processor_of


class Nearness:
    """Of the thread that makes it."""

    def __init__(self) -> None:
        self._allowed = os.sched_getaffinity(0)
        self._at = -1
        self._used = False

    def follow(self, tid: int) -> None:
        """Serve this thread from its own processor."""
        self._used = True
        with contextlib.suppress(OSError, ValueError, IndexError):
            at = processor_of(tid)
            if at != self._at and at in self._allowed:
                os.sched_setaffinity(0, {at})
                self._at = at

    def rest(self) -> None:
        """Nobody needed it since the last call: run anywhere."""
        if not self._used:
            self.leave()
        self._used = False

    def leave(self) -> None:
        """Run anywhere again: what is started now would begin where we are, and stay there."""
        if self._at >= 0:
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, self._allowed)
            self._at = -1
