"""A line to the team store on which questions follow each other without waiting for answers.

Over a slow line each question that waits for the last one's answer costs a round trip; here none waits, and each is a
transaction of its own, so that one that fails takes no other with it. One connection, one select loop, no threads.
Invariants: answers come in the order of the questions, each exactly once; a store that says nothing for PATIENCE while
something is asked counts as away, whatever the network claims.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from psycopg import Error, pq
from psycopg.errors import lookup

from leashtui.stores.team.link import Connection, TeamError, connect, failure

PATIENCE = 8.0
"""Seconds without any answer after which the store counts as away."""

Row = tuple[str | None, ...]
Then = Callable[[list[Row]], None]
Failed = Callable[[TeamError], None]
"""Told what went wrong with one question, where the line itself still stands."""

_LISTEN = "LISTEN {}"


class Line:
    """A connection to `dsn`. clock: seconds. Raises TeamError everywhere."""

    def __init__(self, dsn: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.dsn = dsn
        self._clock = clock
        self._connection: Connection = connect(dsn)
        self._pg = self._connection.pgconn
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._due: deque[tuple[Then, Failed | None]] = deque()
        self._heard = clock()
        self._unsent = False
        self._rows: list[Row] = []
        self._error: TeamError | None = None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()

    def fileno(self) -> int:
        """For select."""
        return self._pg.socket

    @property
    def unsent(self) -> bool:
        """Whether select should say when more can be written."""
        return self._unsent

    def listen(self, channel: str) -> None:
        """Be woken by this channel from now on."""
        self.ask(_LISTEN.format(channel), (), lambda rows: None)

    def ask(self, query: str, values: Sequence[str | int | bytes], then: Then, failed: Failed | None = None) -> None:
        """Send a question: $1, $2 ... stand for the values. then: hears the rows, as text.

        failed: hears of a refusal; without it the next turn raises.
        """
        if not self._due:
            self._heard = self._clock()
        raw = [value if isinstance(value, bytes) else str(value).encode() for value in values]
        formats = [pq.Format.BINARY if isinstance(value, bytes) else pq.Format.TEXT for value in values]
        try:
            self._pg.send_query_params(query.encode(), raw, param_formats=formats)
            self._pg.pipeline_sync()
        except Error as error:
            raise failure(self.dsn, error) from error
        self._due.append((then, failed))
        self._flush()

    def _flush(self) -> None:
        try:
            self._unsent = self._pg.flush() == 1
        except Error as error:
            raise failure(self.dsn, error) from error

    def turn(self) -> bool:
        """Take in what arrived and hand it out; whether anything was notified."""
        try:
            if self._unsent:
                self._flush()
            self._pg.consume_input()
            while self._due and not self._pg.is_busy():
                self._take(self._pg.get_result())
        except Error as error:
            raise failure(self.dsn, error) from error
        if self._due and self._clock() - self._heard > PATIENCE:
            raise TeamError("the team store says nothing any more", "it is tried again", away=True)
        told = False
        while self._pg.notifies() is not None:
            told = True
        return told

    def _take(self, result: pq.abc.PGresult | None) -> None:
        """One result: rows of a question, an error in place of them, or the mark that ends it."""
        if result is None:
            return
        self._heard = self._clock()
        status = result.status
        if status == pq.ExecStatus.PIPELINE_SYNC:
            rows, error, (then, failed) = self._rows, self._error, self._due.popleft()
            self._rows, self._error = [], None
            if error is None:
                then(rows)
            elif failed is None or error.away:
                raise error
            else:
                failed(error)
        elif status == pq.ExecStatus.TUPLES_OK:
            self._rows = [
                tuple(_text(result.get_value(row, column)) for column in range(result.nfields))
                for row in range(result.ntuples)
            ]
        elif status == pq.ExecStatus.FATAL_ERROR:
            self._error = self._problem(result)

    def _problem(self, result: pq.abc.PGresult) -> TeamError:
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        words = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message).decode(
            "utf-8", "replace"
        )
        try:
            kind: type[Error] = lookup(state)
        except KeyError:
            kind = Error
        error = kind(words)
        error.sqlstate = state or None
        return failure(self.dsn, error)


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")


def blob(value: str | None) -> bytes:
    """The bytes of a bytea column as the server writes it in text."""
    return bytes.fromhex((value or "").removeprefix("\\x"))
