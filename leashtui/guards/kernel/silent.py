"""Whether anybody listens: programs try the socket file that a dead server left, or a port, then start their own.

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
_TCP = ("/proc/self/net/tcp", "/proc/self/net/tcp6")
_LISTENING = b"0A"


def is_silent(path: str, kind: int) -> bool:
    """Whether a connect to this real path would be refused, as nobody listens there. kind: of the caller's socket."""
    try:
        return not _is_listed(os.fsencode(path)) and _refuses(path, kind)
    except (OSError, ValueError, IndexError):
        return False


def is_open(port: int) -> bool:
    """Whether anybody of this network listens at a TCP port, at whatever address."""
    end = b":%04X" % port
    try:
        for name in _TCP:
            with open(name, "rb") as table:
                next(table, b"")
                rows = (line.split(maxsplit=4) for line in table)
                if any(row[1].endswith(end) and row[3] == _LISTENING for row in rows):
                    return True
    except FileNotFoundError:  # no such addresses here
        return False
    except (OSError, IndexError):
        return True
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
