"""What the watcher knows of every file: enough to tell that it changed, and for small ones, how.

Knows lstat and the bytes of small files. Refuses to know events. Memory is bounded: at most `MOST_FILES` entries and
`BUDGET` bytes of (compressed) contents; beyond that files are still compared, but without their old text.

Invariant: `known[path]` was true of the disk at some moment after the last event that was taken for it.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
import zlib
from collections.abc import Callable
from hashlib import blake2b, sha256

from msgspec import Struct

from leashtui.guards.watcher.difference import LARGEST

MOST_FILES = 100_000
BUDGET = 48 << 20
_HASHED = 8 << 20  # larger files are told apart by their metadata alone
_HERE, _NO_FOLLOW, _BORN = -100, 0x100, 0x800  # of statx
_RACY = 50_000_000  # ns: a file read this soon after its last change may change again without a new time stamp


class Known(Struct):
    """One file. sign: (device, inode, size, mtime, ctime, mode), in ns. packed: its compressed bytes, if kept."""

    sign: tuple[int, int, int, int, int, int]
    digest: bytes
    packed: bytes | None
    racy: bool

    def content(self) -> bytes | None:
        """Its bytes, where they were kept."""
        return None if self.packed is None else zlib.decompress(self.packed)

    def mode(self) -> int:
        """Type and permission bits."""
        return self.sign[5]


class Snapshot:
    """clock: ns since the epoch."""

    def __init__(self, clock: Callable[[], int], *, most: int = MOST_FILES, budget: int = BUDGET) -> None:
        self.known: dict[str, Known] = {}
        self.full = False
        self._clock = clock
        self._most = most
        self._room = budget

    def look(self, path: str, before: Known | None) -> Known | None:
        """The file as it is now, `before` itself when it is unchanged, None when there is no file (any more)."""
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            return None
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            return None
        sign = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_mode)
        if before is not None and before.sign == sign and not before.racy:
            return before
        racy = self._clock() - max(found.st_mtime_ns, found.st_ctime_ns) < _RACY
        try:
            digest, content = _read(path, found)
        except OSError:
            return Known(sign, b"", None, racy)
        if before is not None and before.digest == digest and before.mode() == found.st_mode:
            before.sign, before.racy = sign, racy
            return before
        return Known(sign, digest, None if content is None else zlib.compress(content, 1), racy)

    def keep(self, path: str, now: Known | None) -> None:
        """Remember (or forget) `path`, within the bounds."""
        before = self.known.pop(path, None)
        if before is not None and before.packed is not None:
            self._room += len(before.packed)
        if now is None:
            return
        if len(self.known) >= self._most:
            self.full = True
            return
        if now.packed is not None and len(now.packed) > self._room:
            now.packed = None
        elif now.packed is not None:
            self._room -= len(now.packed)
        self.known[path] = now

    def digest(self) -> str:
        """One hash over every known path and its content."""
        whole = sha256()
        for path in sorted(self.known):
            whole.update(os.fsencode(path) + b"\0" + self.known[path].digest + b"\0")
        return whole.hexdigest()


def born(path: str) -> int:
    """When a file was made, in ns; 0 where that is not known."""
    found = ctypes.create_string_buffer(256)
    try:
        failed = ctypes.CDLL(None).statx(_HERE, os.fsencode(path), _NO_FOLLOW, _BORN, found)
    except (AttributeError, ValueError):
        return 0
    mask, seconds, ns = *struct.unpack_from("I", found), *struct.unpack_from("qI", found, 80)
    return 0 if failed or not mask & _BORN else int(seconds) * 1_000_000_000 + int(ns)


def digest_of(content: bytes) -> bytes:
    """The digest of a file's bytes, as the snapshot keeps it."""
    return blake2b(content, digest_size=16).digest()


def _read(path: str, found: os.stat_result) -> tuple[bytes, bytes | None]:
    """Digest, and the bytes if they are few. A link's content is its target. Raises OSError."""
    if stat.S_ISLNK(found.st_mode):
        target = os.fsencode(os.readlink(path))
        return digest_of(b"link " + target), target
    if found.st_size > _HASHED:
        return repr(found.st_size).encode() + b"@" + repr(found.st_mtime_ns).encode(), None
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as file:
        content = file.read(_HASHED + 1)
    return digest_of(content), content if len(content) <= LARGEST else None
