"""Files of root that programs refuse where root is nobody, shown as the person's own in a session with covers.

An ordinary user's covers need a user namespace that maps only the person, so that everybody else's files seem to be
nobody's. ssh takes included settings from root or from the person themselves, and ends at any others; so a copy with
the same bytes, owned by the person and read-only, is bound over each. Knows ssh's `Include`. Refuses to read what only
root may. Invariant: a copy holds what its original held when the session began, and nobody inside can change it.
"""

from __future__ import annotations

import glob
import os
import shlex
from collections.abc import Iterator
from pathlib import Path

TOPS = ("/etc/ssh/ssh_config", "/usr/etc/ssh/ssh_config")
_DEPTH, _MOST, _LIMIT = 8, 64, 256 << 10


def included(tops: tuple[str, ...] = TOPS) -> dict[str, bytes]:
    """The files that ssh's system-wide settings include, by real path, with their bytes; those owned by others."""
    found: dict[str, bytes] = {}
    for top in tops:
        _follow(top, os.path.dirname(top), 0, found)
    return found


def copies(files: dict[str, bytes], directory: Path) -> tuple[tuple[str, str], ...]:
    """(copy, original) for each of `files`, written into `directory`. Raises OSError."""
    made: list[tuple[str, str]] = []
    for number, (path, text) in enumerate(files.items()):
        copy = directory / f"owned-{number}"
        copy.write_bytes(text)
        copy.chmod(0o444)
        made.append((str(copy), path))
    return tuple(made)


def _follow(path: str, base: str, depth: int, found: dict[str, bytes]) -> None:
    text = _read(path)
    for pattern in _patterns(text):
        for name in sorted(glob.glob(os.path.join(base, pattern))):
            real = os.path.realpath(name)
            if real in found or depth >= _DEPTH or len(found) >= _MOST or not os.path.isfile(real):
                continue
            if os.stat(real).st_uid == os.geteuid() or not os.access(real, os.R_OK):
                continue
            found[real] = _read(real)
            _follow(real, base, depth + 1, found)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_LIMIT)
    except OSError:
        return b""


def _patterns(text: bytes) -> Iterator[str]:
    """What its `Include` lines name, within whatever Host block."""
    for line in text.decode("utf-8", "surrogateescape").splitlines():
        word, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        if word.lower() == "include":
            try:
                yield from (name for name in shlex.split(rest) if not name.startswith("~"))
            except ValueError:
                continue
