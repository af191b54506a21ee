"""Follows the agent's terminal like one more face and keeps it, masked, for `leash replay`.

Knows the pump's frames and that a secret may be cut by a read: text is held until its line ends or it rests. Refuses to
be in anybody's way: a disk that fails ends the recording and nothing else. Invariant: nothing is written before it was
masked; what is typed one key at a time and echoed so may be spread over moments and cannot be recognised.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import socket
from collections.abc import Callable

from leashtui.audit.mask import Masker
from leashtui.guards.pty import frames
from leashtui.stores.recording import Moment, Recording

_REST = 0.2
"""Seconds without output after which a line without an end is written."""
_HELD = 16 << 10
_READ = 64 << 10
_AGAIN = 0.3


class Recorder:
    """seat: gives a connection to the pump. clock: seconds since the session's start."""

    def __init__(
        self,
        recording: Recording,
        masker: Masker,
        seat: Callable[[socket.socket], None],
        clock: Callable[[], float],
        failed: Callable[[str], None],
    ) -> None:
        self._recording = recording
        self._masker = masker
        self._seat = seat
        self._clock = clock
        self._failed = failed
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._held = ""
        self._since = 0.0

    async def run(self) -> None:
        """Until the agent's terminal is closed, the recording is full or the disk fails."""
        try:
            while not await self._follow() and not self._recording.full:
                await asyncio.sleep(_AGAIN)  # the pump died; another one has the same terminal
            self._flush()
        except OSError as error:
            self._failed(f"the terminal is no longer recorded: {error.strerror or error}")
        finally:
            self._recording.close()

    async def _follow(self) -> bool:
        """Take one pump's frames; returns whether the terminal is closed."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            self._seat(theirs)
        decoder = frames.Decoder()
        loop = asyncio.get_running_loop()
        with ours:
            while not self._recording.full:
                try:
                    waiting = _REST if self._held else None
                    data = await asyncio.wait_for(loop.sock_recv(ours, _READ), waiting)
                except TimeoutError:
                    self._flush()
                    continue
                if not data:
                    return False
                for kind, payload in decoder.feed(data):
                    if kind == frames.CLOSED:
                        return True
                    self._take(kind, payload)
        return True

    def _take(self, kind: bytes, payload: bytes) -> None:
        if kind == frames.OUTPUT:
            if not self._held:
                self._since = self._clock()
            self._held += self._decode(payload)
            at = len(self._held) if len(self._held) > _HELD else self._held.rfind("\n") + 1
            self._write(at)
        elif kind == frames.SIZED:
            self._flush()
            self._size(*frames.size_of(payload))
        elif kind == frames.HELLO:
            hello = json.loads(payload)
            self._size(int(hello["cols"]), int(hello["rows"]))

    def _size(self, cols: int, rows: int) -> None:
        self._recording.add(Moment(self._clock(), "r", f"{cols}x{rows}"))

    def _flush(self) -> None:
        self._write(len(self._held))

    def _write(self, length: int) -> None:
        text, self._held = self._held[:length], self._held[length:]
        if text:
            self._recording.add(Moment(self._since, "o", self._masker.mask(text)))
            self._since = self._clock()
