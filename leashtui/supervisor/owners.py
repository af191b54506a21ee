"""Which act a thread works for, so that what it does to files can be undone with that act and no other.

Knows who ran which act, and /proc. Refuses to know files. Invariant: a thread whose process, and all above it, ran
nothing that was recorded works for no act.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import ProcessRef
from leashtui.supervisor.tree import stat_of

_MOST = 8192
_DEPTH = 64
_FRESH = 0.2
"""Seconds in which no number of a process comes to be used again."""


class Owners:
    """clock: seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ran: dict[int, tuple[int, str]] = {}
        self._known: dict[int, tuple[float, str]] = {}

    def ran(self, process: ProcessRef, act: str) -> None:
        """This process is of that act from here on."""
        self._ran.pop(process.pid, None)
        self._ran[process.pid] = (process.start, act)
        self._known.pop(process.pid, None)
        if len(self._ran) > _MOST:
            del self._ran[next(iter(self._ran))]

    def of(self, tid: int) -> str:
        """The act of a thread, '' for none that is known."""
        now = self._clock()
        when, act = self._known.get(tid, (-_FRESH, ""))
        if now - when < _FRESH:
            return act
        if len(self._known) > _MOST:
            self._known.clear()
        act = self._look(tid)
        self._known[tid] = (now, act)
        return act

    def _look(self, tid: int) -> str:
        pid = group_of(tid)
        for _ in range(_DEPTH):
            start, act = self._ran.get(pid, (0, ""))
            found = stat_of(pid)
            if act and (found is None or found.start == start):
                return act
            if found is None or found.parent <= 1:
                return ""
            pid = found.parent
        return ""
