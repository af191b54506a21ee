"""What passes without a question in tier strict, and what nobody may do whatever a policy says.

Knows leash's own places, covered secrets, what the session made and what git and histories keep. Refuses to do or to
ask anything. Invariant: what is barred stays barred, whoever made it and whatever was allowed.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Sequence
from typing import Protocol

from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.listener import Notice
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.moves import telling
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.notes import adds
from leashtui.guards.kernel.precious import in_repository
from leashtui.guards.kernel.spot import Spot
from leashtui.model.request import Action

_ANY_PROC = re.compile(r"/proc/\d+/")
SEALED = "leash: REFUSED: this would change leash's own files. Ask the person to change them."
CLOSED = "leash: REFUSED: secrets are closed in this session. Ask the person for what you need of them."
ELSEWHERE = "leash: REFUSED: this reaches into another process through /proc."

Known = Callable[[Action, str], bool]
"""Whether this act at this path needs no question: its folder and class were allowed before."""


class Owns(Protocol):
    """Whether this act is about the agent's own state, by who may change that."""

    def __call__(self, action: Action, path: str, tid: int, *, new: bool) -> bool:
        """tid: who asks. new: whether it is a file of the session's own making."""
        ...


def nobodys(action: Action, path: str, tid: int, *, new: bool) -> bool:
    return False


def _beginnings(places: Sequence[str]) -> tuple[str, ...]:
    return tuple(place.rstrip("/") + "/" for place in places)


class Leeway:
    """known: see Known. sealed: leash's own places. closed: covered secrets, but what is `opened` now. made: what is
    the session's own. fleeting, is_git, adds, keeps, settles, classed: see files.FileGuard."""

    def __init__(
        self,
        holding: Holding,
        known: Known,
        made: Made,
        *,
        sealed: Sequence[str],
        closed: Sequence[str],
        opened: Callable[[str], bool],
        fleeting: Callable[[str], bool],
        is_git: Callable[[str], bool],
        adds: Callable[[str], bool],
        keeps: Callable[[str, str], bool],
        settles: Callable[[Action, str], str | None],
        classed: Callable[[Action, str], bool],
    ) -> None:
        self._holding = holding
        self._known = known
        self._made = made
        self._sealed = _beginnings(sealed)
        self._closed = _beginnings(closed)
        self._opened = opened
        self._fleeting = fleeting
        self._is_git = is_git
        self._adds = adds
        self._keeps = keeps
        self._settles = settles
        self._classed = classed

    def _may_make(self, path: str) -> bool:
        barred = self._barred(Action.FILE_WRITE, path) or in_repository(path)
        return not barred and self._known(Action.FILE_WRITE, path)

    def _barred(self, action: Action, path: str) -> str:
        """Why nobody may do this, whatever a policy says; '' when somebody may."""
        whole = path + "/"
        if whole.startswith(self._sealed):
            return SEALED
        if whole.startswith(self._closed) and not self._opened(path):
            return CLOSED
        return ELSEWHERE if _ANY_PROC.match(path) else ""

    def _holds(self, folder: str) -> bool:
        """Whether leash's own places or a covered secret lie below the folder."""
        return any(place.startswith(folder + "/") for place in (*self._sealed, *self._closed))

    def _gives_away(self, notice: Notice, fd: int, spots: list[Spot], asked: list[tuple[Action, str]]) -> bool:
        """Whether a second name would be for what may not be written, or pass work of the person's for something of the
        session's making, which may be emptied and is not kept for undo; what git keeps is linked by git alone."""
        if any(path != telling(spots[-1], Kind.LINK) for _, path in asked):
            return True
        path = spots[0].path if len(spots) > 1 else os.readlink(f"/proc/self/fd/{fd}")
        if "/.git/" in path:
            return not self._is_git(self._holding.program(notice.tid))
        return path.startswith("/") and path not in self._made and not self._fleeting(path) and os.path.lexists(path)

    def _is_free(self, action: Action, path: str) -> bool:
        """What the session made itself, it may remove again where no policy judges that by name."""
        return action is Action.FILE_DELETE and path in self._made and self._classed(action, path)

    def _is_fresh(self, action: Action, path: str, *, empty: bool) -> bool:
        """Whether this puts something whole where programs are fetched to, changes what the session put there, or
        removes it. empty: an empty folder is removed."""
        whole = self._settles(action, path)
        if whole is None or whole in self._made or empty:
            return whole is not None
        if not whole:
            own = path in self._made or not os.path.lexists(path)
            return own or action is Action.FILE_DELETE or "/__pycache__/" not in path
        new = whole == path and not os.path.lexists(path) and not self._made.was_others(path)
        return new or (whole == path and os.path.isfile(path) and not os.path.islink(path))

    def _overwrites(self, notice: Notice, deed: Deed, path: str, spots: list[Spot]) -> bool:
        """Whether what is there may be lost: a history that is not added to by whose it is (who may add may also empty
        it, by the descriptor), or what git keeps, by another program than git. git itself adds to its logs alone, and
        to whatever file a variable says its traces go to."""
        adding = adds(deed)
        if self._adds(path):
            new = bool(spots) and spots[-1].found is None
            return not (adding or new) or not self._keeps(path, self._holding.program(notice.tid))
        if not spots or spots[-1].found is None:
            return False
        if "/.git/" not in path:
            return False
        if spots[-1].name == b".git" and stat.S_ISREG(spots[-1].found.st_mode) and not spots[-1].found.st_size:
            return False  # an empty one says no more than none (uv puts it into its cache, for git to look no further)
        if adding and "/logs/" not in path:
            return True
        return not self._is_git(self._holding.program(notice.tid))
