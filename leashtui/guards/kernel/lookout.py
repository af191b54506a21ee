"""The network guard of tier compat: tier strict's, for sockets and callers that may have other views than ours.

Agents with a sandbox of their own have file systems and networks of their own in it. A socket belongs to the network it
was made in, whoever has it by now: those of another network reach nobody but through one of ours, so they are served
unasked. The path of a unix socket is judged by our name of what it leads to for its caller; what only its sandbox has
is its own. Knows whose view is not ours. Refuses to judge. Invariant: a connect, a listen, a bind to a port and what is
sent to an address are done here, on the very socket and address that were judged, but by who is the only thread.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
from typing import Any

from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.doors import DoorGuard
from leashtui.guards.kernel.letters import read_letters
from leashtui.guards.kernel.listener import Notice
from leashtui.guards.kernel.silent import is_silent
from leashtui.guards.kernel.socketfiles import OUTSIDE, mark_of, pinned
from leashtui.guards.kernel.spot import Spot, absolute, locate
from leashtui.guards.kernel.streams import is_alone, pour
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Action

_FAILURES = (OSError, ValueError, IndexError)
_SENDS = frozenset({nr.SENDTO, nr.SENDMSG, nr.SENDMMSG})
_NETNS_COOKIE = 71
_MOST = 4096
"""Names of sockets that are remembered; the server of a later one is asked about."""


class Lookout(DoorGuard):
    """See DoorGuard, whose judgement it is."""

    def __init__(self, views: Views, **more: Any) -> None:
        known, home = more.pop("known"), more.pop("home")
        super().__init__(
            known=lambda *door: self._unasked or known(*door), home=lambda *door: self._unasked or home(*door), **more
        )
        self._views = views
        self._network = os.readlink("/proc/self/ns/net")
        with socket.socket(socket.AF_INET) as probe:
            self._cookie = _cookie_of(probe)
        self._named: set[str] = set()
        self._apart = self._unasked = False

    def _serve(self, notice: Notice, ours: socket.socket) -> None:
        internet = ours.family in (socket.AF_INET, socket.AF_INET6)
        self._apart = not self._is_here(notice, ours)
        self._unasked = self._apart and internet
        if notice.number in _SENDS and not internet:
            self._look_at_letters(notice, ours)
        else:
            super()._serve(notice, ours)

    def _is_here(self, notice: Notice, ours: socket.socket) -> bool:
        """Whether it is a socket of our network. Raises OSError where neither it nor its owner says so."""
        if self._cookie:
            return _cookie_of(ours) == self._cookie
        return os.readlink(f"/proc/{notice.tid}/ns/net") == self._network

    def _look_at_letters(self, notice: Notice, ours: socket.socket) -> None:
        """What a unix or netlink socket sends: goes on by itself where nobody else could swap the socket. OSError."""
        alone = is_alone(notice.tid)
        if ours.family == socket.AF_UNIX and ours.type != socket.SOCK_DGRAM:
            if notice.number == nr.SENDTO:
                raise OSError(errno.EISCONN, "a stream has its address")
            if alone:
                self._listener.resume(notice.id)
            else:
                pour(self._listener, notice, ours)
            return
        letters = read_letters(notice)
        named = [letter.to[2:] for letter in letters if ours.family == socket.AF_UNIX]
        if any(name and self._is_outside(notice, name) for name in named):
            self._holding.refuse(notice, OUTSIDE)
        elif alone:
            self._listener.resume(notice.id)
        elif named and named[0] and not named[0].startswith(b"\0"):
            with self._views.held(notice.tid, self._absolute(notice, named[0])) as there:
                letters[0].to = address.unix(b"/proc/self/fd/%d" % there)
                self._deliver_first(notice, ours, letters)
        else:
            self._deliver_first(notice, ours, letters)

    def _is_outside(self, notice: Notice, name: bytes) -> bool:
        """Whether a datagram to that name is for a program outside. Raises OSError."""
        if name.startswith(b"\0"):
            return not self._apart
        spot = self._seen(notice, name)
        if spot is None:
            return False
        with contextlib.closing(spot):
            known = spot.path in self._free or spot.path in self._named
            return not (spot.found is None or known or self._is_ours(spot.path, spot.found))

    def _connect_unix(self, notice: Notice, ours: socket.socket, raw: bytes) -> None:
        name = raw[2:]
        if not name or name.startswith(b"\0"):
            super()._connect_unix(notice, ours, raw)
            return
        spot = self._seen(notice, name)
        if spot is None:  # a socket file that only its own sandbox has
            with self._views.held(notice.tid, self._absolute(notice, name)) as there:
                self._carry_out_here(notice, ours, address.unix(b"/proc/self/fd/%d" % there))
            return
        with contextlib.closing(spot):
            path = spot.path
            if spot.found is None:
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
            with pinned(spot) as (found, way):
                open_ = self._is_given(notice, path)
                if open_ or self._is_session_s(path, found, way):
                    self._carry_out_here(notice, ours, way)
                    return
        if is_silent(path, ours.type):
            raise OSError(errno.ECONNREFUSED, "a socket that a dead server left")
        self._ask(notice, ours, Action.NET_CONNECT, path, 0, "unix", lambda own: self._again(notice, own, path))

    def _is_session_s(self, path: str, found: os.stat_result, way: bytes) -> bool:
        """Whether a process of the session listens there: that it gave the name once says nothing of who has it now."""
        if self._is_ours(path, found):
            return True
        if path not in self._named:
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            if address.connect(probe, way):
                return False
            if address.peer_pid(probe) != os.getpid():
                return False
        self._bound[path] = mark_of(found)
        return True

    def _bind_unix(self, notice: Notice, ours: socket.socket, name: bytes) -> None:
        if self._views.is_ours(notice.tid):
            super()._bind_unix(notice, ours, name)
            return
        with contextlib.suppress(*_FAILURES):  # where there is no such folder the kernel says so
            spot = self._seen(notice, name)
            if spot is not None:
                with contextlib.closing(spot):
                    if spot.found is None and len(self._named) < _MOST:
                        self._named.add(spot.path)
        self._listener.resume(notice.id)

    def _seen(self, notice: Notice, name: bytes) -> Spot | None:
        """Where the name lies for us; None for what only the caller's own sandbox has. Raises OSError."""
        text: bytes | None = self._absolute(notice, name)
        if text is not None and not self._views.is_ours(notice.tid):
            text = self._views.ours(notice.tid, text, follow=True)
        return locate(notice.tid, text, True) if text is not None else None

    @staticmethod
    def _absolute(notice: Notice, name: bytes) -> bytes:
        return absolute(notice.tid, abi.AT_FDCWD & 0xFFFFFFFF, name.partition(b"\0")[0])


def _cookie_of(made: socket.socket) -> bytes:
    """What names the network a socket was made in; b"" before Linux 5.14."""
    try:
        return made.getsockopt(socket.SOL_SOCKET, _NETNS_COOKIE, 8)
    except OSError:
        return b""
