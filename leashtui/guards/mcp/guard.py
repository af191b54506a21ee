"""The MCP socket of one session: relays and the HTTP endpoint show each line there and are told what becomes of it.

Knows connections and frames. Refuses to know what a line means: the conversation does. Invariant: a line goes on only
after an order for exactly that line; a connection that breaks the frames is closed, which passes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from leashtui.guards.mcp.conversation import Conversation, House, Scope
from leashtui.guards.mcp.rpc import LIMIT
from leashtui.model.errors import GuardError
from leashtui.model.request import Tier

VERSION = "leash-mcp/1"
SOCKET = "mcp.sock"
_MOST = 256
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
        self._writers: set[asyncio.StreamWriter] = set()
        self._scopes: dict[tuple[str, str], Scope] = {}
        self._listener = _listen(directory)
        self._server: asyncio.Server | None = None
        spawn(self._serve())

    async def _serve(self) -> None:
        self._server = await asyncio.start_unix_server(self._meet, sock=self._listener, limit=1 << 20)

    def close(self) -> None:
        """Hang up on everybody and stop serving."""
        if self._server is not None:
            self._server.close()
        self._listener.close()
        for writer in list(self._writers):
            writer.close()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = writer.get_extra_info("socket")
        credentials = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        if struct.unpack("3i", credentials)[1] != self._uid or len(self._writers) >= _MOST:
            writer.close()
            return
        self._writers.add(writer)
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._talk(reader, writer)
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kind, _, data = await _frame(reader)
        try:
            hello = msgspec.json.decode(data, type=_Hello)
        except msgspec.DecodeError:
            return
        if kind != b"H" or hello.v != VERSION:
            return

        def tell(order: bytes, number: int, said: bytes) -> None:
            if not writer.is_closing():
                writer.write(_HEAD.pack(len(said) + 5, order, number) + said)

        why = self._house.admit(hello.key, hello.words)
        if why:
            tell(b"N", 0, why.encode("utf-8", "backslashreplace"))
            return
        tell(b"G", 0, b"")
        scope = self._scopes.setdefault((hello.key, hello.scope), {}) if hello.scope else None
        conversation = Conversation(hello.key, self._house, tell, scope)
        try:
            while True:
                kind, number, data = await _frame(reader)
                if kind == b"c":
                    conversation.from_client(number, data)
                elif kind == b"s":
                    conversation.from_server(number, data)
                elif kind == b"e" or (kind == b"x" and not hello.words):
                    tell(b"Q", 0, b"")
                await writer.drain()
        finally:
            conversation.end()


async def _frame(reader: asyncio.StreamReader) -> tuple[bytes, int, bytes]:
    """(kind, number, bytes). Raises IncompleteReadError at the end and for what is too long."""
    size, kind, number = _HEAD.unpack(await reader.readexactly(_HEAD.size))
    if not 5 <= size <= LIMIT + 5:
        raise asyncio.IncompleteReadError(b"", size)
    return kind, number, await reader.readexactly(size - 5)


def _listen(directory: Path) -> socket.socket:
    """The listening socket inside `directory`, 0600. A long path goes through a descriptor of the directory."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        place = directory / SOCKET
        line.bind(str(place) if len(os.fsencode(place)) <= 100 else f"/proc/self/fd/{handle}/{SOCKET}")
        place.chmod(0o600)
        line.listen(_MOST)
        line.setblocking(False)
    except OSError as error:
        line.close()
        raise GuardError(f"cannot listen in {directory}: {error.strerror}", "run `leash doctor`") from error
    finally:
        os.close(handle)
    return line
