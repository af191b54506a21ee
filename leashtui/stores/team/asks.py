"""Waiting acts in the team store: offering them, listing them, answering them, fetching the answers.

Knows the store's functions and its notifications. Refuses to judge an answer: the asking machine checks signatures.
Invariant: a notification only wakes; what is waiting or answered is always read from the tables, so that a cut
connection loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct

from leashtui.stores.team.link import Connection, connect, speaking

LIFE = 24 * 3600
"""Seconds an offered act waits in the store at most."""


WAITING = "SELECT * FROM leash.waiting()"
"""Every open ask that a reviewer may answer."""


class Offered(Struct, frozen=True):
    """A waiting act. body: the exact bytes of the record that asked. allows: how many said yes so far."""

    id: int
    device: str
    login: str
    session: str
    name: str
    seq: int
    body: bytes
    bundle: str
    needed: int
    asked: datetime
    allows: int


def offered_of(row: Sequence[Any]) -> Offered:
    """A row of WAITING, its values typed or as text."""
    number, device, login, session, name, seq, body, bundle, needed, asked, allows = row
    when = datetime.fromtimestamp(float(asked), UTC)
    raw = bytes.fromhex(body.removeprefix("\\x")) if isinstance(body, str) else bytes(body)
    return Offered(int(number), device, login, session, name, int(seq), raw, bundle, int(needed), when, int(allows))


class Reply(Struct, frozen=True):
    """An answer on its way to the machine that asked. answer: its own number."""

    ask: int
    session: str
    name: str
    login: str
    statement: bytes
    signature: bytes
    answer: int = 0


class Asks:
    """One connection for waiting acts. Raises TeamError everywhere."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn
        self.connection: Connection = connect(dsn)

    def close(self) -> None:
        """Hang up."""
        self.connection.close()

    def fileno(self) -> int:
        """For select: readable when a notification may have come."""
        return self.connection.fileno()

    def listen(self, *channels: str) -> None:
        """Be woken by these channels from now on: leash_ask, leash_answer."""
        with speaking(self.dsn):
            for channel in channels:
                self.connection.execute(f"LISTEN {channel}".encode())

    def woken(self, timeout: float = 0) -> bool:
        """Whether anything was notified within so many seconds."""
        with speaking(self.dsn):
            return any(True for _ in self.connection.notifies(timeout=timeout, stop_after=1))

    def offer(self, device: str, session: str, name: str, *, seq: int, body: bytes, bundle: str, needed: int) -> int:
        """Offer a waiting act; the same again returns the same number."""
        with speaking(self.dsn):
            row = self.connection.execute(
                "SELECT leash.offer(%s, %s, %s, %s, %b, %s, %s, %s)",
                (device, session, name, seq, body, bundle, needed, LIFE),
            ).fetchone()
        assert row is not None
        return int(row[0])

    def close_ask(self, ask: int, outcome: str) -> None:
        """It waits no more; outcome: for who looks later."""
        with speaking(self.dsn):
            self.connection.execute("SELECT leash.close_ask(%s, %s)", (ask, outcome))

    def answers(self, device: str) -> list[Reply]:
        """What was answered to this device's open asks, oldest first."""
        with speaking(self.dsn):
            rows = self.connection.execute("SELECT * FROM leash.my_answers(%s)", (device,)).fetchall()
        return [Reply(r[0], r[1], r[2], r[3], bytes(r[4]), bytes(r[5]), int(r[6])) for r in rows]

    def open_asks(self, device: str) -> list[tuple[int, str, str, int]]:
        """(number, session, name, seq) of this device's asks that are open in the store."""
        with speaking(self.dsn):
            rows = self.connection.execute("SELECT * FROM leash.my_asks(%s)", (device,)).fetchall()
        return [(int(r[0]), r[1], r[2], int(r[3])) for r in rows]

    def waiting(self, *channels: str) -> Sequence[Offered]:
        """Every open ask of the team, oldest first, for reviewers; also be woken by these channels."""
        with speaking(self.dsn), self.connection.pipeline():
            for channel in channels:
                self.connection.execute(f"LISTEN {channel}".encode())
            rows = self.connection.execute(WAITING.encode()).fetchall()
        return [offered_of(row) for row in rows]

    def outcome(self, ask: int) -> str | None:
        """How an ask ended, None while it is open or unknown."""
        late = "SELECT coalesce(outcome, CASE WHEN expires <= now() THEN 'it has expired' END) FROM leash.ask"
        with speaking(self.dsn):
            row = self.connection.execute(f"{late} WHERE id = %s".encode(), (ask,)).fetchone()
        return row[0] if row is not None else None

    def decide(self, ask: int, verdict: str, statement: bytes, signature: bytes) -> int:
        """Answer; returns how many approvals are still missing. Raises TeamError LS007 when somebody was first."""
        with speaking(self.dsn):
            row = self.connection.execute(
                "SELECT leash.decide(%s, %s, %b, %b)", (ask, verdict, statement, signature)
            ).fetchone()
        assert row is not None
        return max(int(row[0]), 0)
