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
_BEGIN, _KEY, _END = "-----BEGIN ", "PRIVATE KEY", "-----END"
_KEY_MOST = 64 << 10


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
        self._inside, self._tail, self._dropped = False, "", 0

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
            self._write(self._whole())
        elif kind == frames.SIZED:
            self._flush()
            self._size(*frames.size_of(payload))
        elif kind == frames.HELLO:
            hello = json.loads(payload)
            self._size(int(hello["cols"]), int(hello["rows"]))

    def _of_key(self, text: str) -> str:
        """`text` less the lines of a private key that began before it."""
        if self._inside and text:
            text = self._tail + text
            end = text.find(_END)
            self._tail = text[-len(_END) :]
            self._dropped += len(text)
            text = text[end:] if end >= 0 else ""
            self._inside = not text and self._dropped < _KEY_MOST
        begun = text.rfind(_BEGIN)
        if begun >= 0 and _KEY in text[begun:] and _END not in text[begun:]:
            self._inside, self._tail, self._dropped = True, "", 0
        return text

    def _size(self, cols: int, rows: int) -> None:
        self._recording.add(Moment(self._clock(), "r", f"{cols}x{rows}"))

    def _whole(self) -> int:
        """How much of what is held can be written: up to the line before the last, unless a secret joins these two, and
        nothing of a private key whose end has not come."""
        held = self._held
        if len(held) > _HELD:
            return len(held)
        last = held.rfind("\n") + 1
        end = held.rfind("\n", 0, max(last - 1, 0)) + 1
        above, below = held[held.rfind("\n", 0, max(end - 1, 0)) + 1 : end], held[end:last]
        mask = self._masker.mask
        if mask(above + below) != mask(above) + mask(below):
            return 0
        begun = held.rfind(_BEGIN, 0, end)
        return begun if begun >= 0 and _END not in held[begun:end] else end

    def _flush(self) -> None:
        self._write(len(self._held))

    def _write(self, length: int) -> None:
        text, self._held = self._held[:length], self._held[length:]
        text = self._of_key(text)
        if text:
            self._recording.add(Moment(self._since, "o", self._masker.mask(text)))
            self._since = self._clock()
