"""The network guard of tier strict: whom a socket may reach is decided on the checked bytes, and done with them.

A connect, a bind, an addressed datagram is carried out on our duplicate of the very socket, with the address that was
judged, so another thread can change neither. Loopback, but for ports at which others' programs obey whoever calls, the
nameservers of this machine and sockets the session made itself are free; all else goes THE path. Knows sockets. Refuses
to judge. Hazard: a connect that waits is done in a thread of its own. Invariant: no address that was not judged is ever
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

from leashtui.classify.doors import CONTROLS
from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.address import Peer
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.letters import Letter, address_at, post, read_letters
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.lookups import Lookups
from leashtui.guards.kernel.openings import Openings
from leashtui.guards.kernel.ports import Ports, own_name
from leashtui.guards.kernel.silent import is_open
from leashtui.guards.kernel.socketfiles import OUTSIDE, TOP_ABSTRACT, Makers, SocketFiles
from leashtui.guards.kernel.spot import signed
from leashtui.guards.kernel.streams import is_alone, is_nonblocking, pour, wait_beside
from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import Action, Layer, Request

_SO_PROTOCOL = 38
_BROWSERS = frozenset("chrome chromium headless_shell chrome-headless-shell msedge brave electron opera".split())
_SOUNDING = ("2001:4860:4860::8888", 443)
"""Where each Chromium asks the kernel for a way when it starts, to know of IPv6; it sends nothing there."""


class DoorGuard(SocketFiles):
    """known: whether this door (kind, host, port) was opened before. files: who may make a socket file where. inside:
    whether a process belongs to the session. open: unix sockets anybody may call. stays: told of a port that is opened
    at every address, which is then kept to this machine; None: it is asked about. openings: who asks about ports that
    stayed open; None: they are asked about before. asked: whether a thread may come to this port of this machine only
    after a verdict."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        known: Callable[[Action, str, int], bool],
        files: Makers,
        inside: Callable[[int], bool],
        nameservers: frozenset[str] = frozenset(),
        open: frozenset[str] = frozenset(),  # noqa: A002
        stays: Callable[[int], None] | None = None,
        openings: Openings | None = None,
        asked: Callable[[int, int], bool] = lambda tid, port: False,
    ) -> None:
        super().__init__(listener, holding, known, files, open)
        self._asked = asked
        self._inside = inside
        self._nameservers = nameservers
        self._stays = stays
        self._openings = openings
        self._ports = Ports()
        self._hearing: set[int] = set()  # who was allowed a port for datagrams; browsers take another for each question
        self._heard: set[int] = set()  # who was asked about for one: what they try next is in use, and they take any
        self._lookups = Lookups()

    def poll(self) -> None:
        """Ask about those whose name is known by now."""
        self._lookups.poll()
        if self._openings is not None:
            self._openings.poll()
        self._hearing = {group for group in self._hearing if self._inside(group)}
        self._heard = {group for group in self._heard if self._inside(group)}

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
        free = peer.loopback and not self._obeys(kind, peer.port) and not self._asked(notice.tid, peer.port)
        if free or self._is_lookup(kind, peer) or self._known(action, peer.host, peer.port):
            then(ours)
            return
        if kind == "udp" and action is Action.NET_CONNECT and (peer.host, peer.port) == _SOUNDING:
            raise OSError(errno.ENETUNREACH, "nothing would be sent there")
        self._ask(notice, ours, action, peer.host, peer.port, kind, then)

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

        if kind == "unix" or action is not Action.NET_CONNECT:
            named("")
        else:
            self._lookups.name_for(group_of(notice.tid), host, named)

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

    def _done(self, notice: Notice, value: int = 0) -> None:
        self._listener.answer(notice.id, value)

    # bind ---------------------------------------------------------------------------------------------------------
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

        if ours.family in (socket.AF_INET, socket.AF_INET6) and peer.port:
            kind = "udp" if ours.type == socket.SOCK_DGRAM else "tcp"
            if not peer.bare_loopback:
                group = group_of(notice.tid)
                known = kind == "udp" and group in self._hearing
                if known or self._known(Action.NET_BIND, peer.host, peer.port):
                    then(ours)
                elif self._stays is not None and peer.loopback and is_tcp(ours):
                    self._stay(notice, ours, raw, peer.port)
                elif self._openings is not None and is_tcp(ours):
                    self._bind_unasked(notice, ours, raw, self._openings)
                elif kind == "udp" and (group in self._heard or self._takes_any(notice)):
                    raise OSError(errno.EADDRINUSE, "one port of this process was asked about")
                else:
                    if kind == "udp":
                        self._heard.add(group)
                    self._ask(notice, ours, Action.NET_BIND, peer.host, peer.port, kind, then)
                return
        then(ours)

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
            then(ours, named=False)
            return
        peer = own_name(ours)
        if self._openings.may_open(peer.port) or self._known(Action.NET_BIND, peer.host, peer.port):
            then(ours)
            return
        request = self._request(notice, Action.NET_BIND, peer.host, peer.port, "tcp")
        if not self._openings.asks(request):
            self._ask(notice, ours, Action.NET_BIND, peer.host, peer.port, "tcp", then)
            return
        then(ours, named=False)
        self._openings.at_home(request, inode)

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
            if peer is not None and not self._is_open(ours, peer):
                if sent:
                    break
                if ours.family == socket.AF_UNIX:
                    self._holding.refuse(notice, OUTSIDE)
                    return
                self._ask(
                    notice, ours, Action.NET_CONNECT, peer.host, peer.port, "udp",
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

    def _is_open(self, ours: socket.socket, peer: Peer) -> bool:
        if ours.family == socket.AF_NETLINK:
            return True
        if ours.family == socket.AF_UNIX:
            return False
        if peer.loopback or self._is_lookup("udp", peer):
            return True
        return self._known(Action.NET_CONNECT, peer.host, peer.port)


def is_tcp(ours: socket.socket) -> bool:
    """Whether it is a socket that can be kept to this machine when it listens (ports.py)."""
    return ours.type == socket.SOCK_STREAM and ours.getsockopt(socket.SOL_SOCKET, _SO_PROTOCOL) == socket.IPPROTO_TCP


def socket_of(notice: Notice) -> socket.socket:
    """Our duplicate of the socket a call is about. Raises OSError: EBADF, ENOTSOCK."""
    taken = abi.take_fd(group_of(notice.tid), signed(notice.args[0]))
    try:
        return socket.socket(fileno=taken)
    except OSError:
        os.close(taken)  # no socket: kept, it would hold the other end of a pipe open
        raise
