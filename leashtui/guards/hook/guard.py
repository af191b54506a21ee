"""The hook socket of one session: one question a connection, read, handed on, answered, closed.

Knows connections, frames and their ends. Refuses to know what a hook's bytes mean: `hear` does. Invariant: a
connection gets exactly the reply that `hear` gave for its bytes, or nothing; the client takes nothing for a refusal.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from leashtui.model.hook import Reply
from leashtui.model.request import Tier
from leashtui.sockets import listen, peer_of

VERSION = b"leash-hook/1"
LIMIT = 17 << 20
MOST = 256
ROOM = 4 * LIMIT
"""Bytes of all questions together that are not complete yet: who sends many slowly must not take the memory."""
PATIENCE = 10.0
_NONCE = 16


class Pending(Protocol):
    """A question that was heard and not answered yet."""

    def withdraw(self, reason: str) -> None: ...


Hear = Callable[[str, bytes, int, Callable[[Reply], None]], Pending | None]
"""(event, the hook's input, pid of the client, reply) -> what can be withdrawn. Calls reply once, now or later."""


class HookGuard:
    """Serves DIRECTORY/ask.sock in the loop's one thread until closed. uid: the only user whose questions count.

    Raises GuardError when the socket cannot be had.
    """

    name = "hook"
    tier = Tier.WATCH

    def __init__(self, directory: Path, hear: Hear, uid: int, loop: asyncio.AbstractEventLoop) -> None:
        self._hear = hear
        self._uid = uid
        self._loop = loop
        self._open: set[_Connection] = set()
        self._listener = listen(directory, "ask.sock", MOST)
        loop.add_reader(self._listener, self._accept)

    def close(self) -> None:
        """Hang up on what waits and stop serving."""
        if self._listener.fileno() < 0:
            return
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in list(self._open):
            connection.end(b"", "the session ended")

    def _accept(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except (
                OSError
            ):  # nothing waits, or no descriptor is left: callers stay in the backlog, which allows nothing
                return
            line.setblocking(False)
            pid, uid = peer_of(line)
            if uid != self._uid or len(self._open) >= MOST:
                line.close()
                continue
            self._open.add(_Connection(self, line, pid))

    # for connections ---------------------------------------------------------------------------------------------
    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop everything here runs on."""
        return self._loop

    def hear(self, event: str, data: bytes, pid: int, reply: Callable[[Reply], None]) -> Pending | None:
        """Hand a question on."""
        return self._hear(event, data, pid, reply)

    def has_room(self) -> bool:
        """Whether what was heard so far, of all questions, may grow."""
        return sum(connection.heard for connection in self._open) <= ROOM

    def forget(self, connection: _Connection) -> None:
        """It ended."""
        self._open.discard(connection)


class _Connection:
    """One hook call from accept to answer."""

    def __init__(self, guard: HookGuard, line: socket.socket, pid: int) -> None:
        self._guard = guard
        self._line: socket.socket | None = line
        self._pid = pid
        self._data = bytearray()
        self._asked = False
        self._pending: Pending | None = None
        self._deadline = guard.loop.call_later(PATIENCE, self.end, b"", "")
        guard.loop.add_reader(line, self._readable)

    @property
    def heard(self) -> int:
        """Bytes of its question so far."""
        return len(self._data)

    def _readable(self) -> None:
        if self._line is None:
            return
        try:
            piece = self._line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece or self._asked:
            self.end(b"", "the agent ended its hook")
            return
        self._data += piece
        size = int.from_bytes(self._data[:4], "big") if len(self._data) >= 4 else 0
        if size > LIMIT or (size and len(self._data) > 4 + size) or not self._guard.has_room():
            self.end(b"", "")
        elif size and len(self._data) == 4 + size:
            self._ask(bytes(self._data[4:]))

    def _ask(self, message: bytes) -> None:
        nonce, rest = message[:_NONCE], message[_NONCE:].split(b"\0", 2)
        if len(rest) != 3 or rest[0] != VERSION:
            self.end(b"", "")
            return
        self._asked = True
        self._data = bytearray()
        self._deadline.cancel()
        pending = self._guard.hear(
            os.fsdecode(rest[1]), rest[2], self._pid, lambda reply: self.end(_frame(nonce, reply))
        )
        if self._line is not None:
            self._pending = pending

    def end(self, frame: bytes, withdraw: str = "") -> None:
        """Send the last bytes and hang up. withdraw: why a question that still waits is taken back."""
        if self._line is None:
            return
        line, self._line = self._line, None
        self._deadline.cancel()
        self._guard.loop.remove_reader(line)
        self._guard.forget(self)
        with contextlib.suppress(OSError):
            line.setblocking(True)
            line.settimeout(1)
            line.sendall(frame)
        line.close()
        if withdraw and self._pending is not None:
            self._pending.withdraw(withdraw)


def _frame(nonce: bytes, reply: Reply) -> bytes:
    words = [VERSION, nonce.hex().encode(), b"%d" % reply.code, b"%d" % len(reply.stdout), reply.stdout + reply.stderr]
    payload = b"\0".join(words)
    return len(payload).to_bytes(4, "big") + payload
