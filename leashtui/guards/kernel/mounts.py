"""What is mounted in a view of the files: one line of mountinfo each, read again only when the kernel says it changed.

Knows mountinfo. Refuses to know whose names mean what. Hazard: a list that is held keeps its view alive, and what is
mounted in it, until it is closed. Invariant: `now` is what was mounted when it was called.
"""

from __future__ import annotations

import errno
import os
import select
from typing import NamedTuple

_MOST = 4 << 20
"""Bytes of a list; a sandbox may mount a hundred thousand things, and each change of one has all read again."""
_ESCAPES = {b"\\040": b" ", b"\\011": b"\t", b"\\012": b"\n", b"\\134": b"\\"}


class Mount(NamedTuple):
    """number: of the mount, unique while it lives. device: `major:minor`. root: what of its file system it shows.
    point: where, from the root of who looks. kind: of file system."""

    number: bytes
    device: bytes
    root: bytes
    point: bytes
    kind: bytes


class Mounts:
    """pid: whose view, `self` for ours. Raises OSError where there is no such process."""

    def __init__(self, pid: int | str) -> None:
        self._file = os.open(f"/proc/{pid}/mountinfo", os.O_RDONLY | os.O_CLOEXEC)
        self._changed = select.poll()
        self._changed.register(self._file, select.POLLPRI)
        self._known: dict[bytes, Mount] | None = None

    def now(self) -> dict[bytes, Mount]:
        """By their numbers, in order. Raises OSError."""
        if self._changed.poll(0) or self._known is None:
            self._known = None
            self._known = {mount.number: mount for mount in _parsed(self._read())}
        return self._known

    def close(self) -> None:
        """Look no more. May be repeated."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _read(self) -> bytes:
        os.lseek(self._file, 0, os.SEEK_SET)
        pieces, size = [], 0
        while piece := os.read(self._file, 1 << 16):
            pieces.append(piece)
            size += len(piece)
            if size > _MOST:
                raise OSError(errno.E2BIG, "more mounts than anybody would look through")
        return b"".join(pieces)


def _parsed(text: bytes) -> list[Mount]:
    rows = (line.split(b" ", 5) for line in text.split(b"\n") if line)
    return [Mount(r[0], r[2], _plain(r[3]), _plain(r[4]), _kind(r[5])) for r in rows]


def _kind(rest: bytes) -> bytes:
    return rest.partition(b" - ")[2].partition(b" ")[0]


def _plain(text: bytes) -> bytes:
    for escape, meant in _ESCAPES.items():
        text = text.replace(escape, meant)
    return text
