"""OpenCode's own database: the messages of its sessions, read while it writes.

Knows two tables of another program's file. Refuses to change a byte of it or of its shared memory, to wait for locks,
and to work longer than a few seconds on a file that was made to keep its reader busy. Invariant: whatever goes wrong
becomes a StoreError that says why.
"""

from __future__ import annotations

import json
import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from urllib.parse import quote

from leashtui.model.errors import StoreError

ROWS = 20_000
"""In one look; the rest in the next."""
_ROW = 1 << 20
_BUSY = 0.5
_STEPS = 20_000_000
"""Of SQLite's machine in one look."""
_MESSAGES = """\
with recursive mine(id) as (
  select id from session where id in (select value from json_each(?))
  union select session.id from session join mine on session.parent_id = mine.id)
select message.id, cast(message.data as blob), message.time_updated
from message join mine on message.session_id = mine.id
where message.time_updated >= ? and length(message.data) <= ? order by message.time_updated limit ?"""
_SETTINGS = ("trusted_schema = off", "cell_size_check = on", "mmap_size = 0", "query_only = on")


def stamp_of(path: str) -> tuple[int, ...]:
    """What differs once something was written. Raises FileNotFoundError, StoreError."""
    found: list[int] = []
    for name in (path, f"{path}-wal", f"{path}-shm"):
        try:
            status = os.lstat(name)
        except FileNotFoundError:
            if name == path:
                raise
            found.append(0)
            continue
        if not stat.S_ISREG(status.st_mode):
            raise StoreError(f"{os.path.basename(name)} is no plain file", "")
        if not name.endswith("-shm"):
            found += [status.st_ino, status.st_size, status.st_mtime_ns]
    return tuple(found)


def messages(path: str, sessions: Sequence[str], since: int) -> list[tuple[str, bytes, int]]:
    """Id, JSON and time of change of the messages of these sessions and their sub-agents', from that time on.

    since: milliseconds. At most ROWS, in the order of their change. Raises StoreError.
    """
    # without a log beside it nobody writes, and its shared memory need not be there
    options = "readonly_shm=1" if os.path.exists(f"{path}-wal") else "immutable=1"
    try:
        with closing(sqlite3.connect(f"file:{quote(path)}?mode=ro&{options}", uri=True, timeout=_BUSY)) as database:
            database.set_progress_handler(lambda: 1, _STEPS)
            for setting in _SETTINGS:
                database.execute(f"pragma {setting}")
            found = database.execute(_MESSAGES, (json.dumps(list(sessions)), since, _ROW, ROWS)).fetchall()
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        raise StoreError(str(error), "") from error
    return [(str(key), data, at) for key, data, at in found if isinstance(data, bytes) and isinstance(at, int)]
