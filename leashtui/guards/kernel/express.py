"""The file guard's most frequent act by a shorter way: a new file, by a plain name, in a directory used a moment ago.

An archive or a checkout makes thousands of these. The same questions are asked with fewer words: made exclusively, the
name was free, so nothing was followed, lost or waited for. What was made so is told to `swift`, which does the next of
its kind by itself. Knows when it may not answer, and then does nothing at all: the file guard begins anew. Refuses to
ask anybody. Invariant: what is made here, the file guard would have made.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Protocol

from leashtui.guards.kernel.credentials import Masks, is_as_we_are
from leashtui.guards.kernel.folders import Folders
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import Deed
from leashtui.guards.kernel.neighbours import SHARED
from leashtui.guards.kernel.precious import REPOSITORY
from leashtui.guards.kernel.swift import Swift
from leashtui.model.request import Action

_PLAIN = re.compile(rb"(?:/[A-Za-z0-9_+@%=,~.-]+)*/[A-Za-z0-9_+@%=,~-][A-Za-z0-9_+@%=,~.-]*")
"""The name does not begin with a dot, so it is not `.`, `..`, `.git` or another that tells."""
_OTHERWISE = (b"/proc/", b"/dev/", b"/sys/")
_LENDS = 0o6000
_BEFORE = 256
_BOTH = (Action.FILE_WRITE, Action.FILE_DELETE)
_SPECIAL = os.O_PATH | os.O_DIRECTORY | 0x400000


class Ways(Protocol):
    """What is known of whole folders (supervisor.lanes)."""

    def knows(self, action: Action, path: str) -> bool:
        """Whether this act needs no question, by policy alone."""
        ...

    def knows_all(self, folder: str, action: Action = Action.FILE_WRITE) -> bool:
        """Whether this act there needs no question whatever the name."""
        ...

    def is_classed(self, action: Action, path: str) -> bool:
        """Whether no policy judges this act there by name."""
        ...

    def holds_work(self, folder: str) -> bool:
        """Whether the workspace or the home lies in this folder or further down."""
        ...

    def is_apart(self, folder: str) -> bool:
        """Whether names in this folder are told apart by whose they are."""
        ...

    def leads(self, folder: str) -> set[str]:
        """Names in this folder below which others are told apart by whose they are."""
        ...


class Lessons:
    """What swift is taught. ways: of whole folders. tape: where what is made at a path is noted for undo, 0: nowhere.
    guarded: real paths that are nobody's to write; below them every name is judged, and on the way to them too, but
    where names mean nothing (leash's own folder may lie in /tmp): there the one that leads on is."""

    def __init__(self, swift: Swift, ways: Ways, tape: Callable[[str], int], guarded: tuple[str, ...]) -> None:
        self.swift = swift
        self._ways = ways
        self._tape = tape
        self._guarded = guarded
        self._before: dict[str, None] = {}

    def made(self, folder: str, fd: int, name: str, *, as_folder: bool = False, itself: bool = False) -> None:
        """`name` was made in `folder` without a question, by policy alone. fd: names the folder. itself: a name that is
        like no other, as git's locks are, may be learned when it comes again."""
        kind = self.swift.kind_of_folder(name) if as_folder else self.swift.kind_of(name)
        if itself and not kind and name not in REPOSITORY and self._came_before(f"{folder}/{name}"):
            kind = f"{name}/"
        every = self._ways.knows_all(folder)
        if not (kind or every) or self._ways.is_apart(folder):
            return
        if any(_is_below(folder, p) for p in self._guarded):
            return
        if not self._ways.is_classed(Action.FILE_DELETE, f"{folder}/{name or 'x'}"):
            return  # there its own may not be removed unasked
        lead = {p[len(folder) + 1 :].partition("/")[0] for p in self._guarded if p.startswith(folder + "/")}
        lead |= self._ways.leads(folder)
        if lead and not every:
            return
        deep = every and not lead and not self._ways.holds_work(folder)
        tape = self._tape(f"{folder}/{name}")
        self.swift.learn(folder, fd, every=every, kind=kind, tape=tape, deep=deep, but=sorted(lead))

    def _removed_above(self, folder: str) -> None:
        """Where the same holds for the folder above, it need not be learned once for each that lies in it."""
        top, above = folder, os.path.dirname(folder)
        while self._ways.knows_all(above, Action.FILE_DELETE) and not self._tape(f"{above}/x"):
            top, above = above, os.path.dirname(above)
        if top == folder:
            return
        with contextlib.suppress(OSError):
            fd = os.open(top, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                if os.readlink(f"/proc/self/fd/{fd}") == top:
                    self.made(top, fd, "")
                    self.swift.removes(top)
            finally:
                os.close(fd)

    def _came_before(self, path: str) -> bool:
        came = path in self._before
        if not came and len(self._before) >= _BEFORE:
            del self._before[next(iter(self._before))]
        self._before[path] = None
        return came

    def removed(self, folder: str, fd: int, name: str, *, as_folder: bool = False) -> None:
        """`name` was removed from `folder` without a question, by policy alone or as the session's own."""
        path = f"{folder}/{name}"
        if self._tape(path) or path.startswith(SHARED):
            return
        if self._ways.knows_all(folder, Action.FILE_DELETE):
            self.made(folder, fd, "")
            self.swift.removes(folder)
            self._removed_above(folder)
        elif self._ways.knows_all(folder):  # what the session made there it may remove
            self.made(folder, fd, "")
        elif not as_folder and (kind := self.swift.kind_of(name)) and all(map(self._ways.knows, _BOTH, (path, path))):
            self.made(folder, fd, name)
            self.swift.drops(folder, kind)


class Express:
    """may: whether this real path may be written without a question, and is nobody's own. told: of a file that was made
    (the descriptor of its directory, its name, its path), before anybody has it."""

    def __init__(
        self,
        listener: Listener,
        folders: Folders,
        masks: Masks,
        may: Callable[[str], bool],
        told: Callable[[int, bytes, str, int], None],
        lessons: Lessons | None,
    ) -> None:
        self._listener = listener
        self._folders = folders
        self._masks = masks
        self._may = may
        self._told = told
        self._lessons = lessons

    def made(self, notice: Notice, deed: Deed) -> bool:
        """Whether it was to make a new file, and that was made and handed over. Raises OSError: then nothing was."""
        flags, text = deed.flags, deed.names[0]
        if not flags & os.O_CREAT or flags & _SPECIAL or deed.mode & _LENDS:
            return False
        if _PLAIN.fullmatch(text) is None or text.startswith(_OTHERWISE) or not is_as_we_are(notice.tid):
            return False
        head, _, name = text.rpartition(b"/")
        fd, real, lent = self._folders.open(head)
        if not lent:
            os.close(fd)
            return False
        path = text.decode()
        if real != head or _exists(fd, name) or not self._may(path):
            return False
        mask = self._masks.of(notice.tid)
        before = os.umask(mask)
        try:
            made = os.open(name, flags | os.O_EXCL | os.O_NOCTTY | os.O_CLOEXEC, deed.mode, dir_fd=fd)
        finally:
            os.umask(before)
        self._told(fd, name, path, notice.tid)
        try:
            self._listener.hand(notice.id, made, flags)
        finally:
            os.close(made)
        if self._lessons is not None:
            self._lessons.made(head.decode(), fd, name.decode(), itself=True)
            if self._masks.remembers(notice.tid):
                self._lessons.swift.mask(notice.tid, mask)
        return True


def _is_below(path: str, place: str) -> bool:
    """Whether a real path is another, or below it."""
    return (path + "/").startswith(place.rstrip("/") + "/")


def _exists(folder: int, name: bytes) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True
