"""The MCP socket of one session: relays and the HTTP endpoint show each line there and are told what becomes of it.

Knows connections and frames. Refuses to know what a line means: the conversation does. Invariant: a line goes on only
after an order for exactly that line; a connection that breaks the frames is closed, which passes nothing.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from leashtui.guards.mcp.conversation import Conversation, House, Scope, Tell
from leashtui.guards.mcp.rpc import LIMIT
from leashtui.model.request import Tier
from leashtui.sockets import listen, peer_of

VERSION = "leash-mcp/1"
SOCKET = "mcp.sock"
_MOST = 256
_ROOM = 4 * LIMIT
_HEAD = struct.Struct(">IcI")


class _Hello(Struct, frozen=True):
    """key: the server, as the agent was armed with. words: how it will be started, () for one behind an address.

    scope: which session of an HTTP server.
    """

    v: str
    key: str
    words: tuple[str, ...] = ()
    scope: str = ""


class McpGuard:
    """Serves DIRECTORY/mcp.sock until closed. uid: the only user who counts. spawn: runs the server's coroutine.

    Raises GuardError when the socket cannot be had.
    """

    name = "mcp"
    tier = Tier.WATCH

    def __init__(
        self, directory: Path, house: House, uid: int, spawn: Callable[[Coroutine[Any, Any, None]], None]
    ) -> None:
        self._house = house
        self._uid = uid
        self._lines: set[_Line] = set()
        self._scopes: dict[tuple[str, str], Scope] = {}
        self._listener = listen(directory, SOCKET, _MOST)
        self._server: asyncio.Server | None = None
        spawn(self._serve())

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Line(self), sock=self._listener)

    def close(self) -> None:
        """Hang up on everybody and stop serving."""
        if self._server is not None:
            self._server.close()
        self._listener.close()
        for line in list(self._lines):
            line.close()

    def welcomes(self, line: _Line, user: int) -> bool:
        """Whether a new connection may speak."""
        if user != self._uid or len(self._lines) >= _MOST:
            return False
        self._lines.add(line)
        return True

    def has_room(self) -> bool:
        """Whether what was heard and is no whole message yet, of all connections, may grow."""
        return sum(line.heard for line in self._lines) <= _ROOM

    def ended(self, line: _Line) -> None:
        """A connection is gone."""
        self._lines.discard(line)

    def begin(self, hello: _Hello, tell: Tell) -> Conversation | str:
        """What the other side begins, or why it may not."""
        why = self._house.admit(hello.key, hello.words)
        if why:
            return why
        scope = self._scopes.setdefault((hello.key, hello.scope), {}) if hello.scope else None
        return Conversation(hello.key, self._house, tell, scope)


class _Line(asyncio.Protocol):
    """One connection: frames become calls of its conversation at once, without a task that would have to wake first."""

    def __init__(self, guard: McpGuard) -> None:
        self._guard = guard
        self._transport: asyncio.Transport | None = None
        self._data = bytearray()
        self._conversation: Conversation | None = None
        self._runs_program = False
        self._unsent = b""  # a welcome, which goes with the first order where that comes at once

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody calls."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        _, user = peer_of(transport.get_extra_info("socket"))
        if not self._guard.welcomes(self, user):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """It hung up."""
        self._guard.ended(self)
        self._end()

    def pause_writing(self) -> None:
        """It does not read: nor is it listened to."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """It reads again."""
        if self._transport is not None:
            self._transport.resume_reading()

    @property
    def heard(self) -> int:
        """Bytes of a message that is not whole yet."""
        return len(self._data)

    def data_received(self, data: bytes) -> None:
        """Some bytes of it."""
        self._data += data
        if not self._guard.has_room():
            self.close()
            return
        at = 0
        while len(self._data) - at >= _HEAD.size and self._is_open():
            size, kind, number = _HEAD.unpack_from(self._data, at)
            if not 5 <= size <= LIMIT + 5:
                self.close()
                return
            if len(self._data) - at < size + 4:
                break
            frame = bytes(self._data[at + _HEAD.size : at + size + 4])
            at += size + 4
            self._heed(kind, number, frame)
        del self._data[:at]
        if self._unsent and self._transport is not None and self._is_open():
            self._transport.write(self._unsent)
        self._unsent = b""

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _is_open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def _tell(self, order: bytes, number: int, said: bytes) -> None:
        if self._transport is not None and self._is_open():
            self._transport.write(self._unsent + _HEAD.pack(len(said) + 5, order, number) + said)
            self._unsent = b""

    def _end(self) -> None:
        if self._conversation is not None:
            self._conversation.end()
        self._conversation = None

    def _heed(self, kind: bytes, number: int, data: bytes) -> None:
        if kind == b"H":
            self._meet(number, data)
        elif self._conversation is None:
            self.close()
        elif kind == b"c":
            self._conversation.from_client(number, data)
        elif kind == b"s":
            self._conversation.from_server(number, data)
        elif kind == b"e" or (kind == b"x" and not self._runs_program):
            self._tell(b"Q", 0, b"")

    def _meet(self, number: int, data: bytes) -> None:
        """It says who it is; again where it is used for another request."""
        self._end()
        try:
            hello = msgspec.json.decode(data, type=_Hello)
        except msgspec.DecodeError:
            self.close()
            return
        if hello.v != VERSION:
            self.close()
            return
        mine = partial(self._tell)  # each conversation's own, by which it knows what began in it
        begun = self._guard.begin(hello, mine)
        if isinstance(begun, str):
            self._tell(b"N", number, begun.encode("utf-8", "backslashreplace"))
            self.close()
            return
        self._unsent = _HEAD.pack(5, b"G", number)
        self._conversation, self._runs_program = begun, bool(hello.words)
