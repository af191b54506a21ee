"""Lines that fit a terminal: how wide text is, where to cut it, and whether to colour it.

Knows cells, NO_COLOR, FORCE_COLOR and TERM. Refuses to know what the text says. Invariant: what is not a terminal
gets whole lines without colour, so that a log can be searched in a pipe.
"""

from __future__ import annotations

import shutil
import sys
import unicodedata
from collections.abc import Mapping
from typing import Any, TextIO

import msgspec

from leashtui.words.plain import visible_json

_CODES = {"green": "32", "yellow": "33", "red": "31", "blue": "34", "dim": "2", "bold": "1", "alarm": "1;31"}


def width(text: str) -> int:
    """Terminal cells of printable text."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def _cells(char: str) -> int:
    if unicodedata.combining(char) or char == "\ufe0f":
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def fit(text: str, cells: int) -> str:
    """`text` in at most `cells` cells, cut with an ellipsis."""
    if width(text) <= cells:
        return text
    kept: list[str] = []
    room = cells - 1
    for char in text:
        room -= _cells(char)
        if room < 0:
            break
        kept.append(char)
    return "".join(kept) + "…" if cells > 0 else ""


def json_line(value: Any) -> str:
    """A line of JSON; a terminal gets none of the characters that it would obey, or that hide."""
    line = msgspec.json.encode(value).decode()
    return visible_json(line) if sys.stdout.isatty() else line


class Paper:
    """Where lines go. cells: width of the terminal, 0 when there is none (then nothing is cut)."""

    def __init__(self, stream: TextIO, environ: Mapping[str, str]) -> None:
        terminal = stream.isatty()
        self.cells = shutil.get_terminal_size().columns if terminal else 0
        self.utf8 = (stream.encoding or "").lower().replace("-", "") == "utf8"
        forced = environ.get("FORCE_COLOR", "") not in ("", "0")
        wanted = terminal and environ.get("TERM") != "dumb"
        self.coloured = (forced or wanted) and not environ.get("NO_COLOR")

    def paint(self, text: str, colour: str) -> str:
        """`text` in a colour, or as it is where there are none."""
        return f"\x1b[{_CODES[colour]}m{text}\x1b[0m" if self.coloured and colour and text else text

    def fit(self, text: str, taken: int = 0) -> str:
        """`text` cut to the cells that are left after `taken`."""
        return fit(text, max(self.cells - taken, 8)) if self.cells else text
