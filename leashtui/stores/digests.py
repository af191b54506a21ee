"""What large programs came to when they were last read, so that an agent of 400 MB is not read at every start.

Knows one file in the state directory. A digest is believed for a file in which nothing the kernel says has changed:
place, number, size, and when content and entry were last touched; nobody but the clock's master can set the last.
Refuses to be needed: a list that is missing, damaged or cannot be written means reading. Invariant: a digest is kept
only of a file that had rested before it was read and was the same afterwards.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import LeashError
from leashtui.stores import patches
from leashtui.stores.directories import ensure_private

FILE = "digests.json"
"""Its name below the state directory."""
SMALL = 4 << 20
"""Bytes up to which reading is quick enough."""
REST = 3_000_000_000
"""Nanoseconds without a change after which the clock of a file system shows every later one."""
_MOST = 16


class _Seen(Struct, frozen=True, forbid_unknown_fields=True):
    place: int
    number: int
    size: int
    written: int
    touched: int
    digest: str


class Digest:
    """sha256 of a program's file, being found by a thread of its own from now on. state: the state directory."""

    def __init__(self, state: Path, program: str) -> None:
        self._found = ""
        self._thread = threading.Thread(target=self._find, args=(state, program), name="digest", daemon=True)
        self._thread.start()

    def get(self) -> str:
        """Hex; '' when the file cannot be read. Waits for it."""
        self._thread.join()
        return self._found

    def _find(self, state: Path, program: str) -> None:
        self._found = digest_of(state, program)


def digest_of(state: Path, program: str) -> str:
    """sha256 of a program's file, hex, remembered or read; '' when it cannot be read."""
    try:
        with open(program, "rb") as file:
            before = os.fstat(file.fileno())
            if before.st_size <= SMALL:
                return hashlib.file_digest(file, "sha256").hexdigest()
            rested = time.time_ns() - before.st_ctime_ns > REST
            known = _known(state)
            for one in known:
                if one == _seen(before, one.digest):
                    return one.digest
            found = hashlib.file_digest(file, "sha256").hexdigest()
            made = _seen(before, found)
            if rested and made == _seen(os.fstat(file.fileno()), found):
                _keep(state, [made, *(one for one in known if (one.place, one.number) != (made.place, made.number))])
            return found
    except OSError:
        return ""


def _seen(found: os.stat_result, digest: str) -> _Seen:
    return _Seen(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, digest)


def _known(state: Path) -> list[_Seen]:
    try:
        raw = patches.read(state / FILE)
        return [] if raw is None else msgspec.json.decode(raw, type=list[_Seen])
    except (LeashError, ValueError):
        return []


def _keep(state: Path, seen: list[_Seen]) -> None:
    with contextlib.suppress(LeashError, OSError):
        patches.rewrite(ensure_private(state) / FILE, msgspec.json.encode(seen[:_MOST]))
