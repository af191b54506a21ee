"""A widget that shows lines of plain styled text and nothing else: no markup, no focus, no bindings.

Knows Rich Text made by others. Invariant: a line is drawn cell for cell as given, cut or padded to the width.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.strip import Strip
from textual.widget import Widget


class Sheet(Widget, can_focus=False, inherit_bindings=False):
    """Lines from the top; the rest is `base`. base: style under every line, background included."""

    ALLOW_SELECT = False

    def __init__(self, base: Style, name: str) -> None:
        super().__init__(id=name)
        self.base = base
        self.lines: Sequence[Text] = ()

    def show(self, lines: Sequence[Text]) -> None:
        """Replace the lines; draws only when they differ."""
        if list(lines) != list(self.lines):  # Text compares its characters and its spans
            self.lines = lines
            self.refresh()

    def key_at(self, x: int, y: int, style: Style) -> str:
        """The key whose label, drawn in `style`, or whose words behind it were pointed at; '' for none."""
        found = ""
        if 0 <= y < len(self.lines):
            line = self.lines[y]
            for span in sorted(span for span in line.spans if span.style == style):
                if cell_len(line.plain[: span.start]) <= x < cell_len(line.plain.rstrip(" │┃")):
                    found = line.plain[span.start : span.end].strip()
        return found

    def render_line(self, y: int) -> Strip:
        """Row `y` of the widget."""
        width = self.size.width
        if y >= len(self.lines):
            return Strip.blank(width, self.base)
        return line_strip(self.lines[y], width, self.base)


def line_strip(line: Text, width: int, base: Style) -> Strip:
    """`line` on `base`, exactly `width` cells."""
    plain = line.plain
    cuts = sorted({0, len(plain), *(p for s in line.spans for p in (s.start, min(s.end, len(plain))))})
    segments = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        style = base
        for span in line.spans:
            if span.start <= start and span.end >= end and isinstance(span.style, Style):
                style += span.style
        segments.append(Segment(plain[start:end], style))
    return Strip(segments).adjust_cell_length(width, base)
