"""Sockets that wait for callers: a port that somebody was asked about is open to all, any other to this machine only.

A TCP socket that nobody bound, or bound to port 0, gets a port when it listens; no question could name it. Knows which
sockets were bound to a port by name. Refuses to judge. Invariant: listening happens on our duplicate, so another socket
cannot be put in its place meanwhile; once kept to this machine, an ordinary user cannot take that back (Linux 5.7).
"""

from __future__ import annotations

import ctypes
import os
import socket

from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel.address import Peer

_MOST = 10_000


class Ports:
    """Of one session."""

    def __init__(self) -> None:
        self._named: dict[int, None] = {}
        self.opened: set[int] = set()  # at which the session listens, or did

    def named(self, ours: socket.socket) -> None:
        """This socket was bound to a port whose number was judged."""
        if len(self._named) >= _MOST:
            del self._named[next(iter(self._named))]
        self._named[os.fstat(ours.fileno()).st_ino] = None

    def is_named(self, ours: socket.socket) -> bool:
        """Whether it was bound so."""
        return os.fstat(ours.fileno()).st_ino in self._named

    def listen(self, ours: socket.socket, backlog: int) -> int:
        """listen(2): 0 or the errno. Raises OSError (EPERM where a socket cannot be kept to this machine)."""
        stream = ours.family in (socket.AF_INET, socket.AF_INET6) and ours.type == socket.SOCK_STREAM
        if stream and not self.is_named(ours) and not own_name(ours).bare_loopback:
            _keep_home(ours)
        if abi.libc.listen(ours.fileno(), backlog) < 0:
            return ctypes.get_errno()
        if ours.family in (socket.AF_INET, socket.AF_INET6):
            self.opened.add(own_name(ours).port)
        return 0


def _keep_home(ours: socket.socket) -> None:
    """Only what runs here reaches it, by whichever address of this machine."""
    if ours.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") != b"lo":
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo")


def own_name(ours: socket.socket) -> Peer:
    """What the socket itself is bound to."""
    room, size = ctypes.create_string_buffer(128), ctypes.c_uint32(128)
    if abi.libc.getsockname(ours.fileno(), room, ctypes.byref(size)) < 0:
        raise OSError(ctypes.get_errno(), "the socket has no name")
    return address.read(room.raw[: size.value])
