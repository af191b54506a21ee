"""A connection to the team store, and what its errors mean in plain words.

Knows psycopg and libpq's addresses. Refuses to send records over a network that could read or change them: an address
that is not this machine must verify the server's certificate, unless it says otherwise in so many words. Invariant:
whatever goes wrong becomes a TeamError, and no message ever holds a password.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import conninfo

from leashtui.model.errors import Exit, LeashError, StoreError

Connection = psycopg.Connection[tuple[Any, ...]]

TIMEOUT = 10
"""Seconds a connection may take."""

_LOCAL = frozenset({"", "localhost", "127.0.0.1", "::1"})
_TURNED_AWAY = re.compile(r"password|authentication|role .* does not exist|database .* does not exist|pg_hba")
"""A refused connection has no SQLSTATE in libpq, only the server's words."""

_SAYS = {
    "LS001": "somebody tried to change what is in the team store",
    "LS002": "ask who runs the team store: leash team invite",
    "LS004": "look at both sides: leash sync status",
    "LS005": "this machine's log and the team store disagree: leash audit verify",
    "LS007": "see what waits: leash review",
    "LS008": "the agent has to ask again",
    "LS006": "prove the log here first: leash audit verify",
}


class TeamError(StoreError):
    """The team store cannot be used. state: SQLSTATE, '' when there was no answer. away: trying later may help."""

    def __init__(self, message: str, hint: str = "", state: str = "", *, away: bool = False) -> None:
        super().__init__(message, hint)
        self.state = state
        self.away = away


def safe(dsn: str) -> str:
    """The address without its password, for people."""
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return "(unreadable address)"
    parts.pop("password", None)
    parts.pop("sslpassword", None)
    return conninfo.make_conninfo("", **parts)


def address_for(dsn: str, login: str, password: str) -> str:
    """`dsn` for another login."""
    return conninfo.make_conninfo(dsn, user=login, password=password)


def address(dsn: str) -> str:
    """`dsn` with TLS demanded where it leaves this machine. Raises LeashError when it is no address, or is unsafe."""
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError as error:
        raise LeashError(
            "that is not the address of a PostgreSQL database",
            "like postgresql://ann@db.example.org/leash, or service=leash",
            Exit.USAGE,
        ) from error
    if "service" in parts:
        return dsn
    hosts = [h for value in (parts.get("host"), parts.get("hostaddr")) for h in str(value or "").split(",")]
    if all(host in _LOCAL or host.startswith(("/", "@")) for host in hosts):
        return dsn
    mode = str(parts.get("sslmode") or "")
    if not mode:
        return conninfo.make_conninfo(dsn, sslmode="verify-full", sslrootcert=str(parts.get("sslrootcert") or "system"))
    if mode in ("disable", "allow", "prefer"):
        raise LeashError(
            f"sslmode={mode} would send records in clear text",
            "leave sslmode out (verify-full), and name your CA with sslrootcert=FILE",
            Exit.USAGE,
        )
    return dsn


def connect(dsn: str, *, timeout: int = TIMEOUT) -> Connection:
    """A connection in autocommit. Raises TeamError."""
    try:
        return psycopg.connect(
            address(dsn),
            autocommit=True,
            connect_timeout=timeout,
            application_name="leash",
            client_encoding="UTF8",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=30_000,
        )
    except psycopg.Error as error:
        raise failure(dsn, error) from error


@contextmanager
def speaking(dsn: str) -> Iterator[None]:
    """Turn psycopg's errors inside the block into TeamError."""
    try:
        yield
    except psycopg.Error as error:
        raise failure(dsn, error) from error


def failure(dsn: str, error: psycopg.Error) -> TeamError:
    """What an error means. Only the server's own first line is shown: it holds no password."""
    state = error.sqlstate or ""
    where = safe(dsn)
    first = (error.diag.message_primary or str(error).strip().partition("\n")[0]).strip()
    if state in _SAYS or state.startswith("LS"):
        return TeamError(f"the team store refuses: {first}", _SAYS.get(state, ""), state)
    if state in ("3F000", "42P01", "42883"):
        return TeamError(f"there is no team store in {where}: {first}", "set it up: leash team init", state)
    if state == "42501":
        return TeamError(f"the team store refuses: {first}", "this login may not do that", state)
    if state.startswith("28"):
        return TeamError(f"the team store does not let you in ({where}): {first}", "check login and password", state)
    if "certificate" in first or "SSL" in first:
        return TeamError(f"the team store's certificate is not trusted ({where}): {first}", "name its CA: sslrootcert")
    if not state and _TURNED_AWAY.search(first):
        return TeamError(f"the team store does not let you in ({where}): {first}", "check login and password", "28000")
    away = not state or state[:2] in ("08", "53", "57", "40")
    if away:
        return TeamError(f"the team store cannot be reached ({where}): {first}", "it is tried again", state, away=True)
    return TeamError(f"the team store: {first}", "", state)
