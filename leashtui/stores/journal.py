"""The journal of one session: appended by its supervisor alone, readable by anybody of the same user at any time.

Knows when a record is safe: `append` returns after the commit, `durable` after the disk has it; `ride` returns at
once, and its record rides along the next commit. Refuses to know what a record says. Invariants: a sequence number is
given once and never again; after a failed write nothing is appended, so the caller can only deny.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from leashtui.audit.chain import GENESIS, Row, link
from leashtui.model.errors import StoreError
from leashtui.stores.database import create, failure, open_for_reading
from leashtui.stores.directories import ensure_private

_INSERT = "INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)"
_SELECT = "SELECT seq, body, hash FROM event WHERE seq > ? ORDER BY seq"
_ALL = "SELECT seq, body, hash FROM event ORDER BY seq"
_PICK = "SELECT seq, body, hash FROM event WHERE seq IN"
_LAST = "SELECT seq, body, hash FROM event ORDER BY seq DESC LIMIT 1"
_NOTE = "INSERT OR IGNORE INTO checkpoint (count, note) VALUES (?, ?)"
_RIDERS = 256
_RIDING_BYTES = 1 << 20
_RECOVERABLE = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_READONLY})

Identity = tuple[tuple[int, int], ...]


class Journal:
    """The one writer of one log (model.ports.Store). Made by `create`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.count = 0
        """Committed records."""
        self.head = GENESIS
        """Hash of the last committed record."""
        self._connection = connection
        self._tip = GENESIS
        self._next = 1
        self._riding: list[tuple[int, bytes, bytes]] = []
        self._weight = 0
        self._lasting = False  # whether one that rides must survive power loss
        self._full = True
        self._failed: StoreError | None = None
        self._error = 0
        self._files = self._identity()

    @classmethod
    def create(cls, path: Path, session: str) -> Journal:
        """A new journal at `path`, 0600 in a 0700 directory. session: for the message when it cannot be had.

        Raises StoreError or LeashError with the remedy; then no session may start.
        """
        ensure_private(path.parent)
        try:
            return cls(path, create(path))
        except StoreError as error:
            raise StoreError(f"no log, no session: {session}: {error.message}", error.hint) from error

    @property
    def riding(self) -> int:
        """Records that wait for the next commit."""
        return len(self._riding)

    @property
    def following(self) -> int:
        """The sequence number the next record gets."""
        return self._next

    @property
    def failed(self) -> StoreError | None:
        """Why nothing can be appended, or None."""
        return self._failed

    def append(self, body: bytes, *, durable: bool) -> tuple[int, bytes]:
        """Commit the exact bytes, and every riding record before them. Returns (seq, chain hash).

        durable: survive power loss, not only kill -9. Raises StoreError; then the record does not count.
        """
        seq, digest = self._next, link(self._tip, body)
        self._commit((seq, body, digest), durable)
        return seq, digest

    def ride(self, body: bytes, *, durable: bool = False) -> tuple[int, bytes]:
        """Number and hash a record that needs no commit of its own; it counts once `count` reaches its seq.

        durable: the commit that it rides on survives power loss. Raises StoreError like append (a full waiting room
        commits).
        """
        if self._failed is not None:
            raise self._refusal(self._failed)
        seq, digest = self._next, link(self._tip, body)
        self._riding.append((seq, body, digest))
        self._weight += len(body)
        self._lasting = self._lasting or durable
        self._next, self._tip = seq + 1, digest
        if len(self._riding) >= _RIDERS or self._weight >= _RIDING_BYTES:
            self.flush()
        return seq, digest

    def flush(self, *, durable: bool = False) -> None:
        """Commit what rides. Raises StoreError."""
        if self._riding:
            self._commit(None, durable)

    def note(self, count: int, note: bytes) -> None:
        """Keep a signed note about the first `count` records; kill -9 leaves it there. Raises StoreError."""
        if self._failed is not None:
            raise self._refusal(self._failed)
        try:
            self._set_full(False)
            self._connection.execute(_NOTE, (count, note))
        except sqlite3.Error as error:
            raise failure(self.path, error) from error

    def _commit(self, last: tuple[int, bytes, bytes] | None, durable: bool) -> None:
        if self._failed is not None:
            raise self._refusal(self._failed)
        try:
            if self._identity() != self._files:
                raise StoreError(
                    f"the log {self.path} was moved or deleted while it was written",
                    "find out who did it, then start a new session",
                )
            self._set_full(durable or self._lasting)
            if last is not None and not self._riding:
                self._connection.execute(_INSERT, last)
            else:
                self._commit_many([*self._riding, last] if last is not None else self._riding)
        except sqlite3.Error as error:
            self._error = getattr(error, "sqlite_errorcode", 0) & 0xFF
            self._failed = failure(self.path, error)
            raise self._refusal(self._failed) from error
        except StoreError as error:
            self._error = 0
            self._failed = error
            raise self._refusal(error) from error
        seq, _, digest = last if last is not None else self._riding[-1]
        self.count, self.head = seq, digest
        self._next, self._tip = seq + 1, digest
        self._riding, self._weight, self._lasting = [], 0, False

    def _commit_many(self, rows: list[tuple[int, bytes, bytes]]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(_INSERT, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _set_full(self, durable: bool) -> None:
        if durable is not self._full:
            self._connection.execute(f"PRAGMA synchronous={'FULL' if durable else 'NORMAL'}")
            self._full = durable

    def _identity(self) -> Identity:
        """Device and inode of the files that hold the records: SQLite would go on writing into deleted ones."""
        found = []
        for name in (self.path, f"{self.path}-wal"):
            try:
                status = os.stat(name, follow_symlinks=False)
            except OSError as error:
                raise StoreError(
                    f"the log {name} is gone: {error.strerror}", "find out who removed it, then start a new session"
                ) from error
            found.append((status.st_dev, status.st_ino))
        return tuple(found)

    @staticmethod
    def _refusal(error: StoreError) -> StoreError:
        return StoreError(error.message, f"{error.hint}; until then leash refuses every act")

    def recover(self) -> None:
        """After the cause of a failed write went away: go on where the file really ends.

        What rides is kept. A record whose append failed but which reached the file stays there and is never
        re-numbered. Raises StoreError when the cause is still there or was more than a full or locked disk.
        """
        if self._failed is None:
            return
        if self._error not in _RECOVERABLE or self._identity() != self._files:
            raise self._refusal(self._failed)
        last = self._connection.execute(_LAST).fetchone()
        seq, digest = (last[0], bytes(last[2])) if last else (0, GENESIS)
        if seq < self.count:
            raise self._refusal(self._failed)
        self._riding = [row for row in self._riding if row[0] > seq]
        self.count, self.head = seq, digest
        self._next, self._tip = (self._riding[-1][0] + 1, self._riding[-1][2]) if self._riding else (seq + 1, digest)
        self._failed = None
        self.flush()

    def close(self) -> None:
        """Commit what rides, survive power loss, and leave one plain file behind. Raises StoreError.

        While somebody reads, the -wal file stays beside it; readers cope with both.
        """
        try:
            if self._failed is None:
                self.flush(durable=True)
            self._connection.execute("PRAGMA busy_timeout=0")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            with contextlib.suppress(sqlite3.OperationalError):
                self._connection.execute("PRAGMA journal_mode=DELETE")
        except sqlite3.Error as error:
            raise failure(self.path, error) from error
        finally:
            self._connection.close()


def read(path: Path, after: int = 0) -> Iterator[Row]:
    """The rows of a log with seq > `after`, in order, as they lie there; after 0 all, whatever number they claim.

    Works beside a live writer and after kill -9; the rows are those of one moment. Raises StoreError when the file
    is no leash log, or is damaged (then after the rows before the damage).
    """
    connection = open_for_reading(path)
    seen: object = after
    make = tuple.__new__  # three columns, as _SELECT says; Row._make counts them again, a third of the time here
    try:
        for row in connection.execute(_SELECT, (after,)) if after > 0 else connection.execute(_ALL):
            seen = row[0]
            yield make(Row, row)
    except sqlite3.DatabaseError as error:
        found = failure(path, error)
        raise StoreError(f"{found.message} (after record {seen})", found.hint) from error
    finally:
        connection.close()


def pick(path: Path, numbers: Sequence[int]) -> Iterator[Row]:
    """These rows of a log, in order; what is not there is left out. Raises StoreError as `read` does."""
    connection = open_for_reading(path)
    try:
        for row in connection.execute(f"{_PICK} ({','.join(map(str, map(int, numbers)))}) ORDER BY seq"):
            yield Row._make(row)
    except sqlite3.DatabaseError as error:
        raise failure(path, error) from error
    finally:
        connection.close()


def ends(path: Path) -> tuple[Row, Row] | None:
    """The first and the last row of a log, None when it is empty. Raises StoreError."""
    connection = open_for_reading(path)
    try:
        first = connection.execute(f"{_SELECT} LIMIT 1", (0,)).fetchone()
        last = connection.execute(_LAST).fetchone()
    except sqlite3.DatabaseError as error:
        raise failure(path, error) from error
    finally:
        connection.close()
    return (Row._make(first), Row._make(last)) if first and last else None


def notes(path: Path) -> list[tuple[object, object]]:
    """(count, note) of every checkpoint in a log, in order, as they lie there; [] in a log of an older leash."""
    connection = open_for_reading(path)
    try:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'checkpoint'").fetchone():
            return []
        return [(row[0], row[1]) for row in connection.execute("SELECT count, note FROM checkpoint ORDER BY count")]
    except sqlite3.DatabaseError as error:
        raise failure(path, error) from error
    finally:
        connection.close()
