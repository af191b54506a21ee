"""Protected files in custody: each change is reported under a number, and kept or put back when the answer comes.

Knows which changes were reported and not answered, and what each file was when it was last accepted. Refuses to judge:
keep and restore are orders. Invariant: what is accepted is exactly what was reported; if something else lies there by
then, that is a change of its own, reported before the order is called done.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from leashtui.guards.watcher.difference import Difference, compare
from leashtui.guards.watcher.images import Image, Images, same
from leashtui.guards.watcher.messages import Calm, Done, Message, Suspect, Suspects
from leashtui.guards.watcher.restore import DIFFERS, put_back
from leashtui.guards.watcher.territory import Territory
from leashtui.model.facts import Place

SHOWN = 20
"""Of more changes at once than this, only the first are reported with their difference."""
_AT_ONCE = 2000
_KEPT = 64 << 20
"""Bytes of what was put back that are kept in one session."""
_UNREADABLE = Image(b"unreadable", 0, None)


class _Open(NamedTuple):
    number: int
    path: str
    image: Image | None


class Custody:
    """territory: what is protected. aside: directory for what is put back, '' to keep none of it."""

    def __init__(self, territory: Territory, aside: str = "") -> None:
        self._territory = territory
        self._aside = aside
        self._room = _KEPT
        self._images = Images((*territory.roots, *territory.shallow))
        self._open: dict[str, _Open] = {}
        self._numbers: dict[int, _Open] = {}
        self._count = 0

    def __iter__(self) -> Iterator[str]:
        """The paths of all files that were accepted."""
        return iter(self._images)

    def protects(self, path: str) -> bool:
        """Whether a change of this path is reported."""
        return self._territory.protected(path, self._territory.place(path))

    def remember(self, path: str) -> None:
        """This is how it is when the session starts."""
        self._images.accept(path, self._now(path))

    def weigh(self, paths: Iterable[str], *, everything: bool = False) -> list[Message]:
        """What to report of these paths; everything: of all that was ever accepted or reported besides."""
        told: list[Message] = []
        found: list[tuple[_Open, Image | None, int]] = []
        wanted = {path for path in paths if self.protects(path)}
        if everything:
            wanted.update(self._images, self._open)
        for path in sorted(wanted):
            now, former = self._now(path), self._open.get(path)
            if same(now, self._images.of(path)):
                if former is not None:
                    told.append(Calm(self._close(former)))
                continue
            if former is not None and same(now, former.image):
                continue
            self._count += 1
            opened = _Open(self._count, path, now)
            self._open[path] = self._numbers[self._count] = opened
            if former is not None:
                del self._numbers[former.number]
            found.append((opened, self._images.of(path), former.number if former is not None else 0))
        suspects = [self._suspect(*each, shown=index < SHOWN) for index, each in enumerate(found)]
        for start in range(0, len(suspects), _AT_ONCE):
            part = tuple(suspects[start : start + _AT_ONCE])
            told.append(Suspects(part, more=start + _AT_ONCE < len(suspects)))
        return told

    def keep(self, number: int) -> list[Message]:
        """What was reported under this number is right."""
        opened = self._numbers.get(number)
        if opened is None:
            return [Done(number, "")]
        self._close(opened)
        self._images.accept(opened.path, opened.image)
        return [*self.weigh([opened.path]), Done(number, "")]

    def restore(self, number: int) -> list[Message]:
        """What was reported under this number is not to be: make it what it was."""
        opened = self._numbers.get(number)
        if opened is None:
            return [Done(number, "")]
        self._close(opened)
        path, before = opened.path, self._images.of(opened.path)
        kept = self._set_aside(number, path, opened.image)
        why = put_back(self._images.root_of(path), path, before, opened.image)
        if why and why != DIFFERS:  # it stays, and was told of: what is reported next is another change
            self._images.accept(path, opened.image)
        return [*self.weigh([path]), Done(number, "" if why == DIFFERS else why, restored=not why, kept=kept)]

    def _set_aside(self, number: int, path: str, image: Image | None) -> str:
        """Keep what is about to be taken away, in case it was somebody's work. Returns where, '' when it was not."""
        content = image.content() if image is not None and stat.S_ISREG(image.mode) else None
        if not self._aside or content is None or len(content) > self._room:
            return ""
        name = os.path.join(self._aside, f"{number}-{os.path.basename(path)[:200]}")
        try:
            os.makedirs(self._aside, mode=0o700, exist_ok=True)
            handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(content)
        except OSError:
            return ""
        self._room -= len(content)
        return name

    def path_of(self, number: int) -> str:
        """The path reported under a number, '' when it was answered."""
        opened = self._numbers.get(number)
        return opened.path if opened is not None else ""

    def _close(self, opened: _Open) -> int:
        del self._open[opened.path]
        del self._numbers[opened.number]
        return opened.number

    def _now(self, path: str) -> Image | None:
        try:
            return self._images.now(path)
        except OSError:
            return _UNREADABLE

    def _suspect(self, opened: _Open, before: Image | None, former: int, *, shown: bool) -> Suspect:
        path, now = opened.path, opened.image
        place = self._territory.place(path)
        found = self._difference(path, before, now, secret=place is Place.SECRET) if shown else Difference()
        return Suspect(
            number=opened.number,
            path=path,
            shown=self._territory.shown(path),
            change="created" if before is None else "deleted" if now is None else "modified",
            place=place,
            diff=found.diff,
            at=_changed_at(path),
            content=_blob(now),
            link=now is not None and stat.S_ISLNK(now.mode),
            former=former,
        )

    def _difference(self, path: str, before: Image | None, now: Image | None, *, secret: bool) -> Difference:
        if (before is not None and before.packed is None) or (now is not None and now.packed is None):
            return Difference()
        old, new = (None if image is None else image.content() for image in (before, now))
        found = compare(old, new, self._territory.shown(path), secret=secret)
        if before is None or now is None or before.mode == now.mode:
            return found
        return Difference(f"old mode {before.mode:o}\nnew mode {now.mode:o}\n{found.diff}", found.plus, found.minus)


def _changed_at(path: str) -> int:
    """When the file, or for one that is gone the directory it was in, last changed: us, by the kernel's own clock."""
    for name in (path, os.path.dirname(path)):
        try:
            return os.lstat(name).st_ctime_ns // 1000
        except OSError:
            continue
    return 0


def _blob(image: Image | None) -> str:
    """The name that git would give the content, '' when there is none, `?` where it was not kept."""
    from hashlib import sha1  # noqa: PLC0415 - OpenSSL, wanted for changed protected files only

    content = None if image is None else image.content()
    if content is None:
        return "" if image is None else "?"
    return sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
