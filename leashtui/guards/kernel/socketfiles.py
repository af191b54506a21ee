"""Unix sockets: those that have a name in a folder, and those that have one nowhere.

A program outside of the session that listens at one would act for the person, so only what the session made, what just
looks names up and what a policy allows is called. Knows sockets and where they lie. Refuses to judge. Invariant: what
is called is the very file that was judged, whatever has its name by then.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import os
import socket
from collections.abc import Callable, Iterator
from typing import Protocol

from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.credentials import Masks, borrowed
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.letters import Letter, post
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.silent import is_silent
from leashtui.guards.kernel.spot import Spot, absolute, locate
from leashtui.guards.kernel.streams import is_nonblocking
from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import Action

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


Known = Callable[[Action, str, int, Callable[[], str]], bool]
"""Whether this door (action, host or path, port) was opened before; for this program, where that counts."""


class Makers(Protocol):
    """The file guard, about socket files (guards.kernel.files)."""

    def why_never(self, path: str) -> str: ...

    def may_make(self, path: str) -> bool: ...

    def is_taken(self, path: str) -> bool: ...

    def made(self, path: str) -> None: ...


class SocketFiles(abc.ABC):
    """known: see Known. files: who may make a socket file where. free: unix
    sockets anybody may call, beside those that only look names up."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        known: Known,
        files: Makers,
        free: frozenset[str],
    ) -> None:
        self._listener = listener
        self._holding = holding
        self._known = known
        self._files = files
        self._free = SERVICES | free
        self._bound: dict[str, tuple[int, int, int]] = {}

    @abc.abstractmethod
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
        """Have it decided; then, if it may be, `then` with our duplicate of the caller's socket."""

    def _connect_unix(self, notice: Notice, ours: socket.socket, raw: bytes) -> None:
        """Connect our duplicate to the address it names, at once or after a verdict. Raises OSError."""
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
            self._listener.answer(notice.id)
            return
        spot = self._place(notice, name)
        with contextlib.closing(spot):
            path = spot.path
            # Nobody can listen where nothing is: programs look, then start a server of their own.
            with pinned(spot) as (found, way):
                if self._is_ours(path, found) or self._is_given(notice, path):
                    self._carry_out_here(notice, ours, way)
                    return
        if is_silent(path, ours.type):
            raise OSError(errno.ECONNREFUSED, "a socket that a dead server left")
        self._ask(notice, ours, Action.NET_CONNECT, path, 0, "unix", lambda own: self._again(notice, own, path))

    def _is_given(self, notice: Notice, path: str) -> bool:
        """Whether anybody may call that path, or this program was allowed to."""
        return path in self._free or self._knows(notice, Action.NET_CONNECT, path, 0)

    def _knows(self, notice: Notice, action: Action, host: str, port: int) -> bool:
        return self._known(action, host, port, lambda: self._exe(notice))

    def _exe(self, notice: Notice) -> str:
        """What the caller runs, as requests name it."""
        try:
            return self._holding.program(group_of(notice.tid))
        except (OSError, ValueError):
            return ""

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
        self._listener.refuse(notice.id, code) if code else self._listener.answer(notice.id)

    def _place(self, notice: Notice, name: bytes) -> Spot:
        text = name.partition(b"\0")[0]
        return locate(notice.tid, absolute(notice.tid, abi.AT_FDCWD & 0xFFFFFFFF, text), True)

    def _bind_unix(self, notice: Notice, ours: socket.socket, name: bytes) -> None:
        """Make the socket file, at once or after a verdict. Raises OSError."""
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
        self._listener.answer(notice.id)

    def _deliver_unix(self, notice: Notice, ours: socket.socket, letter: Letter) -> None:
        """Send one letter to the socket file its address leads to; further ones are the caller's to send again."""
        with contextlib.closing(self._place(notice, letter.to[2:])) as spot, pinned(spot) as (found, way):
            if not self._is_ours(spot.path, found) and spot.path not in self._free:
                self._holding.refuse(notice, OUTSIDE)
                return
            letter.to = way
            count = post(notice, ours, letter)
        letter.report(notice.tid, count)
        self._listener.answer(notice.id, 1 if notice.number == nr.SENDMMSG else count)


@contextlib.contextmanager
def pinned(spot: Spot) -> Iterator[tuple[os.stat_result, bytes]]:
    """The file that has this name now, and the address that leads to it whatever has the name next. Raises OSError."""
    handle = os.open(spot.name or b".", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=spot.fd)
    try:
        yield os.fstat(handle), address.unix(b"/proc/self/fd/%d" % handle)
    finally:
        os.close(handle)


def mark_of(found: os.stat_result) -> tuple[int, int, int]:
    """What tells a socket file from one that has its name, and by chance its number, after it."""
    return found.st_dev, found.st_ino, found.st_mtime_ns
