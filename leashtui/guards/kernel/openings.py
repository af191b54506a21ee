"""TCP ports that a program opened to other machines and nobody was asked about yet: they are open to this machine.

Programs that look for a free port open it at every address and close it at once; a server that stays is asked about
once it has stayed a moment, and serves this machine meanwhile. Knows which sockets were bound so, and which ports were
asked about. Refuses to judge. Invariant: what waits for an answer, got none or was refused listens at loopback only; a
yes opens the port to who listens there next, since the kernel gives nobody back what was tied to a device.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from msgspec.structs import replace

from leashtui.guards.kernel.voice import say
from leashtui.model.ports import Submit, Ticket
from leashtui.model.request import Request
from leashtui.model.verdict import Ruling, Verdict

_GRACE = 1.0
"""Seconds: who only looks whether a port is free has closed it by then."""
_EVERY = 0.5
_MOST = 10_000
HOME = "leash: port %d is open to this machine only (127.0.0.1): others may reach it once the person says so."
NEXT = "leash: port %d may be opened to other machines now: start what listens there again."


class _Open:
    """One port that listens at home and may be asked about. inode: of its socket."""

    def __init__(self, request: Request, inode: int, since: float) -> None:
        self.request = request
        self.inode = inode
        self.since = since
        self.ticket: Ticket | None = None
        self.over = False


class Openings:
    """Of one session. submit: THE path. asks: whether a person would be asked about a request. listening: the inodes
    of the sockets that listen."""

    def __init__(
        self,
        submit: Submit,
        asks: Callable[[Request], bool],
        listening: Callable[[], set[int]] | None = None,
    ) -> None:
        self._submit = submit
        self.asks = asks
        self._listening = listening or listeners
        self._bound: dict[int, None] = {}
        self._watched: dict[int, _Open] = {}
        self._allowed: set[int] = set()
        self._next = 0.0

    def bound(self, inode: int) -> None:
        """This socket was bound to a port that others could reach, and nobody was asked."""
        if len(self._bound) >= _MOST:
            del self._bound[next(iter(self._bound))]  # it stays at home, unasked
        self._bound[inode] = None

    def is_unjudged(self, inode: int) -> bool:
        """Whether this socket was bound so."""
        return inode in self._bound

    def may_open(self, port: int) -> bool:
        """Whether the person allowed it meanwhile."""
        return port in self._allowed

    def at_home(self, request: Request, inode: int) -> None:
        """It listens now, at loopback; ask once for a port, if it stays."""
        known = self._watched.get(request.port)
        if known is not None and (known.over or known.ticket is not None):
            return
        self._watched[request.port] = _Open(replace(request, late=True), inode, time.monotonic())

    def poll(self) -> None:
        """Ask about those that stayed, and forget those that are gone."""
        now = time.monotonic()
        if now < self._next or not any(not w.over for w in self._watched.values()):
            return
        self._next = now + _EVERY
        there = self._listening()
        for port, watch in list(self._watched.items()):
            if watch.over:
                continue
            if watch.inode not in there:
                if watch.ticket is not None:
                    watch.ticket.withdraw("nobody listens there any more")
                del self._watched[port]
            elif watch.ticket is None and now - watch.since >= _GRACE:
                self._ask(port, watch)

    def _ask(self, port: int, watch: _Open) -> None:
        def settle(verdict: Verdict) -> None:
            watch.over = True
            allowed = verdict.ruling is Ruling.ALLOW
            if allowed:
                self._allowed.add(port)
            if watch.request.process is not None:
                say(watch.request.process.pid, (NEXT if allowed else HOME) % port)

        ticket = self._submit(watch.request, settle)
        if not watch.over:
            watch.ticket = ticket


def listeners() -> set[int]:
    """Inodes of the TCP sockets that listen, in our network."""
    found: set[int] = set()
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(f"/proc/net/{name}") as lines:
            next(lines, "")
            for line in lines:
                words = line.split()
                if len(words) > 9 and words[3] == "0A":
                    found.add(int(words[9]))
    return found
