"""What a rename comes to: a name given, a name lost, and whatever a folder brings along under another one.

Knows which names tell, by themselves or by what lies in a folder of that name. Refuses to ask and to do. Invariant:
what was put aside under another name is still what it was, until something else has its name.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Sequence
from typing import Protocol

from leashtui.guards.kernel.hands import fail
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.notes import is_backup
from leashtui.guards.kernel.precious import in_repository, precious_below, stands_for
from leashtui.guards.kernel.spot import Spot
from leashtui.model.request import Action

_EXCHANGE = 2


def telling(spot: Spot, kind: Kind) -> str:
    """The path to judge a name by. A `.git` that is no directory made here says where git finds its settings; a link or
    a renamed directory puts whatever it holds under its new name."""
    if repository := in_repository(spot.path):
        return repository
    if kind in (Kind.OPEN, Kind.SYMLINK, Kind.LINK, Kind.RENAME):
        if spot.name == b".git":
            return spot.path + "/config"
        if kind is not Kind.OPEN:
            return stands_for(spot.path)
    return spot.path


class Places(Protocol):
    """Which places policies name (supervisor.lanes)."""

    def leaves(self, source: str, target: str) -> bool:
        """Whether a name that is moved so leaves a place of whose removals policies speak."""
        ...

    def named(self, action: Action, folder: str) -> list[str]:
        """Paths at and below the folder that policies about the action name, of folders a file in each."""
        ...


class Moves:
    """made: the session's own names. nameless: whether names there mean nothing; fleeting: whether what lies there may
    be removed without a question. holds: whether what is nobody's to write lies below a folder. steered: what git's
    settings name. places: which places policies name."""

    def __init__(
        self,
        made: Made,
        nameless: Callable[[str], bool],
        fleeting: Callable[[str], bool],
        holds: Callable[[str], bool],
        steered: Sequence[str] = (),
        places: Places | None = None,
    ) -> None:
        self._made = made
        self._nameless = nameless
        self._fleeting = fleeting
        self._holds = holds
        self._steered = tuple(steered)
        self._places = places

    def wanted(self, deed: Deed, source: Spot, target: Spot) -> list[tuple[Action, str]]:
        """What a rename comes to, as acts on real paths. Raises OSError where it fails anyway."""
        if source.found is None:
            raise fail(errno.ENOENT)
        wanted = [(Action.FILE_WRITE, telling(target, Kind.RENAME))]
        ways = [(source, target.path)]
        if deed.flags & _EXCHANGE:  # they change places
            ways.append((target, source.path))
            wanted.append((Action.FILE_WRITE, telling(source, Kind.RENAME)))
        for spot, to in ways:
            wanted += self.brings(spot.path) + self.brings(to)
            leaves = self._leaving(spot.path, to)
            wanted.append((leaves, self.own_name(spot.path) if leaves is Action.FILE_DELETE else spot.path))
            wanted += self._out_of_places(spot, to)
            if spot.is_folder:
                if self._holds(spot.path):
                    raise fail(errno.EACCES)
                wanted += self._carrying(spot.path, to)
            elif spot.found is not None and stat.S_ISLNK(spot.found.st_mode):
                wanted += self.stands_for(to)
        return wanted

    def is_spoken_of(self, path: str) -> bool:
        """Whether policies speak of removals there."""
        return self._places is not None and self._places.leaves(path, "/")

    def stands_for(self, path: str) -> list[tuple[Action, str]]:
        """What is written in places that policies name when a link is put there, or where they lie."""
        if self._places is None:
            return []
        return [(Action.FILE_WRITE, place) for place in self._places.named(Action.FILE_WRITE, path)]

    def _out_of_places(self, spot: Spot, to: str) -> list[tuple[Action, str]]:
        """What it takes out of the places that policies name, or puts there, with all that lies in a folder."""
        if self._places is None:
            return []
        old = spot.path
        wanted = [(Action.FILE_DELETE, old)] if self._places.leaves(old, to) else []
        for action in (Action.FILE_DELETE, Action.FILE_WRITE) if spot.is_folder else ():
            wanted += [
                (action, path) for path in self._places.named(action, old) if os.path.lexists(os.path.dirname(path))
            ]
        for path in self._places.named(Action.FILE_WRITE, to) if spot.is_folder else ():
            if os.path.lexists(old + os.path.dirname(path)[len(to) :]):
                wanted.append((Action.FILE_WRITE, path))
        return wanted

    def brings(self, path: str) -> list[tuple[Action, str]]:
        """What git will find below a name that now means something else."""
        return [(Action.FILE_WRITE, place) for place in self._steered if place.startswith(path + "/")]

    def own_name(self, path: str) -> str:
        """What a file is called that was only put aside under another name, while nothing else took its place."""
        own = self._made.aside.get(path, "")
        return own if own and not os.path.lexists(own) else path

    def _carrying(self, folder: str, to: str) -> list[tuple[Action, str]]:
        """What a folder brings along: out of a place where names mean nothing they mean something from now on."""
        arrives = self._nameless(f"{folder}/x") and not self._nameless(f"{to}/x")
        if folder in self._made and not arrives:
            return []
        found = precious_below(folder)
        moved = [to + path[len(folder) :] for path in found] if arrives else found
        return [(Action.FILE_WRITE, path) for path in moved]

    def _leaving(self, source: str, target: str) -> Action:
        """Moving a file out of where ordinary writes go is as good as deleting it there; so is moving it to where
        anybody may remove it."""
        if source in self._made:
            return Action.FILE_WRITE
        near = os.path.commonpath((source, target)).count("/") >= 2
        work = not self._fleeting(self.own_name(source))
        lost = self._fleeting(target) and work and not is_backup(source, target)
        return Action.FILE_WRITE if near and not lost else Action.FILE_DELETE
