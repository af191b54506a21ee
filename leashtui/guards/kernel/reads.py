"""Reads of watched files: with secret watch on, every open is seen, and that of a file of such a name is asked about.

Costs each open of the session a round trip, so it is off unless somebody names files to watch. Covers lie over the
files that exist when the session begins: a read that we do not know by its name (a link, a thread that swaps the name
after we looked) meets a closed file and not the secret. What is allowed is opened by us and handed over. Knows names.
Refuses to judge. Invariant: the bytes of a watched file reach a program only through a descriptor handed over here.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.credentials import Masks, borrowed
from leashtui.guards.kernel.holding import Holding
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.naming import read_deed
from leashtui.guards.kernel.spot import locate, read_name
from leashtui.model.request import Action, Layer, Request

WRITING = 0x3 | 0x40 | 0x200 | 0x400000
"""Flags of an open that the file guard looks at."""
_HARMLESS = (".example", ".sample", ".template", ".dist", ".defaults")
_SKIPPED = frozenset({".git", "node_modules", ".venv", "venv", "__pycache__", "target", ".tox"})
_DEEP, _LOOKED, _MOST = 5, 20_000, 64
_KEPT = os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


def is_watched(name: str, patterns: Iterable[str]) -> bool:
    """Whether a file of this name is watched; examples and templates are not."""
    return any(fnmatchcase(name, pattern) for pattern in patterns) and not name.endswith(_HARMLESS)


def watched_in(workspace: str, patterns: Sequence[str]) -> tuple[str, ...]:
    """The watched files that lie in the workspace now, a few levels deep, as real paths."""
    found: list[str] = []
    looked = 0
    for folder, folders, files in os.walk(workspace) if patterns else ():
        deep = folder.count("/") - workspace.count("/")
        folders[:] = [] if deep >= _DEEP else sorted(name for name in folders if name not in _SKIPPED)
        looked += len(files)
        for name in sorted(files):
            path = os.path.join(folder, name)
            if is_watched(name, patterns) and os.path.isfile(path) and not os.path.islink(path):
                found.append(path)
        if looked > _LOOKED or len(found) >= _MOST:
            break
    return tuple(found[:_MOST])


class ReadGuard:
    """patterns: names that are watched. workspace: where. made: whether the session made what lies at a path."""

    def __init__(
        self,
        listener: Listener,
        holding: Holding,
        workspace: str,
        patterns: Sequence[str],
        made: Callable[[str], bool],
    ) -> None:
        self._listener = listener
        self._holding = holding
        self._within = workspace + "/"
        self._patterns = tuple(patterns)
        self._made = made
        self._masks = Masks()

    def takes(self, notice: Notice) -> bool:
        """Whether it is an open for reading, which nobody else looks at."""
        flags = notice.args[2] if notice.number == nr.OPENAT else notice.args[1]
        return notice.number in (nr.OPEN, nr.OPENAT) and not flags & WRITING

    def meet(self, notice: Notice) -> None:
        """One open that waits."""
        try:
            address = notice.args[1] if notice.number == nr.OPENAT else notice.args[0]
            name = os.fsdecode(read_name(notice.tid, address).rpartition(b"/")[2])
            if not is_watched(name, self._patterns) or not self._ask(notice):
                self._listener.resume(notice.id)
        except (OSError, ValueError, IndexError) as error:
            self._listener.refuse(notice.id, (error.errno if isinstance(error, OSError) else 0) or errno.EIO)

    def _ask(self, notice: Notice) -> bool:
        """Whether the open is asked about now. Raises OSError as the kernel would."""
        deed = read_deed(notice)
        spot = locate(notice.tid, deed.names[0], deed.follow)
        path, found = spot.path, spot.found
        spot.close()
        if found is None or not stat.S_ISREG(found.st_mode) or deed.flags & os.O_PATH:
            return False
        if not path.startswith(self._within) or self._made(path):
            return False
        who = self._holding.who(notice.tid)
        request = Request(
            Action.FILE_READ,
            Layer.KERNEL,
            os.path.dirname(path),
            argv=who.argv,
            exe=who.exe,
            path=path,
            process=who.process,
            ancestry=who.ancestry,
        )
        self._holding.ask(notice, [request], lambda: self._hand(notice, path, (found.st_dev, found.st_ino), deed.flags))
        return True

    def _hand(self, notice: Notice, path: str, seen: tuple[int, int], flags: int) -> None:
        """Open what was asked about, and only that, and give it to the caller."""
        fd = -1
        try:
            with borrowed(notice.tid, self._masks, makes=False):
                fd = os.open(path, os.O_RDONLY | _KEPT)
            os.set_blocking(fd, True)
            now = os.fstat(fd)
            if (now.st_dev, now.st_ino) != seen or not stat.S_ISREG(now.st_mode):
                self._listener.refuse(notice.id, errno.EACCES)
                return
            self._listener.hand(notice.id, fd, flags)
        except OSError as error:
            self._listener.refuse(notice.id, error.errno or errno.EIO)
        finally:
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
