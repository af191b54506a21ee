"""What a session needs in any case, started while its command line is still read: a supervisor, and perhaps a panel.

Knows command lines and descriptors. Refuses to know what the session shall be: both only import what they will need,
and wait for their first message. Standard library only, and little of it, for it runs before everything else.
Invariant: what waits has touched neither terminal nor disk, and leaves by itself when nobody takes it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import sys
from collections.abc import Sequence

_WARDEN = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "supervisor", "warden.py")
SUPERVISOR = (sys.executable, "-I", "-m", "leashtui.supervisor")
"""The command line of a supervisor, without its channel."""
PANEL = (sys.executable, "-I", "-m", "leashtui.faces.tui")
"""The command line of the panel, without its options."""
_NULL = "/dev/null"


class Panel:
    """A panel that waits at `door` for its options. pid: its process."""

    def __init__(self, pid: int, door: socket.socket) -> None:
        self.pid = pid
        self.door = door


class Ahead:
    """A supervisor below its warden, and perhaps a panel. line: to the supervisor. errors: what it writes to stderr.

    streams: copies of our standard streams that it got, () for a session with a face.
    """

    def __init__(self, line: socket.socket, warden: int, errors: int, streams: Sequence[int]) -> None:
        self.line = line
        self.warden = warden
        self.errors = errors
        self.streams = tuple(streams)
        self.panel: Panel | None = None
        self.taken = False

    def drop(self) -> None:
        """Nobody takes it: both hear the end of their lines, and go."""
        if not self.taken:
            self.taken = True
            self.line.close()
            os.close(self.errors)
            drop_panel(self.panel)


def drop_panel(panel: Panel | None) -> None:
    """This panel is not wanted."""
    if panel is not None:
        panel.door.close()


def begin(supervisor: Sequence[str], *, streams: bool) -> Ahead:
    """Start a warden with its supervisor. streams: whether it gets copies of our fds 0-2. Raises OSError."""
    ours, theirs = socket.socketpair()
    line, far = _high(ours.detach()), _high(theirs.detach())
    errors = _high(os.memfd_create("supervisor-stderr"))
    copies = [_copy(fd) for fd in (0, 1, 2)] if streams else []
    fds = [far, *copies]
    command = [sys.executable, "-I", "-S", _WARDEN, ",".join(map(str, fds)), "--", *supervisor, str(far)]
    for fd in fds:
        os.set_inheritable(fd, True)
    try:
        pid = os.posix_spawn(
            command[0],
            command,
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, _NULL, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, _NULL, os.O_WRONLY, 0),
                (os.POSIX_SPAWN_DUP2, errors, 2),
            ],
        )
    finally:
        for fd in fds:
            os.close(fd)
    return Ahead(socket.socket(fileno=line), pid, errors, copies)


def panel(command: Sequence[str]) -> Panel:
    """Start a panel in this terminal that waits for its options. Raises OSError."""
    ours, theirs = socket.socketpair()
    door, far = _high(ours.detach()), _high(theirs.detach())
    os.set_inheritable(far, True)
    argv = [*command, "--door", str(far)]
    try:
        pid = os.posix_spawn(argv[0], argv, os.environ, file_actions=onto_terminal())
    finally:
        os.close(far)
    return Panel(pid, socket.socket(fileno=door))


def onto_terminal() -> list[tuple[int, int, int]]:
    """What gives a panel the terminal it draws in where our stderr was sent elsewhere (`leash claude 2>errors`)."""
    return [] if os.isatty(2) else [(os.POSIX_SPAWN_DUP2, 1, 2)]


def likely(ours: Sequence[str]) -> Ahead | None:
    """What a session with these options of leash will most likely need; None where nothing can be had ahead."""
    if "LEASH_SESSION" in os.environ:  # inside a session no other one starts, and its guard need not judge our try
        return None
    shown = os.isatty(0) and os.isatty(1) if _are_open() else False
    headless = "--headless" in ours or not shown
    with contextlib.suppress(OSError):
        ahead = begin(SUPERVISOR, streams=headless)
        drawn = os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}
        if not headless and drawn and not {"--plain", "full", "--layout=full"} & set(ours):
            with contextlib.suppress(OSError):
                ahead.panel = panel(PANEL)
        return ahead
    return None


def _are_open() -> bool:
    try:
        os.fstat(0), os.fstat(1), os.fstat(2)
    except OSError:
        return False
    return True


def _high(fd: int) -> int:
    """The same above the standard streams, of which some may be closed."""
    if fd > 2:
        return fd
    high = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    os.close(fd)
    return high


def _copy(fd: int) -> int:
    """A copy of a standard stream above the standard ones, /dev/null for one that is closed."""
    try:
        return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
    except OSError:
        return _high(os.open(_NULL, os.O_RDWR | os.O_CLOEXEC))
