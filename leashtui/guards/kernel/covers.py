"""Opens a cover of a running session for a while, from outside.

Knows how the session's namespaces are entered. Refuses to know why, and for how long. Invariant: they are the ones that
the agent was started in; what a sandbox of its own shows of them stays closed. What could not be done is said.
"""

from __future__ import annotations

import os
import subprocess
import sys

from leashtui.guards.kernel import shift

_TIME = 5


class Covers:
    """The covers of one session."""

    def __init__(self) -> None:
        self._user = self._mount = -1

    def move(self, path: str, *, away: bool) -> None:
        """Take the cover of `path` away, or put it back. Raises OSError, subprocess.SubprocessError."""
        done = subprocess.run(
            [sys.executable, "-I", "-S", shift.__file__, "open" if away else "close"]
            + [str(self._user), str(self._mount), path],
            pass_fds=[fd for fd in (self._user, self._mount) if fd >= 0],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=_TIME,
            check=False,
        )
        if done.stdout != b"done\n":
            raise OSError(done.stdout.decode().strip() or f"exit {done.returncode}")

    def close(self) -> None:
        """Let the namespaces go. May be repeated."""
        for fd in (self._user, self._mount):
            if fd >= 0:
                os.close(fd)
        self._user = self._mount = -1

    def stand(self, pid: int) -> None:
        """In which namespaces: the waiting launcher's. Raises OSError."""
        user = os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._mount = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            os.close(user)
            raise
        if os.fstat(user).st_ino == os.stat("/proc/self/ns/user").st_ino:
            os.close(user)
        else:
            self._user = user
