"""Policy files as bytes: the one module of this floor that touches the disk, and it only reads.

Knows layers, directories and links. Refuses to know Cedar. Invariant: what is returned was read once; a link, a device
or a file that grows while it is read can neither smuggle text in nor make the reader hang.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from leashtui.policy.policy import LAYERS
from leashtui.policy.syntax import SIZE, Flaw

SUFFIX = ".cedar"
DEPTH = 8
"""Deepest directory below a layer's root."""
FILES = 512
"""Most policy files in one layer."""
BYTES = 4 << 20
"""Most bytes of all policy files of one layer."""
SKIPPED = frozenset({"tests", "profiles"})
"""Directories of a layer that hold no active policies."""


class Source(Struct, frozen=True):
    """One policy file as it was read. file: how to name it to a person. digest: sha256 of raw, hex."""

    layer: str
    file: str
    raw: bytes
    digest: str


def source(layer: str, file: str, raw: bytes) -> Source:
    """A source from bytes in memory. Raises Flaw when there is no such layer."""
    if layer not in LAYERS:
        raise Flaw(file, 0, 0, f"unknown layer '{layer}'", f"layers are {', '.join(LAYERS)}")
    return Source(layer, file, raw, hashlib.sha256(raw).hexdigest())


def read(layers: Sequence[tuple[str, Path]]) -> list[Source]:
    """The policy files of (layer, directory or file) pairs, in the order given and sorted within a directory.

    A root that does not exist holds no policies. Raises Flaw: links inside a layer, too deep, too many, unreadable.
    """
    found: list[Source] = []
    for layer, root in layers:
        paths = list(_files(root))
        if len(paths) > FILES:
            raise Flaw(str(root), 0, 0, f"more than {FILES} policy files", "join some of them")
        size = 0
        for path in paths:
            raw = read_file(path, follow=path == root)
            size += len(raw)
            if size > BYTES:
                raise Flaw(str(root), 0, 0, f"more than {BYTES:,} bytes of policies", "take some of them out")
            found.append(source(layer, str(path), raw))
    return found


def _files(root: Path) -> Iterator[Path]:
    try:
        mode = root.stat().st_mode
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        raise _unreadable(root, error) from error
    if stat.S_ISDIR(mode):
        yield from _below(root, 0)
    else:
        yield root


def _below(directory: Path, depth: int) -> Iterator[Path]:
    try:
        entries = sorted(directory.iterdir())
        modes = [(entry, entry.lstat().st_mode) for entry in entries if not entry.name.startswith(".")]
    except OSError as error:
        raise _unreadable(directory, error) from error
    for entry, mode in modes:
        if stat.S_ISLNK(mode) and (entry.suffix == SUFFIX or "." not in entry.name):
            raise Flaw(str(entry), 0, 0, "a link inside a policy directory is not followed", "put the file itself here")
        if stat.S_ISDIR(mode) and entry.name not in SKIPPED:
            if depth >= DEPTH:
                raise Flaw(str(entry), 0, 0, f"deeper than {DEPTH} directories", "move it up")
            yield from _below(entry, depth + 1)
        elif entry.suffix == SUFFIX:
            yield entry


def read_file(path: Path, follow: bool = True) -> bytes:
    """A regular file's bytes, at most SIZE. follow: whether it may be a link.

    Raises Flaw when it is larger, something else, or unreadable.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    try:
        with os.fdopen(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise Flaw(str(path), 0, 0, "this is not a regular file", "put the policy text itself here")
            raw = file.read(SIZE + 1)
    except OSError as error:
        raise _unreadable(path, error) from error
    if len(raw) > SIZE:
        raise Flaw(str(path), 0, 0, f"larger than the limit of {SIZE:,} bytes", "split it into several files")
    return raw


def _unreadable(path: Path, error: Exception) -> Flaw:
    why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return Flaw(str(path), 0, 0, f"cannot be read: {why}", "make it readable, or remove it from the policies")
