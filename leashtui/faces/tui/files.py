"""The files that changed in this session: one row a file under its folder, added up over all its changes.

Knows what the watcher reported. Refuses to know which act made a change: the watcher cannot tell. Invariant: a file
that came and went again is still listed, and a protected one keeps its alarm.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.faces.tui.row import Row
from leashtui.model.event import FileChanged, Record
from leashtui.words.plain import one_line

_MOST = 5000
_DIFFS = 20
"""Changes of one file that keep their diff; the journal has all."""
WORDS = {"created": "new", "modified": "changed", "deleted": "removed"}
"""What a change is called in a narrow column."""


class Files:
    """Fed with records in order."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._sums: dict[str, tuple[int, int]] = {}

    def add(self, seq: int, record: Record, event: FileChanged) -> None:
        """One change of one file."""
        path = event.to or event.path
        if event.to:
            self._rows.pop(event.path, None)
        if path not in self._rows and len(self._rows) >= _MOST:
            return
        row = self._rows.setdefault(path, Row(seq, record.t, "file", "", _shown(path)))
        born = row.word == "new"
        row.t, row.word = record.t, "new" if born and event.change == "modified" else WORDS.get(event.change, "moved")
        row.kind = "alarm" if event.protected else row.kind
        plus, minus = self._sums.get(path, (0, 0))
        self._sums[path] = (plus + event.plus, minus + event.minus)
        row.tail = "+{} -{}".format(*self._sums[path]) if any(self._sums[path]) else ""
        row.records = [*row.records, record][-_DIFFS:]

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, matches: Callable[[Record], bool] | None = None) -> list[Row]:
        """Folders and, indented below each, its files, by path."""
        listed: list[Row] = []
        above = ""
        for path, row in sorted(self._rows.items(), key=lambda item: (item[0].rpartition("/")[0], item[0])):
            if matches is not None and not any(map(matches, row.records)):
                continue
            folder = one_line(path.rpartition("/")[0], 400)
            if folder and folder != above:
                listed.append(Row(0, 0, "folder", "", folder + "/"))
            above = folder
            listed.append(row)
        return listed


def _shown(path: str) -> str:
    """The name of a file, indented below its folder where it has one."""
    folder, _, name = path.rpartition("/")
    return ("  " if folder else "") + one_line(name, 400)
