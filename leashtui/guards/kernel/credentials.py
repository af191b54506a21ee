"""Does a file act as the caller would: its umask, and as root also its user and group for files.

Knows what /proc/TID/status says and how one thread borrows it. Refuses to know acts. Invariant: whatever happens
inside, this thread has its own umask and identity again afterwards.
"""

from __future__ import annotations

import os

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.procfs import field, status_of

_ROOT = b"0\t0\t0\t0"


def is_as_we_are(tid: int) -> bool:
    """Whether a thread acts on files as whom we do: always, unless we are root and it is somebody else, or gone."""
    if os.geteuid() != 0:
        return True
    status = status_of(tid)
    return field(status, b"Uid") == field(status, b"Gid") == _ROOT


class Masks:
    """What umask each thread had a moment ago, because reading one costs as much as making a file.

    Whoever learns that a thread is about to change its own says so. It has that one when it asks for anything next; who
    shares it may have either until then, so of others nothing is remembered until the next `tidy`.
    """

    def __init__(self) -> None:
        self._known: dict[int, int] = {}
        self._settled = True

    def remembers(self, tid: int) -> bool:
        """Whether what is said of this thread now holds until `changes` or `tidy`."""
        return tid in self._known

    def of(self, tid: int) -> int:
        """The umask of a thread, the strictest for one that is gone."""
        known = self._known.get(tid, -1)
        if known < 0:
            known = _mask_in(status_of(tid))
            if self._settled:
                self._known[tid] = known
        return known

    def changes(self, tid: int, mask: int) -> None:
        """A thread sets its umask now, and with it those of all that share it."""
        self._known.clear()
        self._known[tid] = mask & 0o777
        self._settled = False

    def tidy(self) -> None:
        """Forget: numbers of threads are used again."""
        self._known.clear()
        self._settled = True


def _mask_in(status: bytes) -> int:
    return int(field(status, b"Umask") or b"77", 8)


class borrowed:  # noqa: N801 - reads as the verb it is
    """Act with the umask (when something is made), and where we are root with the file user and group, of `tid`."""

    __slots__ = ("_mask", "_user", "_group")

    def __init__(self, tid: int, masks: Masks, *, makes: bool = True) -> None:
        self._mask, self._user, self._group = -1, 0, 0
        if os.geteuid() == 0:
            status = status_of(tid)
            self._mask = _mask_in(status)
            self._user = int(field(status, b"Uid").split()[3])
            self._group = int(field(status, b"Gid").split()[3])
        elif makes:
            self._mask = masks.of(tid)

    def __enter__(self) -> None:
        if self._mask >= 0:
            self._mask = os.umask(self._mask)
            if self._group:
                abi.libc.syscall(nr.SETFSGID, self._group)
            if self._user:
                abi.libc.syscall(nr.SETFSUID, self._user)

    def __exit__(self, *_: object) -> None:
        if self._mask >= 0:
            if self._user:
                abi.libc.syscall(nr.SETFSUID, 0)
            if self._group:
                abi.libc.syscall(nr.SETFSGID, 0)
            os.umask(self._mask)
