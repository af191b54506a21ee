"""The desks of this machine's sessions as the courier sees them: what waits on each, and what became of it.

Knows sessions' sockets and their logs. Refuses to wait: what has not arrived is read at the next turn. Invariant: an
act is known by the record that asked, as it lies in the log, and by nothing that was only shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from pathlib import Path

import msgspec

from leashtui.faces.cli.sessions import Live, dial
from leashtui.model import codec
from leashtui.model.card import Card
from leashtui.model.errors import StoreError
from leashtui.model.event import Asked, ControlRefused
from leashtui.model.wire import CardGone, CardShown, DeskMessage, Done, Hello, Reached, Recorded, Refused, Vote, Welcome
from leashtui.stores.journal import read
from leashtui.words.plain import one_line

ENDED = "the session ended"

_LIMIT = 16 << 20
_TELLS = 3.0
_KIND = b'"kind":"act.asked"'


class Waiting(msgspec.Struct, frozen=True):
    """An act on a desk. seq, body: its asking record. chosen: a policy or a person offered it to the team."""

    name: str
    seq: int
    body: bytes
    needed: int
    chosen: bool


class Desk:
    """A connection to one session's desk, read without waiting."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.bundle = ""
        self.waiting: dict[str, Waiting] = {}
        self.gone: dict[str, str] = {}
        self.disbelieved: dict[str, str] = {}
        """Why, by the digest of an answer that this session did not believe."""
        self.over = False
        """Whether nothing more comes over this connection."""
        self.ended = False
        """Whether the session said that it is over."""
        self._asked: dict[str, int] = {}
        self._shown: set[str] = set()
        self._log = live.log
        self._buffer = b""
        self._met = time.monotonic()
        self._socket = dial(live)
        self._send(codec.encode(Hello(face="cli-courier", role="reviewer", backlog=500, pid=os.getpid())))
        self._socket.setblocking(False)

    def fileno(self) -> int:
        """For select."""
        return self._socket.fileno()

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _send(self, line: bytes) -> None:
        try:
            self._socket.sendall(line + b"\n")
        except OSError:
            self.over = True

    def fate(self, name: str) -> str:
        """What became of an act that was offered; '' while it waits, or while the desk has not told all it has."""
        if name in self.waiting and not self.over:
            return ""
        if name in self.gone:
            return self.gone[name]
        if self.over:
            return ENDED if self.ended else ""
        return "" if time.monotonic() - self._met < _TELLS else "gone"

    def reached(self) -> None:
        """Say that the team store answers."""
        self._send(codec.encode(Reached()))

    def vote(self, message: Vote) -> None:
        """Hand an answer over."""
        self._send(codec.encode(message))

    def read(self) -> None:
        """Take in what arrived."""
        try:
            data = self._socket.recv(1 << 20)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._buffer += data
        if not data or len(self._buffer) > _LIMIT:
            self.over = True
        while b"\n" in self._buffer:
            line, _, self._buffer = self._buffer.partition(b"\n")
            with contextlib.suppress(msgspec.DecodeError):  # a message of a newer leash is none of ours
                self._hear(codec.decode_desk(line))

    def _hear(self, message: DeskMessage) -> None:
        match message:
            case Welcome():
                self.bundle, self._log = message.bundle, message.log
            case Recorded(seq=seq, record=record) if isinstance(record.event, Asked):
                self._asked[record.event.card.id] = seq
                if record.event.card.id in self._shown:
                    self._note(seq, record.event.card)
            case Recorded(record=record) if isinstance(record.event, ControlRefused) and record.event.answer:
                self.disbelieved[record.event.answer] = record.event.reason
            case CardShown(card=card):
                self._shown.add(card.id)
                if card.id in self._asked:
                    self._note(self._asked[card.id], card)
                elif time.monotonic() - self._met < _TELLS:
                    self._find(card)  # it waited before we came, longer ago than the desk tells of
            case CardGone(ask=name, why=why, who=who):
                self.waiting.pop(name, None)
                self._shown.discard(name)
                self.gone[name] = f"{why} by {who}" if who else why
            case Refused(reason=reason):
                print(f"leash: session {self.live.session}: {one_line(reason, 300)}", file=sys.stderr, flush=True)
            case Done():
                self.over = self.ended = True

    def _note(self, seq: int, card: Card) -> None:
        row = next(read(Path(self._log), seq - 1), None)
        if row is not None and row.seq == seq and isinstance(row.body, bytes):
            # a second act of the same shape joins the card; what was offered first stays valid
            first = self.waiting.get(card.id)
            made = Waiting(card.id, seq, row.body, card.approvers, card.offered)
            self.waiting[card.id] = made if first is None else msgspec.structs.replace(first, chosen=card.offered)

    def _find(self, card: Card) -> None:
        """The asking record of a card, looked for in the log itself."""
        with contextlib.suppress(StoreError):
            for row in read(Path(self._log)):
                if isinstance(row.body, bytes) and isinstance(row.seq, int) and _KIND in row.body:
                    event = codec.decode_record(row.body).event
                    if isinstance(event, Asked) and event.card.id == card.id:
                        self._note(row.seq, card)
                        return
