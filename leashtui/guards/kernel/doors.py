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
from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec.structs import replace

from leashtui.classify.doors import CONTROLS
from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.address import Peer
from leashtui.guards.kernel.credentials import Masks, borrowed
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.letters import Letter, address_at, post, read_letters
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.lookups import Lookups
from leashtui.guards.kernel.openings import Openings
from leashtui.guards.kernel.ports import Ports, own_name
from leashtui.guards.kernel.silent import is_open, is_silent
from leashtui.guards.kernel.spot import Spot, absolute, locate, signed
from leashtui.guards.kernel.streams import is_alone, is_nonblocking, pour, wait_beside
from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import Action, Layer, Request

_SO_PROTOCOL = 38
_BROWSERS = frozenset("chrome chromium headless_shell chrome-headless-shell msedge brave electron opera".split())
_SOUNDING = ("2001:4860:4860::8888", 443)
"""Where each Chromium asks the kernel for a way when it starts, to know of IPv6; it sends nothing there."""
TOP_ABSTRACT = b"\0leashtui/"
SERVICES = frozenset(
    {
        "/run/nscd/socket", "/run/systemd/resolve/io.systemd.Resolve", "/run/systemd/journal/dev-log",
        "/run/systemd/journal/socket", "/run/systemd/journal/stdout", "/dev/log",
        "/run/systemd/userdb/io.systemd.DynamicUser", "/run/systemd/userdb/io.systemd.Multiplexer",
    }
)  # fmt: skip
"""Unix sockets outside that only look names up or take log lines."""
OUTSIDE = "leash: REFUSED: that socket belongs to a program outside of this session, which would act for the person."


class Makers(Protocol):
    """The file guard, about socket files (guards.kernel.files)."""

    def why_never(self, path: str) -> str: ...

    def may_make(self, path: str) -> bool: ...

    def is_taken(self, path: str) -> bool: ...

    def made(self, path: str) -> None: ...


class DoorGuard:
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
        self._asked = asked
        self._listener = listener
        self._holding = holding
        self._known = known
        self._files = files
        self._inside = inside
        self._nameservers = nameservers
        self._free = SERVICES | open
        self._stays = stays
        self._openings = openings
        self._bound: dict[str, tuple[int, int, int]] = {}
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

    def _connect_unix(self, notice: Notice, ours: socket.socket, raw: bytes) -> None:
        name = raw[2:]
        if not name or name.startswith(b"\0"):
            if name.startswith(TOP_ABSTRACT):
                raise OSError(errno.EACCES, "the approver's socket")
            if ours.type == socket.SOCK_DGRAM:  # whose it is cannot be told
                self._holding.refuse(notice, OUTSIDE)
                return
            code = address.connect(ours, raw)
            if code:
                raise OSError(code, os.strerror(code))
            if address.peer_pid(ours) != os.getpid():  # whoever of the session listens, we began that for
                ours.shutdown(socket.SHUT_RDWR)
                self._holding.refuse(notice, OUTSIDE)
                return
            self._done(notice)
            return
        spot = self._place(notice, name)
        with contextlib.closing(spot):
            path = spot.path
            # Nobody can listen where nothing is: programs look, then start a server of their own.
            with pinned(spot) as (found, way):
                if self._is_ours(path, found) or path in self._free or self._known(Action.NET_CONNECT, path, 0):
                    self._carry_out_here(notice, ours, way)
                    return
        if is_silent(path, ours.type):
            raise OSError(errno.ECONNREFUSED, "a socket that a dead server left")
        self._ask(notice, ours, Action.NET_CONNECT, path, 0, "unix", lambda own: self._again(notice, own, path))

    def _is_ours(self, path: str, found: os.stat_result) -> bool:
        """Whether it is the very socket that was made in this session by that name."""
        made = self._bound.get(path)
        return made is not None and made == mark_of(found)

    def _again(self, notice: Notice, ours: socket.socket, path: str) -> None:
        """Connect to the path that was allowed; it is not resolved again by links."""
        spot = locate(notice.tid, os.fsencode(path), False)
        with contextlib.closing(spot), pinned(spot) as (_, way):
            self._carry_out_here(notice, ours, way)

    def _carry_out_here(self, notice: Notice, ours: socket.socket, raw: bytes) -> None:
        """A unix connect answers at once, but for a full backlog, which is then the caller's EAGAIN."""
        waits = not is_nonblocking(ours)
        if waits:
            os.set_blocking(ours.fileno(), False)
        try:
            code = address.connect(ours, raw)
        finally:
            if waits:
                os.set_blocking(ours.fileno(), True)
        self._listener.refuse(notice.id, code) if code else self._done(notice)

    def _place(self, notice: Notice, name: bytes) -> Spot:
        text = name.partition(b"\0")[0]
        return locate(notice.tid, absolute(notice.tid, abi.AT_FDCWD & 0xFFFFFFFF, text), True)

    # bind ---------------------------------------------------------------------------------------------------------
    def _bind(self, notice: Notice, ours: socket.socket) -> None:
        raw = address_at(notice.tid, notice.args[1], notice.args[2])
        peer = address.read(raw)
        if ours.family == socket.AF_INET and peer.family == socket.AF_UNSPEC:
            raise OSError(errno.EAFNOSUPPORT, "an address of no family is one of all families")
        if ours.family == socket.AF_UNIX and len(raw) > 2 and raw[2] != 0:
            self._bind_unix(notice, ours, raw[2:])
            return
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

    def _bind_unix(self, notice: Notice, ours: socket.socket, name: bytes) -> None:
        spot = self._place(notice, name)
        with contextlib.closing(spot):
            if spot.found is not None:
                raise OSError(errno.EADDRINUSE, "there is one already")
            path = spot.path
        why = self._files.why_never(path)
        if why:
            self._holding.refuse(notice, why)
        elif self._files.may_make(path):
            self._make(notice, ours, path)
        else:
            self._ask(notice, ours, Action.FILE_WRITE, path, 0, "unix", lambda own: self._make(notice, own, path))

    def _make(self, notice: Notice, ours: socket.socket, path: str) -> None:
        """Bind to the real path that was judged, if it is that still. Raises OSError."""
        with contextlib.closing(locate(notice.tid, os.fsencode(path), False)) as spot:
            if spot.path != path:
                raise OSError(errno.EACCES, "it leads elsewhere now")
        with borrowed(notice.tid, Masks()):
            code = address.bind(ours, address.unix(os.fsencode(path)))
        if code:
            raise OSError(code, os.strerror(code))
        self._bound[path] = mark_of(os.lstat(path))
        self._files.made(path)
        self._done(notice)

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

    def _deliver_unix(self, notice: Notice, ours: socket.socket, letter: Letter) -> None:
        """Send one letter to the socket file its address leads to; further ones are the caller's to send again."""
        with contextlib.closing(self._place(notice, letter.to[2:])) as spot, pinned(spot) as (found, way):
            if not self._is_ours(spot.path, found) and spot.path not in self._free:
                self._holding.refuse(notice, OUTSIDE)
                return
            letter.to = way
            count = post(notice, ours, letter)
        letter.report(notice.tid, count)
        self._done(notice, 1 if notice.number == nr.SENDMMSG else count)

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


@contextlib.contextmanager
def pinned(spot: Spot) -> Iterator[tuple[os.stat_result, bytes]]:
    """The file that has this name now, and the address that leads to it whatever has the name next. Raises OSError."""
    handle = os.open(spot.name or b".", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=spot.fd)
    try:
        yield os.fstat(handle), address.unix(b"/proc/self/fd/%d" % handle)
    finally:
        os.close(handle)


def is_tcp(ours: socket.socket) -> bool:
    """Whether it is a socket that can be kept to this machine when it listens (ports.py)."""
    return ours.type == socket.SOCK_STREAM and ours.getsockopt(socket.SOL_SOCKET, _SO_PROTOCOL) == socket.IPPROTO_TCP


def mark_of(found: os.stat_result) -> tuple[int, int, int]:
    """What tells a socket file from one that has its name, and by chance its number, after it."""
    return found.st_dev, found.st_ino, found.st_mtime_ns


def socket_of(notice: Notice) -> socket.socket:
    """Our duplicate of the socket a call is about. Raises OSError: EBADF, ENOTSOCK."""
    taken = abi.take_fd(group_of(notice.tid), signed(notice.args[0]))
    try:
        return socket.socket(fileno=taken)
    except OSError:
        os.close(taken)  # no socket: kept, it would hold the other end of a pipe open
        raise
