"""A change of a file that belongs to somebody else, and the way back, byte for byte.

Knows the bytes before and after, and keeps them in leash's state directory. Refuses to know what they mean. Invariant:
a file is replaced whole (never half-written), keeps its mode, and is given back exactly as it was as long as nobody
else changed it in between; if somebody did, nothing is touched and the caller is told.
"""

from __future__ import annotations

import base64
import contextlib
import glob
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

import msgspec

from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import ensure_private, state_dir

_DRAFT = "leash-draft"


class Patch(msgspec.Struct, frozen=True):
    """One change that stands. before: base64, None when there was no file. after: sha256 of what was written.

    made: the directories that were made for it, deepest first.
    """

    path: str
    before: str | None
    after: str
    made: tuple[str, ...] = ()

    def original(self) -> bytes | None:
        """The bytes before, None when there was no file."""
        return None if self.before is None else base64.b64decode(self.before)


def folder() -> Path:
    """Where patches are kept."""
    return state_dir() / "patches"


def read(path: Path) -> bytes | None:
    """The bytes of a file, None when there is none. Raises LeashError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):  # a pipe would keep us waiting
            os.close(handle)
            raise LeashError(f"{path}: it is no regular file", "put a file there, or nothing", Exit.USAGE)
        with open(handle, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LeashError(f"{path}: {error.strerror}", "make it readable, then try again", Exit.USAGE) from error


def find(path: Path) -> Patch | None:
    """The patch of a file that still stands, None when there is none."""
    raw = read(_entry(path))
    try:
        return None if raw is None else msgspec.json.decode(raw, type=Patch)
    except msgspec.DecodeError as error:
        raise LeashError(
            f"{_entry(path)} is damaged: {error}", "restore the file by hand, then remove that one"
        ) from error


def is_ours(path: Path, patch: Patch) -> bool:
    """Whether the file still holds what was written."""
    return _digest(read(path)) == patch.after


def apply(path: Path, after: bytes, before: bytes | None) -> Patch:
    """Write `after` to the file; what stood there before the first patch is kept. Raises LeashError.

    before: the file without anything of ours, which is what stood there where somebody changed it since, or no patch
    is known any more.
    """
    standing = find(path)
    original = before if standing is None or not is_ours(path, standing) else standing.original()
    kept = None if original is None else base64.b64encode(original).decode()
    made = standing.made if standing is not None else tuple(_missing(Path(os.path.realpath(path)).parent))
    patch = Patch(os.fspath(path), kept, _digest(after), made)
    ensure_private(state_dir())
    ensure_private(folder())
    _replace(_entry(path), msgspec.json.encode(patch), 0o600)
    _write(path, after)
    return patch


def restore(path: Path) -> None:
    """Give the file back as it was. Raises LeashError when there is no patch, or the file was changed since."""
    patch = find(path)
    if patch is None:
        raise LeashError(f"{path} was not changed by leash", "leash hooks status")
    if not is_ours(path, patch):
        raise LeashError(f"{path} was changed since leash wrote it", "take leash's entries out by hand")
    original = patch.original()
    if original is None:
        Path(os.path.realpath(path)).unlink()  # a link that pointed to nothing does so again
        with contextlib.suppress(OSError):  # somebody put something else there: it stays
            for folder in patch.made:
                Path(folder).rmdir()
    else:
        _write(path, original)
    _entry(path).unlink()


def forget(path: Path) -> None:
    """The patch does not stand any more; the file stays as it is."""
    _entry(path).unlink(missing_ok=True)


def rewrite(path: Path, content: bytes) -> None:
    """Write a file whole, without keeping what it held. Raises LeashError."""
    _write(path, content)


def _missing(place: Path) -> Iterator[str]:
    """The directories that do not exist yet, deepest first."""
    while not place.exists():
        yield os.fspath(place)
        place = place.parent


def _entry(path: Path) -> Path:
    return folder() / (hashlib.sha256(os.fsencode(path)).hexdigest()[:32] + ".json")


def _digest(content: bytes | None) -> str:
    return hashlib.sha256(content).hexdigest() if content is not None else ""


def _write(path: Path, content: bytes) -> None:
    real = Path(os.path.realpath(path))
    try:
        real.parent.mkdir(parents=True, exist_ok=True)
        found = real.stat() if real.exists() else None
        _replace(real, content, found.st_mode & 0o7777 if found else 0o600, found)
    except OSError as error:
        raise LeashError(f"{path}: {error.strerror}", "make it writable, then try again", Exit.USAGE) from error


def tidy(path: Path) -> None:
    """Take away what writers of this file left beside it that were killed before they were done, if it can be seen."""
    real = Path(os.path.realpath(path))
    try:
        found = list(real.parent.glob(glob.escape(f".{real.name}.") + f"{_DRAFT}-*"))
    except OSError:
        return
    for draft in found:
        writer = draft.name.rsplit("-", 2)[1]
        if writer.isdigit() and not os.path.exists(f"/proc/{writer}"):
            with contextlib.suppress(OSError):
                draft.unlink()


def _replace(path: Path, content: bytes, mode: int, like: os.stat_result | None = None) -> None:
    tidy(path)
    draft = path.with_name(f".{path.name}.{_DRAFT}-{os.getpid()}-{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            if like is not None and (like.st_uid, like.st_gid) != (os.getuid(), os.getgid()):
                os.fchown(handle, like.st_uid, like.st_gid)
            os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(handle)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
