"""Protected files that changed without an act of the session that was judged for them (tier strict).

There the kernel guard judges each change that the session makes to such a file, so that the watcher has nothing to warn
of. What is left was taken out by git, or changed by somebody beside the session. Knows which paths an allowed act
named. Refuses to judge. Invariant: of a change that somebody answered for, nobody reads that it was not held.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from leashtui.guards.watcher.notices import NOTICES, protected_change, protected_many
from leashtui.model.event import Answered, Decided, FileChanged, Notice, Record
from leashtui.model.request import Action
from leashtui.model.verdict import Ruling

_FILES = frozenset({Action.FILE_WRITE, Action.FILE_DELETE})
_MOST = 10_000


class Unjudged:
    """A subscriber of the session's stream. root: what the watcher's names are relative to. notice: tells a person.
    later: calls a function when what came with this change has been heard."""

    def __init__(
        self, root: str, notice: Callable[[Notice], None], later: Callable[[Callable[[], None]], object]
    ) -> None:
        self._root = root
        self._notice = notice
        self._later = later
        self._asked: dict[str, tuple[str, ...]] = {}
        self._judged: dict[str, None] = {}
        self._waiting: list[FileChanged] = []

    def heard(self, seq: int, record: Record, head: str) -> None:
        """A record was committed (stream.Subscriber)."""
        event = record.event
        if isinstance(event, Decided):
            request = event.request
            if request.action not in _FILES or not request.path:
                return
            paths = tuple(path for path in (request.path, request.was) if path)
            if event.verdict is None:
                self._asked[record.id] = paths
            elif event.verdict.ruling is Ruling.ALLOW:
                self._know(paths)
        elif isinstance(event, Answered):
            paths = self._asked.pop(record.parent, ())
            if event.verdict.ruling is Ruling.ALLOW:
                self._know(paths)

    def changed(self, event: FileChanged) -> None:
        """The watcher told of a change."""
        if not event.protected or event.path.endswith("/"):  # a sum names the folder
            return
        if not self._waiting:
            self._later(self._tell)
        self._waiting.append(event)

    def _know(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            self._judged.pop(path, None)
            self._judged[path] = None
        while len(self._judged) > _MOST:
            del self._judged[next(iter(self._judged))]

    def _tell(self) -> None:
        waiting, self._waiting = self._waiting, []
        unseen = [event for event in waiting if not self._answered_for(event)]
        for event in unseen[:NOTICES]:
            self._notice(protected_change(event))
        if len(unseen) > NOTICES:
            self._notice(protected_many(len(unseen) - NOTICES))

    def _answered_for(self, event: FileChanged) -> bool:
        return any(os.path.join(self._root, name) in self._judged for name in (event.path, event.to) if name)
