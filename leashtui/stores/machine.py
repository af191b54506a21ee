"""The machine chain: one small log a machine of which sessions began and with how many records each ended.

Without it a whole session could vanish, or an ended one be cut, and nobody would notice. Many supervisors write it,
each for a moment, under SQLite's own lock. Refuses to be a reason to stop: what cannot be written comes back as a
Notice for the session's own log. Invariant: an entry's number and hash are drawn under the same lock that stores it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from leashtui.audit.chain import GENESIS, link
from leashtui.model import codec
from leashtui.model.errors import LeashError, StoreError
from leashtui.model.event import (
    AgentUnsupervised,
    ChainClosed,
    ChainOpened,
    ChainPruned,
    Event,
    GrantKept,
    HookUnanswered,
    ModeChanged,
    Notice,
    PolicyTrusted,
    Record,
    SettingsChanged,
    TierLowered,
    ToolsPinned,
)
from leashtui.stores.database import failure, open_for_writing
from leashtui.stores.directories import ensure_private

NAME = "machine"
"""The session id its records carry."""

FILE = "machine.db"
"""Its file below the state directory."""

_TRIES = 8
_PAUSE = 0.02


class Entry(Struct, frozen=True):
    """Where an entry went: mark is 'seq:hash' ('' when it could not be written, then notice says why)."""

    mark: str = ""
    notice: Notice | None = None


class Machine:
    """The machine chain at `path`. clock: microseconds since the epoch; ids: fresh record ids; pause: seconds."""

    def __init__(
        self,
        path: Path,
        clock: Callable[[], int],
        ids: Callable[[], str],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._path = path
        self._clock = clock
        self._ids = ids
        self._pause = pause
        self._keeps = False
        self._connection: sqlite3.Connection | None = None

    def opened(self, session: str, *, agent: str = "", log: str = "") -> Entry:
        """A session's log begins; the mark belongs into its first record (SessionStarted.machine).

        The file stays open until `rest`: to close it writes it out, for which no agent need wait.
        """
        self._keeps = True
        return self._note(ChainOpened(session=session, agent=agent, log=log))

    def rest(self) -> None:
        """Close the file."""
        self._keeps = False
        self._drop()

    def closed(self, session: str, *, head: str, count: int, note: str = "") -> Entry:
        """A session's log is closed for good. head: hex. note: its last checkpoint. Call it after Journal.close."""
        self._keeps = False
        return self._note(ChainClosed(session=session, head=head, count=count, note=note))

    def pruned(self, session: str, *, head: str, count: int, who: str) -> Entry:
        """A finished session's log is about to be taken away; nothing may go before this is written."""
        return self._note(ChainPruned(session=session, head=head, count=count, who=who))

    def trusted(self, event: PolicyTrusted | GrantKept | ToolsPinned | ModeChanged | TierLowered) -> None:
        """A project's policies may permit, a grant outlives its session, a tool is accepted; or no longer so. Or a
        session is guarded otherwise than it was or usually is.

        Raises LeashError: without a record there is no trust.
        """
        entry = self._note(event)
        if entry.notice is not None:
            raise StoreError(entry.notice.text, entry.notice.hint)

    def learned(self, event: SettingsChanged | AgentUnsupervised | HookUnanswered) -> Notice | None:
        """What happened between sessions; returns why it could not be written."""
        return self._note(event).notice

    def _note(self, event: Event) -> Entry:
        """Append, trying again while others write; at most some two seconds."""
        found: LeashError | None = None
        for attempt in range(_TRIES):
            try:
                seq, digest = self._append(event)
            except LeashError as error:
                found = error
                self._pause(_PAUSE * (attempt + 1))
            else:
                return Entry(f"{seq}:{digest.hex()}")
        reason = found.message if found else ""
        return Entry(
            notice=Notice(
                level="warn",
                text=f"the machine chain could not be written, so this session could vanish unnoticed: {reason}",
                hint=found.hint if found else "",
            )
        )

    def _append(self, event: Event) -> tuple[int, bytes]:
        connection = self._connection or self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            last = connection.execute("SELECT seq, hash FROM event ORDER BY seq DESC LIMIT 1").fetchone()
            seq, head = (last[0] + 1, bytes(last[1])) if last else (1, GENESIS)
            body = codec.encode(Record(v=1, id=self._ids(), t=self._clock(), session=NAME, event=event))
            digest = link(head, body)
            connection.execute("INSERT INTO event (seq, body, hash) VALUES (?, ?, ?)", (seq, body, digest))
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._drop()
            raise failure(self._path, error) from error
        except BaseException:
            self._drop()
            raise
        if not self._keeps:
            self._drop()
        return seq, digest

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sqlite3.Connection:
        ensure_private(self._path.parent)
        try:
            os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}", f"make {self._path.parent} writable") from error
        self._connection = open_for_writing(self._path)
        return self._connection
