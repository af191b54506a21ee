"""What was typed is what comes out, byte for byte; what was pasted never becomes a key."""

from __future__ import annotations

import pytest
from textual import constants, events
from textual.message import Message

from leashtui.faces.tui import parser as room
from leashtui.faces.tui.parser import UNKNOWN, Background, Burst, RawKey, RawParser

TYPED = [
    "\x1b\r", "\x1b\x7f", "\x1bb", "\x1bf", "\x1bB", "\x1b ", "\x1b\t", "\x1b\x03", "\x1bé", "\x1b", "\x1b\x1b",
    "\x1b[A", "\x1bOA", "\x1b[1;5C", "\x1b[1;2D", "\x1b[1;3A", "\x1b[Z", "\x1bOP", "\x1b[15~", "\x1b[24;5~",
    "\x1b[1;2R", "\x1b[27;5;13~", "\x1b[13;2u", "\x1bO", "\x1b[", "\x1b[99;5x", "\x1b\x1b[A", "\x1b[\x1bx",
    "\x1b]52;c;abc\x07", "\x1b[?62;22c", "é", "日本", "\udcff", "hello", *map(chr, range(0x20)), "\x7f",
]  # fmt: skip
"""Everything a person's terminal may send for keys."""


def parsed(*chunks: str, monkeypatch: pytest.MonkeyPatch) -> list[Message]:
    """Events of the chunks, and of the time that passes after them."""
    now = [0.0]
    for place in ("textual._parser.get_time", "leashtui.faces.tui.parser.get_time"):
        monkeypatch.setattr(place, lambda: now[0])
    reader = RawParser()
    found: list[Message] = []
    for chunk in filter(None, chunks):
        found += reader.feed(chunk)
    for _ in range(4):
        now[0] += max(constants.ESCAPE_DELAY, room.HOLD)
        found += reader.tick()
    assert not reader.waiting
    return found


@pytest.mark.parametrize("typed", TYPED, ids=repr)
def test_the_bytes_of_all_keys_are_what_was_typed(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = parsed(typed, monkeypatch=monkeypatch)
    assert "".join(m.raw for m in found if isinstance(m, RawKey)) == typed
    assert all(isinstance(m, RawKey) for m in found)


@pytest.mark.parametrize("typed", [t for t in TYPED if len(t) > 1], ids=repr)
def test_it_does_not_matter_how_the_bytes_were_cut(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = parsed(*typed, monkeypatch=monkeypatch)
    assert "".join(m.raw for m in found if isinstance(m, RawKey)) == typed


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("\x1b\r", "alt+enter"),
        ("\x1b\x7f", "alt+backspace"),
        ("\x1bb", "alt+b"),
        ("\x1bf", "alt+f"),
        ("\x1b", "escape"),
        ("\r", "enter"),
        ("\x1d", "ctrl+right_square_bracket"),
        ("\x1b[1;2R", "shift+f3"),
        ("y", "y"),
    ],
)
def test_keys_have_the_names_the_panel_uses(typed: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (key,) = parsed(typed, monkeypatch=monkeypatch)
    assert isinstance(key, RawKey)
    assert key.key == name


@pytest.mark.parametrize("sequence", ["\x1b[1y", "\x1b[99;y!n", "\x1b]0;y\x07", "\x1b[" + "1" * 40 + "y"])
def test_an_unknown_sequence_is_no_key_of_the_panel(sequence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [m.key for m in parsed(sequence, monkeypatch=monkeypatch) if isinstance(m, RawKey)]
    assert UNKNOWN in names
    assert not {"right_square_bracket", "exclamation_mark"} & set(names)
    if len(sequence) < 30:
        assert "y" not in names


PASTES = ["plain", "a\x1b[31mred\x1b[0m", "\x1by\x1d!y\r", "x" * 100_000, "nul\x00", "日本\n", "\x1b[200~again"]


@pytest.mark.parametrize("text", PASTES, ids=lambda t: repr(t)[:20])
def test_a_paste_is_one_event_and_never_a_key(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = parsed(f"\x1b[200~{text}\x1b[201~", monkeypatch=monkeypatch)
    assert [type(m) for m in found] == [events.Paste]
    assert found[0].text == text


def test_a_paste_cut_anywhere_is_one_paste(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "a\x1b[200~pa\x1b[31mste\x1b[201~b"
    for at in range(len(whole)):
        found = parsed(whole[:at], whole[at:], monkeypatch=monkeypatch)
        assert [m.text for m in found if isinstance(m, events.Paste)] == ["pa\x1b[31mste"], at
        assert "".join(m.raw for m in found if isinstance(m, RawKey)) == "ab"


@pytest.mark.parametrize("text", ["0123456\r" * 500, "\t日本\r\n" * 100, "\udcff" * 64, "y" * 64])
def test_much_text_at_once_is_one_event(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = parsed(text, monkeypatch=monkeypatch)
    assert [type(m) for m in found] == [Burst]
    assert found[0].raw == text
    keys = parsed(*text, monkeypatch=monkeypatch)
    assert all(isinstance(m, RawKey) for m in keys)
    assert "".join(m.raw for m in keys) == text


def test_a_burst_keeps_its_place_and_swallows_no_control_key(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "a\x1b[A" + "x" * 200 + "\x1d" + "z" * 100 + "\x03y\x1b\r" + "w" * 64 + "\x1b]52;c;" + "k" * 100 + "\x07"
    for at in (0, 1, 2, 3, 4, 60, 204, 205, 206, 310, len(whole) - 50):
        found = parsed(whole[:at], whole[at:], monkeypatch=monkeypatch)
        assert "".join(m.raw for m in found if isinstance(m, RawKey | Burst)) == whole, at
        names = [m.key for m in found if isinstance(m, RawKey)]
        assert {"up", "ctrl+right_square_bracket", "ctrl+c", "alt+enter"} <= set(names)


def test_the_terminal_tells_its_background_between_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = "a\x1b]11;rgb:ffff/8080/0000\x1b\\b"
    for at in range(len(whole)):
        found = parsed(whole[:at], whole[at:], monkeypatch=monkeypatch)
        assert [m.colour for m in found if isinstance(m, Background)] == [(255, 128, 0)], at
        assert "".join(m.raw for m in found if isinstance(m, RawKey)) == "ab"


def test_mouse_and_focus_still_arrive(monkeypatch: pytest.MonkeyPatch) -> None:
    found = parsed("\x1b[<0;5;6M\x1b[<0;5;6m\x1b[I\x1b[O", monkeypatch=monkeypatch)
    assert [type(m) for m in found] == [events.MouseDown, events.MouseUp, events.AppFocus, events.AppBlur]
