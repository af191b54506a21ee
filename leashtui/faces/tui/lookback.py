"""Looking back in the agent's terminal: scrolling, searching, selecting with the mouse, and what is copied.

Knows rows of text as the engine shows them. Refuses to change anything the agent sees: the engine goes on below the
view. Invariant: what is copied is text of the screen, without control characters.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable

from rich.cells import cell_len, set_cell_size

from leashtui.faces.tui.engine import Engine

MOST = 256 << 10
"""Characters that one copy may hold."""
_URL = re.compile(r"(?:https?|ftp|file)://[^\s<>\"'`{}|\\^\[\]]+[^\s<>\"'`{}|\\^\[\].,;:!?)]")
_WORD = re.compile(r"[^\s\"'`()\[\]{}<>|,;│┃]+")
Spot = tuple[int, int]


class Lookback:
    """State of one view. engine: whose rows; fresh: told whenever the view must be drawn again."""

    def __init__(self, engine: Engine, fresh: Callable[[], None]) -> None:
        self.engine = engine
        self._fresh = fresh
        self._from: Spot | None = None
        self.open = False
        self.selected: tuple[Spot, Spot] | None = None
        self.wanted = ""

    def scroll(self, lines: int) -> None:
        """Move by `lines`, back for negative ones; at the present the view is the agent's again."""
        if lines < 0:
            self.open = True
        if not lines or self.engine.scroll(lines) == 0:
            if not lines:
                self.engine.scroll(0)
            self.open = self.open and lines < 0
        self.selected = None
        self._fresh()

    def close(self) -> None:
        """Back to the present."""
        self.engine.scroll(0)
        self.open, self.selected = False, None
        self._fresh()

    def find(self, words: str, step: int = -1) -> bool:
        """Show the next line that holds `words` (small letters match large ones), upward for -1. Whether there is."""
        self.wanted = words or self.wanted
        if not self.wanted:
            return False
        engine, rows = self.engine, self.engine.rows
        at = self.selected[0][1] if self.selected else (rows if step < 0 else -1)
        came = engine.below()
        while True:
            order = range(at - 1, -1, -1) if step < 0 else range(at + 1, rows)
            for y in order:
                if self._found_in(y):
                    return True
            before = engine.below()
            engine.scroll(step * max(1, rows - 1))  # what goes on in the next row is seen as well
            moved = abs(engine.below() - before)
            if moved == 0:
                break
            engine.changed()
            at = moved if step < 0 else rows - moved - 1
        engine.scroll(0)
        if came:
            engine.scroll(-came)
        self._fresh()
        return False

    def _found_in(self, y: int) -> bool:
        """Select the first place in row `y` where what is wanted begins, if there is one."""
        row = self.row(y)
        text = row + (self.row(y + 1) if self.engine.wraps(y) else "")
        at = text.lower().find(self.wanted.lower())
        if not 0 <= at < len(row):
            return False
        start = cell_len(text[:at])
        self.open, self.selected = True, self._spots(y, start, start + cell_len(text[at : at + len(self.wanted)]))
        self._fresh()
        return True

    def _spots(self, y: int, start: int, end: int) -> tuple[Spot, Spot]:
        """First and last cell of what lies from `start` up to `end`, counted in cells from the beginning of row `y`."""
        cols = self.engine.cols
        last = max(start, end - 1)
        return (start % cols, y + start // cols), (last % cols, y + last // cols)

    def _whole(self, y: int) -> tuple[int, str]:
        """The line that row `y` is part of, as far as it is in view: its first row, and its cells as text."""
        first = last = y
        while first > 0 and self.engine.wraps(first - 1):
            first -= 1
        while last + 1 < self.engine.rows and self.engine.wraps(last):
            last += 1
        return first, "".join(self.row(at) for at in range(first, last + 1))

    def row(self, y: int) -> str:
        """The text of a row of the view."""
        self.engine.changed()
        return self.engine.strip(y).text

    def cells(self, row: str) -> list[str]:
        """A row's text, one string a cell; the second cell of a wide character is its own."""
        found: list[str] = []
        for char in row:
            width = cell_len(char)
            if width == 0 and found:
                found[-1] += char
            found += [char] * width
        return found

    def mark(self, first: Spot, last: Spot) -> None:
        """Select from one cell of the view to another; their lines may lie outside of it."""
        self.open, self.selected = True, (first, last)
        self._fresh()

    def unmark(self) -> None:
        """Nothing is selected any more; the view stays."""
        self.selected = None
        self._fresh()

    # the mouse ------------------------------------------------------------------------------------------------------
    def press(self, x: int, y: int) -> None:
        """The button went down: a selection may begin here."""
        self._from, self.selected = (x, y), None
        self._fresh()

    def drag(self, x: int, y: int) -> None:
        """The pointer moved with the button held."""
        if self._from is not None and (self._from != (x, y) or self.selected):
            self.selected = (self._from, (x, y))
            self._fresh()

    def release(self, x: int, y: int) -> str:
        """The button went up. Returns what is to be copied: the selection, or the target of the link clicked on."""
        pressed, self._from = self._from, None
        if self.selected:
            return self.text()
        return self.link(x, y) if pressed == (x, y) else ""

    def take_word(self, x: int, y: int) -> None:
        """Select the word at a cell; it may go on in other rows."""
        first, text = self._whole(y)
        self._from = None
        if (found := self._at(_WORD, x, y)) is not None:
            self.mark(*self._spots(first, cell_len(text[: found.start()]), cell_len(text[: found.end()])))

    def take_line(self, y: int) -> None:
        """Select the whole line that row `y` is part of."""
        first, text = self._whole(y)
        self._from = None
        if text.strip():
            self.mark(*self._spots(first, 0, cell_len(text.rstrip())))

    def _at(self, pattern: re.Pattern[str], x: int, y: int) -> re.Match[str] | None:
        """What `pattern` finds at a cell."""
        first, text = self._whole(y)
        at = (y - first) * self.engine.cols + x
        return next(
            (m for m in pattern.finditer(text) if cell_len(text[: m.start()]) <= at < cell_len(text[: m.end()])), None
        )

    def link(self, x: int, y: int) -> str:
        """The target of the link at a cell, or the address written there."""
        target = self.engine.link(x, y)
        if not target and (found := self._at(_URL, x, y)) is not None:
            target = found.group()
        return "".join(c for c in target if c.isprintable())

    def span(self, y: int) -> tuple[int, int] | None:
        """First and last selected column of a row, None where nothing is."""
        if self.selected is None:
            return None
        (x1, y1), (x2, y2) = sorted(self.selected, key=lambda spot: (spot[1], spot[0]))
        if not y1 <= y <= y2:
            return None
        return (x1 if y == y1 else 0), (x2 if y == y2 else self.engine.cols - 1)

    def text(self) -> str:
        """The selected text, which may reach beyond the view, or the whole page without one; wrapped lines in one."""
        engine = self.engine
        (x1, y1), (x2, y2) = self._ends()
        lines: list[str] = []
        length, moved, goes_on = 0, 0, False
        if y1 < 0:  # what lies outside is shown for a moment
            before = engine.above()
            engine.scroll(y1)
            moved = engine.above() - before
        for y in range(y1, y2 + 1):
            at = y - moved
            if at >= engine.rows:
                before = engine.above()
                engine.scroll(at - engine.rows + 1)
                step = engine.above() - before
                moved, at = moved + step, at - step
            if not 0 <= at < engine.rows or length > MOST:
                break
            row = self.row(at)
            head = set_cell_size(row, x1) if y == y1 else ""
            end = x2 + 1 if y == y2 else engine.cols
            part = set_cell_size(row, end)[len(head) :]
            if not goes_on:
                lines.append("")
            elif cell_len(row[:1]) == 2:
                lines[-1] = lines[-1].removesuffix(" ")  # the free cell before a wide character that did not fit
            goes_on = y < y2 and engine.wraps(at)
            lines[-1] += part if goes_on else part.rstrip()
            length += len(part) + 1
        if moved:
            engine.scroll(-moved)
        self._fresh()
        return "\n".join(lines)[:MOST].strip("\n")

    def _ends(self) -> tuple[Spot, Spot]:
        """Where the selection begins and ends, the whole page without one."""
        if self.selected is None:
            return (0, 0), (self.engine.cols - 1, self.engine.rows - 1)
        first, last = sorted(self.selected, key=lambda spot: (spot[1], spot[0]))
        return first, last


def clipboard(text: str, *, multiplexed: bool) -> str:
    """What asks the person's terminal to take `text` into its clipboard (OSC 52), past tmux where that lets it."""
    clean = "".join(c for c in text if c.isprintable() or c in "\n\t")
    asked = f"\x1b]52;c;{base64.b64encode(clean.encode()).decode()}\x07"
    return asked + ("\x1bPtmux;" + asked.replace("\x1b", "\x1b\x1b") + "\x1b\\" if multiplexed else "")
