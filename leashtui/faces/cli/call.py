"""One short conversation with one session's desk, for commands that ask, answer and leave.

Knows the approver socket's lines, blocking. Refuses to decide anything: it sends what the person typed. Invariant:
every call ends within its time-out, and silence is an error, never a yes.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import TracebackType

import msgspec

from leashtui.faces.cli.sessions import Live, dial
from leashtui.model import codec
from leashtui.model.card import Card
from leashtui.model.errors import Exit, LeashError, Unreachable
from leashtui.model.wire import CardShown, DeskMessage, FaceMessage, Hello, Refused, Revoke, Welcome

_LIMIT = 16 << 20


class Call:
    """A connection to one session; a context manager. role: reviewer may answer, observer only looks, brake may
    only lock."""

    def __init__(self, live: Live, *, role: str = "reviewer", code: str = "") -> None:
        self.live = live
        self._connection = dial(live)
        self._buffer = b""
        try:
            self.send(
                Hello(face="cli", role=role, code=code or ("" if role == "brake" else ask_code(live)), pid=os.getpid())
            )
            first = self.receive()
        except LeashError:
            self._connection.close()
            raise
        if not isinstance(first, Welcome):
            self._connection.close()
            if isinstance(first, Refused):
                raise LeashError(f"session {live.session}: {first.reason}", first.hint, Exit.DENIED)
            raise Unreachable(f"session {live.session} is ending", "leash status")
        self.welcome = first

    def __enter__(self) -> Call:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def send(self, message: FaceMessage) -> None:
        """Send one message. Raises Unreachable."""
        try:
            self._connection.sendall(codec.encode(message) + b"\n")
        except OSError as error:
            raise self._gone() from error

    def receive(self) -> DeskMessage:
        """The next message. Raises Unreachable at the end of the line, at rubbish and after the time-out."""
        while b"\n" not in self._buffer:
            try:
                data = self._connection.recv(1 << 16)
            except OSError as error:
                raise self._gone() from error
            if not data or len(self._buffer) > _LIMIT:
                raise self._gone()
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            return codec.decode_desk(line)
        except msgspec.DecodeError as error:
            raise Unreachable(
                f"session {self.live.session} speaks another version of leash", "use the leash that started it"
            ) from error

    def cards(self) -> list[Card]:
        """What waits in this session now, oldest first; for an observer's call.

        The desk sends its cards after the welcome and in order, and refuses whatever an observer says: so a word is
        said only to hear where the cards end.
        """
        self.send(Revoke(grant=""))
        found: dict[str, Card] = {}
        while not isinstance(message := self.receive(), Refused):
            if isinstance(message, CardShown):
                found[message.card.id] = message.card
        return list(found.values())

    def _gone(self) -> Unreachable:
        return Unreachable(f"session {self.live.session}: its supervisor does not answer", "leash status")


def ask_code(live: Live) -> str:
    """The approval code, typed by the person; '' where none is needed or nobody can type."""
    if not live.code or not sys.stdin.isatty():
        return ""
    from getpass import getpass

    return getpass(f"leash: code shown in the terminal of session {live.session}: ")


def waiting(sessions: Sequence[Live], code: str = "") -> tuple[list[tuple[Live, Card]], list[LeashError]]:
    """(what waits in these sessions, oldest first; what the sessions said that turned us away).

    A session that ends meanwhile has nothing waiting.
    """
    found: list[tuple[Live, Card]] = []
    closed: list[LeashError] = []
    for live in sessions:
        try:
            with Call(live, role="observer", code=code) as call:
                found += [(live, card) for card in call.cards()]
        except Unreachable:
            continue
        except LeashError as error:
            closed.append(error)
    return sorted(found, key=lambda one: one[1].since), closed
