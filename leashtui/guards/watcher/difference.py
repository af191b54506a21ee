"""What changed between two texts, small enough to read. Pure.

Invariant: the work is bounded (the common head and tail are cut first, long middles are only counted), so that no
file an agent writes can stall the watcher.
"""

from __future__ import annotations

import difflib
from collections import Counter

from msgspec import Struct

LARGEST = 64 << 10  # bytes of a file that is compared by line
MOST_LINES = 200
_MIDDLE = 400  # changed lines on one side that difflib is trusted with
_CONTEXT = 3


class Difference(Struct, frozen=True):
    """diff: unified, '' when it is too long, binary or secret. plus, minus: lines."""

    diff: str = ""
    plus: int = 0
    minus: int = 0


def compare(before: bytes | None, after: bytes | None, name: str, *, secret: bool = False) -> Difference:
    """The difference of two file contents; None: the file was not there. Binary contents have none."""
    if any(side is not None and (b"\0" in side or len(side) > LARGEST) for side in (before, after)):
        return Difference()
    old, new = _lines(before), _lines(after)
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    start, end = max(0, head - _CONTEXT), max(0, tail - _CONTEXT)
    old, new = old[start : len(old) - end], new[start : len(new) - end]
    if len(old) > _MIDDLE or len(new) > _MIDDLE:
        gone, come = Counter(old), Counter(new)
        return Difference("", (come - gone).total(), (gone - come).total())
    lines = list(difflib.unified_diff(old, new, n=_CONTEXT, lineterm=""))[2:]
    plus = sum(line.startswith("+") for line in lines)
    minus = sum(line.startswith("-") for line in lines)
    if secret or not lines or len(lines) > MOST_LINES:
        return Difference("", plus, minus)
    names = (
        f"--- {'/dev/null' if before is None else 'a/' + name}",
        f"+++ {'/dev/null' if after is None else 'b/' + name}",
    )
    return Difference("\n".join([*names, *(_moved(line, start) for line in lines)]) + "\n", plus, minus)


def _lines(content: bytes | None) -> list[str]:
    """Lines without their ends; a missing final newline is a line of its own, as diff shows it."""
    if not content:
        return []
    text = content.decode("utf-8", "surrogateescape")
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    else:
        lines[-1] += "\n\\ No newline at end of file"
    return lines


def _moved(line: str, by: int) -> str:
    """A hunk header with its line numbers moved down by the lines that were cut off; other lines as they are."""
    if not line.startswith("@@ "):
        return line
    return "@@ " + " ".join(_shift(part, by) for part in line[3:-3].split(" ")) + " @@"


def _shift(part: str, by: int) -> str:
    number, comma, length = part[1:].partition(",")
    return f"{part[0]}{int(number) + by}{comma}{length}"
