"""The file guard of tier compat: judges every change of a file or a name that it can see.

Agents with a sandbox of their own mount, change roots and make user namespaces, none of which works below a Landlock
domain of files. Whoever has no sandbox is served as in tier strict: what is judged is what is done. From within one,
what is allowed goes on by itself, as the sandbox allows it, and a racing thread could change a name after it was
judged: there this is a look, not a floor. The inner sandbox is the floor, and the watcher looks afterwards. Knows whose
view of the files is not ours. Refuses to judge. Hazard: who sets up a sandbox writes of itself in /proc as its own
kernel checks it, so that goes on too. Invariant: a denied call never goes on, nor does one that cannot be read or whose
name is not found here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from leashtui.guards.kernel import abi, hands
from leashtui.guards.kernel.credentials import borrowed
from leashtui.guards.kernel.files import FileGuard, Known
from leashtui.guards.kernel.futile import is_vain, why_futile
from leashtui.guards.kernel.hands import fail
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import Deed, Kind, read_deed
from leashtui.guards.kernel.spot import Magic, Spot, absolute, in_own_words, locate, signed
from leashtui.guards.kernel.terminals import terminal_of
from leashtui.guards.kernel.tracee import group_of
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Action

_SET_UP = re.compile(r"/proc/(\d+)/(?:task/\d+/)?(?:uid_map|gid_map|projid_map|setgroups|oom_score_adj|comm)$")
_FAILURES = (OSError, ValueError, IndexError)


class Onlooker(FileGuard):
    """See FileGuard, whose judgement it is. inside: whether a process is of the session."""

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
            deed = self._as_ours(notice, read_deed(notice, self._whole))
            if deed is None:
                self._listener.resume(notice.id)
            else:
                self._weigh(notice, deed, frozenset())
        except _FAILURES as error:
            self._fail(notice, error)

    def _whole(self, tid: int, folder: int, name: bytes) -> bytes:
        """A name as its caller would say it from its root. Raises OSError where a folder is not where it says."""
        if name.startswith(b"/") or not name or self._views.is_ours(tid):
            return absolute(tid, folder, name)
        number = signed(folder)
        base = self._views.standing(tid, b"cwd" if number == abi.AT_FDCWD else b"fd/%d" % number)
        return base.rstrip(b"/") + b"/" + name

    def _as_ours(self, notice: Notice, deed: Deed) -> Deed | None:
        """The deed by our names; None when it is about files that only the caller's own sandbox has."""
        if self._views.is_ours(notice.tid):
            return deed
        follows = deed.follow or deed.kind is Kind.OPEN
        names = [self._seen(notice.tid, n, follow=follows and i == 0) for i, n in enumerate(deed.names)]
        known = tuple(name for name in names if name is not None)
        return replace(deed, names=known) if len(known) == len(names) else None

    def _seen(self, tid: int, name: bytes, *, follow: bool) -> bytes | None:
        """Our name; a descriptor's, and what the caller says of itself in /proc, stay as they are. Raises OSError."""
        try:
            text = in_own_words(tid, name)
        except Magic:
            return name
        if text.startswith(b"/proc/%d/" % group_of(tid)):
            if not self._views.shows_own_proc(tid):
                raise fail(errno.EACCES)
            return text
        return self._views.ours(tid, text, follow=follow)

    def _behind(self, notice: Notice, fd: int) -> str:
        """By our name of it: a descriptor that came out of a sandbox says another."""
        return os.fsdecode(self._views.behind(notice.tid, fd) or b"")

    def _wanted(self, notice: Notice, deed: Deed, fd: int, spots: list[Spot]) -> list[tuple[Action, str]]:
        """What sandboxes write of their own processes is no file of anybody's: nor is `self`, which in a view that is
        not ours leads to us, of whom nobody may write anything."""
        wanted = super()._wanted(notice, deed, fd, spots)
        return [each for each in wanted if not self._sets_up(each[1])]

    def _sets_up(self, path: str) -> bool:
        found = _SET_UP.match(path)
        return found is not None and (int(found[1]) == os.getpid() or self._inside(int(found[1])))

    def _go_on(self, notice: Notice, deed: Deed) -> None:
        """No floor holds here, so a device is opened here for whoever has no sandbox."""
        bare, name = self._views.is_bare(notice.tid), deed.names[0]
        if bare and name == b"/dev/tty":
            name = terminal_of(notice.tid)
        if not (bare and name):
            super()._go_on(notice, deed)
            return
        spot = locate(notice.tid, name, True)
        try:
            if spot.found is None or not stat.S_ISCHR(spot.found.st_mode):
                raise fail(errno.ENXIO)
            with borrowed(notice.tid, self._masks):
                made = hands.open_at(deed, spot)
        finally:
            spot.close()
        try:
            self._listener.hand(notice.id, made, deed.flags)
        finally:
            os.close(made)

    def _is_ours_to_do(self, notice: Notice, deed: Deed, spots: list[Spot]) -> bool:
        if any(spot.path.startswith("/proc/") for spot in spots):
            return False
        strange = deed.kind is Kind.CHOWN and not self._views.knows_users_of(notice.tid)
        return not strange and self._views.is_bare(notice.tid)

    def _do(self, notice: Notice, deed: Deed, fd: int, spots: list[Spot], *, lossy: bool = False) -> None:
        if self._is_ours_to_do(notice, deed, spots):
            self._masks.tidy()  # nobody tells of a change here
            super()._do(notice, deed, fd, spots, lossy=lossy)
            return
        with contextlib.suppress(*_FAILURES):
            if fd >= 0:
                self._notes.keep_behind(deed, fd, notice.tid, lossy=lossy)
            self._notes.keep(deed, spots, notice.tid, lossy=lossy)
            if not is_vain(deed, spots) and not why_futile(deed, fd, spots):
                self._notes.remember(deed, spots, notice.tid)
        self._listener.resume(notice.id)
