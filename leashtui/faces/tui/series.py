"""Many files that change alike at once: the first few have rows of their own, all others share one.

Knows rows of changed files. Refuses to fold what is protected or was moved. Invariant: every record stays in a row, and
the shared row says how many files it is about and where they lie.
"""

from __future__ import annotations

import os

from leashtui.faces.tui.row import Row
from leashtui.model.event import FileChanged, Record
from leashtui.words.plain import count, one_line

_FEW = 4
"""Rows before a row is shared."""
_APART = 2_000_000
"""Microseconds between two changes that still belong together."""


class Series:
    """The changes that came one after the other, without anything else between them."""

    def __init__(self) -> None:
        self._row: Row | None = None
        self._word = ""
        self._length = self._t = self._plus = self._minus = 0
        self._folder = ""

    def add(self, row: Row, record: Record, event: FileChanged, last: Row | None) -> Row | None:
        """The row that is to be added, None where it is part of an earlier one. last: the newest row there is."""
        folder = os.path.dirname(event.path)
        alone = event.protected or event.to or event.count > 1
        goes_on = last is not None and last is self._row and row.word == self._word and record.t - self._t <= _APART
        if alone or not goes_on:
            self._length = self._plus = self._minus = 0
        self._row, self._word, self._t = (None if alone else row), row.word, record.t
        if alone:
            return row
        self._length += 1
        if self._length <= _FEW:
            if self._length == _FEW:
                self._folder, self._plus, self._minus = folder, event.plus, event.minus
            return row
        assert last is not None
        self._row = last
        self._plus, self._minus = self._plus + event.plus, self._minus + event.minus
        self._folder = _common(self._folder, folder)
        where = f" in {self._folder}/" if self._folder else ""
        last.text = one_line(f"{count(self._length - _FEW + 1, 'more file')}{where}", 400)
        last.tail = f"+{self._plus} -{self._minus}" if self._plus or self._minus else ""
        last.records.append(record)
        return None


def _common(one: str, other: str) -> str:
    """The folder that holds both, '' for the workspace itself."""
    return os.path.commonpath([one, other]) if one and other and os.path.isabs(one) == os.path.isabs(other) else ""
