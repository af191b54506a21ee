"""The courier: carries what waits on this machine's desks to the team store, and signed answers back to the desks.

Knows sessions' sockets and the store. Refuses to judge: the supervisor checks every answer itself, and a courier that
dies loses nothing, because both ends are asked again. One select loop, no threads. Invariant: an answer is delivered
until the ask is gone, and an ask that is gone is closed in the store.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import select
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from leashtui.faces.cli.sessions import Live, dial, live_sessions
from leashtui.faces.cli.teamwork import joined
from leashtui.model import codec
from leashtui.model.card import Card
from leashtui.model.errors import StoreError, Unreachable
from leashtui.model.event import Asked
from leashtui.model.wire import CardGone, CardShown, DeskMessage, Done, Hello, Reached, Recorded, Refused, Vote, Welcome
from leashtui.stores.directories import state_dir
from leashtui.stores.journal import read
from leashtui.stores.keys import Device
from leashtui.stores.team.asks import Asks
from leashtui.stores.team.link import TeamError
from leashtui.words.plain import one_line

LOOK = 1.0
"""Seconds between two looks for sessions and answers, beside being woken."""

LONGEST = 30.0
"""Seconds between two tries at most while the store is away."""

_LIMIT = 16 << 20
_TELLS = 3.0
_SAYS = 4.0
_KIND = b'"kind":"act.asked"'


class Waiting(msgspec.Struct, frozen=True):
    """An act on a desk. seq, body: its asking record."""

    name: str
    seq: int
    body: bytes
    needed: int


class Desk:
    """A connection to one session's desk, read without waiting."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.bundle = ""
        self.waiting: dict[str, Waiting] = {}
        self.gone: dict[str, str] = {}
        self.over = False
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
            return "the session ended"
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
                self.over = True

    def _note(self, seq: int, card: Card) -> None:
        row = next(read(Path(self._log), seq - 1), None)
        if row is not None and row.seq == seq and isinstance(row.body, bytes):
            # a second act of the same shape joins the card; what was offered first stays valid
            self.waiting.setdefault(card.id, Waiting(card.id, seq, row.body, card.approvers))

    def _find(self, card: Card) -> None:
        """The asking record of a card, looked for in the log itself."""
        with contextlib.suppress(StoreError):
            for row in read(Path(self._log)):
                if isinstance(row.body, bytes) and isinstance(row.seq, int) and _KIND in row.body:
                    event = codec.decode_record(row.body).event
                    if isinstance(event, Asked) and event.card.id == card.id:
                        self._note(row.seq, card)
                        return


class Courier:
    """Carries between the desks of this machine and one store connection."""

    def __init__(self, asks: Asks, device: str, desks: dict[str, Desk]) -> None:
        self._asks = asks
        self._device = device
        self._desks = desks
        self._offered: dict[tuple[str, str, int], int] = {}
        self._carried: dict[tuple[int, str, bytes], float] = {}
        self._looked = 0.0
        self._said = 0.0

    def begin(self) -> None:
        """Listen first, then read what waits already: nothing can fall between. Raises TeamError."""
        self._asks.listen("leash_answer")
        for number, session, name, seq in self._asks.open_asks(self._device):
            self._offered[session, name, seq] = number

    def step(self, timeout: float = LOOK) -> None:
        """One turn: wait for anything, then carry it. Raises TeamError."""
        if time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self._meet()
        ends: list[Any] = [self._asks, *self._desks.values()]
        ready, _, _ = select.select(ends, [], [], timeout)
        if self._asks in ready:
            self._asks.woken()
        for desk in list(self._desks.values()):
            if desk in ready:
                desk.read()
        self._offer()
        self._carry()
        self._close()
        if time.monotonic() - self._said >= _SAYS:  # the three before have all heard from the store
            self._said = time.monotonic()
            for desk in self._desks.values():
                desk.reached()

    def _meet(self) -> None:
        """Connect to sessions that are new."""
        for live in live_sessions():
            if live.session not in self._desks and not live.code:
                with contextlib.suppress(Unreachable):
                    self._desks[live.session] = Desk(live)

    def _offer(self) -> None:
        for session, desk in self._desks.items():
            for one in desk.waiting.values():
                key = (session, one.name, one.seq)
                if key not in self._offered and desk.bundle:
                    self._offered[key] = self._asks.offer(
                        self._device,
                        session,
                        one.name,
                        seq=one.seq,
                        body=one.body,
                        bundle=desk.bundle,
                        needed=one.needed,
                    )

    def _carry(self) -> None:
        for reply in self._asks.answers(self._device):
            desk = self._desks.get(reply.session)
            key = (reply.ask, reply.login, reply.statement)
            if desk is None or reply.name not in desk.waiting or key in self._carried:
                continue
            self._carried[key] = time.monotonic()
            text, signature = (part.decode("utf-8", "replace") for part in (reply.statement, reply.signature))
            desk.vote(Vote(ask=reply.name, statement=text, signature=signature))

    def _close(self) -> None:
        """Close in the store what no desk has any more."""
        for key, number in list(self._offered.items()):
            session, name, _ = key
            desk = self._desks.get(session)
            outcome = "the session ended" if desk is None else desk.fate(name)
            if outcome:
                self._asks.close_ask(number, outcome)
                del self._offered[key]
        for session in [name for name, desk in self._desks.items() if desk.over]:
            self._desks.pop(session).close()


def offer(args: argparse.Namespace) -> int:
    """Carry until interrupted; tries again while the store is away."""
    enrolment = joined()
    device = Device(state_dir()).id
    pause = LOOK
    desks: dict[str, Desk] = {}
    while True:
        try:
            asks = Asks(enrolment.dsn)
            try:
                courier = Courier(asks, device, desks)
                courier.begin()
                if not args.quiet:
                    print("offering what waits on this machine to the team", flush=True)
                pause = LOOK
                while True:
                    courier.step()
            finally:
                asks.close()
        except TeamError as error:
            if not error.away:
                raise
            pause = min(pause * 2, LONGEST)
            print(f"leash: {error.message}; trying again in {pause:.0f} s", file=sys.stderr, flush=True)
            time.sleep(pause)
