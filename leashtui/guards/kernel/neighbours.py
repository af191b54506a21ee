"""What programs outside of the session use right now, where anybody may tidy up: sockets they listen at, shared memory.

A socket that is taken away makes room for another of its name, and whoever calls there next (a tmux client brings the
person's terminal along) talks to the session. Knows how to tell that something is in use. Refuses to judge. Invariant:
what the session made is nobody else's; where it cannot be told whose a socket is that answers, it is another's.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import socket
import stat

from leashtui.guards.kernel import address
from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.spot import Spot

SHARED = "/dev/shm/"
NEIGHBOUR = "leash: REFUSED: a program outside of this session uses that. Ask the person to end it first."
_TABLE = "/proc/self/net/unix"
_LEAVES = frozenset({Kind.UNLINK, Kind.RENAME})
_CHANGES = _LEAVES | {Kind.OPEN, Kind.TRUNCATE}
_MOST = 4096


class Neighbours:
    """made: what the session made, by name."""

    def __init__(self, made: Made) -> None:
        self._made = made
        self._own: set[tuple[int, int]] = set()

    def made(self, path: str) -> None:
        """A process of the session bound a socket there."""
        found = os.lstat(path)
        self._remember(found)

    def use(self, deed: Deed, fd: int, spots: list[Spot]) -> bool:
        """Whether the deed would take what somebody outside uses. fd: our descriptor of the thing, or -1."""
        if deed.kind not in _CHANGES:
            return False
        if fd >= 0:
            path = os.readlink(f"/proc/self/fd/{fd}")
            return path.startswith(SHARED) and self._is_shared(path, os.fstat(fd))
        for spot in spots:
            found = spot.found
            if found is None or spot.path in self._made:
                continue
            if deed.kind in _LEAVES and stat.S_ISSOCK(found.st_mode) and self._is_theirs(spot.path, found):
                return True
            if deed.kind is Kind.RENAME and spot.is_folder and self._hold_below(spot.path):
                return True
            if stat.S_ISREG(found.st_mode) and spot.path.startswith(SHARED) and self._is_shared(spot.path, found):
                return True
        return False

    def listen_at(self, path: str) -> bool:
        """Whether somebody outside answers at a path."""
        try:
            found = os.lstat(path)
        except (OSError, ValueError):
            return False
        return stat.S_ISSOCK(found.st_mode) and path not in self._made and self._is_theirs(path, found)

    def _is_theirs(self, path: str, found: os.stat_result) -> bool:
        """Whether somebody outside answers at a socket's file."""
        if (found.st_dev, found.st_ino) in self._own:
            return False
        for kind in (socket.SOCK_STREAM, socket.SOCK_SEQPACKET, socket.SOCK_DGRAM):
            with socket.socket(socket.AF_UNIX, kind) as probe:
                probe.setblocking(False)
                code = probe.connect_ex(path)
                if code == errno.EPROTOTYPE:
                    continue
                if code in (errno.ECONNREFUSED, errno.ENOENT):
                    return False
                return code != 0 or kind == socket.SOCK_DGRAM or address.peer_pid(probe) != os.getpid()
        return True

    def _hold_below(self, folder: str) -> bool:
        """Whether somebody outside answers at a socket below the folder, by the name it was bound to."""
        start = os.fsencode(folder) + b"/"
        with open(_TABLE, "rb") as table:
            names = {line.split(maxsplit=7)[-1].rstrip(b"\n") for line in table if start in line}
        return any(name.startswith(start) and self.listen_at(os.fsdecode(name)) for name in names)

    def _is_shared(self, path: str, found: os.stat_result) -> bool:
        """Whether somebody else has the file open to be written. Once it was ours alone, it is ours."""
        if (found.st_dev, found.st_ino) in self._own:
            return False
        try:
            handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return False  # it fails for the caller too, who is as we are
        try:
            fcntl.fcntl(handle, fcntl.F_SETSIG, signal.SIGURG)  # who opens it meanwhile would end us by SIGIO
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(handle, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as error:
            return error.errno != errno.EINVAL  # a kernel without leases
        finally:
            os.close(handle)
        self._remember(found)
        return False

    def _remember(self, found: os.stat_result) -> None:
        if len(self._own) >= _MOST:
            self._own.clear()
        self._own.add((found.st_dev, found.st_ino))
