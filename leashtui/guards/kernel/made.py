"""What the session made itself: names that nothing bore before, and that bear what was made, until they are gone.

The session may remove what it made. So a name that somebody else's file had, or that such a file was moved to, is none
of its own, however often it is removed and made again. Knows names. Refuses to look at contents. Invariant: a name is
only ever held for the session's own while what lies there was made in the session.
"""

from __future__ import annotations

import os
from collections.abc import Callable

_MOST = 200_000
_WALK = 20_000
_ASIDE = 10_000


class Made:
    """Of one session. watched: whether every change of a name is told here; only then absence means anything."""

    def __init__(self) -> None:
        self.watched = False
        self.kept: Callable[[str], bool] = lambda path: False  # whether undo has what the session changed there
        self._names: dict[str, int] = {}  # and the thread that made it, 0 for none that is known
        self._former: dict[str, int] = {}
        self._past: dict[str, int] = {}
        self.aside: dict[str, str] = {}  # names under which somebody else's files were put aside, and their own

    def __contains__(self, path: str) -> bool:
        return path in self._names

    def was_others(self, path: str) -> bool:
        """Whether somebody else's file once had this name."""
        return path in self._former

    def made(self, path: str, tid: int = 0) -> None:
        """Something was made where nothing was. tid: by whom."""
        if path not in self._former:
            _put(self._names, path, tid)

    def maker(self, path: str) -> int:
        """The thread that made what has this name, 0 for none that is known."""
        return self._names.get(path, 0)

    def gone(self, path: str) -> None:
        """What lay there was removed."""
        if self._names.pop(path, None) is None:
            _put(self._former, path)
            self._past.pop(path, None)
        else:
            _put(self._past, path)

    def has_gone(self, path: str) -> bool:
        """Whether what had this name last was the session's own, and was removed or moved by it."""
        return path in self._past and path not in self._names

    def moved(self, source: str, target: str, *, replaced: bool, folder: bool) -> None:
        """What lay at `source` has the name `target` now. replaced: something else had it before."""
        own, tid = source in self._names, self.maker(source)
        before = target in self._names if replaced else target not in self._former
        inside = [p for p in self._names if p.startswith(source + "/")] if folder else []
        self.gone(source)
        self._names.pop(target, None)
        if own and before:
            _put(self._names, target, tid)
        for old in inside:
            _put(self._past, old)
            self.made(target + old[len(source) :], self._names.pop(old))

    def put_aside(self, old: str, new: str, *, itself: bool) -> None:
        """A file is about to be renamed. itself: only put aside under its own name: then it stays what it is."""
        own = self.aside.pop(old, old if old not in self._names else "")
        self.aside.pop(new, None)
        if own and new != own and itself and len(self.aside) < _ASIDE:
            self.aside[new] = own

    def exchanged(self, one: str, other: str) -> None:
        """Two names changed places; both are held for the person's from now on."""
        for place in (one, other):
            for path in [p for p in self._names if p == place or p.startswith(place + "/")]:
                del self._names[path]
                _put(self._former, path)

    def is_whole(self, path: str) -> bool:
        """Whether the session made everything at and below a real path, or nothing is there."""
        if not self.watched:
            return False
        if path not in self._names:
            return not os.path.lexists(path) and path not in self.aside.values()
        if os.path.islink(path) or not os.path.isdir(path):
            return True
        left, folders = _WALK, [path]
        while folders:
            try:
                entries = list(os.scandir(folders.pop()))
            except OSError:
                return False
            left -= len(entries)
            if left < 0 or any(entry.path not in self._names for entry in entries):
                return False
            folders.extend(entry.path for entry in entries if entry.is_dir(follow_symlinks=False))
        return True


def _put(names: dict[str, int], path: str, tid: int = 0) -> None:
    if len(names) >= _MOST:
        del names[next(iter(names))]
    names[path] = tid
