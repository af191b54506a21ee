"""What the person reads: the agent's text and leash's lines, one after the other, never mixed in one line.

Knows the tag that marks leash's lines, and where the last line ended. Refuses to know what is said. Invariant: every
line of leash begins at a line's start with `leash TAG:`, where TAG was drawn at the start and is shown to nobody else.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_CONSONANTS, _VOWELS = "bdfghjklmnprstvwz", "aeiou"


def draw_tag(choose: Callable[[str], str]) -> str:
    """Three letters that can be spoken. choose: draws one letter of a text, from a good source."""
    return choose(_CONSONANTS) + choose(_VOWELS) + choose(_CONSONANTS)


class Paper:
    """fd: written blocking. terminal: it is one, so carriage returns mean something."""

    def __init__(self, fd: int, tag: str, terminal: bool) -> None:
        self._fd = fd
        self._terminal = terminal
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
        self._write(start + "".join(f"{self._mark}{line}\n" for line in lines))
        self._fresh = True

    def ring(self) -> None:
        """Call the person."""
        if self._terminal:
            self._write("\a")

    def _write(self, text: str) -> None:
        data = memoryview(text.encode("utf-8", "replace"))
        while data:
            data = data[os.write(self._fd, data) :]


def _styled() -> bool:
    return os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


def is_styled(fd: int) -> bool:
    """Whether colours mean something there."""
    return os.isatty(fd) and _styled()
