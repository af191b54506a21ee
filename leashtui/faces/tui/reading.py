"""Which row of the timeline, or which changed file, the person is looking at, and whether it is open.

Knows rows only. Refuses to know cards: while a row is open no card is in view, so none can be approved. Invariant: the
chosen row stays chosen while others come and go, and is forgotten when it is no longer among those shown.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leashtui.faces.tui.row import Row
from leashtui.faces.tui.timeline import Timeline
from leashtui.model.event import Record

_TOP = 1 << 30


class Reading:
    """timeline: where the rows come from. files: whether the changed files are shown in place of the acts."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._chosen: Row | None = None
        self.files = False
        self.open = False
        self.matches: Callable[[Record], bool] | None = None
        self.scroll = 0  # rows below the view
        self.drawn: tuple[int, Sequence[Row]] = (0, ())  # on which line of the column the first of these rows is

    def rows(self) -> list[Row]:
        """What is listed now, oldest or first path first."""
        return self._timeline.files.rows(self.matches) if self.files else self._timeline.rows(self.matches)

    @property
    def row(self) -> Row | None:
        """The chosen row."""
        return self._chosen

    def move(self, step: int) -> None:
        """Choose the next (1) or previous (-1) row; the first step chooses the newest, or the first file."""
        rows = self.rows()
        real = [row for row in rows if row.kind != "folder"]
        if not real:
            return
        at = _index(real, self._chosen)
        first = 0 if self.files else len(real) - 1
        self._chosen = real[first if at is None else min(max(at + step, 0), len(real) - 1)]

    def point(self, line: int) -> bool:
        """Choose the row on a line of the column, or open the chosen one. Returns whether there is a row."""
        top, rows = self.drawn
        row = rows[line - top] if 0 <= line - top < len(rows) else None
        if row is None or row.kind == "folder":
            return False
        self.open, self._chosen = row is self._chosen, row
        return True

    def window(self, rows: Sequence[Row], room: int) -> tuple[int, int]:
        """(first, end) of the rows to draw in `room` lines: those scrolled to, with the chosen one among them."""
        at = _index(rows, self._chosen)
        if at is not None:
            below = len(rows) - 1 - at
            self.scroll = min(max(self.scroll, below - room + 1), below)
        self.scroll = max(0, min(self.scroll, len(rows) - room))
        end = len(rows) - self.scroll
        return max(0, end - room), end

    def page(self, lines: int) -> None:
        """Scroll by `lines`, back in time for positive ones; a chosen row is let go."""
        self._chosen = None
        self.scroll = max(0, self.scroll + lines)

    def show_files(self, files: bool) -> None:
        """Change between acts and files."""
        self.files, self.open, self._chosen, self.scroll = files, False, None, _TOP if files else 0

    def close(self) -> bool:
        """Back out by one step; returns whether there was one."""
        if self.open:
            self.open = False
        elif self._chosen is not None:
            self._chosen, self.scroll = None, 0
        elif self.files:
            self.show_files(False)
        elif self.matches is not None:
            self.matches = None
        else:
            return False
        return True


def _index(rows: Sequence[Row], wanted: Row | None) -> int | None:
    return next((at for at, row in enumerate(rows) if row is wanted), None) if wanted is not None else None
