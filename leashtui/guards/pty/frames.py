"""The framing between the pump and its faces: one type byte, four bytes big-endian length, payload.

Knows the envelope only, not what is inside an agent's output. Refuses to carry JSON but for the pump's hello. Pump to
face: HELLO, OUTPUT, GAP, SIZED, CLOSED. Face to pump, after the hello: INPUT, RESIZE. Invariant: a decoder never holds
more than one frame of MAX_PAYLOAD bytes, whatever a peer sends.
"""

from __future__ import annotations

import struct

HELLO = b"H"
"""Pump to face, first: JSON object {"start": ring offset, "end": what is past now, "cols": n, "rows": n}."""
OUTPUT = b"O"
"""Pump to face: bytes the agent wrote, unchanged."""
GAP = b"G"
"""Pump to face, empty: your view lost bytes. Reset the engine; the tail of the ring follows as OUTPUT."""
CLOSED = b"X"
"""Pump to face, empty: the agent's terminal is closed and everything before it was sent."""
SIZED = b"S"
"""Pump to face: the terminal has another size now, payload as in RESIZE. A face may ignore it, and any unknown kind."""
INPUT = b"I"
"""Face to pump: bytes for the agent, unchanged."""
RESIZE = b"R"
"""Face to pump: payload of `resize(cols, rows)`."""

MAX_PAYLOAD = 1 << 20

_HEAD = struct.Struct("!cI")
_SIZE = struct.Struct("!HH")


class FrameError(ValueError):
    """The peer does not speak this framing; the connection is of no more use."""


def encode(kind: bytes, payload: bytes = b"") -> bytes:
    """One frame. kind: one byte. Raises FrameError when the payload is longer than MAX_PAYLOAD bytes."""
    if len(kind) != 1 or len(payload) > MAX_PAYLOAD:
        raise FrameError(f"cannot frame {len(payload)} bytes of kind {kind!r}")
    return _HEAD.pack(kind, len(payload)) + payload


def resize(cols: int, rows: int) -> bytes:
    """A RESIZE frame; both numbers are cut to 1..65535."""
    return encode(RESIZE, pack_size(cols, rows))


def pack_size(cols: int, rows: int) -> bytes:
    """The payload of RESIZE and SIZED; both numbers are cut to 1..65535."""
    return _SIZE.pack(min(max(cols, 1), 0xFFFF), min(max(rows, 1), 0xFFFF))


def size_of(payload: bytes) -> tuple[int, int]:
    """(cols, rows) of a RESIZE or SIZED payload. Raises FrameError on a wrong length or a zero."""
    if len(payload) != _SIZE.size:
        raise FrameError(f"a resize has {_SIZE.size} bytes, not {len(payload)}")
    cols, rows = _SIZE.unpack(payload)
    if not cols or not rows:
        raise FrameError("a terminal has at least one column and one row")
    return cols, rows


class Decoder:
    """Bytes in, whole frames out, however the stream was cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The (kind, payload) pairs completed by `data`, in order. Raises FrameError on a payload over MAX_PAYLOAD."""
        self._buffer += data
        found: list[tuple[bytes, bytes]] = []
        start = 0
        while len(self._buffer) - start >= _HEAD.size:
            kind, length = _HEAD.unpack_from(self._buffer, start)
            if length > MAX_PAYLOAD:
                raise FrameError(f"a frame of {length} bytes is more than {MAX_PAYLOAD}")
            end = start + _HEAD.size + length
            if len(self._buffer) < end:
                break
            found.append((kind, bytes(self._buffer[start + _HEAD.size : end])))
            start = end
        del self._buffer[:start]
        return found
