"""Follows the agent's terminal like one more face and keeps it, masked, for `leash replay`.

Knows the pump's frames and that a secret may be cut by reads, typed key by key or drawn in pieces: what was shown is
held until it rests, and its last word for as long as that may go on. Refuses to be in anybody's way: a disk that fails
ends the recording and nothing else. Invariant: nothing is written before it was masked together with what follows it.
"""

from __future__ import annotations

import asyncio
import codecs
import json
import socket
from collections.abc import Callable

from leashtui.audit.mask import Masker
from leashtui.audit.veil import veil
from leashtui.guards.pty import frames
from leashtui.stores.recording import Moment, Recording

_REST = 1.0
"""Seconds without output after which what is held is written, all but a word that may go on."""
_FRAME = 0.02
"""What is shown within so many seconds is one moment."""
_HELD = 16 << 10
_TAIL, _WORD = 2 << 10, 512
"""Characters that stay behind when too much is held, and of a word without an end."""
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
        self._held: list[tuple[float, str]] = []
        self._size = 0
        self._rested = False  # what is held still waits for more, however long that takes
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
                    waiting = _REST if self._held and not self._rested else None
                    data = await asyncio.wait_for(loop.sock_recv(ours, _READ), waiting)
                except TimeoutError:
                    self._rest()
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
            self._hold(self._decode(payload))
            if self._size > _HELD:
                self._write(self._before_a_key(self._size - _TAIL))
        elif kind == frames.SIZED:
            self._flush()
            self._sized(*frames.size_of(payload))
        elif kind == frames.HELLO:
            hello = json.loads(payload)
            self._sized(int(hello["cols"]), int(hello["rows"]))

    def _hold(self, text: str) -> None:
        self._rested = False
        now = self._clock()
        if self._held and now - self._held[-1][0] < _FRAME:
            when, before = self._held.pop()
            now, text = when, before + text
            self._size -= len(before)
        self._held.append((now, text))
        self._size += len(text)

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

    def _sized(self, cols: int, rows: int) -> None:
        self._recording.add(Moment(self._clock(), "r", f"{cols}x{rows}"))

    def _before_a_key(self, length: int) -> int:
        """`length`, or less: nothing of a private key whose end has not come."""
        held = "".join(text for _, text in self._held)
        begun = held.rfind(_BEGIN)
        return min(length, begun) if begun >= 0 and _END not in held[begun:] and len(held) < _KEY_MOST * 2 else length

    def _rest(self) -> None:
        """Nothing came for a while: only a word that may go on is held any longer."""
        self._rested = True
        held = "".join(text for _, text in self._held)
        begun = max(held.rfind(sign) for sign in " \t\r\n") + 1
        self._write(begun if len(held) - begun < _WORD else len(held))

    def _flush(self) -> None:
        self._write(self._size)

    def _write(self, length: int) -> None:
        """Mask all that is held; write the first `length` characters of it, and hold the rest."""
        if length <= 0:
            return
        ends: list[int] = []
        at = 0
        for index, (when, text) in enumerate(self._held):
            if at < length < at + len(text):  # cut this moment in two
                cut = length - at
                self._held[index : index + 1] = [(when, text[:cut]), (when, text[cut:])]
                text = text[:cut]
            at += len(text)
            ends.append(at)
            if at >= length:
                break
        now, later = self._held[: len(ends)], self._held[len(ends) :]
        shown = veil(self._masker, [text for _, text in (*now, *later)])
        self._held = [(when, text) for (when, _), text in zip(later, shown[len(now) :], strict=True)]
        self._size = sum(len(text) for _, text in self._held)
        for (when, _), text in zip(now, shown, strict=False):
            if kept := self._of_key(text):
                self._recording.add(Moment(when, "o", kept))
