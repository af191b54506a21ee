"""A late face gets the modes that were on, and nothing when none was."""

from __future__ import annotations

import pytest

from leashtui.guards.pty.modes import Modes


def after(*parts: bytes) -> bytes:
    modes = Modes()
    for part in parts:
        modes.feed(part)
    return modes.restore()


@pytest.mark.parametrize(
    ("output", "restored"),
    [
        (b"plain \x1b[31mred\x1b[0m \x1b]0;title\x07", b""),
        (b"\x1b[?1049h\x1b[?25l", b"\x1b[?1049h\x1b[?25l"),
        (b"\x1b[?1000;1006h", b"\x1b[?1000h\x1b[?1006h"),
        (b"\x1b[?1049h then \x1b[?1049l", b"\x1b[?1049l"),
        (b"\x1b[?2004h\x1bc", b""),
        (b"\x1b=\x1b[>1u\x1b[>5u\x1b[<u", b"\x1b=\x1b[>1u"),
        (b"\x1b[>1u\x1b[<9u", b""),
    ],
)
def test_the_last_switch_of_each_mode_counts(output: bytes, restored: bytes) -> None:
    assert after(output) == restored


def test_a_switch_cut_anywhere_counts() -> None:
    text = b"a\x1b[?2004hb\x1b[?1000;1006hc\x1b[>3ud"
    for step in range(1, len(text)):
        parts = [text[at : at + step] for at in range(0, len(text), step)]
        assert after(*parts) == b"\x1b[?2004h\x1b[?1000h\x1b[?1006h\x1b[>3u", step


def test_a_copy_goes_its_own_way() -> None:
    first = Modes()
    first.feed(b"\x1b[?25l")
    twin = first.copy()
    twin.feed(b"\x1b[?1049h")
    assert first.restore() == b"\x1b[?25l"


def test_an_endless_sequence_does_not_pile_up() -> None:
    modes = Modes()
    for _ in range(1000):
        modes.feed(b"\x1b[?" + b"1;" * 500)
    modes.feed(b"\x1b[?25l")
    assert modes.restore() == b"\x1b[?25l"
