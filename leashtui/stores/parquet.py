"""Parquet files of OCSF events: a directory of them, one a batch, each replaced as a whole.

Knows pyarrow (an extra of leash) and the columns. Refuses to know records: it gets events. Invariant: a batch that is
delivered again has the name it had, so that nothing is in the directory twice whatever was killed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from leashtui.model.errors import Exit, LeashError, StoreError

_COLUMNS: tuple[tuple[str, pa.DataType, tuple[str, ...]], ...] = (
    ("time", pa.timestamp("ms", tz="UTC"), ("time",)),
    ("uid", pa.string(), ("metadata", "uid")),
    ("session", pa.string(), ("metadata", "log_name")),
    ("sequence", pa.int64(), ("metadata", "sequence")),
    ("event_code", pa.string(), ("metadata", "event_code")),
    ("class_uid", pa.int32(), ("class_uid",)),
    ("type_uid", pa.int32(), ("type_uid",)),
    ("activity_id", pa.int32(), ("activity_id",)),
    ("severity_id", pa.int32(), ("severity_id",)),
    ("action", pa.string(), ("action",)),
    ("disposition", pa.string(), ("disposition",)),
    ("message", pa.string(), ("message",)),
    ("user", pa.string(), ("actor", "user", "name")),
    ("agent", pa.string(), ("actor", "app_name")),
    ("host", pa.string(), ("device", "hostname")),
    ("device", pa.string(), ("device", "uid")),
    ("command", pa.string(), ("process", "cmd_line")),
    ("program", pa.string(), ("process", "path")),
    ("path", pa.string(), ("file", "path")),
    ("exit_code", pa.int32(), ("exit_code",)),
    ("guard", pa.string(), ("unmapped", "guard")),
    ("layers", pa.list_(pa.string()), ("unmapped", "layers")),
    ("policies", pa.list_(pa.string()), ("unmapped", "policies")),
    ("decided_by", pa.string(), ("unmapped", "decided_by")),
    ("approver", pa.string(), ("unmapped", "approver")),
    ("bundle", pa.string(), ("unmapped", "bundle")),
    ("chain_hash", pa.string(), ("unmapped", "chain_hash")),
    ("raw_data", pa.string(), ("raw_data",)),
)
"""name, type and place in the event; `raw_data` is the record's exact text."""

SCHEMA = pa.schema([(name, kind) for name, kind, _ in _COLUMNS])


def table_of(events: Sequence[Mapping[str, Any]]) -> bytes:
    """One Parquet file (zstd) of these OCSF events, a row each."""
    columns = [[_at(event, place) for event in events] for _, _, place in _COLUMNS]
    table = pa.table([pa.array(c, kind) for c, (_, kind, _) in zip(columns, _COLUMNS, strict=True)], schema=SCHEMA)
    out = pa.BufferOutputStream()
    pq.write_table(table, out, compression="zstd")
    made: bytes = out.getvalue().to_pybytes()
    return made


def _at(event: Mapping[str, Any], place: Sequence[str]) -> Any:
    found: Any = event
    for name in place:
        found = found.get(name) if isinstance(found, dict) else None
    if found is None and place[0] == "process":
        evidences = event.get("evidences") or [{}]
        return evidences[0].get("process", {}).get(place[1])
    return found


class DirectorySink:
    """A directory that gets one file a batch (sinks.Sink). Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists() and not path.is_dir():
            raise LeashError(f"{path} is a file", "Parquet goes into a directory: name one", Exit.USAGE)
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}", "name another directory") from error

    def resume(self, mark: int) -> None:
        """A file that is written again replaces the one of its name."""

    def send(self, messages: Sequence[bytes], name: str = "") -> int:
        """Write the file of a batch, whole or not at all, and wait for the disk."""
        draft = self._path / f".{name}.{os.getpid()}"
        try:
            with draft.open("wb") as file:
                file.write(b"".join(messages))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path / f"{name}.parquet")
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise StoreError(f"cannot write {self._path}: {error.strerror}", "free some space") from error
        return 0

    def close(self) -> None:
        """Nothing is open."""
