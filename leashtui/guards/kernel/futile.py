"""Which file acts the kernel would refuse the person anyway, so that nobody is asked about them, nor they remembered.

Knows permissions of files and folders, and whose they are. Refuses to judge: what could work is left to others. Root is
refused nothing here. Invariant: an act that would have worked is never called futile; one that fails for another reason
(a full disk, a sticky folder, an immutable file) may be asked about first.
"""

from __future__ import annotations

import errno
import os
import stat

from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.spot import Spot

_OF_THE_OWNER = frozenset({Kind.CHMOD, Kind.CHOWN})
_LEAVES = frozenset({Kind.UNLINK, Kind.RMDIR, Kind.RENAME})
_NO_REPLACE, _EXCHANGE = 1, 2
_MODES = {os.O_WRONLY: os.W_OK, os.O_RDWR: os.R_OK | os.W_OK}


def why_futile(deed: Deed, fd: int, spots: list[Spot]) -> int:
    """The error number the kernel would answer, 0 where it might do it. fd: our descriptor of the thing, or -1."""
    if os.geteuid() == 0:
        return 0
    if deed.kind in _OF_THE_OWNER:
        found = os.fstat(fd) if fd >= 0 else spots[0].found if spots else None
        return errno.EPERM if found is not None and found.st_uid != os.geteuid() else 0
    if fd >= 0:
        return 0
    for place, spot in enumerate(spots):
        needs_folder = deed.kind in _LEAVES or spot.found is None
        if needs_folder and not os.access(".", os.W_OK | os.X_OK, dir_fd=spot.fd):
            return _closed(spot.fd)
        if not needs_folder and place == 0 and not _opens(deed, spot):
            return _closed(spot.fd)
    return 0


def changes_nothing(deed: Deed, spots: list[Spot]) -> bool:
    """Whether a file is given to whom it belongs already, as shells do with their history."""
    if deed.kind is not Kind.CHOWN or len(spots) != 1 or (found := spots[0].found) is None:
        return False
    owners = zip(deed.numbers, (found.st_uid, found.st_gid), strict=True)
    return not found.st_mode & (stat.S_ISUID | stat.S_ISGID) and all(new in (-1, old) for new, old in owners)


def _opens(deed: Deed, spot: Spot) -> bool:
    """Whether what is there may be written. A link in the last place is not followed any more, and fails elsewhere."""
    if deed.kind not in (Kind.OPEN, Kind.TRUNCATE) or spot.found is None or stat.S_ISLNK(spot.found.st_mode):
        return True
    mode = _MODES.get(deed.flags & os.O_ACCMODE, os.R_OK) if deed.kind is Kind.OPEN else os.W_OK
    return os.access(spot.name, mode, dir_fd=spot.fd)


def _closed(folder: int) -> int:
    return errno.EROFS if os.fstatvfs(folder).f_flag & os.ST_RDONLY else errno.EACCES
