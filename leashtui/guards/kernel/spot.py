"""Where a name leads: the directory it lies in, held open, its last component, and what lies there now.

Resolves as the kernel would for that very thread: its directory, its descriptors, its /proc/self. Refuses to judge.
Nobody inside can change the way between this and what we do there, because every change of names in the session is
made by this thread; magic links of /proc are never followed, since they would lead to our own descriptors. Hazard: a
name is bytes; it becomes text with surrogates only to be judged.
"""

from __future__ import annotations

import errno
import os
import re
import stat

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.folders import Folders, way_to
from leashtui.guards.kernel.tracee import group_of

_LINKS = 40
_LONGEST = 4096
_PIECE = 256
_GONE = b" (deleted)"
_SELF = re.compile(rb"/proc/(self|thread-self)(?=/|$)")
_STREAMS = {b"/dev/stdin": b"0", b"/dev/stdout": b"1", b"/dev/stderr": b"2"}
_FD = re.compile(rb"/proc/(\d+)/(?:task/\d+/)?fd/(\d+)/?$")
_OWN_WAY = re.compile(rb"/proc/(\d+)/(?:task/\d+/)?(cwd|root|fd/\d+)(/.*)?$")


class Magic(OSError):
    """The name is a descriptor of the caller, `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(errno.ELOOP, "a descriptor's name")
        self.number = number


class Gone(OSError):
    """The folder that the name starts from was removed: it has no name to be judged by, but `..` still leads on."""

    def __init__(self) -> None:
        super().__init__(errno.ENOENT, os.strerror(errno.ENOENT))


class Spot:
    """One name. fd: its directory. folder: that directory's real path. name: last component. found: lstat or None.

    dotted: the caller named it by `.` or `..`, or the root. path: the real path, as text.
    """

    __slots__ = ("fd", "folder", "name", "found", "dotted", "path", "_lent")

    def __init__(
        self,
        fd: int,
        folder: bytes,
        name: bytes,
        found: os.stat_result | None,
        *,
        dotted: bool = False,
        lent: bool = False,
    ) -> None:
        self.fd = fd
        self._lent = lent
        self.folder = folder
        self.name = name
        self.found = found
        self.dotted = dotted
        self.path = os.fsdecode((b"" if folder == b"/" else folder) + b"/" + name)

    @property
    def is_folder(self) -> bool:
        """Whether a directory lies there."""
        return self.found is not None and stat.S_ISDIR(self.found.st_mode)

    def close(self) -> None:
        """Give the directory back. May be repeated."""
        if self.fd >= 0 and not self._lent:
            os.close(self.fd)
        self.fd = -1


def read_name(tid: int, address: int) -> bytes:
    """The string at `address`. Raises OSError: EFAULT, ENAMETOOLONG."""
    text = b""
    while len(text) < _LONGEST:
        room = _PIECE - (address + len(text)) % _PIECE  # never past a page's end, where memory may end
        piece = abi.read_memory(tid, address + len(text), room)
        if not piece:
            raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
        whole, end, _ = piece.partition(b"\0")
        text += whole
        if end:
            return text if len(text) < _LONGEST else _too_long()
    return _too_long()


def _too_long() -> bytes:
    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))


def absolute(tid: int, folder: int, name: bytes) -> bytes:
    """`name` from the descriptor `folder` (AT_FDCWD: the current directory) of that thread. Raises OSError, Gone."""
    if not name:
        raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
    if name.startswith(b"/"):
        return name
    number = signed(folder)
    link = b"/proc/%d/cwd" % tid if number == abi.AT_FDCWD else b"/proc/%d/fd/%d" % (tid, number)
    base = os.readlink(link)
    if not base.startswith(b"/"):
        raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    if base.endswith(_GONE) and not os.stat(link).st_nlink:
        raise Gone
    while name.startswith(b"./"):
        name = name[2:]
    return base + b"/" + (name or b".")


def signed(value: int) -> int:
    """The low half of an argument as the int it is."""
    value &= 0xFFFFFFFF
    return value - (1 << 32) if value >> 31 else value


def descriptor_path(tid: int, number: int) -> bytes:
    """What /proc says the descriptor is: a path, or `pipe:[1]` and the like. Raises OSError (EBADF)."""
    try:
        return os.readlink(b"/proc/%d/fd/%d" % (tid, number))
    except FileNotFoundError as error:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF)) from error


def in_own_words(tid: int, text: bytes) -> bytes:
    """`text` with what means the caller itself spelled out. Raises Magic for a descriptor of its own, OSError."""
    text = b"/proc/" + text[6:].lstrip(b"/") if text.startswith(b"/proc//") else text
    if text.startswith(b"/dev/"):
        if text in _STREAMS:
            raise Magic(int(_STREAMS[text]))
        if text.startswith(b"/dev/fd/"):
            text = b"/proc/self/fd/" + text[8:]
    if not text.startswith(b"/proc/"):
        return text
    own = b"%d" % group_of(tid)
    text = _SELF.sub(b"/proc/" + own, text, count=1)
    found = _FD.match(text)
    if found is not None and found[1] in (own, b"%d" % tid):
        raise Magic(int(found[2]))
    way = _OWN_WAY.match(text)
    if way is not None and way[1] in (own, b"%d" % tid):
        start = b"" if way[2] == b"root" else os.readlink(b"/proc/%d/%s" % (tid, way[2]))
        if start and not start.startswith(b"/"):
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        return start + (way[3] or b"/")
    return text


def locate(tid: int, text: bytes, follow: bool, folders: Folders | None = None) -> Spot:
    """Where the absolute name leads for that thread. follow: also a link in the last place. folders: lends directories;
    its spot is good until that is tidied. Raises OSError, Magic."""
    way = way_to if folders is None else folders.open
    for _ in range(_LINKS):
        text = in_own_words(tid, text)
        bare = text.rstrip(b"/")
        head, _, name = bare.rpartition(b"/")
        if name in (b"", b".", b".."):
            return _folder_itself(text)
        fd, folder, lent = way(head or b"/")
        try:
            try:
                found = os.lstat(name, dir_fd=fd)
            except FileNotFoundError:
                return Spot(fd, folder, name, None, lent=lent)
            if not stat.S_ISLNK(found.st_mode) or not (follow or bare != text):
                if bare != text and not stat.S_ISDIR(found.st_mode):
                    raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
                return Spot(fd, folder, name, found, lent=lent)
            if folder.startswith(b"/proc/"):
                raise OSError(errno.EACCES, os.strerror(errno.EACCES))
            target = os.readlink(name, dir_fd=fd)
        except BaseException:
            if not lent:
                os.close(fd)
            raise
        if not lent:
            os.close(fd)
        text = (target if target.startswith(b"/") else folder + b"/" + target) + (b"/" if bare != text else b"")
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def spot_of(fd: int) -> Spot | None:
    """Where the file behind our descriptor lies, by the name it was opened by; None when it has that name no more."""
    head, _, name = os.readlink(b"/proc/self/fd/%d" % fd).rpartition(b"/")
    if not head and not name:
        return None
    try:
        folder = abi.open_folder(head or b"/")
    except OSError:
        return None
    spot = Spot(folder, head or b"/", name, None)
    try:
        found, same = os.lstat(name, dir_fd=folder), os.fstat(fd)
        if (found.st_dev, found.st_ino) == (same.st_dev, same.st_ino):
            return Spot(folder, head or b"/", name, found)
    except OSError:
        pass
    spot.close()
    return None


def _folder_itself(text: bytes) -> Spot:
    """A directory named by its own `.`, its child's `..`, or the root. Raises OSError."""
    whole = abi.open_folder(text)
    try:
        path = os.readlink(b"/proc/self/fd/%d" % whole)
    finally:
        os.close(whole)
    head, _, name = path.rpartition(b"/")
    fd = abi.open_folder(head or b"/")
    try:
        return Spot(fd, head or b"/", name or b".", os.lstat(name or b".", dir_fd=fd), dotted=True)
    except BaseException:
        os.close(fd)
        raise
