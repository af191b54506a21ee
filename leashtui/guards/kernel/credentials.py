"""Does a file act as the caller would: its umask, and as root also its user and group for files.

Knows what /proc/TID/status says and how one thread borrows it. Refuses to know acts. Invariant: whatever happens
inside, this thread has its own umask and identity again afterwards.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.procfs import field, status_of

_SETFSUID, _SETFSGID = 122, 123


@contextlib.contextmanager
def borrowed(tid: int, *, makes: bool = True) -> Iterator[None]:
    """Act with the umask (when something is made), and where we are root with the file user and group, of `tid`."""
    root = os.geteuid() == 0
    if not (root or makes):
        yield
        return
    status = status_of(tid)
    mask = int(field(status, b"Umask") or b"77", 8)
    user = int(field(status, b"Uid").split()[3]) if root else 0
    group = int(field(status, b"Gid").split()[3]) if root else 0
    before = os.umask(mask)
    try:
        if group:
            abi.libc.syscall(_SETFSGID, group)
        if user:
            abi.libc.syscall(_SETFSUID, user)
        yield
    finally:
        if user:
            abi.libc.syscall(_SETFSUID, 0)
        if group:
            abi.libc.syscall(_SETFSGID, 0)
        os.umask(before)
