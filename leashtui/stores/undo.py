"""What a session was about to destroy, kept so that it can be brought back: a log of inverse steps, and the contents.

Before a deed the guard tells what it will do to which name; kept is what the deed would lose: a hard link of what is
removed, a copy of what is written over, a note of what was not there, of what was moved. Knows files. Refuses to know
why. Kept are names in the workspace but what `skips` names, up to LARGEST bytes each and CAP a session; what was left
out is in the log too, so that nobody takes it for restored. Invariant: keeping never fails a deed and never waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import LeashError, StoreError
from leashtui.stores.directories import ensure_private

LARGEST = 64 << 20
CAP = 1 << 30
_FICLONE = 0x40049409
LOG, AFTER = "log", "after.json"
_MOST = 200_000


class Step(Struct, frozen=True, omit_defaults=True):
    """One deed. what: gone|changed|made|moved. path: absolute. blob: name of the kept content, '' when none was kept.

    mode: type and permissions before. link: a symbolic link's target. to: where it was moved. why: left out, because.
    act: id of the act whose process did it, '' where that is not known. In the log, a line `by` says it of a path that
    was made without us.
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


Sign = tuple[int, int, int]
"""(mode, size, mtime in ns) of a path, (0, 0, 0) when nothing is there."""


def sign_of(path: str) -> Sign:
    """What lies at a path now."""
    try:
        found = os.lstat(path)
    except (OSError, ValueError):
        return (0, 0, 0)
    return (found.st_mode, found.st_size if stat.S_ISREG(found.st_mode) else 0, _time(found))


def _time(found: os.stat_result) -> int:
    return 0 if stat.S_ISDIR(found.st_mode) else found.st_mtime_ns


def _nobody(tid: int) -> str:
    return ""


class Keeping:
    """directory: of this session's undo, made when first needed. skips: paths not worth keeping (absolute).

    whose: the act that a thread works for, '' where none is known. What one act left is kept again before another one
    changes it, so that each can be undone by itself.
    """

    def __init__(self, directory: Path, skips: Callable[[str], bool], whose: Callable[[int], str] = _nobody) -> None:
        self._directory = directory
        self._skips = skips
        self._whose = whose
        self._log = -1
        self._seen: dict[str, str] = {}
        self._touched: dict[str, None] = {}
        self._room = CAP
        self._count = 0

    def before(self, kind: str, spot_fd: int, name: bytes, path: str, to: str = "", tid: int = 0) -> None:
        """A deed of this thread is about to happen to `name` in the directory `spot_fd`. Never raises."""
        if self._skips(path) or self._count >= _MOST:
            return
        act = self._whose(tid) if tid else ""
        if kind == "changed" and self._seen.get(path) == act:
            return
        try:
            self._note(msgspec.structs.replace(self._kept(kind, spot_fd, name, path, to), act=act))
        except (OSError, ValueError, LeashError):
            self._count = _MOST  # the store itself does not work: nothing more is kept, the log says up to where
            return
        for touched in (path, to) if to else (path,):
            self._touched[touched] = None
            self._seen.pop(touched, None)
        if kind in ("changed", "made"):
            self._seen[path] = act

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

    def noted(self, path: str, tid: int = 0) -> None:
        """Its line was written, for this thread."""
        self._touched[path] = None
        act = self._seen[path] = self._whose(tid) if tid else ""
        if act:
            with contextlib.suppress(OSError, ValueError, LeashError):
                self._note(Step("by", path, act=act))

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
                self._touched[path] = None
        except (OSError, ValueError, LeashError) as error:
            return str(error)
        finally:
            os.close(folder)
        return step.why

    def _kept(self, kind: str, folder: int, name: bytes, path: str, to: str) -> Step:
        if kind in ("made", "moved"):
            return Step(kind, path, to=to)
        found = os.lstat(name, dir_fd=folder)
        step = Step(kind, path, found.st_mode, mtime=found.st_mtime_ns)
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

    def _note(self, step: Step) -> None:
        self._open()
        os.write(self._log, msgspec.json.encode(_spelled(step)) + b"\n")

    def close(self) -> None:
        """The session is over: remember how it left what it touched."""
        if self._log < 0:
            return
        after = {_escape(path): sign_of(path) for path in self._touched}
        with contextlib.suppress(OSError):
            (self._directory / AFTER).write_bytes(msgspec.json.encode(after))
        os.close(self._log)
        self._log = -1


def _copy(name: bytes, folder: int, place: str) -> None:
    source = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    with os.fdopen(source, "rb") as old, open(place, "wb") as new:
        try:
            fcntl.ioctl(new.fileno(), _FICLONE, old.fileno())
        except OSError:
            shutil.copyfileobj(old, new, 1 << 20)


def _escape(path: str) -> str:
    """A path as JSON can carry it; `os.fsencode` of what comes back is the same bytes."""
    return os.fsencode(path).decode("latin-1")


def _unescape(text: str) -> str:
    return os.fsdecode(text.encode("latin-1"))


def _spelled(step: Step) -> Step:
    if step.path.isascii() and step.link.isascii() and step.to.isascii():
        return step
    return msgspec.structs.replace(step, path=_escape(step.path), link=_escape(step.link), to=_escape(step.to))


class Kept:
    """A session's undo, read back. Raises StoreError when there is none or it cannot be read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            lines = (directory / LOG).read_bytes().splitlines()
            self._written = (directory / LOG).stat().st_mtime_ns
            steps = [msgspec.json.decode(line, type=Step) for line in lines]
            after = directory / AFTER
            known = msgspec.json.decode(after.read_bytes(), type=dict[str, Sign]) if after.exists() else None
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(
                f"there is nothing to undo in {directory.name}: {error}", "leash log --sessions"
            ) from error
        self.steps = tuple(
            msgspec.structs.replace(s, path=_unescape(s.path), link=_unescape(s.link), to=_unescape(s.to))
            for s in _told(steps)
        )
        self._after = None if known is None else {_unescape(path): sign for path, sign in known.items()}

    def chosen(self, under: tuple[str, ...], act: str = "") -> tuple[Step, ...]:
        """The steps to take, in order: newest first. under: only these paths and what lies below. act: only its own."""
        wanted = [s for s in self.steps if not under or any(_below(p, u) for u in under for p in (s.path, s.to) if p)]
        return tuple(reversed([s for s in wanted if not act or s.act == act]))

    def touched_later(self, steps: tuple[Step, ...], ended: int) -> list[str]:
        """The paths of one act's steps that something else changed after it, and left so. ended: when the act did, in
        ns, 0 where that is not known."""
        mine = set(steps)
        last = max((at for at, step in enumerate(self.steps) if step in mine), default=-1)
        after: dict[str, Step] = {}
        for step in self.steps[last + 1 :]:
            for path in (step.path, step.to):
                if path and step not in mine:
                    after.setdefault(path, step)
        paths = dict.fromkeys(p for step in steps for p in (step.path, step.to) if p)
        return [path for path in paths if _differs_from(sign_of(path), after.get(path), path, ended)]

    def changed_since(self, steps: tuple[Step, ...]) -> list[str]:
        """The paths that somebody changed after the session."""
        paths = dict.fromkeys(p for step in steps for p in (step.path, step.to) if p)
        first: dict[str, Step] = {}
        for step in self.steps:
            for path in (step.path, step.to):
                first.setdefault(path, step)
        undone = {p for p in paths if not _differs_from(sign_of(p), first[p], p, 0)}
        return [path for path in paths if path not in undone and self._differs(path)]

    def _differs(self, path: str) -> bool:
        now = sign_of(path)
        if self._after is not None:
            return path in self._after and self._after[path] != now
        return now[2] > self._written + 2_000_000_000

    def take(self, steps: tuple[Step, ...]) -> Iterator[tuple[Step, str]]:
        """Undo the steps; each with '' or why it could not be done."""
        for step in steps:
            try:
                yield step, self._undo(step)
            except OSError as error:
                yield step, error.strerror or str(error)

    def _undo(self, step: Step) -> str:
        path = step.path
        if step.why:
            return step.why
        if step.what == "moved":
            if os.path.lexists(path):
                return "something else has that name now"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.rename(step.to, path)
        elif step.what == "made":
            if os.path.isdir(path) and not os.path.islink(path):
                os.rmdir(path)
            elif os.path.lexists(path):
                os.unlink(path)
        elif stat.S_ISDIR(step.mode):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, stat.S_IMODE(step.mode))
        else:
            self._bring_back(step)
        return ""

    def _bring_back(self, step: Step) -> None:
        os.makedirs(os.path.dirname(step.path), exist_ok=True)
        draft = f"{step.path}.leash-undo"
        if stat.S_ISLNK(step.mode):
            os.symlink(step.link, draft)
        else:
            shutil.copyfile(self.directory / step.blob, draft)
            os.chmod(draft, stat.S_IMODE(step.mode))
            os.utime(draft, ns=(step.mtime, step.mtime))
        os.replace(draft, step.path)


def _differs_from(now: Sign, step: Step | None, path: str, ended: int) -> bool:
    """Whether a path is not as an act left it. step: the first of another act on it, which kept what that was."""
    if step is None:
        return bool(ended) and now[2] > ended
    if step.what in ("made", "moved"):
        return bool(now[0]) is (step.what == "made" or path == step.to)
    return (now[0], now[2]) != (step.mode, 0 if stat.S_ISDIR(step.mode) else step.mtime)


def _told(steps: list[Step]) -> Iterator[Step]:
    """The steps, each with the act that a later line names."""
    acts: dict[str, list[str]] = {}
    for step in steps:
        if step.what == "by":
            acts.setdefault(step.path, []).append(step.act)
    for step in steps:
        if step.what == "by":
            continue
        if step.what == "made" and not step.act and acts.get(step.path):
            step = msgspec.structs.replace(step, act=acts[step.path].pop(0))
        yield step


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
