"""inotify over the territory (by watchdog's reader thread): says where to look, and what it could not watch.

Knows watch descriptors, their directories, and the kernel's limits. Refuses to know what changed. Runs in watchdog's
thread, so it only puts paths into `Pending`, which wakes the watcher's own thread.

Invariant: whatever was not watched or was lost is said through `Pending` (overflow) or `blind` (unwatched directories).
"""

from __future__ import annotations

import errno
import os
import threading
import time

from watchdog.observers.inotify_c import CallbackId, InotifyConstants, InotifyEvent, InotifyFD, Mask, WatchDescriptor

MOST_PENDING = 50_000
PATIENCE = 0.03
EVENTS = 256 << 10
"""Bytes of events taken at once: more than a queue of the kernel's usual length (16,384 events) holds in PATIENCE."""

_MASK = Mask(
    InotifyConstants.IN_CREATE
    | InotifyConstants.IN_DELETE
    | InotifyConstants.IN_MOVED_FROM
    | InotifyConstants.IN_MOVED_TO
    | InotifyConstants.IN_MODIFY
    | InotifyConstants.IN_CLOSE_WRITE
    | InotifyConstants.IN_ATTRIB
    | InotifyConstants.IN_ONLYDIR
    | InotifyConstants.IN_DONT_FOLLOW
    | InotifyConstants.IN_EXCL_UNLINK
)


class Pending:
    """Paths to look at, filled by one thread and taken by another. `wake` becomes readable when there are any."""

    def __init__(self) -> None:
        self.wake, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._lock = threading.Lock()
        self._files: set[str] = set()
        self._trees: set[str] = set()
        self._lost = False
        self._everything = False
        self.signs = 0
        """How many were added ever."""

    def add(self, path: str, *, tree: bool) -> None:
        """`path` may have changed; tree: it is or was a directory."""
        with self._lock:
            self.signs += 1
            quiet = not (self._files or self._trees or self._everything)
            if len(self._files) + len(self._trees) >= MOST_PENDING:
                self._files.clear()
                self._trees.clear()
                self._everything = True
            if not self._everything:
                (self._trees if tree else self._files).add(path)
        if quiet:
            self._ring()

    def put_back(self, taken: tuple[set[str], set[str], bool, bool]) -> None:
        """What was taken is to be taken again."""
        files, trees, everything, lost = taken
        with self._lock:
            self._files |= files
            self._trees |= trees
            self._everything |= everything
            self._lost |= lost
        if files or trees or everything:
            self._ring()

    def overflow(self) -> None:
        """The kernel dropped events."""
        with self._lock:
            self._lost = self._everything = True
        self._ring()

    def take(self) -> tuple[set[str], set[str], bool, bool]:
        """(files, trees, everything, lost) since the last time."""
        with self._lock:
            taken = (self._files, self._trees, self._everything, self._lost)
            self._files, self._trees, self._everything, self._lost = set(), set(), False, False
        try:
            os.read(self.wake, 4096)
        except BlockingIOError:
            return taken
        return taken

    def _ring(self) -> None:
        try:
            os.write(self._waker, b"!")
        except BlockingIOError:  # full: it is awake already
            return


class _Patient(InotifyFD):
    """Takes what was signed meanwhile in one go, some times a second: the processor is the guarded program's."""

    def read_events(self, *, event_buffer_size: int = EVENTS) -> list[InotifyEvent]:
        """See InotifyFD."""
        time.sleep(PATIENCE)
        return super().read_events(event_buffer_size=event_buffer_size)


class Eyes:
    """Watches directories one by one. blind: directories that could not be watched; why: the errno of the first.

    patient: nobody waits for what is seen.
    """

    def __init__(self, pending: Pending, *, patient: bool = False) -> None:
        self._pending = pending
        self._directories: dict[int, str] = {}
        self.blind: set[str] = set()
        self.why = 0
        self._inotify: InotifyFD | None = None
        try:
            self._inotify = _Patient() if patient else InotifyFD()
        except OSError as error:
            self.why = error.errno or errno.EMFILE
        else:
            self._inotify.daemon = True
            self._inotify.start()

    def __len__(self) -> int:
        return len(self._directories)

    def watch(self, directory: str) -> None:
        """Watch one directory (again: then its name may have changed)."""
        if self._inotify is None:
            self.blind.add(directory)
            return
        try:
            wd = self._inotify.add_callback(os.fsencode(directory), _MASK, self, CallbackId(id(self)))
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.ENOMEM):
                self.why = self.why or error.errno
                self.blind.add(directory)
            return  # gone, no directory any more, or unreadable: its parent's events say so
        self.blind.discard(directory)
        self._directories[wd] = directory

    # called by watchdog's thread ---------------------------------------------------------------------------------
    def on_event(self, event: InotifyEvent) -> None:
        """See watchdog's WatchCallback."""
        directory = self._directories.get(event.wd)
        if directory is not None and event.name:  # without a name it is the directory's own mode or time
            path = f"{directory.rstrip('/')}/{os.fsdecode(event.name)}"
            self._pending.add(path, tree=bool(event.mask & InotifyConstants.IN_ISDIR))

    def on_watch_deleted(self, wd: WatchDescriptor) -> None:
        """The directory is gone; its parent's events told so."""
        self._directories.pop(wd, None)

    def on_queue_overflow(self) -> None:
        """Events were lost: everything must be read again."""
        self._pending.overflow()
