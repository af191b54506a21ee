"""The timeline as lines: columns that fit, times said once, what failed and who decided on the right.

Knows rows and columns. Refuses to know records. Invariant: a line is at most as wide as asked, and its verdict is a
mark and a word before it is a colour.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.cells import cell_len
from rich.text import Text

from leashtui.faces.tui.look import Look
from leashtui.faces.tui.row import Row
from leashtui.faces.tui.spelled import cut

_ROOMY = 56
_WORD = 7
_MARKS = {"allow": "✓", "deny": "✗", "ask": "?", "gone": "–", "note": "·", "file": "~", "alarm": "!", "quiet": "·"}
_CHANGES = {"new": "+", "removed": "-"}
"""Marks of files that came or went."""


def draw_rows(
    rows: Sequence[Row], look: Look, width: int, stamp: Callable[[int], str], chosen: Row | None = None
) -> list[Text]:
    """One line a row; a minute that the line above already says is left blank. chosen: the row under the keys."""
    lines, before = [], ""
    for row in rows:
        if row.kind == "folder":
            lines.append(Text(cut(row.text, width), look.muted, end=""))
            continue
        time = _time(row, width, stamp)
        lines.append(draw_row(row, look, width, "" if time == before else time, chosen is row))
        before = time
    return lines


def _time(row: Row, width: int, stamp: Callable[[int], str]) -> str:
    time = stamp(row.t)
    return time if width >= _ROOMY else time[:5]


def draw_row(row: Row, look: Look, width: int, time: str, chosen: bool = False) -> Text:
    """One row in exactly `width` columns or fewer. time: clock time, '' to leave its column blank."""
    style = {
        "allow": look.allowed,
        "deny": look.refused,
        "ask": look.asked,
        "alarm": look.asked,
        "file": look.noted,
        "note": look.noted,
    }.get(row.kind, look.muted)
    column = 8 if width >= _ROOMY else 5
    line = Text(end="", no_wrap=True).append(f"{time:<{column}}", look.muted)
    line.append("▶" if chosen else " ", look.title)
    mark = _CHANGES.get(row.word, _MARKS[row.kind]) if row.kind == "file" else _MARKS[row.kind]
    line.append(f"{mark} {row.word[:_WORD]:<{_WORD}} ", style)
    room = max(0, width - cell_len(line.plain))
    tail, tone = _tail(row), look.refused if row.exit else look.muted
    tail = cut(tail, max(8, room // 3, room - cell_len(row.text) - 1)) if room > 16 else ""
    words = cut(row.text, room - (cell_len(tail) + 1 if tail else 0))
    line.append(words, look.strong if chosen else look.muted if row.kind == "quiet" else look.text)
    if tail:
        line.append(" " * (room - cell_len(words) - cell_len(tail)), look.muted).append(tail, tone)
    return line


def _tail(row: Row) -> str:
    """What failed, who decided, how much it started."""
    failed = f"exit {row.exit}" if row.exit else ""
    more = f"+{len(row.inside)}" if row.inside and row.kind != "note" else ""
    return " ".join(part for part in (failed, row.tail, more) if part)
