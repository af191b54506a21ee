"""The last megabytes of an agent's output, addressed by their absolute offset in the stream.

Knows bytes and offsets. Refuses to know who reads them. Invariant: `start <= end`, `end - start <= capacity`, and
memory is taken once, however much is appended.
"""

from __future__ import annotations

CAPACITY = 8 << 20

_LINE = 4096
"""How far a boundary may move to find a line's end."""


class Ring:
    """capacity: bytes kept. Offsets count from the first byte ever appended."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._bytes = bytearray(capacity)
        self.capacity = capacity
        self.end = 0

    @property
    def start(self) -> int:
        """Offset of the oldest byte still held."""
        return max(0, self.end - self.capacity)

    def append(self, data: bytes) -> None:
        """Add at the end, forgetting the oldest bytes beyond the capacity."""
        skipped = max(0, len(data) - self.capacity)
        kept = memoryview(data)[skipped:]
        at = (self.end + skipped) % self.capacity
        first = min(len(kept), self.capacity - at)
        self._bytes[at : at + first] = kept[:first]
        self._bytes[: len(kept) - first] = kept[first:]
        self.end += len(data)

    def read(self, offset: int, limit: int) -> bytes:
        """At most `limit` bytes from `offset` on. Raises LookupError when they are no longer, or not yet, there."""
        if not self.start <= offset <= self.end:
            raise LookupError(f"offset {offset} is outside {self.start}..{self.end}")
        length = min(limit, self.end - offset)
        at = offset % self.capacity
        first = min(length, self.capacity - at)
        return bytes(self._bytes[at : at + first]) + bytes(self._bytes[: length - first])

    def boundary(self, offset: int) -> int:
        """The nearest offset from `offset` on where a terminal can begin to read.

        After a line's end, else at an escape sequence's start, else at a character's start.
        """
        near = self.read(offset, _LINE)
        if (newline := near.find(b"\n")) >= 0:
            return offset + newline + 1
        if (escape := near.find(b"\x1b")) >= 0:
            return offset + escape
        return offset + next((i for i, byte in enumerate(near[:4]) if byte & 0xC0 != 0x80), 0)
