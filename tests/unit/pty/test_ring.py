"""The ring keeps the newest bytes under their offsets; a face begins to read where a terminal can."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leashtui.guards.pty.ring import Ring


@given(st.lists(st.binary(max_size=40)), st.integers(1, 50), st.integers(0, 60))
def test_it_is_the_tail_of_all_that_was_appended(parts: list[bytes], capacity: int, limit: int) -> None:
    ring, whole = Ring(capacity), b""
    for part in parts:
        ring.append(part)
        whole += part
        assert ring.end == len(whole)
        assert ring.start == max(0, len(whole) - capacity)
        for offset in range(ring.start, ring.end + 1):
            assert ring.read(offset, limit) == whole[offset : offset + limit]


def test_what_fell_out_or_is_not_there_yet_is_an_error() -> None:
    ring = Ring(4)
    ring.append(b"abcdef")
    assert ring.read(2, 9) == b"cdef"
    for offset in (1, 7):
        with pytest.raises(LookupError):
            ring.read(offset, 1)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        (b"ne\nnext", b"next"),
        (b"2J\x1b[H\xc3\xbc", b"\x1b[H\xc3\xbc"),
        (b"\x9f\x91\xa9 after an emoji", b" after an emoji"),
        (b"plain", b"plain"),
        (b"", b""),
    ],
)
def test_a_boundary_is_where_a_terminal_can_begin(text: bytes, begins: bytes) -> None:
    ring = Ring()
    ring.append(text)
    assert ring.read(ring.boundary(0), 100) == begins
