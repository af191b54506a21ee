"""The network guard of tier compat: judges whom a socket may reach by the address it reads; the kernel then does it.

Agents with a sandbox of their own have networks and file systems of their own in it, where nothing can be done in their
stead. So what is allowed goes on by itself, and a racing thread could change an address after it was judged: a look,
not a floor, as with files (onlooker.py). Loopback, name servers and sockets the session bound are free; a network
namespace of its own reaches nobody. Knows whose view is not ours. Refuses to judge. Invariant: a denied connect never
goes on; what cannot be read or found here is the kernel's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.doors import TOP_ABSTRACT, DoorGuard, socket_of
from leashtui.guards.kernel.letters import address_at
from leashtui.guards.kernel.listener import Notice
from leashtui.guards.kernel.spot import Spot, absolute, locate
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Action

_FAILURES = (OSError, ValueError, IndexError)
_MOST = 4096
"""Names of sockets that are remembered; the server of a later one is asked about."""


class Lookout(DoorGuard):
    """See DoorGuard, whose judgement it is."""

    def __init__(self, views: Views, **more: Any) -> None:
        super().__init__(**more)
        self._views = views
        self._network = os.readlink("/proc/self/ns/net")
        self._named: set[str] = set()

    def meet(self, notice: Notice) -> None:
        """A connect, or a bind, which only says whose a socket file will be."""
        try:
            raw = address_at(notice.tid, notice.args[1], notice.args[2])
            if notice.number == nr.CONNECT:
                self._look(notice, raw)
                return
            if address.read(raw).family == socket.AF_UNIX:
                self._will_be_ours(notice, raw[2:])
        except _FAILURES as error:
            if isinstance(error, OSError) and error.errno == errno.EACCES:
                self._listener.refuse(notice.id, errno.EACCES)
                return
        self._listener.resume(notice.id)

    def _look(self, notice: Notice, raw: bytes) -> None:
        peer = address.read(raw)
        if peer.family == socket.AF_UNIX:
            self._look_unix(notice, raw)
            return
        reaches = peer.family in (socket.AF_INET, socket.AF_INET6) and not peer.loopback
        if reaches and os.readlink(f"/proc/{notice.tid}/ns/net") == self._network:
            known = self._is_lookup("tcp", peer) or self._known(Action.NET_CONNECT, peer.host, peer.port)
            if not known:
                self._question(notice, peer.host, peer.port, "tcp")
                return
        self._listener.resume(notice.id)

    def _look_unix(self, notice: Notice, raw: bytes) -> None:
        name = raw[2:]
        if not name or name.startswith(b"\0"):
            if name.startswith(TOP_ABSTRACT):
                raise OSError(errno.EACCES, "the approver's socket")
            with socket_of(notice) as ours:
                self._connect_unix(notice, ours, raw)
            return
        spot = self._seen(notice, name)
        if spot is None:
            self._listener.resume(notice.id)
            return
        with contextlib.closing(spot):
            path = spot.path
            free = spot.found is None or path in self._free or self._is_session_s(spot)
        if free or self._known(Action.NET_CONNECT, path, 0):
            self._listener.resume(notice.id)
        else:
            self._question(notice, path, 0, "unix")

    def _is_session_s(self, spot: Spot) -> bool:
        """Whether a process of the session listens there: that it gave the name once says nothing of who has it now."""
        if spot.path not in self._named:
            return False
        if self._is_ours(spot):
            return True
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if address.connect(probe, address.unix(b"/proc/self/fd/%d/%s" % (spot.fd, spot.name))):
                return False
            if not self._inside(address.peer_pid(probe)):
                return False
        found = os.stat(spot.name or b".", dir_fd=spot.fd, follow_symlinks=False)
        self._bound[spot.path] = (found.st_dev, found.st_ino)
        return True

    def _question(self, notice: Notice, host: str, port: int, kind: str) -> None:
        request = self._request(notice, Action.NET_CONNECT, host, port, kind)
        self._holding.ask(notice, [request], lambda: self._go_on(notice))

    def _go_on(self, notice: Notice) -> None:
        self._listener.resume(notice.id)

    def _will_be_ours(self, notice: Notice, name: bytes) -> None:
        if name and not name.startswith(b"\0"):
            spot = self._seen(notice, name)
            if spot is not None:
                with contextlib.closing(spot):
                    if spot.found is None and len(self._named) < _MOST:
                        self._named.add(spot.path)

    def _seen(self, notice: Notice, name: bytes) -> Spot | None:
        """Where the name lies for us; None for what only the caller's own sandbox has. Raises OSError."""
        text: bytes | None = absolute(notice.tid, abi.AT_FDCWD & 0xFFFFFFFF, name.partition(b"\0")[0])
        if text is not None and not self._views.is_ours(notice.tid):
            text = self._views.ours(notice.tid, text, follow=True)
        return locate(notice.tid, text, True) if text is not None else None
