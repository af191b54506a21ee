"""Looks at the raw characters of a command before anybody parses it: what cannot be seen, what terminals turn round.

Knows Unicode's invisible and reordering characters. Refuses to repair: it reports, and replaces only the characters
that evaluation uses for itself. Invariant: what passes here without a finding reads as it runs.
"""

from __future__ import annotations

import unicodedata

from leashtui.classify.patterns import lazy
from leashtui.classify.values import SENTINELS

_HIDDEN = lazy(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0e\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e007f\U000e0100-\U000e01ef]"
)
_SENTINEL = lazy(f"[{SENTINELS}]")
_JOINED_EMOJI = lazy("(?<=[\u2600-\u27bf\U0001f000-\U0001faff\ufe0f])\u200d(?=[\u2600-\u27bf\U0001f000-\U0001faff])")
_COLOURS = lazy("\x1b\\[[0-9;]*m")


def hidden(text: str) -> tuple[str, ...]:
    """Characters of `text` that a person cannot see or that reorder what is seen, as 'U+202E NAME'."""
    if text.isascii() and text.isprintable():
        return ()
    rest = _COLOURS.sub("", _JOINED_EMOJI.sub("", text)).replace("\r\n", "\n")
    found = set(_HIDDEN.findall(rest))
    if "\r" in rest:
        found.add("\r")
    return tuple(sorted(f"U+{ord(c):04X} {unicodedata.name(c, 'CONTROL CHARACTER')}" for c in found))


def cleaned(text: str) -> str:
    """`text` with Windows line ends as plain ones and evaluation's own characters replaced."""
    if text.isascii() and "\r" not in text:
        return text
    return _SENTINEL.sub("\ufffd", text.replace("\r\n", "\n"))
