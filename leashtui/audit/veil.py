"""Masks what a terminal showed: one word on the screen may have been written in pieces, with other bytes in between.

Knows which bytes show nothing (sequences that move, colour or name). Refuses to draw: what only stands together, or
apart from the word before it, because of where it was put on the screen is not found. Invariants: sequences stay, in
their order and in their part; of a secret nothing stays, nor of its beginning where it was shown growing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from leashtui.audit.mask import Masker

_SEQUENCE = (
    r"(?:\x1b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|[ -/]*[0-~])"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]| \r(?!\n))"  # the last: how line editors go on in the next row
)
_SILENT = re.compile(_SEQUENCE)
_JOINED = re.compile(rf"[\w/+=.-]{_SEQUENCE}+[\w/+=.-]")
_GROWN = 8
"""Characters from which on the beginning of a secret is looked for, too."""
_LONGEST, _MOST = 200, 16

Span = tuple[int, int, str]


def veil(masker: Masker, parts: Sequence[str]) -> list[str]:
    """The parts, which were shown one after the other, without secrets."""
    text = "".join(parts)
    spans = masker.places(text)
    if spans or _JOINED.search(text) is not None:
        spans += _shown(masker, text)
    return _without(parts, spans) if spans else list(parts)


def _shown(masker: Masker, text: str) -> Iterator[Span]:
    """What is a secret once all that shows nothing is left out; each piece of it by itself, the first with its mark."""
    pieces: list[tuple[int, int]] = []
    at = 0
    for silent in _SILENT.finditer(text):
        if silent.start() > at:
            pieces.append((at, silent.start()))
        at = silent.end()
    pieces.append((at, len(text)))
    visible = "".join(text[start:end] for start, end in pieces)
    found = list(masker.places(visible))
    found += _growing(visible, found)
    found.sort()
    offset, first = 0, 0
    for start, end in pieces:
        last = offset + end - start
        while first < len(found) and found[first][1] <= offset:
            first += 1
        for begun, over, label in found[first:]:
            if begun >= last:
                break
            if over > offset:
                here = max(begun, offset)
                yield start + here - offset, start + min(over, last) - offset, label if here == begun else ""
        offset = last


def _growing(text: str, found: Sequence[Span]) -> Iterator[Span]:
    """Beginnings of what was found: typed key by key into a line that is drawn anew each time."""
    for value, label in list({text[start:end]: label for start, end, label in found}.items())[:_MOST]:
        if _GROWN < len(value) <= _LONGEST and value.isascii():
            grown = "|".join(re.escape(value[:length]) for length in range(len(value) - 1, _GROWN - 1, -1))
            for match in re.finditer(rf"(?:{grown})(?![A-Za-z0-9])", text):
                yield *match.span(), label


def _without(parts: Sequence[str], spans: Sequence[Span]) -> list[str]:
    """The parts with each span replaced by its label; spans that overlap become one, named after the first."""
    whole: list[Span] = []
    for start, end, label in sorted(spans, key=lambda span: (span[0], -span[1], not span[2])):
        if whole and start < whole[-1][1]:
            before = whole.pop()
            start, end, label = before[0], max(end, before[1]), before[2] or label
        whole.append((start, end, label))
    out: list[str] = []
    begin = 0
    for part in parts:
        over, at, shown = begin + len(part), begin, []
        for start, end, label in whole:
            if end <= begin or start >= over:
                continue
            shown.append(part[at - begin : max(start, begin) - begin])
            if start >= begin:
                shown.append(label)
            at = min(end, over)
        out.append("".join((*shown, part[at - begin :])))
        begin = over
    return out
