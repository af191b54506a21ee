"""How the acts that a person allowed came out: the exit code of each act's process, after the fact.

Knows pidfds. Refuses to wait, and to judge. Hazard: the kernel gives the code of somebody else's child from Linux 6.15
on, and only once it was reaped; before, nothing is told. Invariant: nothing an agent does depends on it, so whatever
fails here is silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

from leashtui.model.request import ProcessRef
from leashtui.supervisor.tree import alive

_INFO = struct.Struct("QQ11Ii")
_GET_INFO = 3 << 30 | _INFO.size << 16 | 0xFF << 8 | 11
_WANTS_EXIT = 8
_TRIES = 40
_AGAIN = 0.05
MOST = 256
"""Processes followed at a time; the acts of later ones have no recorded end."""

RATE = 100
"""Processes a second, beyond the first MOST, of those that may go without."""

EVERY = 0.5
"""Seconds between two looks at what the processes read and wrote."""


class Ending(NamedTuple):
    """How a process ended. us: microseconds it was followed. read, wrote: bytes, at least; -1 unknown."""

    code: int
    us: int
    read: int = -1
    wrote: int = -1


Told = Callable[[Ending], None]


class _Meter:
    """What a process has read and written (/proc/PID/io): the last that could be seen before it was reaped."""

    def __init__(self, pid: int) -> None:
        self.seen = (-1, -1)
        try:
            self._fd = os.open(f"/proc/{pid}/io", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._fd = -1

    def look(self) -> None:
        """Look again."""
        with contextlib.suppress(OSError, ValueError, IndexError):
            words = os.pread(self._fd, 400, 0).split()
            self.seen = (int(words[1]), int(words[3]))

    def close(self) -> None:
        """Look no more."""
        if self._fd >= 0:
            os.close(self._fd)
        self._fd = -1


class Endings:
    """clock: microseconds since the epoch."""

    def __init__(self, loop: asyncio.AbstractEventLoop, clock: Callable[[], int]) -> None:
        self._loop = loop
        self._clock = clock
        self._open: set[int] = set()
        self._meters: dict[int, _Meter] = {}
        self._waiting: dict[int, tuple[int, Told]] = {}
        self._looking = False
        self._blind = False  # this kernel does not tell
        self._budget, self._paid = float(MOST), clock()

    def follow(self, process: ProcessRef, told: Told, spare: bool = False) -> None:
        """Call `told` once the process has ended, with its exit code (128 + signal) and what it did from now on.

        spare: it may go without, when there are very many of them (following costs a fifth of a millisecond).
        """
        if self._blind or len(self._open) >= MOST or (spare and not self._afford()):
            return
        try:
            fd = os.pidfd_open(process.pid)
        except OSError:
            return
        if not alive(process):
            os.close(fd)
            return
        self._open.add(fd)
        self._meters[fd] = _Meter(process.pid)
        self._waiting[fd] = self._clock(), told
        self._loop.add_reader(fd, self._ended, fd, self._clock(), told)
        if not self._looking:
            self._looking = True
            self._loop.call_later(EVERY, self._look)

    def _afford(self) -> bool:
        now = self._clock()
        self._budget = min(MOST, self._budget + (now - self._paid) * RATE / 1e6)
        self._paid = now
        if self._budget < 1:
            return False
        self._budget -= 1
        return True

    def _look(self) -> None:
        self._looking = bool(self._meters)
        for meter in self._meters.values():
            meter.look()
        if self._looking:
            self._loop.call_later(EVERY, self._look)

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
        """Follow nothing any more; what has ended by now is still told."""
        for fd, (since, told) in list(self._waiting.items()):
            self._ask(fd, self._clock() - since, told, 0)
        for fd in list(self._open):
            self._drop(fd)

    def _ended(self, fd: int, since: int, told: Told) -> None:
        self._loop.remove_reader(fd)
        if fd in self._meters:
            self._meters[fd].look()
        self._ask(fd, self._clock() - since, told, _TRIES)

    def _ask(self, fd: int, took: int, told: Told, tries: int) -> None:
        if fd not in self._open:
            return
        letter = bytearray(_INFO.pack(_WANTS_EXIT, *[0] * 13))
        try:
            fcntl.ioctl(fd, _GET_INFO, letter)
        except OSError as error:
            self._blind = error.errno in (errno.ENOTTY, errno.EINVAL)
            self._drop(fd)
            return
        answer = _INFO.unpack(letter)
        if answer[0] & _WANTS_EXIT:
            seen = self._meters[fd].seen if fd in self._meters else (-1, -1)
            self._drop(fd)
            status = answer[-1]
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            told(Ending(code, took, *seen))
        elif tries:
            self._loop.call_later(_AGAIN, self._ask, fd, took, told, tries - 1)
        else:
            self._drop(fd)

    def _drop(self, fd: int) -> None:
        self._open.discard(fd)
        self._waiting.pop(fd, None)
        if (meter := self._meters.pop(fd, None)) is not None:
            meter.close()
        self._loop.remove_reader(fd)
        with contextlib.suppress(OSError):
            os.close(fd)
