"""The schema of the team store: numbered SQL files, applied forward, each once and each in a transaction of its own.

Knows their order and digests. Refuses a store that a newer leash migrated, or whose applied files are not ours.
Invariant: two that migrate at the same time end as one.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files

from msgspec import Struct

from leashtui.model.errors import StoreError
from leashtui.stores.team.link import Connection, speaking

_LOCK = 0x1EA5
_BASE = """
CREATE SCHEMA IF NOT EXISTS leash;
CREATE TABLE IF NOT EXISTS leash.migration (
    version integer PRIMARY KEY, digest text NOT NULL, applied timestamptz NOT NULL DEFAULT now()
)
"""


class Migration(Struct, frozen=True):
    """One step. version: 1, 2, 3... digest: sha256 of its text, hex."""

    version: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """What is noted when it is applied."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> tuple[Migration, ...]:
    """Every step this leash knows, in order."""
    found = []
    for file in files("leashtui.stores.team").joinpath("migrations").iterdir():
        match = re.fullmatch(r"(\d{4})_(\w+)\.sql", file.name)
        if match:
            found.append(Migration(int(match[1]), match[2], file.read_text("utf-8")))
    return tuple(sorted(found, key=lambda m: m.version))


def migrate(connection: Connection, dsn: str, upto: int | None = None) -> tuple[int, ...]:
    """Bring the store to `upto` (default: the newest). Returns the versions applied now. Raises StoreError."""
    applied = []
    with speaking(dsn):
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            connection.execute(_BASE)
        for step in migrations():
            if upto is not None and step.version > upto:
                break
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                if _have(connection, step):
                    continue
                connection.execute(step.sql.encode())
                connection.execute("RESET ROLE")
                connection.execute(
                    "INSERT INTO leash.migration (version, digest) VALUES (%s, %s)", (step.version, step.digest)
                )
            applied.append(step.version)
        newest = version(connection)
    if newest > migrations()[-1].version:
        raise StoreError(f"a newer leash set this team store up (version {newest})", "update leash")
    return tuple(applied)


def _have(connection: Connection, step: Migration) -> bool:
    found = connection.execute("SELECT digest FROM leash.migration WHERE version = %s", (step.version,)).fetchone()
    if found is not None and found[0] != step.digest:
        raise StoreError(
            f"step {step.version} of this team store is not the one this leash knows", "update leash on both sides"
        )
    return found is not None


def version(connection: Connection) -> int:
    """The newest step applied; 0 when there is no team store."""
    found = connection.execute("SELECT to_regclass('leash.migration') IS NOT NULL").fetchone()
    if found is None or not found[0]:
        return 0
    row = connection.execute("SELECT coalesce(max(version), 0) FROM leash.migration").fetchone()
    return int(row[0]) if row else 0
