"""How far a long command has come: one line on stderr, for a person at a terminal who has waited half a second.

Knows counts. Refuses to appear in files, pipes and dumb terminals, or to leave anything behind. Invariant: what is
passed through is the same, in the same order, whether anybody watches or not.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TextIO, TypeVar

from leashtui.words.plain import duration

T = TypeVar("T")
_AFTER = 0.5
_EVERY = 0.1


class Progress:
    """what: a verb in -ing. of: how many there are, 0 where that is not known. unit: their name."""

    def __init__(
        self,
        what: str,
        of: int = 0,
        unit: str = "",
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._of = of
        self._unit = unit
        self._stream = stream or sys.stderr
        self._clock = clock
        self._began = clock()
        self._drawn = float("-inf")
        self._shown = False
        self._watched = self._stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self.done = 0

    def step(self, count: int = 1) -> None:
        """So many more are done."""
        self.done += count
        self.look()

    def look(self) -> None:
        """Draw the line anew, where it is time."""
        now = self._clock()
        if not self._watched or now - self._began < _AFTER or now - self._drawn < _EVERY:
            return
        self._drawn, self._shown = now, True
        part = f"{self.done:,} of {self._of:,}" if self._of else f"{self.done:,}"
        bar = ""
        if self._of:
            full = min(20, 20 * self.done // self._of)
            bar = f" [{'#' * full}{'.' * (20 - full)}] {min(100, 100 * self.done // self._of)} %"
        line = f"leash: {self._what} {part} {self._unit}{bar}  {duration(now - self._began)}"
        self._stream.write(f"\r\x1b[K{line}")
        self._stream.flush()

    def close(self) -> None:
        """Take the line away."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
            self._shown = False


def watched(items: Iterable[T], progress: Progress) -> Iterator[T]:
    """The same items, with the line drawn between them and gone while one is looked at."""
    progress.look()
    try:
        for item in items:
            progress.step()
            progress.close()
            yield item
            progress.look()
    finally:
        progress.close()
