"""What a session was about to destroy, kept so that it can be brought back: a log of inverse steps, and the contents.

Before a deed the guard tells what it will do to which name; kept is what the deed would lose: a hard link of what is
removed, a copy of what is written over, a note of what was not there, of what was moved. Knows files. Refuses to know
why. Kept are names in the workspace but what `skips` names, up to LARGEST bytes each and CAP a session; what was left
out is in the log too, so that nobody takes it for restored, and is told to who is about to do the deed. Invariant:
keeping never waits.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import LeashError
from leashtui.stores.directories import ensure_private
from leashtui.stores.settling import Settling, Sign, sign_of

LARGEST = 64 << 20
CAP = 1 << 30
_FICLONE = 0x40049409
_PIECE = 1 << 20
LOG, AFTER, DONE = "log", "after.json", "done"
_MOST = 200_000
NOTES = frozenset({"again", "by", "left", "settled", "theirs", "undone"})
"""What lines of the log are that tell of no step."""
MOST_LEFT = 64
"""Names of what was not kept; there may be many thousands more."""


class Step(Struct, frozen=True, omit_defaults=True):
    """One deed. what: gone|changed|made|moved|swapped. path: absolute. blob: name of the kept content, '' for none.

    mode: type and permissions before; of what was moved, only whether it is a folder. link: a symbolic link's target.
    to: where it was moved, or with what it changed places. why: left out, because. act: id of the act whose process did
    it, '' where that is not known. inode: of a file that had other names as well, 0 otherwise. In the log, a line `by`
    says it of a path that was made without us, a line `left` names what was lost and not kept, a line `void` takes back
    the `count` steps before it, which did not happen. A line `settled` says how the session left a path (`count`
    bytes), `again` that it came back to it, `theirs` that somebody else had changed it when it did, `undone` how an
    undo left it while the session ran.
    """

    what: str
    path: str
    mode: int = 0
    blob: str = ""
    mtime: int = 0
    link: str = ""
    to: str = ""
    why: str = ""
    act: str = ""
    inode: int = 0
    count: int = 0


def _nobody(tid: int) -> str:
    return ""


class Keeping:
    """directory: of this session's undo, made when first needed. skips: paths not worth keeping (absolute). bulk: those
    of them that are the person's all the same, which is said.

    whose: the act that a thread works for, '' where none is known. What one act left is kept again before another one
    changes it, so that each can be undone by itself. later: calls something after so many seconds; without it nobody
    looks how the session left a path while it runs.
    """

    def __init__(
        self,
        directory: Path,
        skips: Callable[[str], bool],
        whose: Callable[[int], str] = _nobody,
        bulk: Callable[[str], bool] = lambda path: False,
        later: Callable[[float, Callable[[], None]], object] | None = None,
    ) -> None:
        self._directory = directory
        self._settling = Settling(later, self._settled) if later is not None else None
        self._bulk = bulk
        self._left: set[str] = set()
        self._skips = skips
        self._whose = whose
        self._log = -1
        self._seen: dict[str, str] = {}
        self._touched: dict[str, None] = {}
        self._room = CAP
        self._count = 0
        self._noted: list[Step] = []  # of the deed that is being told of
        self._marks = 0

    def before(
        self, kind: str, spot_fd: int, name: bytes, path: str, to: str = "", tid: int = 0, *, lossy: bool = True
    ) -> bool:
        """A deed of this thread is about to happen to `name` in the directory `spot_fd`. Never raises. Unless it may be
        lossy: False where what it loses is worth keeping and cannot be kept. kind: as a step's, or came, which is moved
        and made by the session."""
        loses = kind in ("gone", "changed") and not lossy
        if kind == "came":
            kind, path, to = ("made", to, "") if self._skips(path) else ("moved", path, to)
        if (self._skips(path) and not (to and not self._skips(to))) or self._count >= _MOST:
            if kind in ("gone", "changed") and len(self._left) < MOST_LEFT and self._bulk(path):
                self._leave(path)
            return not loses or self._skips(path)
        act = self._whose(tid) if tid else ""
        if kind != "made":  # of that it may be told afterwards
            self._compare(path, to)
        if kind == "changed" and self._seen.get(path) == act:
            if self._settling is not None and self._settling.left(path) is not None:
                with contextlib.suppress(OSError, ValueError, LeashError):
                    self._note(Step("again", path))
            self._touch(path)
            return True
        try:
            step = self._kept(kind, spot_fd, name, path, to)
            if step.why and loses:
                return False
            step = msgspec.structs.replace(step, act=act)
            self._note(step)
            self._noted.append(step)
        except (OSError, ValueError, LeashError):
            self._count = _MOST  # the store itself does not work: nothing more is kept, the log says up to where
            return not loses
        for touched in (path, to) if to else (path,):
            self._touch(touched)
            self._seen.pop(touched, None)
        if step.mode and to and self._settling is not None:
            self._settling.moved(path)
            self._settling.moved(to)
        if kind in ("changed", "made"):
            self._seen[path] = act
        return True

    def mark(self) -> int:
        """A deed begins."""
        self._noted.clear()
        self._marks += 1
        return self._marks

    def void(self, mark: int) -> None:
        """The deed that began then did not happen: its steps are not to be taken, and what they kept is kept anew."""
        if mark != self._marks or not self._noted:
            return
        for step in self._noted:
            self._seen.pop(step.path, None)
        with contextlib.suppress(OSError, ValueError, LeashError):
            self._note(Step("void", "", count=len(self._noted)))
        self._noted.clear()

    def _touch(self, *paths: str) -> None:
        self._touched |= dict.fromkeys(paths)
        if self._settling is not None:
            self._settling.touched(*paths)

    def _compare(self, *paths: str) -> None:
        """Say of what the session is about to change whether somebody else wrote it, and keep that too."""
        if self._settling is None:
            return
        for path in paths:
            if path and self._settling.is_others(path):
                self._seen.pop(path, None)
                self._hear()
                if self._settling.is_others(path):
                    with contextlib.suppress(OSError, ValueError, LeashError):
                        self._note(Step("theirs", path))

    def _settled(self, found: list[tuple[str, Sign]]) -> None:
        lines = [Step("settled", path, mode, mtime=mtime, count=size) for path, (mode, size, mtime) in found]
        with contextlib.suppress(OSError, ValueError, LeashError):
            self._note(*lines)

    def _hear(self) -> None:
        """What the person took back meanwhile is as they left it."""
        if self._settling is None or not (self._directory / DONE).exists():
            return
        with contextlib.suppress(OSError, ValueError):
            for line in (self._directory / LOG).read_bytes().splitlines():
                if b'"undone"' in line or b'"settled"' in line:  # the last of a path counts
                    step = msgspec.json.decode(line, type=Step)
                    self._settling.undone(unescape(step.path), (step.mode, step.count, step.mtime))

    def has(self, path: str) -> bool:
        """Whether this session touched `path`, and keeps what lies there when it goes."""
        return path in self._touched and self._count < _MOST and not self._skips(path)

    def _leave(self, path: str) -> None:
        """What was there is not kept: say so once."""
        if path not in self._left:
            self._left.add(path)
            with contextlib.suppress(OSError, ValueError, LeashError):
                self._note(Step("left", path))

    def tape(self, path: str) -> int:
        """Where a line is written for a thing made at this path by whoever does it without us: the log, or 0 when
        nothing is kept of it. Its path is ASCII and needs no escape; `noted` is to follow."""
        if self._skips(path) or self._count >= _MOST:
            return 0
        try:
            self._open()
        except (OSError, LeashError):
            return 0
        return self._log

    def noted(self, paths: Sequence[str], tid: int = 0) -> None:
        """Their lines were written, for this thread."""
        act = self._whose(tid) if tid else ""
        self._touch(*paths)
        self._seen |= dict.fromkeys(paths, act)
        if act:
            with contextlib.suppress(OSError, ValueError, LeashError):
                self._note(*(Step("by", path, act=act) for path in paths))

    def lost(self, paths: Sequence[str]) -> None:
        """These were removed without us, and were not the session's own: what is the person's all the same is said."""
        for path in paths:
            if len(self._left) >= MOST_LEFT:
                return
            if self._bulk(path):
                self._leave(path)

    def copy(self, path: str) -> str:
        """Keep what lies at `path`, whatever happens to it later. Returns why it could not be kept, '' when it was."""
        try:
            folder = os.open(os.path.dirname(path) or "/", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            return error.strerror or str(error)
        try:
            step = self._kept("changed", folder, os.fsencode(os.path.basename(path)), path, "")
            if not step.why:
                self._note(step)
                self._touch(path)
        except (OSError, ValueError, LeashError) as error:
            return str(error)
        finally:
            os.close(folder)
        return step.why

    def _kept(self, kind: str, folder: int, name: bytes, path: str, to: str) -> Step:
        if kind in ("made", "swapped") or (kind == "moved" and not self._skips(to)):
            folder = bool(to) and (os.path.isdir(path) or os.path.isdir(to))
            return Step(kind, path, stat.S_IFDIR if folder else 0, to=to)
        found = os.lstat(name, dir_fd=folder)
        if kind == "moved":  # to where nothing is kept of what becomes of it
            step = Step(kind, path, to=to)
            if stat.S_ISREG(found.st_mode):
                copied = self._kept("copied", folder, name, path, "")
                step = step if copied.why else msgspec.structs.replace(copied, what="gone")
            return step
        step = Step(kind, path, found.st_mode, mtime=found.st_mtime_ns, inode=found.st_ino if found.st_nlink > 1 else 0)
        if stat.S_ISLNK(found.st_mode):
            return msgspec.structs.replace(step, link=os.fsdecode(os.readlink(name, dir_fd=folder)))
        if not stat.S_ISREG(found.st_mode):
            return step
        if found.st_size > LARGEST or found.st_size > self._room:
            return msgspec.structs.replace(step, why="too large to keep")
        self._count += 1
        blob = f"{self._count}"
        place = str(self._open() / blob)
        if kind == "gone" and found.st_nlink == 1:
            with contextlib.suppress(OSError):
                os.link(name, place, src_dir_fd=folder, follow_symlinks=False)
                return msgspec.structs.replace(step, blob=blob)
        self._room -= found.st_size
        try:
            _copy(name, folder, place)
        except OSError as error:
            return msgspec.structs.replace(step, why=f"cannot be read: {error.strerror}")
        return msgspec.structs.replace(step, blob=blob)

    def _open(self) -> Path:
        if self._log < 0:
            ensure_private(self._directory)
            self._log = os.open(self._directory / LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        return self._directory

    def _note(self, *steps: Step) -> None:
        self._open()
        lines = b"".join(msgspec.json.encode(spelled(step)) + b"\n" for step in steps)
        done = os.write(self._log, lines)
        if done != len(lines):  # the disk is full: half a line would make all others unreadable
            os.ftruncate(self._log, os.fstat(self._log).st_size - done)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def close(self) -> None:
        """The session is over: remember how it left what it touched."""
        if self._log < 0:
            return
        self._hear()
        left = self._settling.left if self._settling is not None else lambda path: None
        after = {escape(path): left(path) or sign_of(path) for path in self._touched}
        keep_after(self._directory, after)
        os.close(self._log)
        self._log = -1


def keep_after(directory: Path, after: Mapping[str, Sign]) -> None:
    """Write down how files were left, whole or not at all: a store that cannot be written only loses that."""
    draft = directory / f"{AFTER}.draft"
    with contextlib.suppress(OSError):
        try:
            draft.write_bytes(msgspec.json.encode(after))
            draft.replace(directory / AFTER)
        except OSError:
            draft.unlink(missing_ok=True)


def _copy(name: bytes, folder: int, place: str) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(source, "rb") as old, open(place, "wb") as new:
        copy_bytes(old.fileno(), new.fileno())


def copy_bytes(old: int, new: int) -> None:
    """Copy a file into an empty one, sharing its blocks where the file system can, else within the kernel where that
    can, and leaving its holes. Raises OSError."""
    try:
        fcntl.ioctl(new, _FICLONE, old)
        return
    except OSError:
        size, at = os.fstat(old).st_size, 0
    while at < size:
        try:
            at = os.lseek(old, at, os.SEEK_DATA)
            end = os.lseek(old, at, os.SEEK_HOLE)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole is left
                break
            raise
        while at < end:
            done = _copy_some(old, new, at, end - at)
            if not done:
                break
            at += done
        if at < end:  # it became shorter meanwhile
            break
    os.ftruncate(new, max(size, 0))


def _copy_some(old: int, new: int, at: int, count: int) -> int:
    """Copy at most so many bytes from there on, within the kernel where it can; how many. Raises OSError."""
    try:
        if done := os.copy_file_range(old, new, count, at, at):
            return done
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
            raise
    return os.pwrite(new, os.pread(old, min(_PIECE, count), at), at)


def escape(path: str) -> str:
    """A path as JSON can carry it; `os.fsencode` of what comes back is the same bytes."""
    return os.fsencode(path).decode("latin-1")


def unescape(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))


def spelled(step: Step) -> Step:
    """A line of the log with its paths as JSON can carry them."""
    if step.path.isascii() and step.link.isascii() and step.to.isascii():
        return step
    return msgspec.structs.replace(step, path=escape(step.path), link=escape(step.link), to=escape(step.to))
