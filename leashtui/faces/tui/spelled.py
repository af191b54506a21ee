"""Commands drawn exactly: hidden characters spelled out, dangerous spans underlined, broken into lines without loss.

Knows characters and columns. Refuses to shorten anything by itself. Invariant: the joined lines hold every character
of the command in order, each either itself or its spelling.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text

from leashtui.faces.tui.look import Look
from leashtui.words.plain import visible

_LOOK_BACK = 24


def spell(command: str, spans: Iterable[tuple[int, int]], look: Look) -> list[tuple[str, Style]]:
    """(shown, style) for each character of `command`. spans: [start, end) ranges in it that are dangerous."""
    danger = bytearray(len(command))
    for start, end in spans:
        for at in range(max(0, start), min(end, len(command))):
            danger[at] = 1
    shown: list[tuple[str, Style]] = []
    for at, char in enumerate(command):
        text = visible(char)
        style = look.hidden if text != char else look.danger if danger[at] else look.strong
        shown.append((text, style))
    return shown


def wrap(shown: Sequence[tuple[str, Style]], width: int) -> list[Text]:
    """Lines of at most `width` cells; breaks at spaces where one is near, and after a spelled-out newline."""
    lines: list[Text] = []
    start = at = used = 0
    while at < len(shown):
        text = shown[at][0]
        cells = cell_len(text)
        if used and used + cells > width:
            cut = at
            for back in range(at - 1, max(start, at - _LOOK_BACK), -1):
                if shown[back][0] == " ":
                    cut = back + 1
                    break
            lines.append(_joined(shown[start:cut]))
            start = at = cut
            used = 0
            continue
        used += cells
        at += 1
        if text == "\\n":
            lines.append(_joined(shown[start:at]))
            start, used = at, 0
    if start < len(shown) or not lines:
        lines.append(_joined(shown[start:]))
    return lines


def fold(text: str, width: int, style: Style) -> list[Text]:
    """A sentence in lines of at most `width` cells, spelled out, in one style."""
    return wrap([(visible(c), style) for c in text], width)


def cut(words: str, width: int) -> str:
    """`words` in at most `width` cells, with an ellipsis when something is missing."""
    if cell_len(words) <= width:
        return words
    words = words[: max(0, width)]
    while words and cell_len(words) > width - 1:
        words = words[:-1]
    return words + "…" if width > 0 else ""


def clip(line: Text, width: int) -> Text:
    """A styled line in at most `width` cells, with an ellipsis when something is missing."""
    if cell_len(line.plain) <= width:
        return line
    short = line.copy()
    short.right_crop(len(line.plain) - len(cut(line.plain, width)) + 1)
    return short.append("…")


def _joined(shown: Sequence[tuple[str, Style]]) -> Text:
    line = Text(no_wrap=True, end="")
    run, style = "", None
    for text, own in shown:
        if own is not style and run:
            line.append(run, style)
            run = ""
        run, style = run + text, own
    if run:
        line.append(run, style)
    return line
