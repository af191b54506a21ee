"""What a caught file call says: which names, which flags. Read from the caller's memory once, and never again.

Knows the argument order of each call. Refuses to resolve names and to judge. Invariant: whatever is done later is done
with the words read here, so the caller may change its memory as it likes.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import Enum, auto

from msgspec import Struct

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.listener import Notice
from leashtui.guards.kernel.spot import absolute, read_name, signed

_VALUE = 1 << 16
_CWD = abi.AT_FDCWD & 0xFFFFFFFF
AT_REMOVEDIR, AT_SYMLINK_NOFOLLOW, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH = 0x200, 0x100, 0x400, 0x1000


class Kind(Enum):
    """What a call would do."""

    OPEN = auto()
    UNLINK = auto()
    RMDIR = auto()
    RENAME = auto()
    LINK = auto()
    SYMLINK = auto()
    MKDIR = auto()
    MKNOD = auto()
    TRUNCATE = auto()
    CHMOD = auto()
    CHOWN = auto()
    SETXATTR = auto()
    DELXATTR = auto()


class Deed(Struct, frozen=True):
    """One file act as its words say. names: absolute, not resolved. fd: what it acts on instead of a name, or -1.

    follow: whether a link in the last place of the first name is followed. numbers: what the kind needs besides: (uid,
    gid), (length,), (device,), (flags,). extra: link text or attribute name; value: attribute value.
    """

    kind: Kind
    names: tuple[bytes, ...] = ()
    fd: int = -1
    flags: int = 0
    mode: int = 0
    follow: bool = True
    numbers: tuple[int, ...] = ()
    extra: bytes = b""
    value: bytes = b""


Whole = Callable[[int, int, bytes], bytes]
"""Makes a name absolute: the thread, the descriptor of the folder it starts from, the name."""


def read_deed(notice: Notice, whole: Whole = absolute) -> Deed:
    """What the call says. Raises OSError as the kernel would (EFAULT, ENOENT, EBADF)."""
    a, number, tid = notice.args, notice.number, notice.tid

    def name(address: int, folder: int = _CWD) -> bytes:
        return whole(tid, folder, read_name(tid, address))

    if number in (nr.OPEN, nr.OPENAT, nr.CREAT):
        if number == nr.OPENAT:
            return _opened(name(a[1], a[0]), a[2], a[3])
        flags, mode = (os.O_CREAT | os.O_WRONLY | os.O_TRUNC, a[1]) if number == nr.CREAT else (a[1], a[2])
        return _opened(name(a[0]), flags, mode)
    if number in (nr.UNLINK, nr.RMDIR):
        return Deed(Kind.UNLINK if number == nr.UNLINK else Kind.RMDIR, (name(a[0]),), follow=False)
    if number == nr.UNLINKAT:
        kind = Kind.RMDIR if a[2] & AT_REMOVEDIR else Kind.UNLINK
        return Deed(kind, (name(a[1], a[0]),), follow=False)
    if number == nr.RENAME:
        return Deed(Kind.RENAME, (name(a[0]), name(a[1])), follow=False)
    if number in (nr.RENAMEAT, nr.RENAMEAT2):
        flags = a[4] & 0xFFFFFFFF if number == nr.RENAMEAT2 else 0
        return Deed(Kind.RENAME, (name(a[1], a[0]), name(a[3], a[2])), flags=flags, follow=False)
    if number == nr.LINK:
        return Deed(Kind.LINK, (name(a[0]), name(a[1])), follow=False)
    if number == nr.LINKAT:
        if a[4] & AT_EMPTY_PATH and not read_name(tid, a[1]):
            return Deed(Kind.LINK, (name(a[3], a[2]),), fd=signed(a[0]), follow=False)
        return Deed(Kind.LINK, (name(a[1], a[0]), name(a[3], a[2])), follow=bool(a[4] & AT_SYMLINK_FOLLOW))
    if number == nr.SYMLINK:
        return Deed(Kind.SYMLINK, (name(a[1]),), follow=False, extra=read_name(tid, a[0]))
    if number == nr.SYMLINKAT:
        return Deed(Kind.SYMLINK, (name(a[2], a[1]),), follow=False, extra=read_name(tid, a[0]))
    if number in (nr.MKDIR, nr.MKDIRAT):
        folder, address, mode = (_CWD, a[0], a[1]) if number == nr.MKDIR else (a[0], a[1], a[2])
        return Deed(Kind.MKDIR, (name(address, folder),), mode=mode & 0o7777, follow=False)
    if number in (nr.MKNOD, nr.MKNODAT):
        folder, address, mode, device = (_CWD, *a[:3]) if number == nr.MKNOD else a[:4]
        return Deed(Kind.MKNOD, (name(address, folder),), mode=mode & 0xFFFF, follow=False, numbers=(device,))
    if number == nr.TRUNCATE:
        return Deed(Kind.TRUNCATE, (name(a[0]),), numbers=(a[1] - (1 << 64) if a[1] >> 63 else a[1],))
    return _of_what_is_there(notice, whole)


def _opened(name: bytes, flags: int, mode: int) -> Deed:
    flags &= 0xFFFFFFFF
    once = flags & os.O_CREAT and flags & os.O_EXCL
    return Deed(Kind.OPEN, (name,), flags=flags, mode=mode & 0o7777, follow=not (once or flags & os.O_NOFOLLOW))


def _of_what_is_there(notice: Notice, whole: Whole) -> Deed:
    """Changes of owner, mode and attributes."""
    a, number, tid = notice.args, notice.number, notice.tid

    def name(address: int, folder: int = _CWD) -> tuple[bytes, ...]:
        return (whole(tid, folder, read_name(tid, address)),)

    if number == nr.CHMOD:
        return Deed(Kind.CHMOD, name(a[0]), mode=a[1] & 0o7777)
    if number == nr.FCHMOD:
        return Deed(Kind.CHMOD, fd=signed(a[0]), mode=a[1] & 0o7777)
    if number == nr.FCHMODAT:
        return Deed(Kind.CHMOD, name(a[1], a[0]), mode=a[2] & 0o7777)
    if number in (nr.CHOWN, nr.LCHOWN):
        return Deed(Kind.CHOWN, name(a[0]), follow=number == nr.CHOWN, numbers=_owners(a[1], a[2]))
    if number == nr.FCHOWN:
        return Deed(Kind.CHOWN, fd=signed(a[0]), numbers=_owners(a[1], a[2]))
    if number == nr.FCHOWNAT:
        if a[4] & AT_EMPTY_PATH and not read_name(tid, a[1]):
            return Deed(Kind.CHOWN, fd=signed(a[0]), numbers=_owners(a[2], a[3]))
        follow = not a[4] & AT_SYMLINK_NOFOLLOW
        return Deed(Kind.CHOWN, name(a[1], a[0]), follow=follow, numbers=_owners(a[2], a[3]))
    removes = number in (nr.REMOVEXATTR, nr.LREMOVEXATTR, nr.FREMOVEXATTR)
    value = b""
    if not removes:
        if a[3] > _VALUE:
            raise OSError(errno.E2BIG, os.strerror(errno.E2BIG))
        value = abi.read_memory(tid, a[2], a[3]) if a[3] else b""
    kind, attribute = Kind.DELXATTR if removes else Kind.SETXATTR, read_name(tid, a[1])
    flags = 0 if removes else a[4]
    if number in (nr.FSETXATTR, nr.FREMOVEXATTR):
        return Deed(kind, fd=signed(a[0]), extra=attribute, value=value, flags=flags)
    follow = number in (nr.SETXATTR, nr.REMOVEXATTR)
    return Deed(kind, name(a[0]), follow=follow, extra=attribute, value=value, flags=flags)


def _owners(user: int, group: int) -> tuple[int, int]:
    return signed(user), signed(group)
