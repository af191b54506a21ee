"""Unix sockets of this machine: one that listens in a folder of ours, and who is at the other end of one.

Refuses to know what is said over them. Invariant: what listens can be reached by its owner only, however long its path.
"""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

from leashtui.model.errors import GuardError

_LONGEST = 100
"""Bytes of a path that an address has room for; a longer one goes through a descriptor of the folder."""


def listen(directory: Path, name: str, most: int) -> socket.socket:
    """A non-blocking socket that listens at DIRECTORY/name, 0600. most: callers that may wait. Raises GuardError."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        place = directory / name
        line.bind(str(place) if len(os.fsencode(place)) <= _LONGEST else f"/proc/self/fd/{handle}/{name}")
        place.chmod(0o600)
        line.listen(most)
        line.setblocking(False)
    except OSError as error:
        line.close()
        raise GuardError(f"cannot listen in {directory}: {error.strerror}", "run `leash doctor`") from error
    finally:
        os.close(handle)
    return line


def peer_of(line: socket.socket) -> tuple[int, int]:
    """(pid, uid) of the process at the other end, as the kernel says. Raises OSError."""
    pid, uid, _ = struct.unpack("iII", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return pid, uid
