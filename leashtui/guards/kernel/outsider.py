"""Becomes a program outside the guard: `python -I -S outsider.py TTY CWD IN OUT ERR FILES EXE ARGV...`. The first five
are descriptors that it inherits.

TTY is the slave of a terminal of leash's own, which becomes its controlling terminal; CWD names a directory. FILES: how
many it may have open, which is what its caller may: the session itself may have more. The environment is the one it was
started with. Standard library only. Invariant: the program gets no other descriptor, and no terminal of the session's.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import signal
import sys
import termios


def main() -> int:
    """Never returns but with 127, when the program cannot be started."""
    tty, cwd, *streams = map(int, sys.argv[1:6])
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT):
        signal.signal(ignored, signal.SIG_DFL)
    os.setsid()
    fcntl.ioctl(tty, termios.TIOCSCTTY, 0)
    os.fchdir(cwd)
    held = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 16) for fd in streams]
    for number, fd in enumerate(held):
        os.dup2(fd, number)
    os.closerange(3, 1 << 16)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[6]), resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    try:
        os.execve(sys.argv[7], sys.argv[8:], dict(os.environ))
    except OSError as error:
        os.write(2, f"leash: cannot run {sys.argv[7]}: {error.strerror}\n".encode())
    return 127


if __name__ == "__main__":
    sys.exit(main())
