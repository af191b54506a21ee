"""Selecting with the keyboard while looking back: a mark that moves over the agent's lines, and where it was set.

Knows lines counted from the oldest that is kept, so that a selection holds while the view scrolls. Refuses to copy.
Invariant: the mark is always in view.
"""

from __future__ import annotations

from leashtui.faces.tui.lookback import Lookback, Spot

_KEYS = {
    "left": (-1, 0), "h": (-1, 0), "right": (1, 0), "l": (1, 0), "up": (0, -1), "k": (0, -1), "down": (0, 1),
    "j": (0, 1),
}  # fmt: skip
_TO = {"home": "start", "0": "start", "end": "end", "$": "end", "dollar_sign": "end", "w": "word", "b": "back"}


class Caret:
    """lookback: the view it moves in. It begins where something is selected or was found, else in the last line."""

    def __init__(self, lookback: Lookback) -> None:
        self._lookback = lookback
        engine = lookback.engine
        if lookback.selected is not None:
            x, y = min(lookback.selected, key=lambda spot: (spot[1], spot[0]))
        else:
            x, y = next(((0, y) for y in range(engine.rows - 1, -1, -1) if lookback.row(y).strip()), (0, 0))
        self._x, self._line = x, engine.above() + y
        self._from: Spot | None = None
        self._show()

    @property
    def selects(self) -> bool:
        """Whether a selection has begun."""
        return self._from is not None

    def toggle(self) -> None:
        """Begin a selection here, or forget the one that was begun."""
        self._from = None if self._from is not None else (self._x, self._line)
        self._show()

    def key(self, name: str) -> bool:
        """Move. Returns whether this key does."""
        engine = self._lookback.engine
        page = max(1, engine.rows - 1)
        if name in _KEYS:
            dx, dy = _KEYS[name]
            self._x = min(max(self._x + dx, 0), engine.cols - 1)
            self._line += dy
        elif name in {"pageup", "ctrl+b", "pagedown", "ctrl+f", "space"}:
            self._line += -page if name in {"pageup", "ctrl+b"} else page
        elif name in {"g", "G", "upper_g"}:
            self._line = 0 if name == "g" else 1 << 30
        elif name in _TO:
            self._along(_TO[name])
        else:
            return False
        self._show()
        return True

    def _along(self, where: str) -> None:
        """Within the line: its start, its last character, the next word or the one before."""
        row = self._lookback.row(self._line - self._lookback.engine.above())
        cells = self._lookback.cells(row)
        last = max((at for at, cell in enumerate(cells) if cell.strip()), default=0)
        if where == "start":
            self._x = 0
        elif where == "end":
            self._x = last
        else:
            starts = [at for at, cell in enumerate(cells) if cell.strip() and (at == 0 or not cells[at - 1].strip())]
            if where == "word":
                self._x = next((at for at in starts if at > self._x), last)
            else:
                self._x = next((at for at in reversed(starts) if at < self._x), 0)

    def _show(self) -> None:
        engine = self._lookback.engine
        whole = engine.above() + engine.rows + engine.below()
        self._line = min(max(self._line, 0), whole - 1)
        above = engine.above()
        if self._line < above:
            engine.scroll(self._line - above)
        elif self._line >= above + engine.rows:
            engine.scroll(self._line - above - engine.rows + 1)
        above = engine.above()
        here = (self._x, self._line - above)
        begun = here if self._from is None else (self._from[0], self._from[1] - above)
        self._lookback.mark(begun, here)
