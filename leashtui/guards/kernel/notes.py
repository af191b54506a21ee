"""What the file guard writes down about a deed: for undo, whose making a name is, what may be done again quickly.

Before a deed the keeper of undo is told, after it the names that the session made (made.py), and what serves frequent
acts without Python (swift.py) learns or forgets. Knows deeds and spots. Refuses to judge and to do. Invariant: a name
that swift takes for the session's own is the session's own here too, and undo keeps nothing of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from typing import Protocol

from leashtui.guards.kernel.express import Lessons
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.spot import Spot, spot_of
from leashtui.guards.kernel.swift import MADE, NOTED, REMOVED

MAKES = frozenset({Kind.MKDIR, Kind.MKNOD, Kind.SYMLINK, Kind.LINK})
_NO_REPLACE, _EXCHANGE = 1, 2
_FRESH = os.O_CREAT | os.O_EXCL


class Keeper(Protocol):
    """Keeps what a deed is about to destroy (stores.undo)."""

    def before(
        self, kind: str, spot_fd: int, name: bytes, path: str, to: str = "", tid: int = 0, *, lossy: bool = True
    ) -> bool:
        """kind: gone, changed, made, moved, came (moved, and the session's own) or swapped (`to` a path). tid: who does
        it. Called before the deed; never raises. lossy: it is done whatever is lost. False: what is worth keeping would
        be lost; nothing was noted."""
        ...

    def mark(self) -> int:
        """How far the log is."""
        ...

    def void(self, mark: int) -> None:
        """What was noted since then did not happen."""
        ...

    def tape(self, path: str) -> int:
        """Where a line for a thing made at this path is written by others, 0 for nowhere."""
        ...

    def noted(self, paths: Sequence[str], tid: int = 0) -> None:
        """Their lines were written, for this thread."""
        ...

    def lost(self, paths: Sequence[str]) -> None:
        """These were removed, nothing of them is kept, and they were not the session's own."""
        ...


class Lost(Exception):
    """Work of the person's would be gone for good: `path`."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


def is_backup(source: str, target: str) -> bool:
    """Whether a file is only put aside under its own name: `notes.md.bak`, `notes.md~`."""
    return target.startswith(source) and "/" not in target[len(source) :] and target != source


def adds(deed: Deed) -> bool:
    """Whether what is there stays."""
    return deed.kind is Kind.OPEN and bool(deed.flags & os.O_APPEND) and not deed.flags & os.O_TRUNC


def _only_new(deed: Deed) -> bool:
    """Whether it is done only where its last name is free: mv tries that first."""
    if deed.kind is Kind.RENAME:
        return bool(deed.flags & _NO_REPLACE)
    return deed.kind is Kind.OPEN and deed.flags & _FRESH == _FRESH


def _changes_nothing(deed: Deed, spots: list[Spot]) -> bool:
    """Whether both names of a rename are the same file's: then the kernel does nothing."""
    if deed.kind is not Kind.RENAME:
        return False
    one, other = spots[0].found, spots[-1].found
    return one is not None and other is not None and os.path.samestat(one, other)


class Notes:
    """Of one session. keeper: None keeps nothing. may_make: whether this real path may be written unasked."""

    def __init__(self, made: Made, keeper: Keeper | None, may_make: Callable[[str], bool]) -> None:
        self.made = made
        self.lessons: Lessons | None = None
        self._keeper = keeper
        self._may_make = may_make

    def keep(self, deed: Deed, spots: list[Spot], tid: int, *, lossy: bool) -> None:
        """Hand what is about to be lost to the keeper. tid: whose deed it is. Raises Lost where that cannot keep what
        the session did not make, unless it may be lossy."""
        if self._keeper is None or not spots:
            return
        last = spots[-1]
        kind = ""
        if last.found is not None and _only_new(deed):  # it will fail: nothing is lost or moved
            return
        if _changes_nothing(deed, spots):
            return
        if deed.kind is Kind.RENAME and deed.flags & _EXCHANGE:
            self._keeper.before("swapped", spots[0].fd, spots[0].name, spots[0].path, last.path, tid)
            return
        if last.found is None:
            kind = "made" if deed.kind is not Kind.RENAME else ""
        elif deed.kind in (Kind.UNLINK, Kind.RMDIR) or deed.kind is Kind.RENAME:
            kind = "gone"
        elif deed.kind not in MAKES:
            kind = "changed"
        lossy = lossy or last.path in self.made or adds(deed)
        if kind and not self._keeper.before(kind, last.fd, last.name, last.path, "", tid, lossy=lossy):
            raise Lost(last.path)
        if deed.kind is Kind.RENAME:
            if is_backup(spots[0].path, last.path):  # a name that may be removed or written over unasked
                self._keeper.before("changed", spots[0].fd, spots[0].name, spots[0].path, "", tid)
            own = spots[0].path in self.made and not spots[0].is_folder
            kind = "came" if own else "moved"
            self._keeper.before(kind, spots[0].fd, spots[0].name, spots[0].path, last.path, tid)

    def mark(self) -> int:
        """How far undo's log is, for `void`."""
        return self._keeper.mark() if self._keeper is not None else 0

    def void(self, deed: Deed, mark: int) -> None:
        """The deed failed. Only a rename that did not happen must not be undone: anything else that was noted comes to
        what is there anyway, and may have happened in part."""
        if self._keeper is not None and deed.kind is Kind.RENAME:
            self._keeper.void(mark)

    def keep_behind(self, deed: Deed, fd: int, tid: int, *, lossy: bool) -> None:
        """As `keep`, for a deed on what our descriptor `fd` is of the caller's."""
        spot = spot_of(fd) if self._keeper is not None else None
        if spot is not None:
            with contextlib.closing(spot):
                if spot.path not in self.made:
                    self.keep(deed, [spot], tid, lossy=lossy)

    def remember(self, deed: Deed, spots: list[Spot], tid: int) -> None:
        """Which names are the session's own making. tid: whose deed it was."""
        if not spots:
            return
        made, path = self.made, spots[-1].path
        if deed.kind is Kind.RENAME:
            old = spots[0]
            if deed.flags & _EXCHANGE:
                made.exchanged(old.path, path)
                if self.lessons is not None:
                    self.lessons.swift.careful()
            else:
                made.put_aside(old.path, path, itself=is_backup(old.path, path))
                if path in made.aside and self.lessons is not None:
                    self.lessons.swift.aside(path)
                made.moved(old.path, path, replaced=spots[1].found is not None, folder=old.is_folder)
            self._disown(*("",) if old.is_folder or deed.flags & _EXCHANGE else (), old.path, path)
        elif deed.kind in (Kind.UNLINK, Kind.RMDIR):
            made.gone(path)
            made.aside.pop(path, None)
            self._disown(path)
        elif spots[-1].found is None and (deed.kind is Kind.OPEN or deed.kind in MAKES):
            made.made(path, tid)
            self._own(deed, path)

    def express(self, folder: int, name: bytes, path: str, tid: int) -> None:
        """A file was made by the short way (express.py)."""
        if self._keeper is not None:
            self._keeper.before("made", folder, name, path, "", tid)
        self.made.made(path, tid)
        if self.lessons is not None and path in self.made and not self.tape(path):
            self.lessons.swift.own(path)

    def tape(self, path: str) -> int:
        """See Keeper."""
        return self._keeper.tape(path) if self._keeper is not None else 0

    def noted(self, mark: str, paths: Sequence[str], tid: int) -> None:
        """Something was done without us (swift.Swift)."""
        if self._keeper is not None and mark == NOTED:
            self._keeper.noted(paths, tid)
        if self._keeper is not None and mark == REMOVED:
            self._keeper.lost([path for path in paths if path not in self.made])
        for path in paths:
            if mark == REMOVED:
                self.made.gone(path)
                continue
            self.made.made(path, tid)
            if mark == MADE and path not in self.made:  # something of the person's had that name once
                self._disown(path)

    def teach(self, deed: Deed, spots: list[Spot]) -> None:
        """A folder or a link was made, or was there already; a name removed: what is known of where it lies."""
        if self.lessons is None or deed.kind not in (Kind.MKDIR, Kind.LINK, Kind.UNLINK, Kind.RMDIR):
            return
        for spot in spots:
            folder, name = os.fsdecode(spot.folder), os.fsdecode(spot.name)
            if deed.kind in (Kind.UNLINK, Kind.RMDIR):
                self.lessons.removed(folder, spot.fd, name, as_folder=deed.kind is Kind.RMDIR)
            elif self._may_make(spot.path):
                self.lessons.made(folder, spot.fd, name, as_folder=deed.kind is Kind.MKDIR)

    def _own(self, deed: Deed, path: str) -> None:
        if self.lessons is not None and deed.kind is Kind.OPEN and path in self.made and not self.tape(path):
            self.lessons.swift.own(path)

    def _disown(self, *paths: str) -> None:
        if self.lessons is not None:
            for path in paths:
                self.lessons.swift.disown(path)
                if self.made.was_others(path):
                    self.lessons.swift.former(path)
