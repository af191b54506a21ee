"""How a session left what it touched, once nobody has it open for writing: who changes it then is somebody else.

Knows paths that the session touched and signs of them. Refuses to know deeds and the log: it hands on what settled.
Every way of the session's to write opens a name first, which it is told of; so a file that nobody has open, and that
looks otherwise than it was left, was changed by somebody else. That nobody has it open a read lease tells, which the
kernel gives for such a file only; it is given back at once, and where there are no leases nothing settles. Invariant:
no look waits for anybody, and none lets a signal end us.
"""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import time
from collections.abc import Callable

Sign = tuple[int, int, int]
"""(mode, size, mtime in ns) of a path, (0, 0, 0) when nothing is there."""

QUIET = 0.3
"""So many seconds after the last touch it is looked whether somebody still has it open."""
_AGAIN = 2.0
_BATCH = 25
_BREATH = 0.01
_LOOK = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def sign_of(path: str) -> Sign:
    """What lies at a path now."""
    try:
        return _sign(os.lstat(path))
    except (OSError, ValueError):
        return (0, 0, 0)


def _sign(found: os.stat_result) -> Sign:
    size = found.st_size if stat.S_ISREG(found.st_mode) else 0
    return (found.st_mode, size, 0 if stat.S_ISDIR(found.st_mode) else found.st_mtime_ns)


def at_rest(path: str) -> Sign | None:
    """What lies at a path, None while somebody may still write to it. Raises OSError: that cannot be told here."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return (0, 0, 0)
    if not stat.S_ISREG(found.st_mode):
        return _sign(found)
    fd = os.open(path, _LOOK)
    try:
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)  # who opens it in this moment is told to wait by a signal to us
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        return _sign(os.fstat(fd))
    except BlockingIOError:
        return None
    finally:
        os.close(fd)


class Settling:
    """later: calls something after so many seconds. settled: is told of paths that settled, and how."""

    def __init__(
        self, later: Callable[[float, Callable[[], None]], object], settled: Callable[[list[tuple[str, Sign]]], None]
    ) -> None:
        self._later = later
        self._tell = settled
        self._due: dict[str, float] = {}  # both in the order of their times
        self._open: dict[str, float] = {}
        self._signs: dict[str, Sign] = {}
        self._armed = False

    def touched(self, *paths: str) -> None:
        """The session does something there: how it leaves it is to be seen."""
        due = time.monotonic() + QUIET
        for path in paths:
            self._signs.pop(path, None)
            self._open.pop(path, None)
            self._due.pop(path, None)
            self._due[path] = due
        if not self._armed:
            self._arm(QUIET)

    def moved(self, folder: str) -> None:
        """What lies below this folder is no longer where it was, or other things are."""
        below = folder.rstrip("/") + "/"
        for path in [path for path in self._signs if path.startswith(below)]:
            self.touched(path)

    def undone(self, path: str, sign: Sign) -> None:
        """The person took back what the session did there."""
        if path in self._signs:
            self._signs[path] = sign

    def left(self, path: str) -> Sign | None:
        """How the session left it, None where that is not known."""
        return self._signs.get(path)

    def is_others(self, path: str) -> bool:
        """Whether somebody else wrote what lies there now."""
        sign = self._signs.get(path)
        if sign is None:
            return False
        now = sign_of(path)
        return bool(now[0]) and now != sign

    def _arm(self, seconds: float) -> None:
        self._armed = True
        self._later(seconds, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        found: list[tuple[str, Sign]] = []
        for queue in (self._due, self._open):
            for path in [path for path, _ in zip(queue, range(_BATCH), strict=False) if queue[path] <= now]:
                del queue[path]
                try:
                    sign = at_rest(path)
                except (OSError, ValueError):
                    continue
                if sign is None:
                    self._open[path] = now + _AGAIN
                else:
                    self._signs[path] = sign
                    found.append((path, sign))
        if found:
            self._tell(found)
        times = [next(iter(queue.values())) for queue in (self._due, self._open) if queue]
        self._armed = False
        if times:
            self._arm(max(min(times) - now, _BREATH))
