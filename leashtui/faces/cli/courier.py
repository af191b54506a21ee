"""The courier: carries what waits on this machine's desks to the team store, and signed answers back to the desks.

Knows sessions' sockets and the store. Refuses to judge: the supervisor checks every answer itself, and a courier that
dies loses nothing, because both ends are asked again. One select loop, no threads, and nothing on the way to the store
waits for something else. Invariant: an answer is delivered until the ask is gone, and an ask that is gone is closed in
the store.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import select
import signal
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from leashtui.audit.approval import digest_of
from leashtui.faces.cli.outposts import ENDED, Desk, Waiting
from leashtui.faces.cli.sessions import live_sessions
from leashtui.faces.cli.teamwork import joined
from leashtui.model.errors import Exit, LeashError, Unreachable
from leashtui.model.wire import Vote
from leashtui.stores.directories import ensure_private, state_dir
from leashtui.stores.keys import Device
from leashtui.stores.team.asks import LIFE
from leashtui.stores.team.line import Line, Row, blob
from leashtui.stores.team.link import TeamError
from leashtui.words.plain import one_line

LOOK = 1.0
"""Seconds between two looks for sessions and answers, beside being woken."""

SHORTEST = 0.2
"""Seconds until the first try after a cut line: most are cut once."""

LONGEST = 30.0
"""Seconds between two tries at most while the store is away."""

LOCK = "courier.lock"
"""Below the state directory: one courier a machine."""

_LINGERS = 5.0
_SAYS = 4.0


class Courier:
    """Carries between the desks of this machine and one line to the store. every: what nobody offered as well."""

    def __init__(self, line: Line, device: str, desks: dict[str, Desk], *, every: bool) -> None:
        self._line = line
        self._device = device
        self._desks = desks
        self._every = every
        self._offered: dict[tuple[str, str, int], int] = {}  # 0: on its way
        self._carried: dict[tuple[int, str, bytes], int] = {}
        self._live: frozenset[str] = frozenset(desks)
        self._known = False
        self._asking = self._again = False
        self._looked = self._asked = self._said = 0.0
        self.last = time.monotonic()
        """When a session was last seen."""

    def begin(self) -> None:
        """Listen first, then read what waits already: nothing can fall between. Raises TeamError."""
        self._line.listen("leash_answer")
        self._line.ask("SELECT ask, session, name, seq FROM leash.my_asks($1)", (self._device,), self._remember)

    def _remember(self, rows: list[Row]) -> None:
        for number, session, name, seq in rows:
            self._offered[str(session), str(name), int(seq or 0)] = int(number or 0)
        self._known = True

    def step(self, timeout: float = LOOK) -> None:
        """One turn: wait for anything, then carry it. Raises TeamError."""
        if time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            self._meet()
        ends: list[Any] = [self._line, *self._desks.values()]
        ready, _, _ = select.select(ends, [self._line] if self._line.unsent else [], [], timeout)
        for desk in list(self._desks.values()):
            if desk in ready:
                desk.read()
        woken = self._line.turn()
        if self._known:
            self._offer()
            self._disbelieve()
            self._close()
        if woken or time.monotonic() - self._asked >= LOOK:
            self._ask()

    def _meet(self) -> None:
        """Connect to sessions that are new."""
        living = live_sessions()
        self._live = frozenset(live.session for live in living)
        if living:
            self.last = time.monotonic()
        for live in living:
            if live.session not in self._desks and not live.code:
                with contextlib.suppress(Unreachable):
                    self._desks[live.session] = Desk(live)
                    self._said = 0.0  # it hears with the next answer that the store can be reached

    def _offer(self) -> None:
        for session, desk in self._desks.items():
            for one in desk.waiting.values():
                key = (session, one.name, one.seq)
                if key not in self._offered and desk.bundle and (self._every or one.chosen):
                    self._offered[key] = 0
                    self._send(key, one, desk.bundle)

    def _send(self, key: tuple[str, str, int], one: Waiting, bundle: str) -> None:
        def taken(rows: list[Row]) -> None:
            if key in self._offered:
                self._offered[key] = int(rows[0][0] or 0)

        def refused(error: TeamError) -> None:
            _say(f"{key[0]}/{one.name} cannot be offered: {error.message}")

        values = (self._device, key[0], one.name, one.seq, one.body, bundle, one.needed, LIFE)
        self._line.ask("SELECT leash.offer($1, $2, $3, $4, $5, $6, $7, $8)", values, taken, refused)

    def _ask(self) -> None:
        """Ask for answers; once more when something was told meanwhile."""
        self._asked = time.monotonic()
        if self._asking:
            self._again = True
            return
        self._asking = True
        query = "SELECT ask, session, name, login, statement, signature, answer FROM leash.my_answers($1)"
        self._line.ask(query, (self._device,), self._carry)

    def _carry(self, rows: list[Row]) -> None:
        self._asking = False
        for number, session, name, login, statement, signature, answer in rows:
            desk = self._desks.get(session or "")
            key = (int(number or 0), login or "", blob(statement))
            if desk is None or name not in desk.waiting or key in self._carried:
                continue
            self._carried[key] = int(answer or 0)
            text, signed = (blob(part).decode("utf-8", "replace") for part in (statement, signature))
            desk.vote(Vote(ask=name or "", statement=text, signature=signed))
        if time.monotonic() - self._said >= _SAYS:
            self._said = time.monotonic()
            for desk in self._desks.values():
                desk.reached()
        if self._again:
            self._again = False
            self._ask()

    def _close(self) -> None:
        """Close in the store what no desk has any more. A desk that hung up is met again before it counts as gone."""
        for key, number in list(self._offered.items()):
            session, name, _ = key
            desk = self._desks.get(session)
            gone = ENDED if session not in self._live else ""
            outcome = gone if desk is None else desk.fate(name)
            if outcome and number:
                self._line.ask("SELECT leash.close_ask($1, $2)", (number, outcome), lambda rows: None)
                del self._offered[key]
                self._forget({number})
        for session in [name for name, desk in self._desks.items() if desk.over]:
            desk = self._desks.pop(session)
            desk.close()
            if desk.ended:
                self._live -= {session}
            self._forget({number for (owner, _, _), number in self._offered.items() if owner == session})

    def _forget(self, asks: set[int]) -> None:
        self._carried = {key: answer for key, answer in self._carried.items() if key[0] not in asks}

    def _disbelieve(self) -> None:
        """Tell the store which answers settled nothing, so that others may answer."""
        said = {digest: why for desk in self._desks.values() for digest, why in desk.disbelieved.items()}
        for (_, _, statement), answer in list(self._carried.items()) if said else ():
            why = said.get(digest_of(statement), "")
            if why and answer:
                query = "SELECT leash.void_answer($1, $2)"
                self._line.ask(query, (answer, why), lambda rows: None, lambda error: _say(error.message))
        for desk in self._desks.values():
            desk.disbelieved.clear()


def offer(args: argparse.Namespace) -> int:
    """Carry until interrupted; tries again while the store is away."""
    enrolment = joined()
    device = Device(state_dir()).id
    pause = SHORTEST
    desks: dict[str, Desk] = {}
    last = time.monotonic()
    with _alone(args.attend):
        while True:
            try:
                line = Line(enrolment.dsn)
                try:
                    courier = Courier(line, device, desks, every=not args.attend)
                    courier.begin()
                    if not args.quiet:
                        print("offering what waits on this machine to the team", flush=True)
                    while True:
                        courier.step()
                        pause, last = SHORTEST, courier.last
                        if args.attend and time.monotonic() - last > _LINGERS:
                            return Exit.OK
                finally:
                    line.close()
            except TeamError as error:
                if not error.away:
                    raise
                _say(f"{error.message}; trying again {f'in {pause:.0f} s' if pause >= 1 else 'at once'}")
                if args.attend and not live_sessions() and time.monotonic() - last > _LINGERS:
                    return Exit.OK
                time.sleep(pause)
                pause = min(pause * 3, LONGEST)


@contextmanager
def _alone(attend: bool) -> Iterator[None]:
    """One courier a machine: one that a person starts takes over from the one that came with a session."""
    path = ensure_private(state_dir()) / LOCK
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + _LINGERS
        while not _locked(handle):
            if attend:
                raise SystemExit(Exit.OK)
            if time.monotonic() > deadline:
                raise LeashError("another `leash review offer` carries already", "end that one first")
            _dismiss(handle)
            time.sleep(0.1)
        os.ftruncate(handle, 0)
        os.pwrite(handle, b"attends" if attend else b"person", 0)
        yield
    finally:
        os.close(handle)


def _locked(handle: int) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _dismiss(handle: int) -> None:
    """End the courier that came with a session; the kernel says which process that is."""
    if os.pread(handle, 16, 0) != b"attends":
        return
    shape = "hhqqi4x"
    asked = struct.pack(shape, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, _, _, _, pid = struct.unpack(shape, fcntl.fcntl(handle, fcntl.F_GETLK, asked))
    if kind != fcntl.F_UNLCK and pid > 0:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def _say(text: str) -> None:
    print(f"leash: {one_line(text, 400)}", file=sys.stderr, flush=True)
