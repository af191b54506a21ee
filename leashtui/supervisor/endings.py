"""How the acts that a person allowed came out: the exit code of each act's process, after the fact.

Knows pidfds. Refuses to wait, and to judge. Hazard: the kernel gives the code of somebody else's child from Linux 6.15
on, and only once it was reaped; before, nothing is told. Invariant: nothing an agent does depends on it, so whatever
fails here is silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import struct
from collections.abc import Callable

from leashtui.model.request import ProcessRef
from leashtui.supervisor.tree import alive

_INFO = struct.Struct("QQ11Ii")
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11
_WANTS_EXIT = 8
_TRIES = 40
_AGAIN = 0.05
MOST = 256
"""Processes followed at a time; the acts of later ones have no recorded end."""

Told = Callable[[int, int], None]


class Endings:
    """clock: microseconds since the epoch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int]) -> None:
        self._loop = loop
        self._clock = clock
        self._open: set[int] = set()

    def follow(self, process: ProcessRef, told: Told) -> None:
        """Call `told` with the exit code (128 + signal) and the microseconds from now, once the process has ended."""
        if len(self._open) >= MOST:
            return
        try:
            fd = os.pidfd_open(process.pid)
        except OSError:
            return
        if not alive(process):
            os.close(fd)
            return
        self._open.add(fd)
        self._loop.add_reader(fd, self._ended, fd, self._clock(), told)

    def watch(self, process: ProcessRef, told: Callable[[], None]) -> bool:
        """Call `told` once the process has ended. False, and never, when it has already."""
        try:
            fd = os.pidfd_open(process.pid)
        except OSError:
            return False
        if not alive(process):
            os.close(fd)
            return False

        def ended() -> None:
            self._drop(fd)
            told()

        self._open.add(fd)
        self._loop.add_reader(fd, ended)
        return True

    def close(self) -> None:
        """Follow nothing any more."""
        for fd in list(self._open):
            self._drop(fd)

    def _ended(self, fd: int, since: int, told: Told) -> None:
        self._loop.remove_reader(fd)
        self._ask(fd, self._clock() - since, told, _TRIES)

    def _ask(self, fd: int, took: int, told: Told, tries: int) -> None:
        if fd not in self._open:
            return
        letter = bytearray(_INFO.pack(_WANTS_EXIT, *[0] * 13))
        try:
            fcntl.ioctl(fd, _GET_INFO, letter)
        except OSError:
            self._drop(fd)
            return
        answer = _INFO.unpack(letter)
        if answer[0] & _WANTS_EXIT:
            self._drop(fd)
            status = answer[-1]
            told(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status), took)
        elif tries:
            self._loop.call_later(_AGAIN, self._ask, fd, took, told, tries - 1)
        else:
            self._drop(fd)

    def _drop(self, fd: int) -> None:
        self._open.discard(fd)
        self._loop.remove_reader(fd)
        with contextlib.suppress(OSError):
            os.close(fd)
