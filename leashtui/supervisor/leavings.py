"""What sessions that were killed left in the runtime directory, and its removal.

Knows the shape of a session's directory and whether the process that published it still lives. Refuses to touch
anything that is not such a directory of ours. Invariant: a session that could still answer keeps its directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from pathlib import Path

import msgspec

from leashtui.model.request import ProcessRef
from leashtui.supervisor.tree import alive


class _Published(msgspec.Struct):
    pid: int
    born: int = -1


def sweep(runtime: Path) -> int:
    """Remove the directories of dead sessions below `runtime`; returns how many. What cannot be removed stays."""
    removed = 0
    for place in runtime.iterdir():
        if _is_dead(place):
            remove(place)
            removed += not place.exists()
    return removed


def remove(directory: Path) -> None:
    """Remove one session's directory, the 0500 ones of its shims and hooks included; errors leave it behind."""
    for place in (directory, directory / "shim", directory / "hook"):
        with contextlib.suppress(OSError):
            place.chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)


def _is_dead(place: Path) -> bool:
    try:
        found = place.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        published = msgspec.json.decode((place / "session.json").read_bytes(), type=_Published)
    except (OSError, msgspec.DecodeError):
        return False
    return published.born >= 0 and not alive(ProcessRef(published.pid, published.born))
