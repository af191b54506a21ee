"""What protected files were when they were last accepted: content, mode, or that nothing was there.

Knows the bytes of protected files, up to `LARGEST` each and `BUDGET` together (compressed). Refuses to judge changes
and to write. A way that leads over a link is no way: what a link was put in front of counts as gone, so that nothing is
read or restored elsewhere. Invariant: an image is what the disk held at one moment, never a mixture of two.
"""

from __future__ import annotations

import os
import stat
import zlib
from collections.abc import Iterable, Iterator

from msgspec import Struct

from leashtui.guards.watcher.snapshot import digest_of

LARGEST = 8 << 20
BUDGET = 64 << 20
_ODD = b"other"
_TRIES = 3


class Image(Struct, frozen=True):
    """One file or link. mode: type and permission bits. packed: its compressed bytes, or a link's target; None when it
    was too much to keep, or is neither file nor link."""

    digest: bytes
    mode: int
    packed: bytes | None

    def content(self) -> bytes | None:
        """Its bytes, where they were kept."""
        return None if self.packed is None else zlib.decompress(self.packed)


def same(one: Image | None, other: Image | None) -> bool:
    """Whether both are the same file for whoever uses it."""
    if one is None or other is None:
        return one is other
    return (one.digest, one.mode) == (other.digest, other.mode)


def read(name: str, folder: int | None = None) -> Image | None:
    """What lies there now, None for nothing (a folder counts as nothing). Raises OSError when it cannot be read."""
    for _ in range(_TRIES):
        try:
            found = os.lstat(name, dir_fd=folder)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        if stat.S_ISDIR(found.st_mode):
            return None
        if stat.S_ISLNK(found.st_mode):
            target = os.fsencode(os.readlink(name, dir_fd=folder))
            return Image(digest_of(b"link " + target), found.st_mode, zlib.compress(target, 1))
        if not stat.S_ISREG(found.st_mode):
            return Image(_ODD, found.st_mode, None)
        content = _bytes(name, folder)
        again = os.lstat(name, dir_fd=folder)
        if (again.st_ino, again.st_ctime_ns, again.st_size) == (found.st_ino, found.st_ctime_ns, found.st_size):
            break
    if content is None:
        return Image(f"{found.st_size}@{found.st_mtime_ns}".encode(), found.st_mode, None)
    return Image(digest_of(content), found.st_mode, zlib.compress(content, 1))


def _bytes(name: str, folder: int | None) -> bytes | None:
    """The bytes of a regular file, None when they are too many. Raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(name, flags, dir_fd=folder)
    except PermissionError:
        return None
    with os.fdopen(handle, "rb") as file:
        content = file.read(LARGEST + 1)
    return content if len(content) <= LARGEST else None


class Images:
    """roots: real directories below which no component of a way may be a link."""

    def __init__(self, roots: Iterable[str], *, budget: int = BUDGET) -> None:
        self._roots = tuple(sorted((root.rstrip("/") for root in roots), key=len, reverse=True))
        self._images: dict[str, Image] = {}
        self._room = budget

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._images))

    def of(self, path: str) -> Image | None:
        """What was accepted there, None for nothing."""
        return self._images.get(path)

    def accept(self, path: str, image: Image | None) -> None:
        """From now on this is how it should be."""
        before = self._images.pop(path, None)
        if before is not None and before.packed is not None:
            self._room += len(before.packed)
        if image is None:
            return
        size = len(image.packed or b"")
        if size > self._room:
            image, size = Image(image.digest, image.mode, None), 0
        self._room -= size
        self._images[path] = image

    def now(self, path: str) -> Image | None:
        """What is there now, on a way without links. Raises OSError."""
        return read(path) if self.is_straight(os.path.dirname(path)) else None

    def root_of(self, path: str) -> str:
        """The root that a path lies below, '' for none."""
        return next((root for root in self._roots if path.startswith(root + "/")), "")

    def is_straight(self, folder: str) -> bool:
        """Whether no component of the way from its root is a link."""
        least = len(self.root_of(folder + "/")) or 1
        while len(folder) > least:
            try:
                if not stat.S_ISDIR(os.lstat(folder).st_mode):
                    return False
            except OSError:
                return False
            folder = os.path.dirname(folder)
        return True
