"""The file guard of tier compat: every change of a file or a name is decided here, and made here, in sandboxes too.

Agents with a sandbox of their own mount, change roots and make user namespaces, none of which works below a Landlock
domain of files: there is no floor. So nothing that is allowed goes on by itself, where a thread could change its name
meanwhile. Whoever has no sandbox is served as in tier strict. In one, a name is judged by ours for the same file, and
what was judged is taken hold of by the sandbox's own mounts, which may allow less; what only the sandbox has is judged
by nobody, once it is sure to be that. Knows whose view of the files is not ours. Refuses to judge. Invariant: no call
that opens a file to be written or changes a name is let through unmade.
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

from leashtui.guards.kernel import abi, hands, maps
from leashtui.guards.kernel.credentials import borrowed
from leashtui.guards.kernel.files import FileGuard
from leashtui.guards.kernel.hands import fail
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.leeway import ELSEWHERE, Known
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import Deed, Kind, read_deed
from leashtui.guards.kernel.spot import Magic, Spot, absolute, in_own_words, locate, signed
from leashtui.guards.kernel.terminals import terminal_of
from leashtui.guards.kernel.tracee import group_of
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Action

_SET_UP = re.compile(r"/proc/(\d+)/(?:task/\d+/)?(?:uid_map|gid_map|projid_map|setgroups|oom_score_adj|comm)$")
_TRIFLES = ("comm", "oom_score_adj", "oom_adj", "coredump_filter", "timerslack_ns")
_IN_PROC = re.compile(rf"/\d+/(?:task/\d+/)?(?:{'|'.join((*maps.NAMES, *_TRIFLES))})$")
_TO_WHAT_IS_THERE = (Kind.OPEN, Kind.TRUNCATE, Kind.CHMOD, Kind.CHOWN, Kind.SETXATTR, Kind.DELXATTR)
_TAKES_THE_NAME = (Kind.UNLINK, Kind.RMDIR, Kind.RENAME)
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
        super().__init__(listener, holding, known, sight=views.sight, **more)
        self._views = views
        self._inside = inside
        self._said: dict[int, Deed] = {}  # by the caller's own names, while it waits

    def meet(self, notice: Notice) -> None:
        """A call that would change a file."""
        try:
            if self._views.is_bare(notice.tid):
                self._masks.tidy()  # nobody tells of a change here
                super().meet(notice)
                return
            said = read_deed(notice, self._whole)
            deed = self._as_ours(notice, said)
            if deed is None:
                self._do_its_own(notice, said)
                return
            self._said[notice.id] = said
            self._weigh(notice, deed, frozenset())
        except _FAILURES as error:
            self._fail(notice, error)

    def poll(self) -> None:
        """As FileGuard; forget others' views."""
        super().poll()
        self._views.tidy()
        for number in [number for number in self._said if not self._listener.waits(number)]:
            del self._said[number]

    def _whole(self, tid: int, folder: int, name: bytes) -> bytes:
        """A name as its caller would say it from its root. Raises OSError where a folder is not where it says."""
        if name.startswith(b"/") or not name or self._views.is_ours(tid):
            return absolute(tid, folder, name)
        number = signed(folder)
        base = self._views.standing(tid, b"cwd" if number == abi.AT_FDCWD else b"fd/%d" % number)
        return base.rstrip(b"/") + b"/" + name

    def _as_ours(self, notice: Notice, deed: Deed) -> Deed | None:
        """The deed by our names; None when it is about files that only the caller's own sandbox has. Raises OSError."""
        if self._views.is_ours(notice.tid):
            return deed
        names = [
            self._seen(notice.tid, n, follow=deed.follow and i == 0, itself=_is_to_itself(deed) and i == 0)
            for i, n in enumerate(deed.names)
        ]
        known = tuple(name for name in names if name is not None)
        if known and len(known) != len(names):
            raise fail(errno.EXDEV)
        return replace(deed, names=known) if known or not names else None

    def _seen(self, tid: int, name: bytes, *, follow: bool, itself: bool) -> bytes | None:
        """Our name; a descriptor's, and what the caller says of itself in /proc, stay as they are. Raises OSError."""
        try:
            text = in_own_words(tid, name)
        except Magic:
            return name
        if text.startswith(b"/proc/%d/" % group_of(tid)):
            if not self._views.shows_own_proc(tid):
                raise fail(errno.EACCES)
            return text
        return self._views.ours(tid, text, follow=follow, itself=itself)

    def _behind(self, notice: Notice, fd: int) -> str:
        """By our name of it: a descriptor that came out of a sandbox says another."""
        return os.fsdecode(self._views.behind(notice.tid, fd) or b"")

    def _wanted(self, notice: Notice, deed: Deed, fd: int, spots: list[Spot]) -> list[tuple[Action, str]]:
        """What sandboxes write of their own processes is no file of anybody's. Where `self` behind a link leads to us,
        that is ours."""
        wanted = super()._wanted(notice, deed, fd, spots)
        return [each for each in wanted if not self._sets_up(each[1])]

    def _sets_up(self, path: str) -> bool:
        found = _SET_UP.match(path)
        return found is not None and self._inside(int(found[1]))

    def _go_on(self, notice: Notice, deed: Deed) -> None:
        """No floor holds here, so a device is opened here."""
        own = deed.names[0] == b"/dev/tty"
        name = terminal_of(notice.tid) if own else deed.names[0]
        if own and not self._views.is_ours(notice.tid) and self._open_its_terminal(notice, deed, name):
            return
        spot = locate(notice.tid, name, True)
        try:
            if spot.found is None or not stat.S_ISCHR(spot.found.st_mode):
                raise fail(errno.ENXIO)
            if own and not self._is_session_s(spot.path, spot.found):
                raise fail(errno.ENXIO)  # one of a sandbox's own that has the number of the person's
            with borrowed(notice.tid, self._masks):
                made = hands.open_at(deed, spot)
        finally:
            spot.close()
        self._give(notice, deed, made)

    def _open_its_terminal(self, notice: Notice, deed: Deed, name: bytes) -> bool:
        """Whether the caller's sandbox has terminals of its own, and among them this one: opened then."""
        try:
            found, last = self._views.reached(notice.tid, name, follow=True, itself=True)
        except OSError:
            return False
        try:
            there = os.fstat(found)
            of_pts = not last and stat.S_ISCHR(there.st_mode) and 136 <= os.major(there.st_rdev) < 144
            if of_pts and self._views.behind(notice.tid, found) is None:
                self._give(notice, deed, hands.reopen(deed, found))
                return True
        except PermissionError:
            return False
        finally:
            os.close(found)
        return False

    def _is_session_s(self, path: str, found: os.stat_result) -> bool:
        return self._terminals is None or self._terminals.is_own(path) or self._terminals.is_made(path, found)

    def _give(self, notice: Notice, deed: Deed, made: int) -> None:
        try:
            self._listener.hand(notice.id, made, deed.flags)
        finally:
            os.close(made)

    def _teach(self, deed: Deed, spots: list[Spot]) -> None:
        """The next file of its kind need not be thought about where this one was made by policy alone."""
        spot = spots[-1]
        makes = deed.kind is Kind.OPEN and deed.flags & os.O_CREAT and spot.found is None
        if makes and self._lessons is not None and self._may_make(spot.path):
            self._lessons.made(os.fsdecode(spot.folder), spot.fd, os.fsdecode(spot.name))

    def _is_kernels(self, notice: Notice, deed: Deed) -> bool:
        """Whether only the kernel can do it for this caller: by numbers of users that mean others to us. It gives a
        file to nobody but the caller itself."""
        return deed.kind is Kind.CHOWN and not self._views.knows_users_of(notice.tid)

    def _do(
        self,
        notice: Notice,
        deed: Deed,
        fd: int,
        spots: list[Spot],
        *,
        lossy: bool = False,
        by: tuple[int, list[Spot]] | None = None,
    ) -> None:
        self._masks.tidy()
        if self._is_kernels(notice, deed):
            self._listener.resume(notice.id)
            return
        if deed.kind is Kind.OPEN and spots and maps.PATH.match(spots[0].path):
            self._give(notice, deed, maps.open_map(notice.tid, spots[0].path, deed.flags))
            return
        said = self._said.get(notice.id)
        if said is None or not spots or any(spot.path.startswith("/proc/") for spot in spots):
            super()._do(notice, deed, fd, spots, lossy=lossy)
            return
        with contextlib.ExitStack() as stack:
            by = self._through(notice.tid, deed, fd, spots, said, stack)
            deed = _new_if_none(deed, spots)
            super()._do(notice, deed, fd, spots, lossy=lossy, by=by)
            self._teach(deed, spots)
        if notice.id not in self._patient:
            self._said.pop(notice.id, None)

    def _through(
        self, tid: int, deed: Deed, fd: int, spots: list[Spot], said: Deed, stack: contextlib.ExitStack
    ) -> tuple[int, list[Spot]]:
        """What was judged, taken hold of by the caller's own mounts, which may allow less. Raises OSError where that is
        something else by now."""
        held, places = fd, list[Spot]()
        for spot, name in zip(spots, said.names[-len(spots) :], strict=True):
            first = not places and fd < 0
            found, last = self._reach(tid, deed, name, stack, first=first)
            if spot.dotted and last:
                places.append(spot)  # nothing is done to such a name
                continue
            if deed.kind in _TAKES_THE_NAME and self._views.is_mounted_on(found, last):
                raise fail(errno.EBUSY)
            theirs = os.fstat(found)
            ours = os.fstat(spot.fd) if last else spot.found
            if ours is None or (last or spot.name) != spot.name or not os.path.samestat(theirs, ours):
                raise fail(errno.EACCES)
            if not last:
                held = found
            places.append(Spot(found, spot.folder, spot.name, spot.found, lent=True) if last else spot)
        return held, places

    def _reach(
        self, tid: int, deed: Deed, name: bytes, stack: contextlib.ExitStack, *, first: bool
    ) -> tuple[int, bytes]:
        """first: it is the name of what something is done to. Never by a name alone where that is there: something else
        may be mounted over it meanwhile."""
        with contextlib.suppress(Magic):
            name = in_own_words(tid, name)
        follow, itself = first and deed.follow, first and _is_to_itself(deed)
        found, last = self._views.reached(tid, name, follow=follow, itself=itself)
        stack.callback(os.close, found)
        return found, last

    def _do_its_own(self, notice: Notice, deed: Deed) -> None:
        """Files that only the caller's own sandbox has: what is made sure to be one of those is changed."""
        self._masks.tidy()
        held, places = -1, list[Spot]()
        with contextlib.ExitStack() as stack:
            for place, name in enumerate(deed.names):
                found, last = self._reach(notice.tid, deed, name, stack, first=not place)
                if self._views.behind(notice.tid, found) is not None:
                    raise fail(errno.EACCES)
                of_proc = self._views.in_proc(notice.tid, found)
                if of_proc is not None:
                    self._do_in_its_proc(notice, deed, found, of_proc)
                    return
                if not last:
                    held = found
                elif last in (b".", b".."):
                    raise fail(errno.EINVAL)
                elif deed.kind in _TAKES_THE_NAME and self._views.is_mounted_on(found, last):
                    raise fail(errno.EBUSY)
                there = _lstat(found, last) if last else os.fstat(found)
                places.append(Spot(found, b"", last, there, lent=True))
            if self._is_kernels(notice, deed):
                self._listener.resume(notice.id)
                return
            with borrowed(notice.tid, self._masks):
                if deed.kind is not Kind.OPEN:
                    hands.do_at(deed, places, held)
                    self._listener.answer(notice.id)
                    return
                try:
                    if held < 0:
                        made = hands.open_at(_new_if_none(deed, places), places[0])
                    else:
                        made = hands.reopen(deed, held, patient=True)
                except hands.WouldWait:
                    raise fail(errno.ENXIO) from None
            self._give(notice, deed, made)

    def _do_in_its_proc(self, notice: Notice, deed: Deed, found: int, name: str) -> None:
        """In a /proc that a sandbox mounted: what sandboxes write there, and nothing that reaches into a program.
        name: what it is called there, whatever the caller says."""
        if deed.kind is not Kind.OPEN or not _IN_PROC.match(name):
            self._holding.refuse(notice, ELSEWHERE)
            return
        self._give(notice, deed, maps.open_map(notice.tid, f"/proc/self/fd/{found}", deed.flags))


def _is_to_itself(deed: Deed) -> bool:
    """Whether it is done to what bears the name, if that is there, and not to the name or what it leads to."""
    once = deed.flags & os.O_CREAT and deed.flags & os.O_EXCL
    return deed.kind in _TO_WHAT_IS_THERE and not (deed.kind is Kind.OPEN and once)


def _new_if_none(deed: Deed, spots: list[Spot]) -> Deed:
    """To make a file where none was: never to open what came there since. Raises OSError where none is to be made."""
    if deed.kind is not Kind.OPEN or not spots or spots[0].found is not None:
        return deed
    if not deed.flags & os.O_CREAT:
        raise fail(errno.ENOENT)
    return replace(deed, flags=deed.flags | os.O_EXCL)


def _lstat(folder: int, name: bytes) -> os.stat_result | None:
    with contextlib.suppress(FileNotFoundError):
        return os.lstat(name, dir_fd=folder)
    return None
