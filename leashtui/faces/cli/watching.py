"""`leash review -f`: what waits on the machines of the team as it comes, answered where it is shown.

Knows one line to the store and the words typed here: `y 12`, `n 12 use a branch`. Refuses to answer what it did not
show. Invariants: an answer that was signed is sent until the store took it, over as many connections as that needs; a
reviewer's own terminal is read only while they are in front of it.
"""

from __future__ import annotations

import os
import select
import sys
import time
from typing import Any

from leashtui.faces.cli.columns import json_line
from leashtui.faces.cli.signing import FORMAT, as_json, lines_of, sign, statement_of
from leashtui.model.errors import LeashError
from leashtui.stores.enrolment import Reviewer
from leashtui.stores.team.asks import WAITING, Offered, offered_of
from leashtui.stores.team.line import Line, Row
from leashtui.stores.team.link import TeamError
from leashtui.words.plain import one_line

LOOK = 1.0
"""Seconds between two looks, beside being woken."""

SHORTEST = 0.2
"""Seconds until the first try after a cut line."""

LONGEST = 30.0
"""Seconds between two tries at most while the store is away."""

_WORDS = {"y": "allow", "yes": "allow", "approve": "allow", "n": "deny", "no": "deny", "deny": "deny"}
_HINT = "y NUMBER allows it, n NUMBER WORDS denies it and says why"


class Watch:
    """What one reviewer sees and answers. plain: sentences, not JSON."""

    def __init__(self, me: Reviewer, *, plain: bool) -> None:
        self._me = me
        self._plain = plain
        self._line: Line | None = None
        self._shown: dict[int, Offered] = {}
        self._unsent: dict[int, tuple[str, bytes, bytes]] = {}
        self._answered: set[int] = set()
        self._typed = b""
        self._reads = sys.stdin is not None
        self._asking = self._again = False
        self._looked = 0.0

    def begin(self, line: Line) -> None:
        """Go on over this line: listen first, then look, then send what the last one did not take."""
        self._line = line
        self._asking = self._again = False
        line.listen("leash_ask")
        line.listen("leash_answer")
        self._look(line)
        for ask in self._unsent:
            self._send(line, ask)

    def step(self, line: Line) -> None:
        """One turn. Raises TeamError."""
        ends: list[Any] = [line, *([0] if self._reads and _in_front() else [])]
        ready, _, _ = select.select(ends, [line] if line.unsent else [], [], LOOK)
        if 0 in ready:
            self._read(line)
        if line.turn() or time.monotonic() - self._looked >= LOOK:
            self._look(line)

    def _look(self, line: Line) -> None:
        self._looked = time.monotonic()
        if self._asking:
            self._again = True
            return
        self._asking = True
        line.ask(WAITING, (), self._found)
        if self._answered:
            them = "{" + ",".join(map(str, sorted(self._answered))) + "}"
            query = "SELECT id, outcome FROM leash.ask WHERE id = ANY($1::bigint[]) AND closed IS NOT NULL"
            line.ask(query, (them,), self._ended)

    def _found(self, rows: list[Row]) -> None:
        self._asking = False
        for one in map(offered_of, rows):
            if one.id not in self._shown:
                self._shown[one.id] = one
                try:
                    print(as_json(one) if not self._plain else "\n".join(lines_of(one)), flush=True)
                except LeashError as error:
                    self._say(f"{error.message}; {error.hint}")
        if self._again and self._line is not None:
            self._again = False
            self._look(self._line)

    def _ended(self, rows: list[Row]) -> None:
        for number, outcome in rows:
            ask = int(number or 0)
            if ask in self._answered:
                self._answered.discard(ask)
                self._tell(ask, outcome or "it is over", "outcome")

    def _read(self, line: Line) -> None:
        data = os.read(0, 65536)
        self._reads = bool(data)
        *lines, self._typed = (self._typed + data).split(b"\n")
        for typed in lines:
            self._obey(line, typed.decode("utf-8", "replace").strip())

    def _obey(self, line: Line, typed: str) -> None:
        word, number, *rest = [*typed.split(maxsplit=2), "", ""]
        verdict, ask = _WORDS.get(word.lower()), int(number) if number.isascii() and number.isdigit() else 0
        one = self._shown.get(ask)
        if not typed:
            return
        if verdict is None or not ask:
            self._say(_HINT)
        elif one is None:
            self._say(f"{ask} was not shown here")
        else:
            try:
                text = statement_of(one, verdict, self._me.name, rest[0].removeprefix("because "))
                self._unsent[ask] = verdict, text, sign(text, self._me.key)
            except LeashError as error:
                self._say(f"{error.message}; {error.hint}")
            else:
                self._send(line, ask)

    def _send(self, line: Line, ask: int) -> None:
        verdict, text, signature = self._unsent[ask]

        def taken(rows: list[Row]) -> None:
            self._unsent.pop(ask, None)
            self._answered.add(ask)
            missing = int(rows[0][0] or 0)
            if verdict == "allow" and missing > 0:
                self._tell(ask, f"signed; {missing} more must agree", "signed")

        def refused(error: TeamError) -> None:
            self._unsent.pop(ask, None)
            self._tell(ask, error.message, "refused")

        line.ask("SELECT leash.decide($1, $2, $3, $4)", (ask, verdict, text, signature), taken, refused)

    def _tell(self, ask: int, text: str, what: str) -> None:
        """What became of an answer; the machine's own word is its outcome."""
        if self._plain:
            print(f"{ask}: {'the machine says: ' if what == 'outcome' else ''}{one_line(text)}", flush=True)
        else:
            print(json_line({"v": FORMAT, "ask": ask, what: text}), flush=True)

    @staticmethod
    def _say(text: str) -> None:
        print(f"leash: {one_line(text, 400)}", file=sys.stderr, flush=True)


def follow(me: Reviewer, *, plain: bool) -> int:
    """Until interrupted; goes on when the store is back."""
    watch, pause = Watch(me, plain=plain), SHORTEST
    while True:
        try:
            line = Line(me.dsn)
            try:
                watch.begin(line)
                while True:
                    watch.step(line)
                    pause = SHORTEST
            finally:
                line.close()
        except TeamError as error:
            if not error.away:
                raise
            when = f"in {pause:.0f} s" if pause >= 1 else "at once"
            print(f"leash: {error.message}; trying again {when}", file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(pause * 3, LONGEST)


def _in_front() -> bool:
    """Whether standard input may be read: a terminal only by the job in front of it."""
    try:
        return not os.isatty(0) or os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False
