"""Puts a protected file back as it was accepted, but only while what lies there is what was reported.

Knows names, images and renameat2. Refuses to judge, and to follow a link. The new file takes the place of what was
there in one step; only then is what was there looked at, and if it is not what was reported, both change back: so
nothing that somebody wrote meanwhile is lost. Invariant: a name holds the reported file, the accepted one, or somebody
else's newer one, never a part of any.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import stat

from leashtui.guards.watcher.images import Image, read, same

_libc = ctypes.CDLL(None, use_errno=True)
_NOREPLACE, _EXCHANGE = 1, 2
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
DIFFERS = "differs"
_HOMELESS = "the whole tree that it was in is gone"
_LOST = "what it was before is not known: it was too large to keep, or could not be read"


def put_back(root: str, path: str, before: Image | None, reported: Image | None) -> str:
    """Make `path`, below the real directory `root`, what it was before. Returns '', DIFFERS, or why it cannot be."""
    if before is not None and before.packed is None:
        return _LOST
    try:
        folder = _way(root, os.path.dirname(path), make=before is not None)
    except FileNotFoundError:
        return "" if before is None else _HOMELESS  # nothing should be there, and not even its folder is
    except OSError as error:
        return f"the way to it cannot be gone: {error.strerror}"
    try:
        return _replace(folder, os.path.basename(path), before, reported)
    except OSError as error:
        return str(error.strerror)
    finally:
        os.close(folder)


def _way(root: str, folder: str, *, make: bool) -> int:
    """A descriptor of `folder`, reached from `root` without links; made where it is missing. Raises OSError."""
    current = os.open(root, _FOLDER & ~os.O_NOFOLLOW)
    for name in filter(None, folder[len(root) :].split("/")):
        try:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, 0o755, dir_fd=current)
            further = os.open(name, _FOLDER, dir_fd=current)
        finally:
            os.close(current)
        current = further
    return current


def _replace(folder: int, name: str, before: Image | None, reported: Image | None) -> str:
    """See put_back. Raises OSError."""
    now = read(name, folder)
    if same(now, before):
        return ""
    if not same(now, reported):
        return DIFFERS
    if before is None:
        return _remove(folder, name, reported)
    if now is not None and now.digest == before.digest and stat.S_IFMT(now.mode) == stat.S_IFMT(before.mode):
        return _set_mode(folder, name, before.mode)
    spare = _spare()
    _make(folder, spare, before)
    try:
        return _put(folder, spare, name, reported)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(spare, dir_fd=folder)


def _put(folder: int, spare: str, name: str, reported: Image | None) -> str:
    """Give `spare` its name; what was there is then `spare`, and goes only if it was reported. Raises OSError."""
    try:
        _rename(folder, spare, name, _NOREPLACE)
    except FileExistsError:
        _rename(folder, spare, name, _EXCHANGE)
    else:
        return ""
    if _is_folder(folder, spare):  # a folder took the file's place: it is kept beside it
        _rename(folder, spare, f"{name}.denied-{secrets.token_hex(3)}", _NOREPLACE)
        return ""
    if same(read(spare, folder), reported):
        return ""
    _rename(folder, spare, name, _EXCHANGE)
    return DIFFERS


def _remove(folder: int, name: str, reported: Image | None) -> str:
    """Take away what should not be there, by way of another name. Raises OSError."""
    spare = _spare()
    _rename(folder, name, spare, _NOREPLACE)
    if same(read(spare, folder), reported):
        os.unlink(spare, dir_fd=folder)
        return ""
    _rename(folder, spare, name, _NOREPLACE)
    return DIFFERS


def _set_mode(folder: int, name: str, mode: int) -> str:
    handle = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    try:
        os.chmod(f"/proc/self/fd/{handle}", stat.S_IMODE(mode))
    finally:
        os.close(handle)
    return ""


def _make(folder: int, name: str, image: Image) -> None:
    """A new file or link that is like the image. Raises OSError."""
    content = image.content() or b""
    if stat.S_ISLNK(image.mode):
        os.symlink(content, name, dir_fd=folder)
        return
    handle = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        os.fchmod(file.fileno(), stat.S_IMODE(image.mode))


def _is_folder(folder: int, name: str) -> bool:
    return stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode)


def _spare() -> str:
    return f".leash-{secrets.token_hex(8)}"


def _rename(folder: int, old: str, new: str, flags: int) -> None:
    """renameat2(2) within one directory. Raises OSError."""
    if _libc.renameat2(folder, os.fsencode(old), folder, os.fsencode(new), flags) < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
