"""A row of the native engine's packed cells, read as a whole where it is plain ASCII: most rows of most screens are.

A cell is eight bytes, the lowest first: two bits for the kind of content, 21 for a code point, from the 26th bit on 16
for the number of a style, and two from the 42nd for the width. Knows these bits. Refuses every row with another cell in
it. Invariant: what is read here is what reading cell by cell would give; a test compares the two.
"""

from __future__ import annotations

import re

_ONE_POINT = bytes(range(0, 256, 4))
"""First bytes of a cell that holds one code point: its six lowest bits above the kind of content."""
_NARROW = bytes(byte for byte in range(256) if not byte & 0x0C)
"""Sixth bytes of a cell that is one column wide."""
_LOW_BITS = bytes(byte >> 2 for byte in range(256))
_HIGH_BIT = bytes((byte & 1) << 6 for byte in range(256))
_STYLE_BEGINS = bytes(byte & 0xFC for byte in range(256))
_STYLE_ENDS = bytes(byte & 3 for byte in range(256))
_CHANGE = re.compile(rb"[^\0]")


def plain_row(raw: bytes) -> tuple[str, list[int]] | None:
    """The text of a row, and where each run of one style ends; None for a row that is not plain ASCII."""
    first, second, sixth = raw[::8], raw[1::8], raw[5::8]
    if first.translate(None, _ONE_POINT) or second.translate(None, b"\0\1") or sixth.translate(None, _NARROW):
        return None
    if not raw or raw[2::8].translate(None, b"\0\x80"):
        return None
    count = len(first)
    letters = _number(first.translate(_LOW_BITS)) | _number(second.translate(_HIGH_BIT))
    line = letters.to_bytes(count, "little").replace(b"\0", b" ").decode()
    if not line.isprintable():
        return None
    changes = 0
    for part in (raw[3::8].translate(_STYLE_BEGINS), raw[4::8], sixth.translate(_STYLE_ENDS)):
        number = _number(part)
        changes |= number ^ number >> 8  # a byte is not zero where the next cell's differs
    inside = changes.to_bytes(count, "little")[:-1]
    return line, [*(change.end() for change in _CHANGE.finditer(inside)), count]


def _number(data: bytes) -> int:
    return int.from_bytes(data, "little")
