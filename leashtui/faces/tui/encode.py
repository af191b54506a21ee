"""What the person does, as the bytes the agent's program expects in the modes it asked for.

Knows keys, pastes and two terminal modes. Refuses to know cards. Invariant: a paste can never end its own bracket,
because no escape character survives in it.
"""

from __future__ import annotations

import re

from textual import events

from leashtui.faces.tui.engine import Modes
from leashtui.faces.tui.parser import RawKey

_CURSOR = re.compile(r"\x1b[\[O]([ABCDHF])")
_NAMED = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "insert": "\x1b[2~",
    "delete": "\x1b[3~",
    "shift+tab": "\x1b[Z",
    "enter": "\r",
    "tab": "\t",
    "escape": "\x1b",
    "backspace": "\x7f",
    "space": " ",
    "ctrl+right_square_bracket": "\x1d",
}


def raw_of(event: events.Key) -> str:
    """The bytes behind a key event, as text. Events made without a terminal are given their usual bytes."""
    if isinstance(event, RawKey):
        return event.raw
    if event.key in _NAMED:
        return _NAMED[event.key]
    if event.key.startswith("ctrl+") and len(event.key) == 6 and event.key[5].isalpha():
        return chr(ord(event.key[5].lower()) - 96)
    return event.character or ""


def key_bytes(event: events.Key, modes: Modes) -> bytes:
    """The bytes for the agent: as typed, except that cursor keys follow its application mode."""
    raw = raw_of(event)
    if match := _CURSOR.fullmatch(raw):
        raw = ("\x1bO" if modes.application_cursor else "\x1b[") + match[1]
    return raw.encode("utf-8", "surrogateescape")


def paste_bytes(text: str, modes: Modes) -> bytes:
    """A paste for the agent: bracketed when it asked for that, line ends as Enter would send them."""
    clean = text.replace("\x00", "").replace("\x1b", "").replace("\x9b", "")
    clean = clean.replace("\r\n", "\r").replace("\n", "\r")
    data = clean.encode("utf-8", "surrogateescape")
    return b"\x1b[200~" + data + b"\x1b[201~" if modes.bracketed_paste else data
