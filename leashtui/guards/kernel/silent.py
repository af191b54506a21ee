"""Whether anybody listens at a unix socket's file: programs try one that a dead server left, then start their own.

Knows the kernel's list of sockets. Refuses to speak: a socket that is listed is never touched; one that is not (a
server of another network namespace, a name bound by another way) is only knocked at. Invariant: where it cannot be
told, somebody listens.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket

_LISTENS = 0x10000
_TABLE = "/proc/self/net/unix"


def is_silent(path: str, kind: int) -> bool:
    """Whether a connect to this real path would be refused, as nobody listens there. kind: of the caller's socket."""
    try:
        return not _is_listed(os.fsencode(path)) and _refuses(path, kind)
    except (OSError, ValueError, IndexError):
        return False


def _is_listed(path: bytes) -> bool:
    with open(_TABLE, "rb") as table:
        next(table, b"")
        for line in table:
            fields = line.split(maxsplit=7)
            if len(fields) == 8 and fields[7].rstrip(b"\n") == path and int(fields[3], 16) & _LISTENS:
                return True
    return False


def _refuses(path: str, kind: int) -> bool:
    with contextlib.closing(socket.socket(socket.AF_UNIX, kind | socket.SOCK_NONBLOCK)) as ours:
        return ours.connect_ex(path) == errno.ECONNREFUSED
