"""What the filter asks about besides execs, handed to the guard of its kind: files, doors, watched reads
or what steers processes.

Knows which call is whose. Refuses to judge. Invariant: a call nobody knows is refused.
"""

from __future__ import annotations

import errno
from typing import Protocol

from msgspec.structs import replace

from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.reads import ReadGuard
from leashtui.guards.kernel.spot import read_name
from leashtui.guards.kernel.steering import Steering
from leashtui.guards.kernel.still import is_still
from leashtui.guards.kernel.views import Views
from leashtui.model.request import Request

_FILES = nr.NAMING | {nr.OPEN, nr.OPENAT, nr.UMASK}
_DOORS = frozenset({nr.CONNECT, nr.BIND, nr.LISTEN, nr.SENDTO, nr.SENDMSG, nr.SENDMMSG})
NO_TRACING = (
    "leash: REFUSED: looks into a running program, as debuggers and profilers do — whoever traces a program can make it"
    " do what nobody judged [kernel guard]. Print or log what you need, use the language's own debugger (pdb, node"
    " inspect), or ask the person to run it in a terminal outside the session."
)
NO_OVERLAYS = (
    "leash: REFUSED: mounts an overlay, in which a file is written under another name than its own [kernel guard]. Bind"
    " the folders that are needed instead."
)
NO_MOUNTS = (
    "leash: REFUSED: mounts a file system while its own words could be changed by others — of another kind, it would"
    " write under names that nobody judged [kernel guard]. Let a program with one thread mount it, as bwrap does."
)
_OF_WHAT_IS_THERE = 32 | 4096 | 8192 | 15 << 17
"""Flags of a mount of no new file system: of such a one the kernel does not read the kind."""
_FIRST = 8
"""Words among which a script's name is sought."""
NO_SHARING = (
    "leash: REFUSED: starts a process that shares its open files, as LeakSanitizer does to trace what it looks at —"
    " which file a number means could then change while it is judged [kernel guard]. Run it with"
    " LSAN_OPTIONS=detect_leaks=0, or ask the person to look for leaks outside the session."
)


class Kindred(Protocol):
    """A guard of some calls (files.FileGuard, doors.DoorGuard)."""

    def meet(self, notice: Notice) -> None: ...

    def poll(self) -> None: ...


class Files(Kindred, Protocol):
    """The file guard, which also knows what may be written."""

    def may_make(self, path: str) -> bool: ...


class EffectGuard:
    """Serves the listener of an ExecGuard, in its thread."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        files: Files,
        doors: Kindred,
        steering: Steering,
        reads: ReadGuard | None = None,
        views: Views | None = None,
    ) -> None:
        self._views = views
        self._listener = listener
        self._holding = holding
        self._files = files
        self._doors = doors
        self._steering = steering
        self._reads = reads

    def meet(self, notice: Notice) -> None:
        """One call that waits."""
        if self._reads is not None and self._reads.takes(notice):
            self._reads.meet(notice)
        elif notice.number in _FILES:
            self._files.meet(notice)
        elif notice.number in _DOORS:
            self._doors.meet(notice)
        elif notice.number in nr.STEERING:
            self._steering.meet(notice)
        elif notice.number == nr.MOUNT:
            self._mount(notice)
        elif notice.number in nr.TRACING:
            self._holding.refuse(notice, NO_TRACING, errno.EPERM)
        elif notice.number == nr.CLONE:
            self._holding.refuse(notice, NO_SHARING, errno.EPERM)
        else:
            self._listener.refuse(notice.id, errno.ENOSYS)

    def named(self, request: Request) -> Request:
        """An exec by our names of its program and its script, which its own sandbox may call otherwise. OSError."""
        if self._views is None or request.process is None or self._views.runs_ours(request.process.pid):
            return request
        pid, words = request.process.pid, list(request.argv)
        at = next((i for i, word in enumerate(words[:_FIRST]) if i and not word.startswith("-")), 0)
        if at:
            words[at] = self._views.script(pid, words[at])
        cwd = self._views.script(pid, request.cwd)
        cwd = request.cwd if cwd.startswith("/proc/") else cwd
        return replace(request, exe=self._views.program(pid), argv=tuple(words), cwd=cwd)

    def poll_held(self) -> None:
        """Look after what waits."""
        self._holding.poll()
        self._files.poll()
        self._doors.poll()

    def _mount(self, notice: Notice) -> None:
        """Sandboxes bind and make; what is written to an overlay the kernel writes elsewhere, by no name of ours, and
        it does so when it is mounted already. So the kind must be what it was when it was looked at."""
        flags, kind = notice.args[3], notice.args[2]
        if flags & _OF_WHAT_IS_THERE or not kind:
            self._listener.resume(notice.id)
            return
        try:
            name = read_name(notice.tid, kind)
            still = is_still(notice.tid, kind, len(name) + 1, self._may_write)
        except (OSError, ValueError, IndexError) as error:
            self._listener.refuse(notice.id, (error.errno if isinstance(error, OSError) else 0) or errno.EIO)
            return
        if name.startswith(b"overlay"):
            self._holding.refuse(notice, NO_OVERLAYS, errno.EPERM)
        elif not still:
            self._holding.refuse(notice, NO_MOUNTS, errno.EPERM)
        else:
            self._listener.resume(notice.id)

    def _may_write(self, pid: int) -> bool:
        """Whether the session may write what a process runs without a question. Raises OSError."""
        if self._views is None:
            return True
        program = self._views.program(pid)
        return program.startswith("/proc/") or self._files.may_make(program)

    def close(self) -> None:
        """Refuse what waits."""
        self._holding.close()
