"""The exporter: records of this machine's logs, in order, through a format into a sink, each once.

Knows logs, cursors and batches. Refuses to know formats (audit.ocsf, audit.formats) and servers (sinks). The cursor is
a file of the state directory with the last delivered number of each session, replaced after each delivered batch.
Invariant: into a file every record goes exactly once whatever is killed; to a server that acknowledges, at least once,
and a repeated event bears the same metadata.uid.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from leashtui.audit import formats
from leashtui.audit.ocsf import About, about, event_of, text_of
from leashtui.audit.query import Query
from leashtui.model.errors import Exit, LeashError, StoreError
from leashtui.stores.directories import ensure_private
from leashtui.stores.journal import read
from leashtui.stores.sessions import paths
from leashtui.stores.sinks import Sink

BATCH = 500
"""Records delivered at once."""

_ROWS = 20_000
"""Rows of a Parquet file at most."""

FORMATS = ("jsonl", "ocsf", "cef", "hec", "otlp", "parquet")
"""What `encode` knows. jsonl: the record itself with its number and hash. parquet: needs an extra of leash."""


class Item(NamedTuple):
    """One record on its way. digest: its chain hash, hex. value: its JSON. who: its session."""

    seq: int
    body: bytes
    digest: str
    value: dict[str, Any]
    who: About


Events = list[Item]


class Cursor(Struct, frozen=True):
    """How far an export came. mark: the sink's own. done: last delivered number by session."""

    mark: int = 0
    done: dict[str, int] = {}


def encode(form: str, events: Events) -> list[bytes]:
    """The messages of a batch in one of FORMATS."""
    if form == "jsonl":
        return [_line(item) for item in events]
    made = [
        event_of(item.value, item.seq, item.digest, item.who, item.body.decode("utf-8", "replace")) for item in events
    ]
    if form == "parquet":
        from leashtui.stores.parquet import table_of

        return [table_of(made)]
    if form == "otlp":
        return [formats.otlp(made)]
    one: Callable[[dict[str, Any]], bytes] = {"ocsf": text_of, "cef": formats.syslog, "hec": formats.hec}[form]
    return [one(event) for event in made]


def _line(item: Item) -> bytes:
    line = {"v": 1, "seq": item.seq, "hash": item.digest, "record": msgspec.Raw(item.body)}
    return msgspec.json.encode(line)


class Exporter:
    """One named export; without a name nothing is remembered. query: only what matches."""

    def __init__(self, state: Path, name: str, form: str, sink: Sink, query: Query | None = None) -> None:
        self._state = state
        self._form = form
        self._sink = sink
        self._query = query
        self._file = ensure_private(state / "exports") / f"{name}.json" if name else None
        self._cursor = self._load()
        self._who: dict[str, About] = {}
        sink.resume(self._cursor.mark)

    def _load(self) -> Cursor:
        if self._file is None:
            return Cursor()
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=Cursor)
        except FileNotFoundError:
            return Cursor()
        except (OSError, msgspec.DecodeError) as error:
            raise StoreError(f"{self._file} cannot be read: {error}", "begin anew with another --name") from error

    def run(self) -> int:
        """Deliver what is new; returns how many records. Raises Away when the receiver is, LeashError for the rest."""
        sent = 0
        for path in paths(self._state / "sessions"):
            for batch in self._batches(path):
                last = batch[-1].seq
                wanted = [
                    item for item in batch if self._query is None or self._query.match(item.value, item.who.agent)
                ]
                name = f"{path.stem}-{batch[0].seq:012}"
                mark = self._sink.send(encode(self._form, wanted), name) if wanted else self._cursor.mark
                self._save(Cursor(mark, self._cursor.done | {path.stem: last}))
                sent += len(wanted)
        return sent

    def _batches(self, path: Path) -> Iterator[Events]:
        batch: Events = []
        for row in read(path, self._cursor.done.get(path.stem, 0)):
            if not isinstance(row.seq, int) or not isinstance(row.body, bytes):
                hint = "prove it: leash audit verify"
                raise StoreError(f"session {path.stem} holds a record that is none; nothing after it is exported", hint)
            digest = row.hash.hex() if isinstance(row.hash, bytes) else ""
            batch.append(Item(row.seq, row.body, digest, _value(row.body), self._about(path)))
            if len(batch) >= (_ROWS if self._form == "parquet" else BATCH):
                yield batch
                batch = []
        if batch:
            yield batch

    def _about(self, path: Path) -> About:
        found = self._who.get(path.stem)
        if found is None:
            first = next(read(path), None)
            value = _value(first.body) if first is not None and isinstance(first.body, bytes) else {}
            found = self._who[path.stem] = about(value)
        return found

    def _save(self, cursor: Cursor) -> None:
        self._cursor = cursor
        if self._file is None:
            return
        draft = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            with draft.open("wb") as file:
                file.write(msgspec.json.encode(cursor))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file)
        except OSError as error:
            raise StoreError(f"cannot write {self._file}: {error.strerror}", "free some space") from error


def _value(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}


@contextmanager
def alone(state: Path, name: str) -> Iterator[None]:
    """At most one export of a name runs. Raises LeashError when another does."""
    path = ensure_private(state / "exports") / f"{name}.lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LeashError(f"an export called {name} runs already", "give this one another --name", Exit.USAGE) from error
    finally:
        os.close(handle)
