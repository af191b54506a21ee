"""Frames survive any cut of the stream, and nothing a peer sends makes a decoder grow."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leashtui.guards.pty import frames

_FRAMES = st.lists(st.tuples(st.sampled_from([b"H", b"O", b"G", b"X", b"I", b"R"]), st.binary(max_size=300)))


@given(_FRAMES, st.integers(1, 64))
def test_every_cut_of_the_stream_gives_the_same_frames(sent: list[tuple[bytes, bytes]], step: int) -> None:
    wire = b"".join(frames.encode(kind, payload) for kind, payload in sent)
    decoder = frames.Decoder()
    got = [f for at in range(0, len(wire), step) for f in decoder.feed(wire[at : at + step])]
    assert got == sent


def test_the_layout_on_the_wire() -> None:
    assert frames.encode(b"I", b"ls\r") == b"I\x00\x00\x00\x03ls\r"
    assert frames.resize(120, 40) == b"R\x00\x00\x00\x04\x00\x78\x00\x28"
    assert frames.size_of(b"\x00\x78\x00\x28") == (120, 40)


def test_an_oversized_frame_is_refused_at_its_head() -> None:
    with pytest.raises(frames.FrameError):
        frames.Decoder().feed(b"I\x00\x10\x00\x01")
    with pytest.raises(frames.FrameError):
        frames.encode(b"I", bytes(frames.MAX_PAYLOAD + 1))
    assert frames.Decoder().feed(frames.encode(b"I", bytes(frames.MAX_PAYLOAD)))[0][1] == bytes(frames.MAX_PAYLOAD)


@pytest.mark.parametrize("payload", [b"", b"\x00\x50", b"\x00\x50\x00\x00", b"\x00\x00\x00\x18", b"\x00" * 5])
def test_a_bad_size_is_refused(payload: bytes) -> None:
    with pytest.raises(frames.FrameError):
        frames.size_of(payload)
