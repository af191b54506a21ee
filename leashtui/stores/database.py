"""The shape of a log on disk: one SQLite file with the table event(seq, body, hash), private to its owner.

Knows how such a file is made, opened for reading without changing a byte of it, and what SQLite's errors mean in
plain words. Refuses to know chains and records. Invariant: whatever goes wrong becomes a StoreError that names the
file and the remedy, never a bare sqlite3 error.
"""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from urllib.parse import quote

from leashtui.model.errors import StoreError

APPLICATION = 0x4C454153
"""'LEAS' in the file's header: this database is a leash log."""

VERSION = 1
"""Of the table below."""

_PAGE = 8192
"""Bytes: an act's record fills half a page of 4096, so that each commit would write three of them."""

BUSY_MS = 200
"""How long SQLite waits for a lock before it gives up (milliseconds)."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    seq  INTEGER PRIMARY KEY,
    body BLOB NOT NULL CHECK (typeof(body) = 'blob'),
    hash BLOB NOT NULL CHECK (typeof(hash) = 'blob' AND length(hash) = 32)
)
"""

NOTES = """
CREATE TABLE IF NOT EXISTS checkpoint (
    count INTEGER PRIMARY KEY,
    note  BLOB NOT NULL CHECK (typeof(note) = 'blob')
)
"""
"""Signed notes about the first `count` records, beside the chain and no part of it (audit.checkpoint)."""

_TABLES = f"PRAGMA application_id={APPLICATION}; PRAGMA user_version={VERSION}; {SCHEMA}; {NOTES};"
_PRIMARY = 0xFF
_ELSEWHERE = "make it writable, or point LEASH_STATE_DIR at a directory that is"


def create(path: Path) -> sqlite3.Connection:
    """A new empty log, 0600, in WAL mode. Raises StoreError (it exists already, read-only, full...)."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except FileExistsError as error:
        raise StoreError(f"{path} exists already", "a log is never written twice: start a new session") from error
    except OSError as error:
        raise StoreError(f"cannot create the log {path}: {error.strerror}", _ELSEWHERE) from error
    try:
        _furnish(path)
        sync_directory(path.parent)
        connection = open_for_writing(path)
    except StoreError:
        path.unlink(missing_ok=True)
        raise
    return connection


def _furnish(path: Path) -> None:
    """Make an empty file that nobody else knows a log, and write it out once. Raises StoreError.

    With a sync for each step a session waited for the disk a dozen times.
    """
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
        connection.execute(f"PRAGMA page_size={_PAGE}")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA journal_mode=MEMORY").fetchone()
        connection.executescript(f"BEGIN; {_TABLES} COMMIT;")
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
    except sqlite3.Error as error:
        raise failure(path, error) from error
    finally:
        if connection is not None:
            connection.close()
    _sync(path, os.O_RDWR)  # before anybody opens it: to close a file gives up the locks this process has on it


def open_for_writing(path: Path) -> sqlite3.Connection:
    """A connection to a log that exists or is an empty file, in autocommit. Raises StoreError."""
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=rw", uri=True, isolation_level=None)
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute(f"PRAGMA page_size={_PAGE}")  # of a file that holds nothing yet
        (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
        if mode != "wal":
            connection.close()
            raise StoreError(
                f"{path.parent} cannot hold a live log: its file system has no shared memory for SQLite",
                "point LEASH_STATE_DIR at a directory on a local disk",
            )
        connection.execute("PRAGMA fullfsync=ON")
        connection.execute("PRAGMA checkpoint_fullfsync=ON")
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'event'").fetchone():
            connection.executescript(f"BEGIN IMMEDIATE; {_TABLES} COMMIT;")
    except sqlite3.Error as error:
        if connection is not None:
            connection.close()
        raise failure(path, error) from error
    return connection


def open_for_reading(path: Path) -> sqlite3.Connection:
    """A read-only connection that works beside a live writer, after its death and on read-only media.

    Raises StoreError when there is no such file, it is no leash log, or a newer leash wrote it.
    """
    if not path.is_file():
        raise StoreError(f"there is no log {path}", "see what is there: leash log --sessions")
    try:
        connection = _connect(path, "mode=ro")
    except sqlite3.OperationalError as error:
        connection = _open_in_place(path, error)
    except sqlite3.Error as error:
        raise failure(path, error) from error
    try:
        _check(path, connection)
    except sqlite3.Error as error:
        connection.close()
        raise failure(path, error) from error
    except StoreError:
        connection.close()
        raise
    return connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, isolation_level=None)
    try:
        connection.text_factory = _decode
        connection.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        connection.execute("PRAGMA trusted_schema=OFF")
        connection.execute("PRAGMA query_only=ON")
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _decode(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def _open_in_place(path: Path, error: sqlite3.OperationalError) -> sqlite3.Connection:
    """A directory we cannot write to: a log without a tail in its -wal file is read as it lies there."""
    tail = path.with_name(path.name + "-wal")
    if error.sqlite_errorcode & _PRIMARY != sqlite3.SQLITE_CANTOPEN or not os.access(path, os.R_OK):
        raise failure(path, error) from error
    if tail.exists() and tail.stat().st_size:
        raise StoreError(
            f"{path} cannot be read here: its newest records are still in {tail.name}, and the directory is read-only",
            f"copy both files to a directory of your own and read them there: {path.name} {tail.name}",
        ) from error
    try:
        return _connect(path, "mode=ro&immutable=1")
    except sqlite3.Error as again:
        raise failure(path, again) from again


def _check(path: Path, connection: sqlite3.Connection) -> None:
    found = connection.execute("SELECT type FROM sqlite_master WHERE name = 'event'").fetchone()
    columns = {row[1] for row in connection.execute("PRAGMA table_info(event)")}
    if found is None or found[0] != "table" or not {"seq", "body", "hash"} <= columns:
        raise StoreError(f"{path} is not a leash log: it has no table event(seq, body, hash)", "name another file")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION:
        raise StoreError(f"{path} is not a leash log: another program made it", "name another file")
    if version > VERSION:
        raise StoreError(f"{path} was written by a newer leash (format {version})", "update leash to read it")


def sync_directory(path: Path) -> None:
    """Make a new file's name survive power loss. Raises StoreError."""
    _sync(path, os.O_RDONLY | os.O_DIRECTORY)


def _sync(path: Path, flags: int) -> None:
    try:
        opened = os.open(path, flags | os.O_CLOEXEC)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)
    except OSError as error:
        raise StoreError(f"cannot write to {path}: {error.strerror}", _ELSEWHERE) from error


def failure(path: Path, error: sqlite3.Error) -> StoreError:
    """What a SQLite error on this file means, and the remedy."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return StoreError(f"the disk is full: {path} cannot be written", f"free some space below {path.parent}")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
        return StoreError(f"the log {path} cannot be opened or written: {error}", _ELSEWHERE)
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreError(f"{path} is damaged, or is no SQLite database: {error}", "restore it from a copy")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return StoreError(f"{path} is locked by another program", "close what else has it open, then try again")
    if code == sqlite3.SQLITE_IOERR:
        return StoreError(f"the disk refused to read or write {path}: {error}", "look at the disk: dmesg, df, quota")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreError(f"somebody else wrote into {path}: {error}", "prove what is there: leash audit verify")
    return StoreError(f"{path}: {error}", "prove what is there: leash audit verify")
