"""The network guard of tier strict: whom a socket may reach is decided on the checked bytes, and done with them.

A connect, an addressed datagram is carried out on our duplicate of the very socket, with the address that was judged,
so another thread can change neither. The nameservers of this machine and sockets the session made itself are free; all
else goes THE path, a port of this machine once for each program that policy lets come to it. Knows sockets. Refuses to
judge. Hazard: a connect that waits is done in a thread of its own. Invariant: no address that was not judged is ever
handed to the kernel; a stream's sendmsg, whose address does not count, goes on by itself only where nobody could swap
its socket meanwhile (streams.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from collections.abc import Callable

from msgspec.structs import replace

from leashtui.classify.doors import CONTROLS, is_loopback
from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.address import Peer
from leashtui.guards.kernel.binds import BindGuard, Home
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.letters import Letter, address_at, post, read_letters
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.lookups import Lookups
from leashtui.guards.kernel.openings import Openings
from leashtui.guards.kernel.silent import is_open
from leashtui.guards.kernel.socketfiles import OUTSIDE, Known, Makers
from leashtui.guards.kernel.spot import signed
from leashtui.guards.kernel.streams import is_alone, is_nonblocking, pour, wait_beside
from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import Action

_SOUNDING = ("2001:4860:4860::8888", 443)
"""Where each Chromium asks the kernel for a way when it starts, to know of IPv6; it sends nothing there."""


class DoorGuard(BindGuard):
    """known, home, files, stays, openings: see BindGuard. inside: whether a process belongs to the session. open: unix
    sockets anybody may call. asked: whether a thread may come to this port of this machine only after a verdict."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        known: Known,
        home: Home,
        files: Makers,
        inside: Callable[[int], bool],
        nameservers: frozenset[str] = frozenset(),
        open: frozenset[str] = frozenset(),  # noqa: A002
        stays: Callable[[int], None] | None = None,
        openings: Openings | None = None,
        asked: Callable[[int, int], bool] = lambda tid, port: False,
    ) -> None:
        super().__init__(listener, holding, known, files, open, home, stays, openings)
        self._asked = asked
        self._inside = inside
        self._nameservers = nameservers
        self._lookups = Lookups()

    def poll(self) -> None:
        """Ask about those whose name is known by now."""
        self._lookups.poll()
        self._poll_bound(self._inside)

    def meet(self, notice: Notice) -> None:
        """A call that names an address."""
        try:
            with socket_of(notice) as ours:
                self._serve(notice, ours)
        except (OSError, ValueError, IndexError) as error:
            self._listener.refuse(notice.id, (error.errno if isinstance(error, OSError) else None) or errno.EIO)

    def _serve(self, notice: Notice, ours: socket.socket) -> None:
        """The call, on our duplicate of the socket. Raises OSError."""
        if notice.number == nr.CONNECT:
            self._connect(notice, ours)
        elif notice.number == nr.BIND:
            self._bind(notice, ours)
        elif notice.number == nr.LISTEN:
            self._listen(notice, ours)
        else:
            self._send(notice, ours)

    # connect ------------------------------------------------------------------------------------------------------
    def _connect(self, notice: Notice, ours: socket.socket) -> None:
        raw = address_at(notice.tid, notice.args[1], notice.args[2])
        peer = address.read(raw)
        if ours.family == socket.AF_UNIX and peer.family == socket.AF_UNIX:
            self._connect_unix(notice, ours, raw)
            return
        if ours.family in (socket.AF_INET, socket.AF_INET6) and peer.family != socket.AF_UNSPEC:
            kind = "udp" if ours.type == socket.SOCK_DGRAM else "tcp"
            self._judged(notice, ours, Action.NET_CONNECT, kind, peer, lambda own: self._carry_out(notice, own, raw))
            return
        self._carry_out(notice, ours, raw)

    def _judged(
        self,
        notice: Notice,
        ours: socket.socket,
        action: Action,
        kind: str,
        peer: Peer,
        then: Callable[[socket.socket], None],
    ) -> None:
        """Do `then` with our socket when the peer may be reached, at once or after a verdict."""
        if self._is_free(notice, kind, peer):
            then(ours)
            return
        if kind == "udp" and action is Action.NET_CONNECT and (peer.host, peer.port) == _SOUNDING:
            raise OSError(errno.ENETUNREACH, "nothing would be sent there")
        self._ask(notice, ours, action, peer.reached, peer.port, kind, then)

    def _is_free(self, notice: Notice, kind: str, peer: Peer) -> bool:
        """Whether there is nothing to decide: it looks a name up, was allowed before, or stays on this machine where
        nothing is to be decided."""
        if self._is_lookup(kind, peer) or self._knows(notice, Action.NET_CONNECT, peer.reached, peer.port):
            return True
        if not peer.loopback or self._obeys(kind, peer.port) or self._asked(notice.tid, peer.port):
            return False
        nothing = not peer.port or peer.port in CONTROLS
        return nothing or self._home(Action.NET_CONNECT, peer.reached, peer.port, self._exe(notice))

    def _obeys(self, kind: str, port: int) -> bool:
        """Whether what usually listens there obeys whoever calls, and it was not the session that opened the port."""
        return kind == "tcp" and port in CONTROLS and port not in self._ports.opened and is_open(port)

    def _is_lookup(self, kind: str, peer: Peer) -> bool:
        return peer.port == 53 and peer.host in self._nameservers

    def _ask(
        self,
        notice: Notice,
        ours: socket.socket,
        action: Action,
        host: str,
        port: int,
        kind: str,
        then: Callable[[socket.socket], None],
    ) -> None:
        request = self._request(notice, action, host, port, kind)
        kept = ours.dup()

        def named(name: str) -> None:
            self._holding.ask(notice, [replace(request, named=name) if name else request], allowed)

        def allowed() -> None:
            with kept:
                try:
                    then(kept)
                except OSError as error:
                    self._listener.refuse(notice.id, error.errno or errno.EIO)

        if kind == "unix" or action is not Action.NET_CONNECT or is_loopback(host):
            named("")
        else:
            self._lookups.name_for(group_of(notice.tid), host, named)

    def _carry_out(self, notice: Notice, ours: socket.socket, raw: bytes) -> None:
        """Connect our duplicate; a caller that would wait is served by a thread."""
        if ours.type == socket.SOCK_DGRAM or not ours.getblocking() or is_nonblocking(ours):
            self._listener.refuse(notice.id, code) if (code := address.connect(ours, raw)) else self._done(notice)
            return
        own = ours.dup()

        def wait() -> None:
            with own:
                code = address.connect(own, raw)
            self._listener.refuse(notice.id, code) if code else self._done(notice)

        try:
            wait_beside(wait)
        except BaseException:
            own.close()
            raise

    # datagrams ----------------------------------------------------------------------------------------------------
    def _send(self, notice: Notice, ours: socket.socket) -> None:
        if ours.type != socket.SOCK_DGRAM and ours.family != socket.AF_NETLINK:
            if notice.number == nr.SENDTO:
                raise OSError(errno.EISCONN, "a stream has its address")
            if is_alone(notice.tid):
                self._listener.resume(notice.id)
            else:
                pour(self._listener, notice, ours)
            return
        letters = read_letters(notice)
        self._note_questions(notice, ours, letters)
        self._deliver(notice, ours, letters, 0)

    def _note_questions(self, notice: Notice, ours: socket.socket, letters: list[Letter]) -> None:
        """What goes to a name server says which names the program is after."""
        if ours.family not in (socket.AF_INET, socket.AF_INET6):
            return
        for letter in letters:
            with contextlib.suppress(OSError):
                peer = address.read(letter.to) if letter.to else Peer(ours.family, *ours.getpeername()[:2])
                if self._is_lookup("udp", peer):
                    self._lookups.noted(group_of(notice.tid), letter.data)

    def _deliver(self, notice: Notice, ours: socket.socket, letters: list[Letter], sent: int) -> None:
        """Send the letters from `sent` on; those to strangers after a verdict."""
        while sent < len(letters):
            letter = letters[sent]
            peer = address.read(letter.to) if letter.to else None
            if peer is not None and ours.family == socket.AF_UNIX and peer.path:
                self._deliver_unix(notice, ours, letter)
                return
            if peer is not None and not self._is_open(notice, ours, peer):
                if sent:
                    break
                if ours.family == socket.AF_UNIX:
                    self._holding.refuse(notice, OUTSIDE)
                    return
                self._ask(
                    notice, ours, Action.NET_CONNECT, peer.reached, peer.port, "udp",
                    lambda own: self._deliver_first(notice, own, letters),
                )  # fmt: skip
                return
            try:
                count = post(notice, ours, letter)
            except OSError:
                if sent:
                    break
                raise
            letter.report(notice.tid, count)
            sent += 1
            if notice.number != nr.SENDMMSG:
                self._done(notice, count)
                return
        self._done(notice, sent)

    def _deliver_first(self, notice: Notice, ours: socket.socket, letters: list[Letter]) -> None:
        letter = letters[0]
        count = post(notice, ours, letter)
        letter.report(notice.tid, count)
        self._done(notice, 1 if notice.number == nr.SENDMMSG else count)

    def _is_open(self, notice: Notice, ours: socket.socket, peer: Peer) -> bool:
        if ours.family in (socket.AF_NETLINK, socket.AF_UNIX):
            return ours.family == socket.AF_NETLINK
        return self._is_free(notice, "udp", peer)


def socket_of(notice: Notice) -> socket.socket:
    """Our duplicate of the socket a call is about. Raises OSError: EBADF, ENOTSOCK."""
    taken = abi.take_fd(group_of(notice.tid), signed(notice.args[0]))
    try:
        return socket.socket(fileno=taken)
    except OSError:
        os.close(taken)  # no socket: kept, it would hold the other end of a pipe open
        raise
