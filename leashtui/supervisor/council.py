"""Answers from other machines: whether a signed statement is a reviewer's answer to what waits here, and what it does.

Knows the asks of this session by the digest of the records that asked, and who may sign. Refuses everything that does
not fit exactly; nothing that arrives here was believed by anybody before. Invariant: an answer is in the log, with its
signature, before the desk hears of it, and each reviewer's counts once for each ask.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from leashtui.audit import approval, signers, sshsig
from leashtui.audit.signers import NAMESPACE, BadSigners, Signers
from leashtui.model import codec
from leashtui.model.card import Choice
from leashtui.model.event import Answered, Asked, ControlRefused, Event, Notice, Record, Voted
from leashtui.model.wire import Vote
from leashtui.supervisor.desk import Desk

FILE = "allowed_signers"
"""Of reviewers, below the configuration directory."""


FRESH = 15_000_000
"""Microseconds for which the courier's word that the team store answers is good."""


class Recorder(Protocol):
    """Where records go (supervisor.stream.Stream)."""

    def append(self, event: Event, parent: str = "", durable: bool = False) -> Record: ...


class Reviewers:
    """The reviewers of a session: those of the file when it began, less those taken out of it since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.problem = ""
        """Why the file could not be used when the session began."""
        try:
            self._first = signers.parse(self._read())
        except BadSigners as error:
            self._first = Signers()
            self.problem = f"{path}: {error}"

    def now(self) -> Signers:
        """Those who may answer now; nobody when the file is broken or gone."""
        try:
            return self._first.narrowed(self._read())
        except BadSigners:
            return Signers()

    def _read(self) -> str:
        try:
            return self._path.read_text("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise BadSigners(str(error)) from error


class Council:
    """owner: login name of the session's person. clock: microseconds since the epoch."""

    def __init__(
        self,
        *,
        session: str,
        owner: str,
        bundle: str,
        desk: Desk,
        stream: Recorder,
        reviewers: Callable[[], Signers],
        clock: Callable[[], int],
    ) -> None:
        self._session = session
        self._owner = owner
        self._bundle = bundle
        self._desk = desk
        self._stream = stream
        self._reviewers = reviewers
        self._clock = clock
        self._reached = -FRESH
        self._asks: dict[str, dict[str, int]] = {}
        self._voted: dict[str, set[str]] = {}
        self._counted: set[str] = set()

    def recorded(self, seq: int, record: Record, head: str) -> None:
        """Hear of every committed record: those that ask are what can be answered."""
        event = record.event
        if isinstance(event, Asked):
            digest = approval.digest_of(codec.encode(record))
            self._asks.setdefault(event.card.id, {})[digest] = seq
        elif isinstance(event, Answered):
            self._asks.pop(event.ask, None)
            self._voted.pop(event.ask, None)

    def reached(self) -> None:
        """The courier says that the team store answers it."""
        self._reached = self._clock()

    def reachable(self) -> bool:
        """Whether the team store answered within the last seconds."""
        return self._clock() - self._reached < FRESH

    def offer(self, ask: str, who: str) -> str:
        """Note that a person offers an ask to the team. Returns why nobody there could answer, '' when somebody can."""
        if not self._reviewers().signers:
            return "nobody elsewhere may answer here; let somebody: leash invite NAME KEY, before the next session"
        away = "" if self.reachable() else "; the team store is not reached at the moment: leash review offer says why"
        self._stream.append(Notice(level="info", text=f"{who} offered {ask} to the team{away}"), durable=True)
        return ""

    def vote(self, message: Vote) -> str:
        """Check an answer and carry it out. Returns '' when it counted, else why it did not (recorded too)."""
        answer = approval.digest_of(message.statement.encode())
        try:
            given, name = self._believe(message)
        except (approval.Unfit, sshsig.BadSignature) as error:
            reason = f"an answer to {message.ask[:40]} from the team does not count: {error}"
            void = "" if answer in self._counted else answer  # one that counted may be brought again by a cut line
            self._stream.append(ControlRefused(peer="team", reason=reason, answer=void), durable=True)
            return reason
        self._stream.append(
            Voted(
                ask=given.ask,
                approver=name,
                verdict=given.verdict,
                statement=message.statement,
                signature=message.signature,
            ),
            durable=True,
        )
        self._counted.add(answer)
        self._voted.setdefault(given.ask, set()).add(name)
        choice = Choice.ONCE if given.verdict == "allow" else Choice.DENY
        return self._desk.answer(given.ask, choice, who=self._person(name), face="team", feedback=given.because)

    def _believe(self, message: Vote) -> tuple[approval.Statement, str]:
        text = message.statement.encode()
        key = sshsig.verify(message.signature, text, NAMESPACE)
        now = self._clock()
        name = self._reviewers().name_of(key, now)
        if not name:
            raise sshsig.BadSignature("its key is no reviewer's here")
        given = approval.read(text)
        if given.approver != name:
            raise approval.Unfit(f"{name} signed it in the name of {given.approver!r}")
        known = self._asks.get(given.ask)
        if known is None or message.ask != given.ask:
            raise approval.Unfit(f"{given.ask!r} is not waiting: it was answered or withdrawn")
        digest = given.digest if given.digest in known else next(reversed(known))
        approval.fit(
            given,
            session=self._session,
            ask=message.ask,
            seq=known[digest],
            digest=digest,
            bundle=self._bundle,
            now=now,
        )
        if name in self._voted.get(given.ask, ()):
            raise approval.Unfit(f"{name} answered it already")
        return given, name

    def _person(self, name: str) -> str:
        """The session's own person, under whichever name the reviewers' file has: ann and ann@example.org are one."""
        return self._owner if name.partition("@")[0] == self._owner else name
