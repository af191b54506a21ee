"""Whose terminal a device below /dev/pts is: the agent's own, one that the session made, or the person's.

A terminal is the session's own as long as a process of the session holds its other end. What is written to the person's
is drawn on their screen; what is read from it, they typed. Knows /proc. Refuses to open anything. Invariant: a terminal
whose other end nobody of the session was seen to hold is the person's, whenever it was made.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Iterator

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.procfs import read_proc

_PTMX = ("/dev/ptmx", "/dev/pts/ptmx")
_REMEMBERED = 256
_PEER = 0x5441
"""TIOCGPTPEER"""


class Terminals:
    """agent: a waiting launcher, which stands on its own. inside: whether a process belongs to the session."""

    def __init__(self, agent: int, inside: Callable[[int], bool]) -> None:
        self._inside = inside
        self._own: set[str] = set()
        for number in (0, 1, 2):
            with contextlib.suppress(OSError):
                self._own.add(os.readlink(f"/proc/{agent}/fd/{number}"))
        self._made: set[tuple[str, int]] = set()

    def is_own(self, path: str) -> bool:
        """Whether the agent was started on it: the floor lets it be opened."""
        return path in self._own

    def is_made(self, path: str, found: os.stat_result) -> bool:
        """Whether a process of the session made it. found: what lies at `path` now."""
        key = (path, found.st_ctime_ns)
        if key not in self._made and any(_holds(pid, path.rpartition("/")[2], found) for pid in self._pids()):
            if len(self._made) >= _REMEMBERED:
                self._made.clear()
            self._made.add(key)
        return key in self._made

    def _pids(self) -> Iterator[int]:
        yield from (int(name) for name in os.listdir("/proc") if name.isdigit() and self._inside(int(name)))


def terminal_of(tid: int) -> bytes:
    """The terminal that /dev/tty is for a thread. Raises OSError: ENXIO for none."""
    number = int(read_proc(tid, "stat").rpartition(b")")[2].split()[4])
    if not number:
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))
    major, minor = os.major(number), os.minor(number)
    if 136 <= major < 144:
        return b"/dev/pts/%d" % ((major - 136 << 8) + minor)
    return b"/dev/tty%d" % minor if major == 4 and 0 < minor < 64 else b"/dev/char/%d:%d" % (major, minor)


def _holds(pid: int, number: str, terminal: os.stat_result) -> bool:
    """Whether the process has the other end of this terminal open; a sandbox may have others of the same number."""
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{fd}") in _PTMX:
                    with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
                        named = any(line.split() == ["tty-index:", number] for line in info)
                    if named and _is_other_end(pid, int(fd), terminal):
                        return True
    except OSError:
        return False
    return False


def _is_other_end(pid: int, number: int, terminal: os.stat_result) -> bool:
    """Raises OSError."""
    held = abi.take_fd(pid, number)
    try:
        there = fcntl.ioctl(
            held, _PEER, os.O_PATH | os.O_CLOEXEC
        )  # names it: who opened it would hang it up by closing
        try:
            return os.path.samestat(os.fstat(there), terminal)
        finally:
            os.close(there)
    finally:
        os.close(held)
