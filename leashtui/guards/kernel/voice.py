"""One sentence to a stopped program's stderr, if it takes it at once.

Knows what kind of thing descriptor 2 is and how to write to each without waiting. Refuses to read. Hazards: the agent
chose what that descriptor is: a full pipe, a stopped terminal or a file on its own FUSE mount would hold the guard for
ever, so pipes and terminals are opened afresh without waiting, and files only written on mounts that surely answer.
Invariant: a closed, full or foreign stderr says nothing; it never delays and never fails a refusal.
"""

from __future__ import annotations

import os
import socket
import stat
import termios

from leashtui.guards.kernel import abi

LIMIT = 1000
"""Bytes: below PIPE_BUF, so that no other writer's output lands inside the sentence."""
_REMOTE = ("fuse", "nfs", "cifs", "smb", "9p", "afs", "ceph", "virtiofs", "autofs", "lustre", "glusterfs")
_NEAR = frozenset("devpts ext2 ext3 ext4 xfs btrfs tmpfs overlay zfs f2fs bcachefs".split())
"""What answers at once also where a program has mounts of its own: in tier compat, and in its own sandbox."""


def say(pid: int, sentence: str) -> bool:
    """Write `sentence` and a newline to the program's stderr. False when it could not be said at once."""
    line = sentence.encode("utf-8", "backslashreplace")[:LIMIT] + b"\n"
    try:
        kind = os.readlink(f"/proc/{pid}/fd/2")
        mount, writable = _description(pid)
        if not writable:
            return False
        if kind.startswith("socket:"):
            return _to_socket(pid, line)
        if kind.startswith("pipe:"):
            try:
                return _afresh(pid, line)
            except PermissionError:
                return _to_foreign_pipe(pid, line)
        if not _answers(pid, mount):
            return False
        if stat.S_ISREG(os.stat(f"/proc/{pid}/fd/2").st_mode):
            return _to_file(pid, line)
        return _afresh(pid, line)
    except OSError:
        return False


def is_on_terminal(pid: int) -> bool:
    """Whether the program's stderr is a terminal, so that whoever started it sees what is said there."""
    try:
        return os.readlink(f"/proc/{pid}/fd/2").startswith("/dev/pts/")
    except OSError:
        return False


def _to_socket(pid: int, line: bytes) -> bool:
    with socket.socket(fileno=abi.take_fd(pid, 2)) as end:
        return end.send(line, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL) > 0


def _to_file(pid: int, line: bytes) -> bool:
    """Through a duplicate, which shares the file's position and O_APPEND."""
    fd = abi.take_fd(pid, 2)
    try:
        return os.write(fd, line) > 0
    finally:
        os.close(fd)


def _afresh(pid: int, line: bytes) -> bool:
    """A pipe or terminal through a description of our own: O_NONBLOCK on a shared one would reach its other users."""
    fd = os.open(f"/proc/{pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    try:
        if stat.S_ISREG(os.fstat(fd).st_mode):  # changed under us by another thread of it
            return False
        if os.isatty(fd) and not termios.tcgetattr(fd)[1] & termios.OPOST:
            line = line.removesuffix(b"\n") + b"\r\n"
        return os.write(fd, line) > 0
    except termios.error:
        return False
    finally:
        os.close(fd)


def _to_foreign_pipe(pid: int, line: bytes) -> bool:
    """Through a duplicate, because a pipe that another user made (a container's, a service's) cannot be opened afresh.
    Raises OSError where the kernel cannot write to a pipe without waiting, or it is full."""
    fd = abi.take_fd(pid, 2)
    try:
        return os.pwritev(fd, [line], -1, os.RWF_NOWAIT) > 0
    finally:
        os.close(fd)


def _description(pid: int) -> tuple[bytes, bool]:
    """(mount id, whether it is open for writing) of its stderr. Raises OSError."""
    with open(f"/proc/{pid}/fdinfo/2", "rb") as info:
        fields = dict(line.split(b":", 1) for line in info if b":" in line)
    return fields.get(b"mnt_id", b"").strip(), int(fields.get(b"flags", b"0"), 8) & os.O_ACCMODE != os.O_RDONLY


def _answers(pid: int, mount: bytes) -> bool:
    """Whether the file system of this mount, ours or one of the program's own, runs in this kernel. Raises OSError."""
    kind = _kind_of("self", mount)
    if kind:
        return not kind.startswith(_REMOTE)
    return _kind_of(str(pid), mount) in _NEAR


def _kind_of(whose: str, mount: bytes) -> str:
    """The kind of file system of a mount, '' where there is none of this id. Raises OSError."""
    with open(f"/proc/{whose}/mountinfo", "rb") as mounts:
        for line in mounts:
            if line.split(b" ", 1)[0] == mount:
                return line.partition(b" - ")[2].split()[0].decode("latin-1")
    return ""
