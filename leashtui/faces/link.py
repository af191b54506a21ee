"""The client side of the approver socket: how every face reaches the desk of one session.

Knows the session's directory, NDJSON of `model.wire` and the pump's framing. Refuses to know how anything is shown.
Invariant: nothing is sent before the other end proved to be a process of this user (any user can squat an abstract
socket name), and what arrives in another shape than agreed ends the link instead of being guessed at.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Protocol

import msgspec

from leashtui.guards.pty import frames
from leashtui.model import codec
from leashtui.model.errors import LeashError, Unreachable
from leashtui.model.wire import DeskMessage, Done, FaceMessage, Hello, Refused, Terminal, Welcome
from leashtui.sockets import peer_of

_LINE_LIMIT = 4 << 20
_READ = 64 << 10
_CHUNK = 32 << 10
_TIMEOUT = 10.0
_EARLY = 1 << 20
"""Bytes typed before the agent's terminal is there that are kept for it."""


def read_session(directory: Path) -> dict[str, Any]:
    """The contents of session.json. Raises Unreachable when there is no such session any more."""
    try:
        found = json.loads((directory / "session.json").read_bytes())
    except (OSError, ValueError) as error:
        raise Unreachable(f"no live session in {directory}", "see `leash status`") from error
    if not isinstance(found, dict) or not isinstance(found.get("socket"), str):
        raise Unreachable(f"{directory}/session.json is not a session", "see `leash status`")
    return found


async def _dial(directory: Path) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the session's supervisor whose user was checked. Raises Unreachable."""
    session = read_session(directory)
    try:
        opening = asyncio.open_unix_connection("\0" + session["socket"], limit=_LINE_LIMIT)
        reader, writer = await asyncio.wait_for(opening, _TIMEOUT)
    except (OSError, TimeoutError) as error:
        raise Unreachable("the supervisor does not answer: nothing runs on", "see `leash status`") from error
    _, uid = peer_of(writer.get_extra_info("socket"))
    if uid not in {os.getuid(), 0}:
        writer.close()
        raise Unreachable(f"the session's socket is held by uid {uid}, not by you", "end that process")
    return reader, writer


class Typed(Protocol):
    """Where typed bytes go."""

    def send(self, data: bytes) -> None: ...


class Link:
    """One face's conversation with the desk. Made by `Link.connect`; iterate for messages, `send` to answer."""

    def __init__(
        self,
        directory: Path,
        welcome: Welcome,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        code: str,
    ) -> None:
        self.directory = directory
        self.welcome = welcome
        self._reader = reader
        self._writer = writer
        self._code = code

    @classmethod
    async def connect(
        cls, directory: Path, *, face: str, role: str = "reviewer", backlog: int = 0, code: str = ""
    ) -> Link:
        """Say hello and wait for the welcome. face: tui|plain|cli. backlog: earlier records wanted first.

        Raises Unreachable when nobody answers, LeashError with the desk's reason when it turns us away.
        """
        return await (await cls.knock(directory, face=face, role=role, backlog=backlog, code=code)).opened()

    @staticmethod
    async def knock(directory: Path, *, face: str, role: str = "reviewer", backlog: int = 0, code: str = "") -> Knock:
        """The first half of `connect`: hello is said. Who has long work to do meanwhile keeps nobody waiting for it."""
        reader, writer = await _dial(directory)
        hello = Hello(face=face, role=role, backlog=backlog, code=code, pid=os.getpid())
        writer.write(codec.encode(hello) + b"\n")
        return Knock(directory, reader, writer, code)

    async def __aiter__(self) -> AsyncIterator[DeskMessage]:
        """Messages in order. Ends after Done; raises Unreachable when the supervisor is gone without a Done."""
        while True:
            try:
                line = await self._reader.readline()
                message = codec.decode_desk(line) if line.endswith(b"\n") else None
            except (OSError, ValueError, msgspec.DecodeError) as error:
                raise Unreachable("the supervisor is gone: nothing runs on", "see `leash log`") from error
            if message is None:
                raise Unreachable("the supervisor is gone: nothing runs on", "see `leash log`")
            yield message
            if isinstance(message, Done):
                return

    def send(self, message: FaceMessage) -> None:
        """Queue a message; a lost link shows in the iteration, not here."""
        if not self._writer.is_closing():
            self._writer.write(codec.encode(message) + b"\n")

    async def drain(self) -> None:
        """Wait until queued messages left. Raises Unreachable when they cannot."""
        try:
            await self._writer.drain()
        except OSError as error:
            raise Unreachable("the supervisor is gone: nothing runs on", "see `leash log`") from error

    async def open_terminal(self, cols: int, rows: int) -> TerminalStream:
        """A second connection that carries the agent's terminal. Raises Unreachable."""
        reader, writer = await _dial(self.directory)
        writer.write(codec.encode(Terminal(cols=cols, rows=rows, code=self._code)) + b"\n")
        return TerminalStream(reader, writer)

    def close(self) -> None:
        """Hang up; the session goes on."""
        self._writer.close()


class Knock:
    """A hello that was said and not answered yet."""

    def __init__(self, directory: Path, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, code: str) -> None:
        self._directory = directory
        self._reader = reader
        self._writer = writer
        self._code = code

    async def opened(self) -> Link:
        """The second half of `Link.connect`; its time begins now."""
        try:
            first = codec.decode_desk(await asyncio.wait_for(self._reader.readline(), _TIMEOUT))
        except (OSError, ValueError, TimeoutError, msgspec.DecodeError) as error:
            self._writer.close()
            raise Unreachable("the supervisor does not answer: nothing runs on", "see `leash status`") from error
        if isinstance(first, Welcome):
            return Link(self._directory, first, self._reader, self._writer, self._code)
        self._writer.close()
        if isinstance(first, Refused):
            raise LeashError(first.reason, first.hint)
        raise Unreachable("the session is over", "see `leash log`")


class TerminalStream:
    """The agent's terminal in pump framing. Reads only when asked, so that a slow screen costs the pump nothing.

    What is said before the pump's first word waits for that: the supervisor, which passes the connection on, would read
    it with the question for a terminal, and it would be lost.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._decoder = frames.Decoder()
        self._early: list[bytes] | None = []

    async def frames(self) -> AsyncIterator[tuple[bytes, bytes]]:
        """(kind, payload) pairs until the pump hangs up. Raises FrameError when the other end speaks rubbish."""
        while True:
            try:
                data = await self._reader.read(_READ)
            except OSError:
                return
            if not data:
                return
            if self._early is not None:
                early, self._early = self._early, None
                self._writer.writelines(early)
            for frame in self._decoder.feed(data):
                yield frame

    def _say(self, frame: bytes) -> None:
        if self._early is not None:
            self._early.append(frame)
        else:
            self._writer.write(frame)

    def send(self, data: bytes) -> None:
        """Queue bytes for the agent. Never blocks: a big paste waits in memory, not in the event loop."""
        if not self._writer.is_closing():
            for at in range(0, len(data), _CHUNK):
                self._say(frames.encode(frames.INPUT, data[at : at + _CHUNK]))

    def resize(self, cols: int, rows: int) -> None:
        """Tell the pump this face's window size in cells."""
        if not self._writer.is_closing():
            self._say(frames.resize(cols, rows))

    def close(self) -> None:
        """Hang up; the agent goes on."""
        self._writer.close()


class Typing:
    """What is typed, on its way to the agent's terminal; it is kept while there is none."""

    def __init__(self) -> None:
        self._stream: Typed | None = None
        self._early = b""

    def meet(self, stream: Typed) -> None:
        """The agent's terminal is there, or there again."""
        self._stream = stream
        early, self._early = self._early, b""
        if early:
            stream.send(early)

    def part(self) -> None:
        """It is gone."""
        self._stream = None

    def send(self, data: bytes) -> None:
        """Type these bytes."""
        if self._stream is not None:
            self._stream.send(data)
        elif len(self._early) < _EARLY:
            self._early += data
