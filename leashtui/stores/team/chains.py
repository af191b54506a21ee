"""The chains in the team store: where each stands, appending to them, reading them back.

Knows the store's functions. Refuses to judge a chain (audit.verify does; the store recomputes links itself).
Invariant: what `ingest` returns is what the server has committed, and is the only cursor of an upload.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct

from leashtui.audit.chain import Row
from leashtui.stores.team.link import Connection, connect, speaking

BATCH = 1000
"""Records that go into one call."""


class Place(Struct, frozen=True):
    """Where a chain stands in the store. head: 32 bytes, of record `count`. notes: the newest checkpoint's count."""

    chain: int
    count: int
    head: bytes
    notes: int = 0


class Chain(Struct, frozen=True):
    """One chain as readers see it."""

    chain: int
    device: str
    session: str
    login: str
    count: int
    head: bytes
    changed: datetime


class TeamStore:
    """One connection to the store at `dsn`. Raises TeamError everywhere."""

    def __init__(self, dsn: str, connection: Connection | None = None) -> None:
        self.dsn = dsn
        self.connection = connection or connect(dsn)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def open_chain(self, device: str, session: str) -> Place:
        """Where this device's chain of that session stands; begins it when it is new."""
        with speaking(self.dsn):
            row = self.connection.execute("SELECT * FROM leash.open_chain(%s, %s)", (device, session)).fetchone()
        assert row is not None
        return Place(row[0], row[1], bytes(row[2]), row[3])

    def my_chains(self, device: str) -> dict[str, tuple[int, bytes]]:
        """(count, head) of every chain of this device, by session."""
        with speaking(self.dsn):
            rows = self.connection.execute("SELECT * FROM leash.my_chains(%s)", (device,)).fetchall()
        return {row[0]: (int(row[1]), bytes(row[2])) for row in rows}

    def ingest(self, chain: int, first: int, bodies: Sequence[bytes], hashes: Sequence[bytes]) -> tuple[int, bytes]:
        """Append records first, first+1, ...; those that are there already are compared. Returns (count, head)."""
        with speaking(self.dsn):
            row = self.connection.execute(
                "SELECT * FROM leash.ingest(%b, %b, %b, %b)", (chain, first, list(bodies), list(hashes))
            ).fetchone()
        assert row is not None
        return int(row[0]), bytes(row[1])

    def put_checkpoint(self, chain: int, count: int, note: bytes) -> None:
        """Keep a signed note about the first `count` records."""
        with speaking(self.dsn):
            self.connection.execute("SELECT leash.put_checkpoint(%b, %b, %b)", (chain, count, note))

    def chains(self) -> list[Chain]:
        """Every chain of the team, oldest first."""
        with speaking(self.dsn):
            rows = self.connection.execute(
                "SELECT id, device, session, login, count, head, changed FROM leash.chain ORDER BY id"
            ).fetchall()
        return [Chain(r[0], r[1], r[2], r[3], r[4], bytes(r[5]), r[6]) for r in rows]

    def rows(self, chain: int, after: int = 0) -> Iterator[Row]:
        """The records of a chain as they lie there, in order."""
        while True:
            with speaking(self.dsn):
                found = self.connection.execute(
                    "SELECT seq, body, hash FROM leash.event WHERE chain = %b AND seq > %b ORDER BY seq LIMIT 2000",
                    (chain, after),
                    binary=True,
                ).fetchall()
            if not found:
                return
            for seq, body, digest in found:
                yield Row(seq, bytes(body), bytes(digest))
            after = found[-1][0]

    def pick(self, chain: int, numbers: Sequence[int]) -> Iterator[Row]:
        """These records of a chain, in order; what is not there is left out."""
        with speaking(self.dsn):
            found = self.connection.execute(
                "SELECT seq, body, hash FROM leash.event WHERE chain = %b AND seq = ANY(%b) ORDER BY seq",
                (chain, list(numbers)),
                binary=True,
            ).fetchall()
        for seq, body, digest in found:
            yield Row(seq, bytes(body), bytes(digest))

    def checkpoints(self, chain: int) -> list[tuple[int, bytes]]:
        """(count, note) of a chain, in order."""
        with speaking(self.dsn):
            rows = self.connection.execute(
                "SELECT count, note FROM leash.checkpoint WHERE chain = %b ORDER BY count", (chain,)
            ).fetchall()
        return [(int(row[0]), bytes(row[1])) for row in rows]
