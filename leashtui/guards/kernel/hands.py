"""Does what was decided, in the caller's stead: opens, removes, renames, makes, relative to a directory held open.

Knows how each deed is done. Refuses to judge: whoever calls here has a verdict. Hazards: an open that waits (a pipe
without a reader, a lease) would stop the guard, so every open is one that does not wait, and says WouldWait where the
caller asked to. Invariant: nothing here follows a link in the last place; the way was resolved before it was judged.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.spot import Spot

O_TMPFILE = 0x400000
_EXCHANGE, _NOREPLACE = 2, 1


class WouldWait(Exception):
    """The caller wants to wait for the other end of a pipe: try again later."""


def fail(error: int) -> OSError:
    """An OSError of this number."""
    return OSError(error, os.strerror(error))


def open_at(deed: Deed, spot: Spot) -> int:
    """A descriptor as the caller would have got it. Raises OSError, WouldWait."""
    flags = deed.flags
    patient = not flags & os.O_NONBLOCK
    ours = flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
    if not (flags & O_TMPFILE or spot.dotted):
        ours |= os.O_NOFOLLOW
    try:
        fd = os.open(spot.name, ours, deed.mode, dir_fd=spot.fd)
    except OSError as error:
        if error.errno == errno.ENXIO and patient and _is_pipe(spot):
            raise WouldWait from error
        if error.errno == errno.EAGAIN and patient:
            raise WouldWait from error
        raise
    if patient:
        fcntl.fcntl(fd, fcntl.F_SETFL, flags)
    return fd


def _is_pipe(spot: Spot) -> bool:
    return spot.found is not None and stat.S_ISFIFO(spot.found.st_mode)


def _lacks_a_reader(error: OSError, fd: int) -> bool:
    return error.errno == errno.ENXIO and stat.S_ISFIFO(os.fstat(fd).st_mode)


def gives_no_more(deed: Deed, fd: int) -> bool:
    """Whether opening our duplicate `fd` of the caller's descriptor again gives no right that it does not give."""
    has = fcntl.fcntl(fd, fcntl.F_GETFL)
    if deed.flags & os.O_TRUNC or (has & os.O_APPEND and not deed.flags & os.O_APPEND):
        return False
    return bool(has & os.O_ACCMODE in (os.O_RDWR, deed.flags & os.O_ACCMODE))


def reopen(deed: Deed, fd: int, *, patient: bool = False) -> int:
    """A fresh description of what our descriptor `fd` is, with the caller's flags. patient: it may wait for the other
    end of a pipe, if the caller would. Raises OSError, WouldWait."""
    flags = deed.flags & ~(os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW)
    waits = not flags & os.O_NONBLOCK
    try:
        made = os.open(f"/proc/self/fd/{fd}", flags | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY, deed.mode)
    except OSError as error:
        if patient and waits and (error.errno == errno.EAGAIN or _lacks_a_reader(error, fd)):
            raise WouldWait from error
        raise
    if waits:
        fcntl.fcntl(made, fcntl.F_SETFL, flags)
    return made


def do_at(deed: Deed, spots: list[Spot], held: int = -1) -> None:
    """Do a deed that returns nothing. held: our descriptor of the thing that the first name stands for. OSError."""
    spot = spots[0] if spots else None
    kind = deed.kind
    if held >= 0 and kind is not Kind.LINK:
        _to_descriptor(deed, held)
        return
    assert spot is not None
    if kind is Kind.UNLINK:
        os.unlink(_plain(spot, errno.EISDIR), dir_fd=spot.fd)
    elif kind is Kind.RMDIR:
        above = deed.names[0].rstrip(b"/").endswith(b"..")
        os.rmdir(_plain(spot, errno.ENOTEMPTY if above else errno.EINVAL), dir_fd=spot.fd)
    elif kind is Kind.RENAME:
        _rename(deed, spot, spots[1])
    elif kind is Kind.LINK:
        _link(spots, held)
    elif kind is Kind.SYMLINK:
        os.symlink(deed.extra, _plain(spot, errno.EEXIST), dir_fd=spot.fd)
    elif kind is Kind.MKDIR:
        os.mkdir(_plain(spot, errno.EEXIST), deed.mode, dir_fd=spot.fd)
    elif kind is Kind.MKNOD and stat.S_IFMT(deed.mode) in (stat.S_IFCHR, stat.S_IFBLK):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))  # ours to make, never the agent's
    elif kind is Kind.MKNOD:
        mode = deed.mode if stat.S_IFMT(deed.mode) else deed.mode | stat.S_IFREG
        os.mknod(_plain(spot, errno.EEXIST), mode, deed.numbers[0], dir_fd=spot.fd)
    else:
        _to_what_is_there(deed, spot)


def renew(spot: Spot, text: str) -> None:
    """Put a file of our own with this text into the place of one: who has that open still writes into nothing.

    Raises OSError: nothing was changed then. A text that was not read whole, as it was no text, is left as it is.
    """
    if spot.found is None or "\ufffd" in text:
        return
    name = b".%s.%s" % (spot.name[:200], os.urandom(4).hex().encode())
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600, dir_fd=spot.fd)
    try:
        with open(fd, "wb") as file:
            file.write(text.encode())
            os.fchmod(fd, stat.S_IMODE(spot.found.st_mode) & 0o777)
        os.rename(name, spot.name, src_dir_fd=spot.fd, dst_dir_fd=spot.fd)
    except OSError:
        os.unlink(name, dir_fd=spot.fd)
        raise


def _plain(spot: Spot, error: int) -> bytes:
    if spot.dotted:
        raise fail(error)
    return spot.name


def _rename(deed: Deed, source: Spot, target: Spot) -> None:
    if deed.flags & ~(_EXCHANGE | _NOREPLACE):
        raise fail(errno.EINVAL)
    old, new = _plain(source, errno.EBUSY), _plain(target, errno.EBUSY)
    if deed.flags:
        abi.call_text(nr.RENAMEAT2, source.fd, old, target.fd, new, deed.flags)
    else:
        os.rename(old, new, src_dir_fd=source.fd, dst_dir_fd=target.fd)


def _link(spots: list[Spot], held: int) -> None:
    new = _plain(spots[-1], errno.EEXIST)
    if held >= 0:
        os.link(f"/proc/self/fd/{held}", new, dst_dir_fd=spots[-1].fd, follow_symlinks=True)
    else:
        old = _plain(spots[0], errno.EPERM)
        os.link(old, new, src_dir_fd=spots[0].fd, dst_dir_fd=spots[-1].fd, follow_symlinks=False)


def _to_what_is_there(deed: Deed, spot: Spot) -> None:
    way = b"/proc/self/fd/%d/%s" % (spot.fd, spot.name)
    if deed.kind is Kind.TRUNCATE:
        _cut(spot.name, deed.numbers[0], os.O_NOFOLLOW, spot.fd)
    elif deed.kind is Kind.CHMOD:
        if spot.found is not None and stat.S_ISLNK(spot.found.st_mode):
            raise fail(errno.EOPNOTSUPP)
        os.chmod(spot.name, deed.mode, dir_fd=spot.fd)
    elif deed.kind is Kind.CHOWN:
        os.chown(spot.name, *deed.numbers, dir_fd=spot.fd, follow_symlinks=False)
    elif deed.kind is Kind.SETXATTR:
        os.setxattr(way, deed.extra, deed.value, deed.flags, follow_symlinks=False)
    elif deed.kind is Kind.DELXATTR:
        os.removexattr(way, deed.extra, follow_symlinks=False)


def _cut(name: str | bytes, length: int, flags: int = 0, folder: int | None = None) -> None:
    """truncate(2) that never waits: somebody's lease on the file would keep it for most of a minute."""
    fd = os.open(name, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC | flags, dir_fd=folder)
    try:
        os.ftruncate(fd, length)
    finally:
        os.close(fd)


def _to_descriptor(deed: Deed, held: int) -> None:
    """By its name in /proc where the caller named it so: that works for O_PATH as well, a bare descriptor does not."""
    way = f"/proc/self/fd/{held}" if deed.names else held
    if deed.kind is Kind.CHMOD:
        os.chmod(way, deed.mode)
    elif deed.kind is Kind.CHOWN:
        os.chown(f"/proc/self/fd/{held}", *deed.numbers)
    elif deed.kind is Kind.SETXATTR:
        os.setxattr(way, deed.extra, deed.value, deed.flags)
    elif deed.kind is Kind.DELXATTR:
        os.removexattr(way, deed.extra)
    elif deed.kind is Kind.TRUNCATE:
        _cut(f"/proc/self/fd/{held}", deed.numbers[0])
    else:
        raise fail(errno.EACCES)
