"""What the person reads: the agent's text and leash's lines, one after the other, never mixed in one line.

Knows the tag that marks leash's lines, and where the last line ended. Refuses to know what is said. Invariant: every
line of leash begins at a line's start with `leash TAG:`, where TAG was drawn at the start and is shown to nobody else.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterator

_NARROW = 20
"""Cells below which folding would hinder more than it helps."""
_CONSONANTS, _VOWELS = "bdfghjklmnprstvwz", "aeiou"


def draw_tag(choose: Callable[[str], str]) -> str:
    """Three letters that can be spoken. choose: draws one letter of a text, from a good source."""
    return choose(_CONSONANTS) + choose(_VOWELS) + choose(_CONSONANTS)


class Paper:
    """fd: written blocking. columns: of the terminal it is, where carriage returns mean something; None for a file."""

    def __init__(self, fd: int, tag: str, columns: Callable[[], int] | None) -> None:
        self._fd = fd
        self._terminal = columns is not None
        self._columns = columns
        self._mark = f"leash {tag}: "
        self._fresh = True

    def pass_on(self, text: str) -> None:
        """Print the agent's washed text."""
        text = text.replace("\r\n", "\n")
        if not self._terminal:
            text = text.replace("\r", "\n")
        if text:
            self._write(text)
        if shown := text.rstrip("\r"):
            self._fresh = shown[-1] == "\n"

    def typed(self) -> None:
        """The person ended a line with Enter on this terminal."""
        self._fresh = True

    def say(self, *lines: str) -> None:
        """Print lines of leash's own."""
        start = "" if self._fresh else "\x1b[0m\n" if self._terminal and _styled() else "\n"
        room = self._columns() - len(self._mark) if self._columns else 0
        rows = (row for line in lines for row in (folded(line, room) if room >= _NARROW else [line]))
        self._write(start + "".join(f"{self._mark}{row}\n" for row in rows))
        self._fresh = True

    def ring(self, out: str) -> None:
        """Call the person with these bytes."""
        if self._terminal:
            self._write(out)

    def _write(self, text: str) -> None:
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            data = data[os.write(self._fd, data) :]


def folded(line: str, room: int) -> Iterator[str]:
    """A line in rows of at most `room` cells, broken behind a space where there is one, with nothing left out but a
    space that would not fit: a terminal would give it a row of its own.

    What follows stands two cells further in than the line itself.
    """
    indent = " " * min(len(line) - len(line.lstrip(" ")) + 2, room // 3)
    while line:
        used, fits = 0, len(line)
        for at, char in enumerate(line):
            used += 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1
            if used > room:
                fits = at
                break
        if fits == len(line):
            yield line
            return
        if line[fits] == " ":
            yield line[:fits]
            line = indent + line[fits + 1 :] if fits + 1 < len(line) else ""
            continue
        space = line.rfind(" ", len(line) - len(line.lstrip(" ")), fits) + 1
        cut = space if space > fits // 3 else max(fits, 1)
        yield line[:cut]
        line = indent + line[cut:]


def _styled() -> bool:
    return os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


def is_styled(fd: int) -> bool:
    """Whether colours mean something there."""
    return os.isatty(fd) and _styled()
