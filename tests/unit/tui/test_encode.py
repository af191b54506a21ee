"""Keys and pastes as the agent's program expects them."""

from __future__ import annotations

import pytest
from textual import events

from leashtui.faces.tui.encode import key_bytes, paste_bytes
from leashtui.faces.tui.engine import Modes
from leashtui.faces.tui.parser import RawKey

PLAIN, APPLICATION = Modes(), Modes(application_cursor=True)


@pytest.mark.parametrize("final", "ABCDHF")
def test_cursor_keys_follow_the_application_mode(final: str) -> None:
    for raw in (f"\x1b[{final}", f"\x1bO{final}"):
        key = RawKey("x", None, raw)
        assert key_bytes(key, PLAIN) == f"\x1b[{final}".encode()
        assert key_bytes(key, APPLICATION) == f"\x1bO{final}".encode()


@pytest.mark.parametrize("raw", ["\x1b[1;5C", "\x1bOP", "\x1b\r", "\x7f", "\x00", "é", "\udcff"])
def test_all_else_is_passed_as_typed(raw: str) -> None:
    assert key_bytes(RawKey("x", None, raw), APPLICATION) == raw.encode("utf-8", "surrogateescape")


def test_keys_made_without_a_terminal_have_their_usual_bytes() -> None:
    assert key_bytes(events.Key("up", None), PLAIN) == b"\x1b[A"
    assert key_bytes(events.Key("ctrl+c", None), PLAIN) == b"\x03"
    assert key_bytes(events.Key("a", "a"), PLAIN) == b"a"


def test_a_paste_is_bracketed_only_when_asked_for() -> None:
    assert paste_bytes("a\nb\r\nc", PLAIN) == b"a\rb\rc"
    assert paste_bytes("a", Modes(bracketed_paste=True)) == b"\x1b[200~a\x1b[201~"


@pytest.mark.parametrize("text", ["x\x1b[201~rm -rf /\r", "\x9b201~evil", "\x1b\x1b[201~", "nul\x00"])
def test_a_paste_cannot_end_its_own_bracket(text: str) -> None:
    sent = paste_bytes(text, Modes(bracketed_paste=True))
    assert sent.startswith(b"\x1b[200~")
    assert sent.endswith(b"\x1b[201~")
    assert b"\x1b" not in sent[6:-6]
    assert b"\x00" not in sent
    assert "\x9b" not in sent.decode()
