"""What a session kept for undo (undo.py), read back, compared with what lies there now, and brought back.

Knows the log of inverse steps and which of them were taken already. Refuses to know sessions. Invariant: a step that
was taken is not taken again, and nothing is written over where the step before it could not be taken.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from leashtui.model.errors import StoreError
from leashtui.stores.aftermath import Aftermath
from leashtui.stores.settling import Sign, sign_of
from leashtui.stores.undo import AFTER, DONE, LOG, NOTES, Step, copy_bytes, escape, keep_after, spelled, unescape

_NOT_EMPTY = "not empty: in it lies what undo does not keep, or what was made since"


def _left_in(file: Path) -> dict[str, Sign] | None:
    """How the session left what it touched; None where that was not written down, or not to its end. Raises OSError."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Sign])
    except (FileNotFoundError, msgspec.DecodeError):
        return None


class Kept:
    """A session's undo, read back. Raises StoreError when there is none or it cannot be read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        try:
            raw = (directory / LOG).read_bytes()
            lines = raw[: raw.rfind(b"\n") + 1].splitlines()  # what follows was never told to anybody
            self._written = (directory / LOG).stat().st_mtime_ns
            steps = [_as_it_is(msgspec.json.decode(line, type=Step)) for line in lines]
            done = directory / DONE
            taken = {int(line) for line in done.read_text().split()} if done.exists() else set()
            after = directory / AFTER
            known = _left_in(after)
        except (OSError, ValueError) as error:
            raise StoreError(
                f"there is nothing to undo in {directory.name}: {error}", "leash log --sessions"
            ) from error
        self.steps = tuple(_told(steps))
        self.left = tuple(step.path for step in steps if step.what == "left")
        self._place = {id(step): at for at, step in enumerate(self.steps)}
        self._taken = taken
        self._after = None if known is None else {unescape(path): sign for path, sign in known.items()}
        self._aftermath = Aftermath(steps, self._after)

    def chosen(self, under: tuple[str, ...], act: str = "") -> tuple[Step, ...]:
        """The steps to take, in order: newest first. under: only these paths and what lies below, and the drafts that
        replaced them. act: only its own."""
        open_ = [s for at, s in enumerate(self.steps) if at not in self._taken]
        wanted = [not under or any(_below(p, u) for u in under for p in (s.path, s.to) if p) for s in open_]
        for at in (at for at, step in enumerate(open_) if wanted[at] and _replaces(open_[at - 1 : at], step)):
            for older in _drafted(open_[:at], open_[at].path):
                wanted[older] = True
        return tuple(
            s for s, take in reversed([*zip(open_, wanted, strict=True)]) if take and (not act or s.act == act)
        )

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
        lost = self._lost(steps)
        return [path for path in paths if path in lost or _differs_from(sign_of(path), after.get(path), path, ended)]

    def changed_since(self, steps: tuple[Step, ...]) -> list[str]:
        """The paths that somebody else changed after the session, or while it ran."""
        paths = dict.fromkeys(p for step in steps for p in (step.path, step.to) if p)
        first: dict[str, Step] = {}
        for step in self.steps:
            for path in (step.path, step.to):
                first.setdefault(path, step)
        undone = {p for p in paths if not _differs_from(sign_of(p), first[p], p, 0)}
        lost = self._lost(steps)
        return [path for path in paths if path not in undone and (path in lost or self._differs(path))]

    def unsettled(self, steps: tuple[Step, ...]) -> list[str]:
        """The files of which is not known how the session left them: it has them open or wrote them a moment ago, or
        was cut off then. Of these, only what changed well after its last step counts as somebody else's."""
        if self._after is not None:
            return []
        paths = dict.fromkeys(p for step in steps for p in (step.path, step.to) if p)
        return [path for path in paths if self._aftermath.left(path) is None and os.path.isfile(path)]

    def _lost(self, steps: tuple[Step, ...]) -> set[str]:
        """The paths of these steps with work of somebody else's between them."""
        places: dict[str, list[int]] = {}
        for step in steps:
            for path in (step.path, step.to):
                places.setdefault(path, []).append(self._place[id(step)])
        return {path for path, at in places.items() if self._aftermath.is_lost(path, at)}

    def _differs(self, path: str) -> bool:
        now, left = sign_of(path), self._aftermath.left(path)
        if left is not None:
            return left != now
        return self._after is None and now[2] > self._written + 2_000_000_000

    def take(self, steps: tuple[Step, ...]) -> Iterator[tuple[Step, str]]:
        """Undo the steps; each with '' or why it could not be done. A path that a step could not free is left alone by
        those after it."""
        stuck: set[str] = set()
        needed = {step.path for step in steps if step.what == "moved"}
        done: list[Step] = []
        try:
            for step in steps:
                try:
                    blocked = step.path in stuck and os.path.lexists(step.path)
                    why = "the step before could not be taken" if blocked else self._undo(step, needed)
                except OSError as error:
                    why = error.strerror or str(error)
                if why and step.what in ("moved", "swapped"):
                    stuck |= {step.path, step.to}
                if not why:
                    done.append(step)
                yield step, why
        finally:
            self._remember(done)

    def _remember(self, done: list[Step]) -> None:
        """What was taken, and how it left things. A store that cannot be written only loses that."""
        with contextlib.suppress(OSError), (self.directory / DONE).open("a") as file:
            file.writelines(f"{self._place[id(step)]}\n" for step in done)
        signs = {path: sign_of(path) for step in done for path in (step.path, step.to) if path}
        if self._after is None:  # it may still run, and is to know
            lines = [Step("undone", path, mode, mtime=mtime, count=size) for path, (mode, size, mtime) in signs.items()]
            with contextlib.suppress(OSError), (self.directory / LOG).open("ab", buffering=0) as log:
                log.write(b"".join(msgspec.json.encode(spelled(line)) + b"\n" for line in lines))
                os.utime(log.fileno(), ns=(self._written, self._written))  # since then counts as since its last step
        else:
            self._after |= signs
            after = {escape(path): sign for path, sign in self._after.items()}
            keep_after(self.directory, after)

    def _undo(self, step: Step, needed: set[str]) -> str:
        """'' or why not. needed: names under which something else is to be moved back."""
        path = step.path
        if step.why:
            return step.why
        if step.what == "moved":
            if os.path.lexists(path):
                return "something else has that name now"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.rename(step.to, path)
        elif step.what == "swapped":
            draft = f"{path}.leash-undo"
            os.rename(path, draft)
            try:
                os.rename(step.to, path)
            except OSError:
                os.rename(draft, path)
                raise
            os.rename(draft, step.to)
        elif step.what == "made":
            if os.path.isdir(path) and not os.path.islink(path):
                return _remove_folder(path, needed=path in needed)
            if os.path.lexists(path):
                os.unlink(path)
        elif stat.S_ISDIR(step.mode):
            os.makedirs(path, exist_ok=True)
            os.chmod(path, stat.S_IMODE(step.mode))
        else:
            self._bring_back(step)
        return ""

    def _bring_back(self, step: Step) -> None:
        os.makedirs(os.path.dirname(step.path), exist_ok=True)
        if step.what == "changed" and step.inode and stat.S_ISREG(step.mode) and self._write_into(step):
            return
        draft = f"{step.path}.leash-undo"
        if stat.S_ISLNK(step.mode):
            os.symlink(step.link, draft)
        else:
            with (self.directory / step.blob).open("rb") as old, open(draft, "wb") as fresh:
                copy_bytes(old.fileno(), fresh.fileno())
            os.chmod(draft, stat.S_IMODE(step.mode))
            os.utime(draft, ns=(step.mtime, step.mtime))
        os.replace(draft, step.path)

    def _write_into(self, step: Step) -> bool:
        """Its other names, which were changed with it, get the content back too: where it is that file still, for what
        bears its name now may be another one's. Raises OSError."""
        try:
            fd = os.open(step.path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return False
        with open(fd, "wb") as same, (self.directory / step.blob).open("rb") as old:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode) or found.st_ino != step.inode or found.st_nlink < 2:
                return False
            os.ftruncate(fd, 0)
            copy_bytes(old.fileno(), fd)
            same.flush()
            os.fchmod(fd, stat.S_IMODE(step.mode))
            os.utime(fd, ns=(step.mtime, step.mtime))
        return True


def _remove_folder(path: str, *, needed: bool) -> str:
    """'' or why not. needed: the name is for something else; what is in the folder goes aside then. Raises OSError."""
    try:
        os.rmdir(path)
    except OSError as error:
        if error.errno != errno.ENOTEMPTY:
            raise
        aside = f"{path}.leash-left"
        if not needed or os.path.lexists(aside):
            return _NOT_EMPTY
        os.rename(path, aside)
        return f"{_NOT_EMPTY}: it is {os.path.basename(aside)} now"
    return ""


def _replaces(before: Sequence[Step], step: Step) -> bool:
    """Whether a step moved something over a file that was there. before: the step before it, if there is one."""
    return step.what == "moved" and any(b.what == "gone" and b.path == step.to for b in before)


def _drafted(older: Sequence[Step], path: str) -> list[int]:
    """Which steps made `path`, newest first; none where it was there before the session."""
    found: list[int] = []
    for at in range(len(older) - 1, -1, -1):
        if older[at].path == path:
            found.append(at)
            if older[at].what == "made":
                return found
        elif older[at].to == path:
            return []
    return []


def _differs_from(now: Sign, step: Step | None, path: str, ended: int) -> bool:
    """Whether a path is not as an act left it. step: the first of another act on it, which kept what that was."""
    if step is None:
        return bool(ended) and now[2] > ended
    if step.what == "swapped":
        return not now[0]
    if step.what in ("made", "moved"):
        return bool(now[0]) is (step.what == "made" or path == step.to)
    return (now[0], now[2]) != (step.mode, 0 if stat.S_ISDIR(step.mode) else step.mtime)


def _as_it_is(line: Step) -> Step:
    if line.path.isascii() and line.link.isascii() and line.to.isascii():
        return line
    return msgspec.structs.replace(line, path=unescape(line.path), link=unescape(line.link), to=unescape(line.to))


def _told(steps: list[Step]) -> Iterator[Step]:
    """The steps that happened, each with the act that a later line names."""
    acts: dict[str, list[str]] = {}
    for step in steps:
        if step.what == "by":
            acts.setdefault(step.path, []).append(step.act)
    for step in _happened(steps):
        if step.what == "made" and not step.act and acts.get(step.path):
            step = msgspec.structs.replace(step, act=acts[step.path].pop(0))
        yield step


def _happened(steps: list[Step]) -> list[Step]:
    """The steps without those that a later line takes back."""
    found: list[Step] = []
    for step in steps:
        if step.what == "void":
            del found[len(found) - step.count :]
        elif step.what not in NOTES:
            found.append(step)
    return found


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
