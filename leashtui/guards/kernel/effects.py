"""What the filter asks about besides execs, handed to the guard of its kind: files, doors, watched reads
or what steers processes.

Knows which call is whose. Refuses to judge. Invariant: a call nobody knows is refused.
"""

from __future__ import annotations

import errno
from typing import Protocol

from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.reads import ReadGuard
from leashtui.guards.kernel.steering import Steering

_FILES = nr.NAMING | {nr.OPEN, nr.OPENAT, nr.UMASK}
_DOORS = frozenset({nr.CONNECT, nr.BIND, nr.LISTEN, nr.SENDTO, nr.SENDMSG, nr.SENDMMSG})
NO_TRACING = (
    "leash: REFUSED: looks into a running program, as debuggers and profilers do — whoever traces a program can make it"
    " do what nobody judged [kernel guard]. Print or log what you need, use the language's own debugger (pdb, node"
    " inspect), or ask the person to run it in a terminal outside the session."
)
NO_SHARING = (
    "leash: REFUSED: starts a process that shares its open files, as LeakSanitizer does to trace what it looks at —"
    " which file a number means could then change while it is judged [kernel guard]. Run it with"
    " LSAN_OPTIONS=detect_leaks=0, or ask the person to look for leaks outside the session."
)


class Kindred(Protocol):
    """A guard of some calls (files.FileGuard, doors.DoorGuard)."""

    def meet(self, notice: Notice) -> None: ...

    def poll(self) -> None: ...


class EffectGuard:
    """Serves the listener of an ExecGuard, in its thread."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        files: Kindred,
        doors: Kindred,
        steering: Steering,
        reads: ReadGuard | None = None,
    ) -> None:
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
        elif notice.number in nr.TRACING:
            self._holding.refuse(notice, NO_TRACING, errno.EPERM)
        elif notice.number == nr.CLONE:
            self._holding.refuse(notice, NO_SHARING, errno.EPERM)
        else:
            self._listener.refuse(notice.id, errno.ENOSYS)

    def poll_held(self) -> None:
        """Look after what waits."""
        self._holding.poll()
        self._files.poll()
        self._doors.poll()

    def close(self) -> None:
        """Refuse what waits."""
        self._holding.close()
