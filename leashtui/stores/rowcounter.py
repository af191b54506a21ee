"""`python -I -S rowcounter.py TABLE CONDITION < FILE`: prints how many rows of an SQLite file meet the condition.

It reads the file into memory, gives up every right to open anything, and only then has SQLite look at it. Standard
library only. Invariant: it changes nothing and starts nothing, whatever the file and the condition hold.
"""

from __future__ import annotations

import resource
import sqlite3
import sys

_SECONDS = 1
_MEMORY = 512 << 20
_STEPS = 20_000_000
_ALLOWED = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE})
_HEADER = b"SQLite format 3\0"


def main(table: str, condition: str) -> int:
    """Returns 0 when a number was printed."""
    image = bytearray(sys.stdin.buffer.read())
    if not image.startswith(_HEADER):
        return 1
    image[18:20] = b"\1\1"  # no log lies beside it, so it may be read as one that needs none
    for limit, most in (
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_CPU, _SECONDS),
        (resource.RLIMIT_AS, _MEMORY),
        (resource.RLIMIT_NOFILE, 0),
    ):
        resource.setrlimit(limit, (most, most))
    database = sqlite3.connect(":memory:")
    database.deserialize(bytes(image))
    database.set_authorizer(lambda action, *_: sqlite3.SQLITE_OK if action in _ALLOWED else sqlite3.SQLITE_DENY)
    database.set_progress_handler(lambda: 1, _STEPS)
    where = f" WHERE {condition}" if condition else ""
    (number,) = database.execute(f"SELECT count(*) FROM {table}{where}").fetchone()
    sys.stdout.write(f"{number}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:3]))
