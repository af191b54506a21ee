"""Where a path of a process in a mount namespace or root of its own lies for us.

A sandbox shows its programs other names for the same files. A name is looked up as its caller would, from its root;
what is found there is then sought among our own mounts, and counts only when device and inode are the same. Knows
mountinfo. Refuses to judge. Hazard: a file system that exists in the sandbox alone (its tmpfs) has no name here: that
is None. What a mount shows of other file systems (overlay), or is out of its bearer's reach, cannot be told apart: that
fails. Invariant: None is only ever said of a mount that was found and whose files nobody here has.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
from collections.abc import Iterable, Iterator

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.mounts import Mount, Mounts
from leashtui.guards.kernel.procfs import field, status_of
from leashtui.guards.kernel.swift import Sight

_IN_ROOT = 0x10 | abi.NO_MAGICLINKS
_PROCESS = re.compile(rb"/proc/(?:\d+|self|thread-self)(?:/|$)")
_GONE = " (deleted)"
_VIEWS = 8
_MOUNT_ID = 0x1000
_TRIES = 1000
"""How often a look below a root is begun anew: a rename or mount anywhere on the machine ends it at each `..`."""


class Views:
    """Compares others' view of the files with this process's own. agent: its first process, whose view is ours too:
    it names the same files, whatever is covered there."""

    def __init__(self, agent: int) -> None:
        self._own = {os.readlink(f"/proc/{pid}/ns/mnt") for pid in ("self", agent)}
        self._agent = agent
        self._ours, self._agents = Mounts("self"), Mounts(agent)
        self._first = self._agents.now()
        self._theirs: dict[tuple[object, ...], Mounts] = {}
        self._used: set[tuple[object, ...]] = set()
        self._proc = os.stat("/proc").st_dev
        self._users = os.readlink(f"/proc/{agent}/ns/user")
        self._filters = 1 + _filters(os.getpid())
        self._roots = {_mount_at("/"), _mount_at(f"/proc/{agent}/root")}

    @property
    def sight(self) -> Sight:
        """Whom `is_bare` holds for, in a form to be asked quickly."""
        return Sight(frozenset(self._own), self._filters, frozenset(self._roots))

    def is_ours(self, tid: int) -> bool:
        """Whether the thread sees files by the names we do: a root that came out of a sandbox is called `/` too. Raises
        OSError when that cannot be known."""
        way = f"/proc/{tid}/root"
        known = os.readlink(f"/proc/{tid}/ns/mnt") in self._own and os.readlink(way) == "/"
        return known and _mount_at(way) in self._roots

    def shows_own_proc(self, tid: int) -> bool:
        """Whether the thread's /proc shows its own process as it is. Raises OSError."""
        with _root(tid) as top:
            mounts = self._list_of(tid, top)
        return not any(_PROCESS.match(m.point) or (m.point == b"/proc" and m.kind != b"proc") for m in mounts)

    def is_bare(self, tid: int) -> bool:
        """Whether the thread has no sandbox but the session's: our names, and no filter of its own. Raises OSError."""
        return self.is_ours(tid) and _filters(tid) <= self._filters

    def in_proc(self, tid: int, fd: int) -> str | None:
        """The name within its /proc of what our descriptor holds; None where that is no /proc of the thread's. What is
        bound elsewhere, or has a link to it, has the name that it has in /proc. Raises OSError."""
        path, number = os.readlink(b"/proc/self/fd/%d" % fd), _mount_of(fd)
        with _root(tid) as top:
            found = next((m for m in self._list_of(tid, top) if m.number == number and m.kind == b"proc"), None)
            seen = _within(os.readlink(b"/proc/self/fd/%d" % top), path) if found else b""
        return os.fsdecode(_joined(found.root, seen[len(found.point.rstrip(b"/")) :])) if found else None

    def knows_users_of(self, tid: int) -> bool:
        """Whether numbers of users mean to the thread what they mean to the agent. Raises OSError."""
        return os.readlink(f"/proc/{tid}/ns/user") == self._users

    @contextlib.contextmanager
    def held(self, tid: int, name: bytes) -> Iterator[int]:
        """A descriptor that only names what `name` leads to for the thread. Raises OSError."""
        with _root(tid) as top, _held(top, name, 0) as fd:
            yield fd

    def ours(self, tid: int, name: bytes, *, follow: bool, itself: bool = False) -> bytes | None:
        """Our name of the thread's absolute `name`, None when there is none. follow: a link in the last place too.
        itself: of what bears the name for the thread, which may have mounted something over it.

        Raises OSError when it leads nowhere, or to where nobody can tell.
        """
        with _root(tid) as top:
            if follow or itself:
                flags = 0 if follow else os.O_NOFOLLOW
                with contextlib.suppress(FileNotFoundError), _held(top, name, flags) as whole:
                    return self._name(tid, whole, top)
            head, _, last = name.rstrip(b"/").rpartition(b"/")
            with _held(top, head or b"/", os.O_DIRECTORY) as folder:
                found = self._name(tid, folder, top)
        return None if found is None else found.rstrip(b"/") + b"/" + last

    def reached(self, tid: int, name: bytes, *, follow: bool, itself: bool) -> tuple[int, bytes]:
        """By the thread's own ways and mounts: the folder of its absolute `name` and the last component, or where it is
        there and `itself` (or `follow`, also by a link in the last place) asks for it, the very thing and b"". The
        descriptor is yours and only names it. Raises OSError.
        """
        with _root(tid) as top:
            if follow or itself:
                with contextlib.suppress(FileNotFoundError):
                    return _found(top, name, 0 if follow else os.O_NOFOLLOW), b""
            head, _, last = name.rstrip(b"/").rpartition(b"/")
            return _found(top, head or b"/", os.O_DIRECTORY), last

    @staticmethod
    def is_mounted_on(folder: int, name: bytes) -> bool:
        """Whether something is mounted over this name of the folder that a descriptor of a thread's view names."""
        with contextlib.suppress(FileNotFoundError):
            fd = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            try:
                return _mount_of(fd) != _mount_of(folder)
            finally:
                os.close(fd)
        return False

    def runs_ours(self, pid: int) -> bool:
        """Whether what a process runs lies where its name says for us: it may have been started out of a sandbox.
        Raises OSError."""
        way = f"/proc/{pid}/exe"
        if not self.is_ours(pid):
            return False
        name = os.readlink(way)
        with contextlib.suppress(FileNotFoundError):
            return name.endswith(_GONE) or os.path.samestat(os.stat(way), os.stat(name))
        return False

    def behind(self, tid: int, fd: int) -> bytes | None:
        """Our name of what our descriptor holds, which is a thread's, as `ours`."""
        with _root(tid) as top:
            return self._name(tid, fd, top)

    def program(self, pid: int) -> str:
        """Our name of what a process runs; what only its sandbox has is named through its root. Raises OSError."""
        inside = os.readlink(f"/proc/{pid}/exe")
        if self.runs_ours(pid):
            return inside
        fd = os.open(f"/proc/{pid}/exe", os.O_PATH | os.O_CLOEXEC)
        try:
            found = self.behind(pid, fd)
        except PermissionError:
            found = None
        finally:
            os.close(fd)
        return os.fsdecode(found) if found is not None else f"/proc/{pid}/root{inside}"

    def script(self, pid: int, name: str) -> str:
        """Our name of a file or folder that a process calls `name`, which is as it stands where both mean the same.
        Raises OSError where the process is gone."""
        if self.is_ours(pid):
            return name
        whole = os.path.join(os.readlink(f"/proc/{pid}/cwd"), name)
        try:
            found = self.ours(pid, os.fsencode(whole), follow=True)
        except PermissionError:
            found = None
        except OSError:
            return name  # no file
        if found == os.fsencode(os.path.normpath(whole)):
            return name
        return os.fsdecode(found) if found is not None else f"/proc/{pid}/root{whole}"

    def standing(self, tid: int, link: bytes) -> bytes:
        """The thread's own name of the folder behind a link of its /proc (cwd, fd/3). Raises OSError where that name
        leads elsewhere for it: what was mounted over, is out of its root, or came from another sandbox."""
        way = b"/proc/%d/%s" % (tid, link)
        there = os.stat(way)
        if there.st_dev == self._proc:
            return os.readlink(way)  # of the /proc that is ours too: who sets up a sandbox keeps it open
        with _root(tid) as top:
            base = _within(os.readlink(b"/proc/self/fd/%d" % top), os.readlink(way))
            with _held(top, base, 0) as fd:
                same = os.fstat(fd)
        if (there.st_dev, there.st_ino) != (same.st_dev, same.st_ino):
            raise OSError(errno.EACCES, "a folder that its name does not lead to")
        return base

    def _name(self, tid: int, fd: int, top: int) -> bytes | None:
        path, number = os.readlink(b"/proc/self/fd/%d" % fd), _mount_of(fd)
        if not path.startswith(b"/") or number in self._ours.now() or number in self._seen_by_agent():
            return path
        found = os.fstat(fd)
        theirs = next((m for m in self._list_of(tid, top) if m.number == number), None)
        for name in (path, *self._elsewhere(theirs, path, top)):
            with contextlib.suppress(OSError):
                here = os.lstat(name)
                if (here.st_dev, here.st_ino) == (found.st_dev, found.st_ino):
                    return name
        if found.st_nlink and theirs is not None and any(m.device == theirs.device for m in self._ours.now().values()):
            raise OSError(errno.EACCES, "a file of ours by no name of ours")  # or its mount moved meanwhile
        return None

    def _seen_by_agent(self) -> dict[bytes, Mount]:
        """The agent's mounts as long as it shows them all: they lie where their paths say for us too."""
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{self._agent}/root") == "/":
                self._first = self._agents.now()
        return self._first

    def _list_of(self, tid: int, top: int) -> Iterable[Mount]:
        """What a thread of another view has mounted below its root `top`. Raises OSError."""
        root = os.fstat(top)
        way = os.readlink(b"/proc/self/fd/%d" % top)
        key = (os.readlink(f"/proc/{tid}/ns/mnt"), way, root.st_dev, root.st_ino, _mount_of(top))
        if key not in self._theirs:
            while len(self._theirs) >= _VIEWS:
                self._theirs.pop(next(iter(self._theirs))).close()
            self._theirs[key] = Mounts(tid)
        self._used.add(key)
        return self._theirs[key].now().values()

    def tidy(self) -> None:
        """Let go of views that nobody used since the last call: what is mounted there stays as long as we look."""
        for key in [key for key in self._theirs if key not in self._used]:
            self._theirs.pop(key).close()
        self._used.clear()

    def _elsewhere(self, theirs: Mount | None, path: bytes, top: int) -> Iterator[bytes]:
        """Names that our mounts give what their mount holds there. top: their root, which their list leaves out."""
        seen = _within(os.readlink(b"/proc/self/fd/%d" % top), path)
        if theirs is None or theirs.kind == b"overlay" or not _is_below(seen, theirs.point):
            raise OSError(errno.EACCES, "a file that cannot be named")
        inside = _joined(theirs.root, seen[len(theirs.point.rstrip(b"/")) :])
        for mount in self._ours.now().values():
            if mount.device == theirs.device and _is_below(inside, mount.root):
                yield _joined(mount.point, inside[len(mount.root.rstrip(b"/")) :])


@contextlib.contextmanager
def _root(tid: int) -> Iterator[int]:
    top = os.open(f"/proc/{tid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield top
    finally:
        os.close(top)


def _within(root: bytes, path: bytes) -> bytes:
    """A path without the root it lies in, as its bearer would say it. Raises OSError when it lies outside."""
    if not _is_below(path, root):
        raise OSError(errno.EACCES, "a file outside of the root")
    return path if root == b"/" else path[len(root) :] or b"/"


@contextlib.contextmanager
def _held(top: int, name: bytes, flags: int) -> Iterator[int]:
    """`name` as it is found from the root `top`. Raises OSError."""
    fd = _found(top, name, flags)
    try:
        yield fd
    finally:
        os.close(fd)


def _found(top: int, name: bytes, flags: int) -> int:
    how = abi.OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC | flags, 0, _IN_ROOT)
    for _ in range(_TRIES):
        try:
            return abi.call_text(nr.OPENAT2, top, name, how, len(how))
        except BlockingIOError:  # EAGAIN, "the caller should retry": openat2(2)
            continue
    raise OSError(errno.EACCES, os.strerror(errno.EACCES))


def _filters(tid: int) -> int:
    """How many filters a thread has (0 before Linux 5.9, which does not say)."""
    return int(field(status_of(tid), b"Seccomp_filters") or b"0")


def _mount_at(path: str) -> int:
    """The number of the mount that a path leads to, 0 before Linux 5.8. Raises OSError."""
    found = (ctypes.c_uint64 * 32)()  # struct statx: the mount's number is its nineteenth
    if abi.libc.statx(abi.AT_FDCWD, os.fsencode(path), 0, _MOUNT_ID, found):
        raise OSError(ctypes.get_errno(), path)
    return int(found[18])


def _mount_of(fd: int) -> bytes:
    """The number of the mount that what a descriptor names was reached by. Raises OSError."""
    with open(b"/proc/self/fdinfo/%d" % fd, "rb", buffering=0) as file:
        return next((line.split()[1] for line in file.read().split(b"\n") if line.startswith(b"mnt_id:")), b"")


def _is_below(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def _joined(folder: bytes, rest: bytes) -> bytes:
    return (folder.rstrip(b"/") + b"/" + rest.lstrip(b"/")).rstrip(b"/") or b"/"
