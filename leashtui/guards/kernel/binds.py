"""Ports that the session opens: whose they are to be is decided on the checked bytes, and done with them.

What others could reach is asked about, before or once it stayed (openings.py); what stays on this machine is policy's,
once for each program, also where the kernel chose the port. Knows sockets. Refuses to judge. Invariant: a port that
nobody allowed to be opened to others is this machine's only (ports.py).
"""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable

from leashtui.classify.doors import is_loopback
from leashtui.guards.kernel import address
from leashtui.guards.kernel.address import Peer
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.letters import address_at
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.openings import Openings
from leashtui.guards.kernel.ports import Ports, own_name
from leashtui.guards.kernel.socketfiles import TOP_ABSTRACT, Known, Makers, SocketFiles
from leashtui.guards.kernel.spot import signed
from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import Action, Layer, Request

Home = Callable[[Action, str, int, str], bool]
"""Whether policy allowed this program this port of this machine before: (action, host, port, program)."""
_INTERNET = (socket.AF_INET, socket.AF_INET6)
_SO_PROTOCOL = 38
_BROWSERS = frozenset("chrome chromium headless_shell chrome-headless-shell msedge brave electron opera".split())


class BindGuard(SocketFiles):
    """known, files, free: see SocketFiles. home: see Home. stays: told of a port that is opened at every address, which
    is then kept to this machine; None: it is asked about. openings: who asks about ports that stayed open; None: they
    are asked about before."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        known: Known,
        files: Makers,
        free: frozenset[str],
        home: Home,
        stays: Callable[[int], None] | None,
        openings: Openings | None,
    ) -> None:
        super().__init__(listener, holding, known, files, free)
        self._home = home
        self._stays = stays
        self._openings = openings
        self._ports = Ports()
        self._hearing: set[int] = set()  # who was allowed a port for datagrams; browsers take another for each question
        self._heard: set[int] = set()  # who was asked about for one: what they try next is in use, and they take any

    def _poll_bound(self, inside: Callable[[int], bool]) -> None:
        if self._openings is not None:
            self._openings.poll()
        self._hearing = {group for group in self._hearing if inside(group)}
        self._heard = {group for group in self._heard if inside(group)}

    def _bind(self, notice: Notice, ours: socket.socket) -> None:
        raw = address_at(notice.tid, notice.args[1], notice.args[2])
        peer = address.read(raw)
        if ours.family == socket.AF_INET and peer.family == socket.AF_UNSPEC:
            raise OSError(errno.EAFNOSUPPORT, "an address of no family is one of all families")
        if ours.family == socket.AF_UNIX and len(raw) > 2 and raw[2] != 0:
            self._bind_unix(notice, ours, raw[2:])
            return
        if ours.family == socket.AF_UNIX and raw[2:].startswith(TOP_ABSTRACT):
            raise OSError(errno.EACCES, "the approver's names are nobody else's")
        if ours.family == socket.AF_UNIX and raw[2:4] == b"\0/" and self._files.is_taken(os.fsdecode(raw[3:])):
            raise OSError(errno.EADDRINUSE, "clients of X look for that name before the path")

        def then(own: socket.socket) -> None:
            code = address.bind(own, raw)
            if not code and peer.port:
                self._ports.named(own)
                if own.type == socket.SOCK_DGRAM and not peer.bare_loopback:
                    self._hearing.add(group_of(notice.tid))
            self._listener.refuse(notice.id, code) if code else self._done(notice)

        if ours.family in _INTERNET and peer.port:
            kind = "udp" if ours.type == socket.SOCK_DGRAM else "tcp"
            if not peer.bare_loopback:
                group = group_of(notice.tid)
                known = kind == "udp" and group in self._hearing
                if known or self._knows(notice, Action.NET_BIND, peer.host, peer.port):
                    then(ours)
                elif self._stays is not None and peer.loopback and is_tcp(ours):
                    self._at_home(notice, ours, peer, kind, lambda own: self._stay(notice, own, raw, peer.port))
                elif self._openings is not None and is_tcp(ours):
                    openings = self._openings
                    self._at_home(notice, ours, peer, kind, lambda own: self._bind_unasked(notice, own, raw, openings))
                elif kind == "udp" and (group in self._heard or self._takes_any(notice)):
                    raise OSError(errno.EADDRINUSE, "one port of this process was asked about")
                else:
                    if kind == "udp":
                        self._heard.add(group)
                    self._ask(notice, ours, Action.NET_BIND, peer.host, peer.port, kind, then)
                return
            self._at_home(notice, ours, peer, kind, then)
            return
        then(ours)

    def _at_home(
        self, notice: Notice, ours: socket.socket, peer: Peer, kind: str, then: Callable[[socket.socket], None]
    ) -> None:
        """Do `then` where the port may be opened to this machine, whoever else it will be asked about for."""
        host = peer.host if is_loopback(peer.host) else "::1" if ":" in peer.host else "127.0.0.1"
        known = self._home(Action.NET_BIND, host, peer.port, self._exe(notice))
        if known or self._knows(notice, Action.NET_BIND, host, peer.port):
            then(ours)
        else:
            self._ask(notice, ours, Action.NET_BIND, host, peer.port, kind, then)

    def _takes_any(self, notice: Notice) -> bool:
        """Whether a program means no port in particular: browsers roll dice for each look-up, and where those are in
        use they leave it to the kernel."""
        return os.path.basename(self._holding.who(notice.tid).exe) in _BROWSERS

    def _stay(self, notice: Notice, ours: socket.socket, raw: bytes, port: int) -> None:
        """Bound, and not named: as with a port of the kernel's choice, who listens at it stays on this machine."""
        code = address.bind(ours, raw)
        if not code and self._stays is not None:
            self._stays(port)
        self._listener.refuse(notice.id, code) if code else self._done(notice)

    def _bind_unasked(self, notice: Notice, ours: socket.socket, raw: bytes, openings: Openings) -> None:
        """Bound; what it comes to is judged when somebody listens there."""
        code = address.bind(ours, raw)
        if not code:
            openings.bound(os.fstat(ours.fileno()).st_ino)
        self._listener.refuse(notice.id, code) if code else self._done(notice)

    def _listen(self, notice: Notice, ours: socket.socket) -> None:
        inode, backlog = os.fstat(ours.fileno()).st_ino, signed(notice.args[1])

        def then(own: socket.socket, *, named: bool = True) -> None:
            if named:
                self._ports.named(own)
            code = self._ports.listen(own, backlog)
            self._listener.refuse(notice.id, code) if code else self._done(notice)

        if self._openings is None or not self._openings.is_unjudged(inode):
            self._listen_at_home(notice, ours, lambda own: then(own, named=False))
            return
        peer = own_name(ours)
        if self._openings.may_open(peer.port) or self._knows(notice, Action.NET_BIND, peer.host, peer.port):
            then(ours)
            return
        request = self._request(notice, Action.NET_BIND, peer.host, peer.port, "tcp")
        if not self._openings.asks(request):
            self._ask(notice, ours, Action.NET_BIND, peer.host, peer.port, "tcp", then)
            return
        then(ours, named=False)
        self._openings.at_home(request, inode)

    def _listen_at_home(self, notice: Notice, ours: socket.socket, then: Callable[[socket.socket], None]) -> None:
        """Where no bind named the port, it is judged now. Raises OSError."""
        if ours.family not in _INTERNET or ours.type != socket.SOCK_STREAM or self._ports.is_named(ours):
            then(ours)
            return
        if not own_name(ours).port and (code := address.bind(ours, address.any_port(ours.family))):
            raise OSError(code, os.strerror(code))  # listen(2) would have had the kernel choose a port in the same way
        self._at_home(notice, ours, own_name(ours), "tcp", then)

    def _request(self, notice: Notice, action: Action, host: str, port: int, kind: str) -> Request:
        """What is asked. Raises OSError when the caller is gone."""
        who = self._holding.who(notice.tid)
        return Request(
            action,
            Layer.KERNEL,
            "/",
            argv=who.argv,
            exe=who.exe,
            path=host if kind == "unix" else "",
            host="" if kind == "unix" else host,
            port=port,
            process=who.process,
            ancestry=who.ancestry,
        )

    def _done(self, notice: Notice, value: int = 0) -> None:
        self._listener.answer(notice.id, value)


def is_tcp(ours: socket.socket) -> bool:
    """Whether it is a socket that can be kept to this machine when it listens (ports.py)."""
    return ours.type == socket.SOCK_STREAM and ours.getsockopt(socket.SOL_SOCKET, _SO_PROTOCOL) == socket.IPPROTO_TCP
