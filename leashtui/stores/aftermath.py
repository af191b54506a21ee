"""How a session left the paths that it touched, read from its log: what differs from that is others'.

Knows the lines of the log (undo.py) and the signs written at the end. Refuses to look at the disk itself. Invariant:
what is not known to be the session's own state is never called so: `left` says None.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from leashtui.stores.settling import Sign
from leashtui.stores.undo import NOTES, Step


class Aftermath:
    """Of one session. lines: its log, paths as they are. after: how it left each path at its end, None where that is
    not known: it still runs, or was cut off."""

    def __init__(self, lines: Iterable[Step], after: Mapping[str, Sign] | None) -> None:
        self._known: dict[str, Sign] = {}
        self._theirs: dict[str, int] = {}
        steps = 0
        for line in lines:
            if line.what in ("settled", "undone"):
                self._known[line.path] = (line.mode, line.count, line.mtime)
            elif line.what == "again":
                self._known.pop(line.path, None)
            elif line.what == "theirs":
                self._theirs[line.path] = steps
            elif line.what == "void":
                steps -= line.count
            elif line.what not in NOTES:
                steps += 1
                self._forget(line)
        if after is not None:
            self._known = dict(after)

    def left(self, path: str) -> Sign | None:
        """How the session left it, None where that is not known."""
        return self._known.get(path)

    def is_lost(self, path: str, places: Sequence[int]) -> bool:
        """Whether taking back the steps at these places of the log goes back behind what somebody else wrote there
        while the session ran, and what it went on with."""
        return any(place < self._theirs.get(path, 0) for place in places)

    def _forget(self, step: Step) -> None:
        for path in (step.path, step.to):
            self._known.pop(path, None)
            if step.to and step.mode:
                below = path.rstrip("/") + "/"
                for name in [name for name in self._known if name.startswith(below)]:
                    del self._known[name]
