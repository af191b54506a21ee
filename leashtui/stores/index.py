"""The index of a log: a file beside the logs that makes a query quick, made from the log when it is first needed.

Knows blocks (audit.postings) and where they lie. Refuses to be believed: every record it points at is read from the log
and matched again, a block whose last record is not the log's is thrown away, and proofs never look here. Invariant: a
query finds the same with the index, without it, and while it is being made; deleting it loses nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from leashtui.audit.chain import Row
from leashtui.audit.postings import SIZE, Block, build, candidates
from leashtui.audit.query import Query
from leashtui.stores.directories import ensure_private
from leashtui.stores.journal import ends, pick, read

DIRECTORY = "index"
"""Below the state directory."""

LEAST = 256
"""Fewer records than this beyond the index are looked through."""

_MAGIC = b"leashix1"
_STEP = 8

Told = Callable[[int], None]
"""Hears, before work begins, how many records are about to be indexed."""


class Shelf(Struct, frozen=True):
    """A log to search. name: of its index. agent: of its session. rows: those after a number; some: these numbers.

    last: (number, hash) of its last record, None when it is empty.
    """

    name: str
    agent: str
    rows: Callable[[int], Iterator[Row]]
    some: Callable[[Sequence[int]], Iterator[Row]]
    last: Callable[[], tuple[int, bytes] | None]


def shelf_of(path: Path, agent: str) -> Shelf:
    """A log in a file."""

    def last() -> tuple[int, bytes] | None:
        found = ends(path)
        if found is None or not isinstance(found[1].seq, int) or not isinstance(found[1].hash, bytes):
            return None
        return found[1].seq, found[1].hash

    return Shelf(path.stem, agent, lambda after: read(path, after), lambda numbers: pick(path, numbers), last)


def value_of(row: Row) -> dict[str, Any]:
    """The JSON value of a record; {} for what is none."""
    try:
        value = msgspec.json.decode(row.body) if isinstance(row.body, bytes) else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def search(
    state: Path, shelf: Shelf, query: Query, told: Told = lambda count: None
) -> Iterator[tuple[Row, dict[str, Any]]]:
    """The rows of a log that satisfy a query, each with its JSON value, in order. Raises StoreError as reading does."""
    covered = 0
    for block in _blocks(state, shelf, told) if query.terms else ():
        numbers = candidates(block, query)
        while some := list(islice(numbers, 400)):
            yield from _matching(shelf.some(some), shelf, query)
        covered = block.first + block.count - 1
    yield from _matching(shelf.rows(covered), shelf, query)


def _matching(rows: Iterator[Row], shelf: Shelf, query: Query) -> Iterator[tuple[Row, dict[str, Any]]]:
    for row in rows:
        value = value_of(row)
        if query.match(value, shelf.agent):
            yield row, value


def forget(state: Path, name: str) -> None:
    """Remove the index of a log that is being removed."""
    with contextlib.suppress(FileNotFoundError):
        _file(state, name).unlink()


def _file(state: Path, name: str) -> Path:
    return state / DIRECTORY / f"{name}.idx"


def _blocks(state: Path, shelf: Shelf, told: Told) -> list[Block]:
    """The blocks of a log, brought up to date when that is worth it and possible."""
    last = shelf.last()
    if last is None:
        return []
    blocks, end = _load(_file(state, shelf.name))
    if blocks and not _fits(blocks[-1], shelf, last[0]):
        blocks, end = [], 0
    covered = blocks[-1].first + blocks[-1].count - 1 if blocks else 0
    rest = last[0] - covered
    if rest >= SIZE or (rest >= LEAST and rest * _STEP >= covered):
        with contextlib.suppress(OSError):
            told(rest)
            blocks += _extend(state, shelf, covered, last[0], end)
    return blocks


def _fits(block: Block, shelf: Shelf, count: int) -> bool:
    """Whether the last record of a block is the log's."""
    number = block.first + block.count - 1
    row = next(shelf.some([number]), None) if number <= count else None
    return row is not None and row.hash == block.head


def _load(path: Path) -> tuple[list[Block], int]:
    """The blocks in a file and where the last whole one ends; none of a file that cannot be used."""
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError):  # not there, or empty
        return [], 0
    if bytes(data[: len(_MAGIC)]) != _MAGIC:
        return [], 0
    blocks: list[Block] = []
    at = len(_MAGIC)
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 8], "little")
        if not size or at + 8 + size > len(data):
            break
        try:
            block = msgspec.msgpack.decode(data[at + 8 : at + 8 + size], type=Block)
        except msgspec.DecodeError:
            break
        if block.first != (blocks[-1].first + blocks[-1].count if blocks else 1):
            break
        blocks.append(block)
        at += 8 + size
    return blocks, at


def _extend(state: Path, shelf: Shelf, covered: int, upto: int, end: int) -> Iterator[Block]:
    """Write and give out the blocks that are missing. Raises OSError when somebody else is at it, or nothing can be
    written; what was given out until then is right."""
    path = _file(state, shelf.name)
    ensure_private(path.parent)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as file:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if end != os.fstat(handle).st_size:  # blocks of another log, or one cut off; others may be reading them
            path.unlink()
            raise OSError("begun anew next time")
        file.seek(end)
        file.write(b"" if end else _MAGIC)
        rows = islice(shelf.rows(covered), upto - covered)
        while batch := list(islice(rows, SIZE)):
            if any(row.seq != covered + n or not isinstance(row.hash, bytes) for n, row in enumerate(batch, 1)):
                return  # a tampered log is looked through
            head = batch[-1].hash
            assert isinstance(head, bytes)
            block = build(covered + 1, head, map(value_of, batch), shelf.agent)
            data = msgspec.msgpack.encode(block)
            file.write(len(data).to_bytes(8, "little") + data)
            covered += len(batch)
            yield block
        file.flush()
        os.fsync(handle)
