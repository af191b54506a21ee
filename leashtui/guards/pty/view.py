"""One attached face as the pump sees it: a socket, a place in the ring, a window size.

Knows how far this face has read. Refuses to keep the agent's output for it: at most the one frame in flight is its
own. Invariant: nothing here blocks; a face that does not read falls off the ring and gets a GAP.
"""

from __future__ import annotations

import json
import socket

from leashtui.guards.pty import frames
from leashtui.guards.pty.modes import Modes
from leashtui.guards.pty.ring import Ring

_CHUNK = 64 << 10
_TURN = 512 << 10
"""Bytes one face is sent before the others have their turn."""
_SLACK = 1 << 20
"""How far ahead of the ring's oldest byte a replay begins, or the agent would overtake it at once."""
_TAIL = 1 << 20
"""How much of the past a face is shown after a gap."""


class View:
    """connection: made non-blocking. past: the modes that were on at the ring's oldest byte."""

    def __init__(self, connection: socket.socket, size: tuple[int, int], ring: Ring, past: Modes) -> None:
        connection.setblocking(False)
        self.connection = connection
        self.size = size
        self.offset = 0
        self.told_end = False
        self.mask = 0  # what epoll was asked for
        self.paused = False
        self._ring = ring
        self._past = past
        self._decoder = frames.Decoder()
        self._pending = memoryview(b"")

    def greet(self, size: tuple[int, int]) -> None:
        """Queue the hello; size: the terminal's columns and rows as they are."""
        ring = self._ring
        self.offset = (
            ring.start if ring.start == 0 else ring.boundary(max(ring.start, ring.end - ring.capacity + _SLACK))
        )
        hello = {"start": self.offset, "end": ring.end, "cols": size[0], "rows": size[1]}
        self._queue(frames.encode(frames.HELLO, json.dumps(hello).encode()) + self._modes())

    def resized(self, size: tuple[int, int]) -> None:
        """Queue the news that the terminal has another size now."""
        self._queue(frames.encode(frames.SIZED, frames.pack_size(*size)))

    def _queue(self, data: bytes) -> None:
        self._pending = memoryview(bytes(self._pending) + data)

    def _modes(self) -> bytes:
        """An OUTPUT frame with the modes that were on where this view begins to read."""
        modes = self._past.copy()
        for at in range(self._ring.start, self.offset, _CHUNK):
            modes.feed(self._ring.read(at, min(_CHUNK, self.offset - at)))
        restore = modes.restore()
        return frames.encode(frames.OUTPUT, restore) if restore else b""

    def lag(self) -> int:
        """Bytes of output that this face was not yet sent."""
        return self._ring.end - self.offset

    def idle(self) -> bool:
        """Whether nothing waits to be sent."""
        return not self._pending and self.offset == self._ring.end

    def push(self, closed: bool) -> bool:
        """Send what the socket takes; closed: no output will follow. Returns whether there is more to send.

        Raises OSError when the face is gone.
        """
        sent = 0
        while sent < _TURN:
            if not self._pending and not self._next(closed):
                return False
            try:
                taken = self.connection.send(self._pending)
            except BlockingIOError:
                return True
            sent += taken
            self._pending = self._pending[taken:]
        return True

    def _next(self, closed: bool) -> bool:
        """Put the next frame in flight; returns whether there was one."""
        ring = self._ring
        if self.offset < ring.start:
            self.offset = ring.boundary(max(ring.start + min(_SLACK, ring.capacity // 2), ring.end - _TAIL))
            self._pending = memoryview(frames.encode(frames.GAP) + self._modes())
        elif self.offset < ring.end:
            chunk = ring.read(self.offset, _CHUNK)
            self.offset += len(chunk)
            self._pending = memoryview(frames.encode(frames.OUTPUT, chunk))
        elif closed and not self.told_end:
            self.told_end = True
            self._pending = memoryview(frames.encode(frames.CLOSED))
        return bool(self._pending)

    def receive(self) -> list[tuple[bytes, bytes]] | None:
        """Frames from the face, None at its end. Raises FrameError when it speaks rubbish, OSError when it is gone."""
        try:
            data = self.connection.recv(_CHUNK)
        except BlockingIOError:
            return []
        return self._decoder.feed(data) if data else None
