"""A face's side of the agent's terminal: nothing is said before the pump has said hello."""

from __future__ import annotations

import asyncio
import socket

from leashtui.faces.link import TerminalStream
from leashtui.guards.pty import frames


def test_what_is_typed_ahead_waits_for_the_pump() -> None:
    """The supervisor reads the question for a terminal; what came with it would be gone."""

    async def talk() -> tuple[bytes, list[tuple[bytes, bytes]]]:
        ours, theirs = socket.socketpair()
        theirs.setblocking(False)
        loop = asyncio.get_running_loop()
        stream = TerminalStream(*await asyncio.open_connection(sock=ours))
        stream.send(b"typed ")
        stream.resize(80, 24)
        await asyncio.sleep(0.05)
        try:
            before = theirs.recv(100)
        except BlockingIOError:
            before = b""
        await loop.sock_sendall(theirs, frames.encode(frames.HELLO, b"{}"))
        said = aiter(stream.frames())
        await anext(said)
        stream.send(b"ahead")
        await asyncio.sleep(0.05)
        heard = list(frames.Decoder().feed(theirs.recv(1000)))
        stream.close()
        theirs.close()
        return before, heard

    before, heard = asyncio.run(talk())
    assert before == b""
    assert [kind for kind, _ in heard] == [frames.INPUT, frames.RESIZE, frames.INPUT]
    assert b"".join(text for kind, text in heard if kind == frames.INPUT) == b"typed ahead"
