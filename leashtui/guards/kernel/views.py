"""Where a path of a process in a mount namespace or root of its own lies for us.

A sandbox shows its programs other names for the same files. A name is looked up as its caller would, from its root;
what is found there is then sought among our own mounts, and counts only when device and inode are the same. Knows
mountinfo. Refuses to judge. Hazard: a file system that exists in the sandbox alone (its tmpfs) has no name here: that
is None.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import NamedTuple

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.procfs import field, status_of

_IN_ROOT = 0x10 | abi.NO_MAGICLINKS
_ESCAPES = {b"\\040": b" ", b"\\011": b"\t", b"\\012": b"\n", b"\\134": b"\\"}


class _Mount(NamedTuple):
    number: bytes
    device: bytes
    root: bytes
    point: bytes


class Views:
    """Compares others' view of the files with this process's own. agent: its first process, whose view is ours too:
    it names the same files, whatever is covered there."""

    def __init__(self, agent: int) -> None:
        self._own = {os.readlink(f"/proc/{pid}/ns/mnt") for pid in ("self", agent)}
        self._users = os.readlink(f"/proc/{agent}/ns/user")
        self._filters = 1 + _filters(os.getpid())

    def is_ours(self, tid: int) -> bool:
        """Whether the thread sees files by the names we do. Raises OSError when that cannot be known."""
        return os.readlink(f"/proc/{tid}/ns/mnt") in self._own and os.readlink(f"/proc/{tid}/root") == "/"

    def is_bare(self, tid: int) -> bool:
        """Whether the thread has no sandbox but the session's: our names, and no filter of its own. Raises OSError."""
        return self.is_ours(tid) and _filters(tid) <= self._filters

    def knows_users_of(self, tid: int) -> bool:
        """Whether numbers of users mean to the thread what they mean to the agent. Raises OSError."""
        return os.readlink(f"/proc/{tid}/ns/user") == self._users

    @contextlib.contextmanager
    def held(self, tid: int, name: bytes) -> Iterator[int]:
        """A descriptor that only names what `name` leads to for the thread. Raises OSError."""
        top = os.open(f"/proc/{tid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            with _held(top, name, 0) as fd:
                yield fd
        finally:
            os.close(top)

    def ours(self, tid: int, name: bytes, *, follow: bool) -> bytes | None:
        """Our name of the thread's absolute `name`, None when there is none. follow: a link in the last place too.

        Raises OSError when it leads nowhere.
        """
        top = os.open(f"/proc/{tid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if follow:
                with contextlib.suppress(FileNotFoundError), _held(top, name, 0) as whole:
                    return self._name(tid, whole)
            head, _, last = name.rstrip(b"/").rpartition(b"/")
            with _held(top, head or b"/", os.O_DIRECTORY) as folder:
                found = self._name(tid, folder)
        finally:
            os.close(top)
        return None if found is None else found.rstrip(b"/") + b"/" + last

    def _name(self, tid: int, fd: int) -> bytes | None:
        path, found = os.readlink(b"/proc/self/fd/%d" % fd), os.fstat(fd)
        for name in (path, *self._elsewhere(tid, fd, path)):
            with contextlib.suppress(OSError):
                here = os.stat(name)
                if (here.st_dev, here.st_ino) == (found.st_dev, found.st_ino):
                    return name
        return None

    def _elsewhere(self, tid: int, fd: int, path: bytes) -> Iterator[bytes]:
        """Names that our mounts give what their mount holds there."""
        number = _field(b"/proc/self/fdinfo/%d" % fd, b"mnt_id:")
        theirs = next((m for m in _mounts(b"/proc/%d/mountinfo" % tid) if m.number == number), None)
        if theirs is None or not _is_below(path, theirs.point):
            return
        inside = _joined(theirs.root, path[len(theirs.point.rstrip(b"/")) :])
        for mount in _mounts(b"/proc/self/mountinfo"):
            if mount.device == theirs.device and _is_below(inside, mount.root):
                yield _joined(mount.point, inside[len(mount.root.rstrip(b"/")) :])


@contextlib.contextmanager
def _held(top: int, name: bytes, flags: int) -> Iterator[int]:
    """`name` as it is found from the root `top`. Raises OSError."""
    how = abi.OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC | flags, 0, _IN_ROOT)
    fd = abi.call_text(nr.OPENAT2, top, name, how, len(how))
    try:
        yield fd
    finally:
        os.close(fd)


def _filters(tid: int) -> int:
    """How many filters a thread has (0 before Linux 5.9, which does not say)."""
    return int(field(status_of(tid), b"Seccomp_filters") or b"0")


def _mounts(place: bytes) -> list[_Mount]:
    with open(place, "rb") as file:
        rows = (line.split(b" ", 5) for line in file)
        return [_Mount(r[0], r[2], _plain(r[3]), _plain(r[4])) for r in rows]


def _plain(text: bytes) -> bytes:
    for escape, meant in _ESCAPES.items():
        text = text.replace(escape, meant)
    return text


def _field(place: bytes, name: bytes) -> bytes:
    with open(place, "rb") as file:
        return next((line.split()[1] for line in file if line.startswith(name)), b"")


def _is_below(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _joined(folder: bytes, rest: bytes) -> bytes:
    return (folder.rstrip(b"/") + b"/" + rest.lstrip(b"/")).rstrip(b"/") or b"/"
