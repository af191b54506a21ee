"""The file guard of tier strict: every change of a file or a name is decided here, and made here.

The caller's domain may not write anywhere, so letting its call go on would only fail: what is allowed is done in its
stead, and a descriptor is handed over. So what is judged is what happens, however the caller races. Ordinary places
(the source and build output of the workspace, temporary files) are known and pass without a question; all else goes THE
path. Knows deeds and spots. Refuses to judge. Invariant: no call that changes a file is ever let through unmade, but on
terminals and devices that the floor gives to everybody.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
from collections.abc import Callable, Sequence

from leashtui.guards.kernel import abi, hands
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.checkouts import is_no_checkout
from leashtui.guards.kernel.credentials import Masks, borrowed
from leashtui.guards.kernel.express import Express, Lessons, Ways
from leashtui.guards.kernel.folders import Folders
from leashtui.guards.kernel.futile import changes_nothing, why_futile
from leashtui.guards.kernel.hands import WouldWait, fail
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.leeway import SEALED, Known, Leeway, Owns, nobodys
from leashtui.guards.kernel.lending import LENDS, lends
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.moves import Moves, Places, telling
from leashtui.guards.kernel.naming import Deed, Kind, read_deed
from leashtui.guards.kernel.neighbours import NEIGHBOUR, Neighbours
from leashtui.guards.kernel.notes import MAKES, Keeper, Lost, Notes
from leashtui.guards.kernel.spot import Magic, Spot, locate
from leashtui.guards.kernel.swift import FREE, Sight
from leashtui.guards.kernel.terminals import Terminals
from leashtui.guards.kernel.tracee import group_of
from leashtui.model.request import Action, Layer, Request

_FREE = frozenset(name.encode() for name in FREE)
_OWN_PROC = re.compile(r"/proc/(\d+)/(?:task/\d+/)?(?:comm|oom_score_adj|oom_adj|coredump_filter|timerslack_ns)$")
_FAILURES = (OSError, ValueError, IndexError)
_SHOWN = 1 << 16
"""Bytes of a file whose text is shown."""
_TURNS = 10
"""Directories that are held open for speed alone are let go of when they were not used in so many polls."""
NAMELESS = "/#nameless"
"""Stands for a file without a name in a folder (O_TMPFILE): what it is called later is judged then."""
FOREIGN = "leash: REFUSED: that is another terminal of the person."


class FileGuard(Leeway):
    """known: see Known. sealed: leash's own places. closed: covered secrets, but what is `opened` now. terminals: whose
    they are. touched: told of a try on leash's own files. keeper: None keeps nothing. known_folder: whether an empty
    one may be made. nameless: whether names mean nothing at a path; fleeting: whether what lies there may be removed
    unasked. is_git: whether a program is git, which alone changes what it keeps unasked. adds: whether a path is only
    known to be added to, by a program that `keeps` it. shown: files whose new text is asked about where another file
    takes their place. steered: what git's settings name. sight: whom alone LuaJIT serves, None for everybody. settles,
    classed: see Lanes.settles, is_classed. places: which policies name."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        known: Known,
        *,
        sealed: Sequence[str] = (),
        closed: Sequence[str] = (),
        opened: Callable[[str], bool] = lambda path: False,
        terminals: Terminals | None = None,
        touched: Callable[[str, int], None],
        keeper: Keeper | None = None,
        known_folder: Callable[[str], bool] = lambda path: False,
        nameless: Callable[[str], bool] = lambda path: False,
        fleeting: Callable[[str], bool] = lambda path: False,
        made: Made | None = None,
        is_git: Callable[[str], bool] = lambda exe: True,
        adds: Callable[[str], bool] = lambda path: False,
        shown: frozenset[str] = frozenset(),
        keeps: Callable[[str, str], bool] = lambda path, exe: True,
        settles: Callable[[Action, str], str | None] = lambda action, path: None,
        owns: Owns = nobodys,
        ways: Ways | None = None,
        steered: Sequence[str] = (),
        classed: Callable[[Action, str], bool] = lambda action, path: True,
        places: Places | None = None,
        sight: Sight | None = None,
    ) -> None:
        super().__init__(
            holding,
            known,
            made if made is not None else Made(),
            sealed=sealed,
            closed=closed,
            opened=opened,
            fleeting=fleeting,
            is_git=is_git,
            adds=adds,
            keeps=keeps,
            settles=settles,
            classed=classed,
        )
        self._listener = listener
        self._known_folder = known_folder
        self._shown = shown
        self._owns = owns
        self._folders = Folders()
        self._masks = Masks()
        self._terminals = terminals
        self._touched = touched
        self._made.watched = True
        self._neighbours = Neighbours(self._made)
        self._moves = Moves(self._made, nameless, fleeting, self._holds, steered, places)
        self._notes = Notes(self._made, keeper, self._may_make)
        self._polls = 0
        self._patient: dict[int, tuple[Notice, Deed]] = {}
        swift = listener.hasten(self._notes.noted, sight) if ways is not None else None
        guarded = (*sealed, *closed)
        if ways is not None and swift is not None:
            self._notes.lessons = Lessons(swift, ways, self._notes.tape, guarded)
        self._lessons = self._notes.lessons
        self._express = Express(
            listener, self._folders, self._masks, self._may_make, self._notes.express, self._lessons
        )

    def meet(self, notice: Notice) -> None:
        """A call that would change a file, or what files are made with."""
        if notice.number == nr.UMASK:
            self._masks.changes(notice.tid, notice.args[0])
            if self._lessons is not None:
                self._lessons.swift.forget_masks(stable=False)
            self._listener.resume(notice.id)
            return
        try:
            deed = read_deed(notice)
            if deed.kind is Kind.OPEN:
                with contextlib.suppress(*_FAILURES):  # nothing was done then: the long way says what is wrong
                    if self._express.made(notice, deed):
                        return
            self._weigh(notice, deed, frozenset())
        except _FAILURES as error:
            self._fail(notice, error)

    def poll(self) -> None:
        """Try the opens again that wait for the other end of a pipe; forget what is remembered for speed alone."""
        self._folders.tidy()
        self._masks.tidy()
        if self._lessons is not None:
            self._lessons.swift.forget_masks(stable=True)
            self._polls = (self._polls + 1) % _TURNS
            if not self._polls:
                self._lessons.swift.forget(everything=False)
        for key, (notice, deed) in list(self._patient.items()):
            del self._patient[key]
            if self._listener.waits(key):
                try:
                    self._weigh(notice, deed, frozenset(os.fsdecode(name) for name in deed.names))
                except _FAILURES as error:
                    self._fail(notice, error)

    def forget(self) -> None:
        """What was answered before may be answered otherwise from now on."""
        if self._lessons is not None:
            self._lessons.swift.forget()

    def why_never(self, path: str) -> str:
        """Why no socket may be made at this real path whatever a policy says, '' when one may."""
        return self._barred(Action.FILE_WRITE, path)

    def may_make(self, path: str) -> bool:
        """Whether a socket may be made at this real path without a question."""
        return self._known(Action.FILE_WRITE, path)

    def is_taken(self, path: str) -> bool:
        """Whether a program outside of the session listens at this path."""
        return self._neighbours.listen_at(path)

    def made(self, path: str) -> None:
        """A socket was made there."""
        self._made.made(path)
        self._neighbours.made(path)

    def _fail(self, notice: Notice, error: Exception) -> None:
        """Whatever could not be done fails the call as the kernel would, or with EIO."""
        self._listener.refuse(notice.id, (error.errno if isinstance(error, OSError) else None) or errno.EIO)

    # deciding -----------------------------------------------------------------------------------------------------
    def _weigh(
        self, notice: Notice, deed: Deed, granted: frozenset[str], text: str = "", *, lossy: bool = False
    ) -> None:
        """Resolve, judge, do. granted: real paths that a verdict allowed already. text: the new content it was told of;
        another one now is asked about anew. lossy: a verdict allowed that something is gone for good. Raises OSError.
        """
        if deed.kind is Kind.OPEN and deed.flags & os.O_PATH:
            self._listener.resume(notice.id)  # no right to write comes of it
            return
        if deed.kind is Kind.OPEN and deed.names[0] in _FREE:
            self._go_on(notice, deed)
            return
        fds: list[int] = []
        spots: list[Spot] = []
        try:
            self._find(notice, deed, fds, spots)
            if self._is_terminal(notice, deed, spots):
                return
            fd = fds[-1] if fds else -1
            if lends(deed, fd, spots):
                self._holding.refuse(notice, LENDS)
                return
            if self._neighbours.use(deed, fd, spots):
                self._holding.refuse(notice, NEIGHBOUR)
                return
            asked = []
            now = self._arriving(deed, spots)
            granted = granted if now == text else frozenset()
            for action, path in self._wanted(notice, deed, fd, spots):
                why = self._barred(action, path)
                if why:
                    if why == SEALED:
                        self._touched(path, notice.tid)
                    self._holding.refuse(notice, why)
                    return
                if path in granted or self._is_free(action, path) or changes_nothing(deed, spots):
                    continue
                if self._known(action, path) and not self._overwrites(notice, deed, path, spots):
                    continue
                if self._is_fresh(action, path, empty=deed.kind is Kind.RMDIR):
                    continue
                if self._owns(action, path, notice.tid, new=path in self._made or not os.path.lexists(path)):
                    continue
                if deed.kind is not Kind.MKDIR or not self._known_folder(path):
                    asked.append((action, path))
            if deed.kind is Kind.LINK and self._gives_away(notice, fd, spots, asked):
                self._listener.refuse(notice.id, errno.EXDEV)  # a second name is a way to write it; programs copy then
                return
            if not asked:
                if now:
                    hands.renew(spots[0], now)
                try:
                    self._do(notice, deed, fd, spots, lossy=lossy)
                    return
                except Lost as lost:
                    asked = [(Action.FILE_DELETE, lost.path)]  # what undo cannot bring back is as good as removed
            futile = why_futile(deed, fd, spots)
            if futile:
                self._listener.refuse(notice.id, futile)
                return
        finally:
            for held in fds:
                os.close(held)
            for spot in spots:
                spot.close()
        self._ask(notice, deed, asked, granted, now)

    def _ask(
        self, notice: Notice, deed: Deed, asked: list[tuple[Action, str]], granted: frozenset[str], text: str
    ) -> None:
        who = self._holding.who(notice.tid)
        requests = [
            Request(
                action,
                Layer.KERNEL,
                os.path.dirname(path),
                argv=who.argv,
                exe="" if is_no_checkout(deed, path, who.exe, self._is_git) else who.exe,
                path=path,
                script=text if path in self._shown else "",
                process=who.process,
                ancestry=who.ancestry,
            )
            for action, path in dict.fromkeys(asked)
        ]
        allowed = granted | {path for _, path in asked}
        lossy = any(action is Action.FILE_DELETE for action, _ in asked)

        def then() -> None:
            try:
                self._weigh(notice, deed, allowed, text, lossy=lossy)
            except _FAILURES as error:
                self._fail(notice, error)

        self._holding.ask(notice, requests, then)

    def _arriving(self, deed: Deed, spots: list[Spot]) -> str:
        """The text of a small file that is about to take the place of a shown one, '' for anything else."""
        if deed.kind is not Kind.RENAME or spots[-1].path not in self._shown or deed.flags:
            return ""
        source = spots[0]
        if source.found is None or not stat.S_ISREG(source.found.st_mode) or source.found.st_size > _SHOWN:
            return ""
        try:
            handle = os.open(source.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=source.fd)
        except OSError:
            return ""
        try:
            return os.read(handle, _SHOWN).decode("utf-8", "replace")
        finally:
            os.close(handle)

    def _find(self, notice: Notice, deed: Deed, fds: list[int], spots: list[Spot]) -> None:
        """Adds our duplicate of the descriptor it is about, and the spots of its names. Raises OSError."""
        if deed.fd >= 0:
            fds.append(abi.take_fd(group_of(notice.tid), deed.fd))
        for place, name in enumerate(deed.names):
            shut = name.endswith(b"/") and self._makes_no_folder(deed, place)
            bare = name.rstrip(b"/") or name if shut else name
            try:
                spots.append(locate(notice.tid, bare, deed.follow and place == 0 and not shut, self._folders))
                if shut and (deed.kind is Kind.OPEN or spots[-1].found is None):
                    raise fail(errno.EISDIR if deed.kind is Kind.OPEN else errno.ENOENT)
                if deed.kind is Kind.LINK and place < len(deed.names) - 1 and spots[-1].found is None:
                    raise fail(errno.ENOENT)
            except Magic as magic:
                if place or not (deed.follow or deed.kind is Kind.OPEN):
                    raise fail(errno.EACCES) from magic
                fds.append(abi.take_fd(group_of(notice.tid), magic.number))

    @staticmethod
    def _makes_no_folder(deed: Deed, place: int) -> bool:
        """Whether what may be made by this name of the deed is no folder: then none may be called so."""
        if deed.kind is Kind.OPEN:
            return bool(deed.flags & os.O_CREAT)
        return deed.kind in MAKES and deed.kind is not Kind.MKDIR and place == len(deed.names) - 1

    def _wanted(self, notice: Notice, deed: Deed, fd: int, spots: list[Spot]) -> list[tuple[Action, str]]:
        """What the deed comes to, as acts on real paths. Raises OSError where the kernel would fail it anyway."""
        wanted: list[tuple[Action, str]] = []
        if fd >= 0 and not (deed.kind is Kind.OPEN and hands.gives_no_more(deed, fd)):
            path = self._behind(notice, fd)
            if path.startswith("/") and not path.startswith("/memfd:") and not path.endswith(" (deleted)"):
                wanted.append((Action.FILE_WRITE, path))
        kind = deed.kind
        if kind is Kind.RENAME:
            return wanted + self._moves.wanted(deed, *spots)
        for spot in spots:
            if self._is_own_proc(notice, spot):
                continue
            if kind is Kind.OPEN and spot.found is None and not deed.flags & os.O_CREAT:
                raise fail(errno.ENOENT)
            if kind is Kind.RMDIR and self._is_free(Action.FILE_DELETE, spot.path):
                continue  # an empty folder of the session's own
            if kind in MAKES and spot is spots[-1] and spot.found is not None:
                if kind is Kind.MKDIR and not spot.dotted:
                    self._notes.teach(deed, spots)  # as if it had been made: who unpacks asks for the same one again
                raise fail(errno.EEXIST)
            if kind in (Kind.UNLINK, Kind.RMDIR) and spot.found is None:
                raise fail(errno.ENOENT)
            if kind is Kind.UNLINK or (kind is Kind.RMDIR and self._moves.is_spoken_of(spot.path)):
                wanted.append((Action.FILE_DELETE, self._moves.own_name(spot.path)))
            else:
                nameless = kind is Kind.OPEN and deed.flags & hands.O_TMPFILE == hands.O_TMPFILE and spot.is_folder
                wanted.append((Action.FILE_WRITE, spot.path + NAMELESS if nameless else telling(spot, kind)))
            if kind is Kind.SYMLINK:
                wanted += self._moves.brings(spot.path) + self._moves.stands_for(spot.path)
            if kind is Kind.RMDIR and self._holds(spot.path):
                raise fail(errno.ENOTEMPTY)
        return wanted

    def _behind(self, notice: Notice, fd: int) -> str:
        """The name of what our duplicate of the caller's descriptor holds, '' for what is nobody's. Raises OSError."""
        return os.readlink(f"/proc/self/fd/{fd}")

    @staticmethod
    def _is_own_proc(notice: Notice, spot: Spot) -> bool:
        found = _OWN_PROC.match(spot.path) if spot.folder.startswith(b"/proc/") else None
        return found is not None and int(found[1]) in (notice.tid, group_of(notice.tid))

    def _is_terminal(self, notice: Notice, deed: Deed, spots: list[Spot]) -> bool:
        """Plain devices and the agent's terminal go on by themselves, on what the floor gives; one that the session
        made is opened here, where no other can be put in its place; the person's are not, nor are their rights
        changed."""
        if not spots or spots[0].found is None:
            return False
        spot, found = spots[0], spots[0].found
        if not stat.S_ISCHR(found.st_mode):
            return False
        if spot.folder == b"/dev/pts" and spot.name.isdigit() and self._terminals is not None:
            own = self._terminals.is_own(spot.path)
            if not own and not self._terminals.is_made(spot.path, found):
                self._holding.refuse(notice, FOREIGN)
            elif deed.kind is not Kind.OPEN:
                return False
            elif own:
                self._go_on(notice, deed)
            else:
                self._do(notice, deed, -1, spots)
            return True
        if deed.kind is not Kind.OPEN:
            return False
        if spot.folder == b"/dev/pts" or os.fsencode(spot.path) in _FREE:
            self._go_on(notice, deed)
            return True
        return False

    def _go_on(self, notice: Notice, deed: Deed) -> None:
        """The kernel opens it, and the floor holds if the name is another by then. It has no say where what is emptied
        is not opened to be written, so that is refused."""
        if deed.flags & os.O_TRUNC and deed.flags & os.O_ACCMODE not in (os.O_WRONLY, os.O_RDWR):
            self._listener.refuse(notice.id, errno.EACCES)
        else:
            self._listener.resume(notice.id)

    # doing --------------------------------------------------------------------------------------------------------
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
        """What was allowed. by: what to take hold of instead of `fd` and `spots`, the same by another way. Raises
        OSError; Lost before anything was done, unless it may be lossy."""
        if fd >= 0:
            self._notes.keep_behind(deed, fd, notice.tid, lossy=lossy)
        held, places = by or (fd, spots)
        mark = self._notes.mark()
        with borrowed(notice.tid, self._masks, makes=bool(spots) and spots[-1].found is None):
            if deed.kind is not Kind.OPEN or fd < 0:
                self._notes.keep(deed, spots, notice.tid, lossy=lossy)
            if deed.kind is not Kind.OPEN:
                try:
                    hands.do_at(deed, places, held)
                except OSError:
                    self._notes.void(deed, mark)
                    raise
                self._notes.remember(deed, spots, notice.tid)
                self._listener.answer(notice.id)
                self._notes.teach(deed, spots)
                return
            try:
                if held >= 0:
                    made = hands.reopen(deed, held, patient=by is not None)
                else:
                    made = hands.open_at(deed, places[0])
                    self._notes.remember(deed, spots, notice.tid)
            except WouldWait:
                self._patient[notice.id] = (notice, deed)
                return
        try:
            self._listener.hand(notice.id, made, deed.flags)
        finally:
            os.close(made)
