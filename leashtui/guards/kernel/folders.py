"""Directories that names were found in a moment ago, still open: a thousand files in one are one way to it.

Knows how to tell that a path still leads to a directory that was opened by it: the kernel names an open directory by
the way that leads to it now, so where that is the very path, following it again would end at the same place, unless
somebody may no longer go that way. Refuses to know what lies in one. Invariant: what `open` gives lies at the real path
it says at that moment; a path that leads through links is followed anew each time. Hazard: what was lent stays open
until `tidy`, or until 64 others were asked.
"""

from __future__ import annotations

import os

from leashtui.guards.kernel import abi

_MOST = 64


def way_to(path: bytes) -> tuple[int, bytes, bool]:
    """(descriptor that only names the directory, its real path, False: it is yours). Raises OSError."""
    fd = abi.open_folder(path)
    try:
        return fd, os.readlink(b"/proc/self/fd/%d" % fd), False
    except BaseException:
        os.close(fd)
        raise


class Folders:
    """Lends descriptors that stay its own."""

    def __init__(self) -> None:
        self._known: dict[bytes, int] = {}
        self._used: set[bytes] = set()
        self._retired: list[int] = []

    def open(self, path: bytes) -> tuple[int, bytes, bool]:
        """(descriptor that only names the directory, its real path, whether it stays ours). Raises OSError."""
        fd = self._known.get(path, -1)
        if fd >= 0:
            if os.readlink(b"/proc/self/fd/%d" % fd) == path and os.access(path, os.F_OK):
                self._used.add(path)
                self._known[path] = self._known.pop(path)
                return fd, path, True
            self._retired.append(self._known.pop(path))
        fd, real, _ = way_to(path)
        if real != path:
            return fd, real, False
        if len(self._known) >= _MOST:
            os.close(self._known.pop(next(iter(self._known))))
        self._known[path] = fd
        self._used.add(path)
        return fd, path, True

    def tidy(self) -> None:
        """Let go of what was not used since the last call: an open directory keeps its file system busy."""
        self._retired += [self._known.pop(path) for path in list(self._known) if path not in self._used]
        self._used.clear()
        while self._retired:
            os.close(self._retired.pop())
