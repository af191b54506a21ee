"""The file guard of tier compat: judges every change of a file or a name that it can see, and lets the kernel make it.

Agents with a sandbox of their own mount, change roots and make user namespaces, none of which works below a Landlock
domain of files. So what is allowed goes on by itself, and a racing thread could change a name after it was judged:
this is a look, not a floor. The inner sandbox is the floor, and the watcher looks afterwards. Knows whose view of the
files is not ours. Refuses to judge. Invariant: a denied call never goes on, nor does one that cannot be read; what
is not found here is the kernel's only where the view is not ours.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from leashtui.guards.kernel.files import FileGuard, Known
from leashtui.guards.kernel.futile import is_vain, why_futile
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import Deed, Kind, read_deed
from leashtui.guards.kernel.spot import Gone, Spot
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Action

_SET_UP = re.compile(r"/proc/(\d+)/(?:task/\d+/)?(?:uid_map|gid_map|projid_map|setgroups|oom_score_adj|comm)$")
_UNSEEN = frozenset({errno.EACCES, errno.EPERM, errno.ELOOP, errno.EFAULT, errno.ENAMETOOLONG})
_FAILURES = (OSError, ValueError, IndexError)


class Onlooker(FileGuard):
    """See FileGuard, whose judgement it is; nothing is done in anybody's stead. inside: whether a process is of the
    session."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        known: Known,
        views: Views,
        inside: Callable[[int], bool],
        **more: Any,
    ) -> None:
        super().__init__(listener, holding, known, **more)
        self._views = views
        self._inside = inside

    def meet(self, notice: Notice) -> None:
        """A call that would change a file."""
        try:
            deed = self._as_ours(notice, read_deed(notice))
            if deed is None:
                self._listener.resume(notice.id)
            else:
                self._weigh(notice, deed, frozenset())
        except _FAILURES as error:
            self._fail(notice, error)

    def _as_ours(self, notice: Notice, deed: Deed) -> Deed | None:
        """The deed by our names; None when it is about files that only the caller's own sandbox has."""
        if self._views.is_ours(notice.tid):
            return deed
        follows = deed.follow or deed.kind is Kind.OPEN
        names = [self._views.ours(notice.tid, n, follow=follows and i == 0) for i, n in enumerate(deed.names)]
        known = tuple(name for name in names if name is not None)
        return replace(deed, names=known) if len(known) == len(names) else None

    def _wanted(self, notice: Notice, deed: Deed, fd: int, spots: list[Spot]) -> list[tuple[Action, str]]:
        """What sandboxes write of their own processes is no file of anybody's: nor is `self`, which in a view that is
        not ours leads to us, of whom nobody may write anything."""
        wanted = super()._wanted(notice, deed, fd, spots)
        return [each for each in wanted if not self._sets_up(each[1])]

    def _sets_up(self, path: str) -> bool:
        found = _SET_UP.match(path)
        return found is not None and (int(found[1]) == os.getpid() or self._inside(int(found[1])))

    def _fail(self, notice: Notice, error: Exception) -> None:
        """As in tier strict: what was not read or found here (a name in memory that nobody else may see, one from a
        folder that is gone or too deep to be named) the kernel might find all the same. But from a sandbox's own view
        it finds the words for what is not there."""
        unseen = isinstance(error, Gone) or not isinstance(error, OSError) or error.errno in _UNSEEN
        if unseen or self._views.is_ours(notice.tid):
            super()._fail(notice, error)
        else:
            self._listener.resume(notice.id)

    def _do(self, notice: Notice, deed: Deed, fd: int, spots: list[Spot], *, lossy: bool = False) -> None:
        with contextlib.suppress(*_FAILURES):
            if fd >= 0:
                self._notes.keep_behind(deed, fd, notice.tid, lossy=lossy)
            self._notes.keep(deed, spots, notice.tid, lossy=lossy)
            if not is_vain(deed, spots) and not why_futile(deed, fd, spots):
                self._notes.remember(deed, spots, notice.tid)
        self._listener.resume(notice.id)
