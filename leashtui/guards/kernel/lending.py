"""Modes by which a file lends its owner to whoever runs it: no ordinary person's session may give one away.

Knows setuid and setgid. Refuses to know policies. Root is another matter: package managers set such modes. Invariant:
directories, where the bit means another thing, are left alone.
"""

from __future__ import annotations

import os
import stat

from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.spot import Spot

LENDS = "leash: REFUSED: with this mode anybody could run that file as the person. Ask the person to set it."
_BITS = stat.S_ISUID | stat.S_ISGID


def lends(deed: Deed, fd: int, spots: list[Spot]) -> bool:
    """Whether the deed would set one of these modes on a file. fd: our descriptor of what it is about, or -1."""
    if not deed.mode & _BITS or os.geteuid() == 0:
        return False
    if deed.kind is Kind.CHMOD:
        found = os.fstat(fd) if fd >= 0 else spots[0].found
        return found is None or not stat.S_ISDIR(found.st_mode)
    return deed.kind in (Kind.OPEN, Kind.MKNOD)
