"""The one way into the log: mask, encode, chain, commit, and only then tell the subscribers.

Knows the order of these steps and which records may wait for the next commit. Refuses to know faces and policies.
Invariants: what a subscriber sees is committed; a subscriber that raises is dropped and named, never obeyed; while
the log cannot be written every append raises, and the gap is recorded as soon as it can be again.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from leashtui.audit.mask import Masker
from leashtui.model import codec
from leashtui.model.errors import StoreError
from leashtui.model.event import (
    ActEnded,
    Answered,
    Decided,
    Event,
    FaceJoined,
    FaceLeft,
    FileChanged,
    Notice,
    Record,
    SessionEnded,
    Voted,
)
from leashtui.model.verdict import Ruling
from leashtui.stores.journal import Journal
from leashtui.supervisor.notary import Notary
from leashtui.supervisor.ulid import Ulids

VERSION = 1
"""Of the record's envelope."""

_RIDES = (ActEnded, FileChanged, FaceJoined, FaceLeft, Notice)
_RETRY_US = 500_000

Subscriber = Callable[[int, Record, str], None]
"""Told (seq, record, chain head after it in hex) once the record is committed; must return quickly."""


class _Written(NamedTuple):
    seq: int
    record: Record
    body: bytes
    digest: bytes


def _weighty(event: Event) -> bool:
    """Whether a record is signed at once: denials and answers are what somebody would want to change later."""
    if isinstance(event, Decided):
        return event.verdict is not None and event.verdict.ruling is Ruling.DENY
    return isinstance(event, Answered | Voted | SessionEnded)


class Stream:
    """The stream of one session.

    clock: microseconds since the epoch. ids: fresh record ids (ULIDs by default). later: runs a function some
    milliseconds from now; without it nothing rides, every record has a commit of its own. notary: signs what is there.
    tier: what guards the session, kept with every record.
    """

    def __init__(
        self,
        journal: Journal,
        masker: Masker,
        session: str,
        clock: Callable[[], int],
        ids: Callable[[], str] | None = None,
        later: Callable[[Callable[[], None]], object] | None = None,
        notary: Notary | None = None,
        tier: str = "",
    ) -> None:
        self._journal = journal
        self._masker = masker
        self._session = session
        self._clock = clock
        self._ids = ids or Ulids(clock, secrets.randbits)
        self._later = later
        self._notary = notary
        self._tier = tier
        self._flush_due = False
        self._together: list[Callable[[str], None]] | None = None
        self._subscribers: list[Subscriber] = []
        self._undelivered: deque[_Written] = deque()
        self._delivering = False
        self._missing = 0
        self._failed_at = 0
        self._tried_at = 0

    @property
    def count(self) -> int:
        """Committed records."""
        return self._journal.count

    @property
    def head(self) -> str:
        """Chain head of the committed records, hex."""
        return self._journal.head.hex()

    def subscribe(self, callback: Subscriber) -> Callable[[], None]:
        """Tell `callback` every record committed from now on; returns what ends that."""
        self._subscribers.append(callback)
        return lambda: self._drop(callback)

    def append(self, event: Event, parent: str = "", durable: bool = False, *, rides: bool = False) -> Record:
        """Record an event; returns the record as it was stored (masked).

        parent: id of the record it answers to. durable: survive power loss, not only kill -9. rides: nothing is let go
        on this record, so that it may wait a moment for others and share their commit. When this returns, a verdict
        may be released, but for one that rides or within `together`. Raises StoreError: then it may not.
        """
        if self._journal.failed is not None:
            self._try_again()
        event, masked = self._masker.mask_event(event)
        record = Record(
            v=VERSION,
            id=self._ids(),
            t=self._clock(),
            session=self._session,
            event=event,
            parent=parent,
            masked=masked,
            tier=self._tier,
        )
        body = codec.encode(record)
        rides = self._later is not None and (rides or not durable and isinstance(event, _RIDES))
        try:
            if rides or self._together is not None:
                seq, digest = self._journal.ride(body, durable=durable)
            else:
                seq, digest = self._journal.append(body, durable=durable)
        except StoreError:
            self._missing += 1
            self._failed_at = self._failed_at or record.t
            self._tried_at = self._tried_at or record.t
            raise
        self._undelivered.append(_Written(seq, record, body, digest))
        self._deliver()
        if self._journal.riding:
            self._flush_later()
        return record

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """What is appended within shares one commit, at the end; what `after` was given waits for it."""
        if self._together is not None:
            yield
            return
        self._together = []
        try:
            yield
        finally:
            waiting, self._together = self._together, None
            why = ""
            try:
                self.flush()
            except StoreError as error:
                why = error.message
            for done in waiting:
                done(why)

    def after(self, done: Callable[[str], None]) -> None:
        """Call it once what was appended so far is committed: with '', or with why it is not. Mostly at once."""
        if self._together is None:
            done("")
        else:
            self._together.append(done)

    def flush(self) -> None:
        """Commit and deliver what waits. Raises StoreError."""
        self._journal.flush()
        self._deliver()

    def close(self) -> None:
        """Commit what waits, tell the subscribers, close the journal. Raises StoreError."""
        try:
            if self._journal.failed is None:
                self.flush()
                if self._notary is not None:
                    self._notary.sign()
        finally:
            self._journal.close()

    def _flush_later(self) -> None:
        if self._later is not None and not self._flush_due:
            self._flush_due = True
            self._later(self._flush_now)

    def _flush_now(self) -> None:
        self._flush_due = False
        with contextlib.suppress(StoreError):  # the journal remembers it and refuses the next append
            self.flush()

    def _try_again(self) -> None:
        """The log failed before: go on with it if it works again, and say what is missing in it."""
        now = self._clock()
        if self._journal.failed is None or now - self._tried_at < _RETRY_US:
            return
        self._tried_at = now
        try:
            self._journal.recover()
        except StoreError:
            return
        self._undelivered = deque(item for item in self._undelivered if item.seq < self._journal.following)
        seconds = max(0, now - self._failed_at) // 1_000_000
        text = f"the log could not be written for {seconds} s: {self._missing} records of that time are missing in it"
        self.append(Notice(level="alarm", text=text, hint="every act of that time was refused"), durable=True)
        self._missing, self._failed_at, self._tried_at = 0, 0, 0

    def _deliver(self) -> None:
        """Tell every subscriber what was committed. Appending from inside a subscriber is fine: the order holds."""
        if self._delivering:
            return
        self._delivering = True
        lost: list[str] = []
        try:
            while self._undelivered and self._undelivered[0].seq <= self._journal.count:
                item = self._undelivered.popleft()
                if self._notary is not None:
                    self._notary.committed(item.seq, item.body, item.digest, weighty=_weighty(item.record.event))
                head = item.digest.hex()
                for subscriber in tuple(self._subscribers):
                    try:
                        subscriber(item.seq, item.record, head)
                    except Exception as error:  # noqa: BLE001 - a view must not be able to stop the log
                        self._drop(subscriber)
                        lost.append(f"{type(error).__name__}: {error}")
        finally:
            self._delivering = False
        for reason in lost:
            self.append(Notice(level="warn", text=f"a view of the log failed and was disconnected: {reason}"))

    def _drop(self, subscriber: Subscriber) -> None:
        if subscriber in self._subscribers:
            self._subscribers.remove(subscriber)
