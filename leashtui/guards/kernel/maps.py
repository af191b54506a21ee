"""Opens the files of /proc by which a user namespace is set up (uid_map, setgroups), as whoever will write them.

The kernel asks who opened such a file, not only who writes it; so it is opened by a child of ours in the writer's own
user namespace, and handed over. Were it the writer's own call that went on, a thread could change its name meanwhile.
Knows namespaces. Refuses to judge. Invariant: what is handed over gives no more than the writer's own open would: the
kernel checks both.
"""

from __future__ import annotations

import errno
import os
import re
import socket

from leashtui.guards.kernel import abi

NAMES = ("uid_map", "gid_map", "projid_map", "setgroups")
PATH = re.compile(rf"/proc/\d+/(?:task/\d+/)?(?:{'|'.join(NAMES)})$")
_NEW_USER = 0x10000000


def open_map(tid: int, way: str, flags: int) -> int:
    """The file at `way` (of our own /proc, or /proc/self/fd/N), opened as the thread. Raises OSError."""
    wanted = (flags & os.O_ACCMODE) | os.O_CLOEXEC | os.O_NOCTTY
    space = os.open(f"/proc/{tid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    here, there = socket.socketpair()
    with here, there:
        try:
            child = os.fork()
            if not child:
                _send(there, space, way, wanted)
        finally:
            os.close(space)
        there.close()
        try:
            said, found, _, _ = socket.recv_fds(here, 8, 1)
        finally:
            os.waitpid(child, 0)
    if not found:
        raise OSError(int(said or b"0") or errno.EIO, "a map that cannot be opened")
    return found[0]


def _send(line: socket.socket, space: int, way: str, flags: int) -> None:
    """The whole life of the child."""
    try:
        elsewhere = os.fstat(space).st_ino != os.stat("/proc/self/ns/user").st_ino
        if elsewhere and abi.libc.setns(space, _NEW_USER):
            os._exit(1)
        socket.send_fds(line, [b"0"], [os.open(way, flags)])
    except OSError as error:
        line.send(b"%d" % (error.errno or errno.EIO))
    finally:
        os._exit(0)
