"""What happened, one row an act: verdict, command, and whose word it was.

Knows every event of the record. Refuses to keep more than `KEEP` rows: the journal keeps the rest. Invariant: an act
that was asked stays one row, whose mark changes when it is answered; every colour goes with a mark and a word.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.cells import cell_len
from rich.text import Text

from leashtui.faces.tui.look import Look
from leashtui.faces.tui.spelled import cut
from leashtui.model.event import (
    ActEnded,
    Answered,
    Asked,
    Braked,
    ControlRefused,
    Decided,
    FaceJoined,
    FaceLeft,
    FileChanged,
    GrantAdded,
    GrantRevoked,
    GuardLost,
    Notice,
    Record,
    SessionEnded,
    SessionStarted,
)
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.model.wire import Recorded
from leashtui.words.plain import duration, one_line
from leashtui.words.timeline import tell

KEEP = 2000
_ROOMY = 56
_TEXT = 400


@dataclass
class Row:
    """One line. kind: allow|deny|ask|gone|note|file|alarm|quiet, which picks mark and style. records: what made it."""

    seq: int
    t: int
    kind: str
    word: str
    text: str
    tail: str = ""
    records: list[Record] = field(default_factory=list)


_MARKS = {"allow": "✓", "deny": "✗", "ask": "?", "gone": "~", "note": "·", "file": "+", "alarm": "!", "quiet": "·"}


class Timeline:
    """Rows and counts of one session, fed with records in order."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._asks: dict[str, str] = {}
        self.acts = 0
        self.asked = 0
        self.refused = 0
        self.records = 0
        self.head = ""
        self.frozen: bool | None = None

    def add(self, message: Recorded) -> None:
        """Take one record; the same record twice counts once."""
        if message.seq <= self.records:
            return
        self.records = message.seq
        self.head = message.head or self.head
        record = message.record
        row = self._row(message.seq, record)
        if row is not None:
            row.records.append(record)
            self._rows[record.id] = row
            while len(self._rows) > KEEP:
                self._rows.popitem(last=False)

    def rows(self, matches: Callable[[Record], bool] | None = None) -> list[Row]:
        """Oldest first. matches: a row is kept when one of its records does."""
        found = list(self._rows.values())
        return found if matches is None else [r for r in found if any(map(matches, r.records))]

    def _row(self, seq: int, record: Record) -> Row | None:
        """The new row of a record, or None when it only changes an older one."""

        def row(kind: str, word: str, words: str, tail: str = "") -> Row:
            return Row(seq, record.t, kind, word, one_line(words, _TEXT), one_line(tail, 40))

        match record.event:
            case Decided() as event:
                self.acts += 1
                if event.verdict is None:
                    return None
                allowed = event.verdict.ruling is Ruling.ALLOW
                self.refused += not allowed
                quiet = allowed and event.verdict.by is By.COVERED
                kind = "quiet" if quiet else "allow" if allowed else "deny"
                return row(kind, "allow" if allowed else "deny", event.facts.command, _whose(event.verdict))
            case Asked(card=card):
                self.asked += 1
                self._asks[card.id] = record.id
                return row("ask", "ask", card.command, card.id)
            case Answered() as event:
                return self._answer(record, event, row)
            case ActEnded(code=code):
                if code and (found := self._rows.get(record.parent)):
                    found.tail = one_line(f"{found.tail} exit {code}".strip(), 40)
                return None
            case FileChanged() as event:
                many = f" x{event.count}" if event.count > 1 else ""
                moved = f" -> {event.to}" if event.to else ""
                lines = f"+{event.plus} -{event.minus}" if event.plus or event.minus else ""
                return row("alarm" if event.protected else "file", event.change, event.path + moved + many, lines)
            case Notice(level=level, text=words, hint=hint):
                return row("note" if level == "info" else "alarm", level, words, hint)
            case GuardLost(guard=guard, reason=reason):
                return row("alarm", "lost", f"the {guard} guard: {reason}")
            case GrantAdded() as event:
                return row("note", "grant", " ".join(event.prefix) or event.policy, event.grant)
            case GrantRevoked(grant=grant, who=who):
                return row("note", "revoke", grant, who)
            case Braked(what=what, who=who):
                self.frozen = {"freeze": True, "resume": False}.get(what, self.frozen)
                return row("alarm" if what != "resume" else "note", what, "the session", who)
            case ControlRefused(peer=peer, reason=reason):
                return row("alarm", "turned", f"away {peer}: {reason}")
            case SessionStarted() as event:
                return row("note", "start", " ".join(event.argv) or event.agent, event.tier)
            case SessionEnded(code=code, reason=reason):
                return row("note", "end", reason or "the agent ended", f"exit {code}")
            case FaceJoined(who=who, role=role):
                return row("quiet", "joined", f"{who} as {role}")
            case FaceLeft(face=face):
                return row("quiet", "left", face)
        line = tell(record)
        return row("quiet" if line.quiet else "note", line.word, f"{line.text} {line.why}".strip())

    def _answer(self, record: Record, event: Answered, row: Callable[..., Row]) -> Row | None:
        verdict = event.verdict
        allowed = verdict.ruling is Ruling.ALLOW
        withdrawn = verdict.by is By.WITHDRAWN
        self.refused += not allowed and not withdrawn
        kind, word = ("gone", "gone") if withdrawn else ("allow", "allow") if allowed else ("deny", "deny")
        tail = f"{_whose(verdict)} {duration(event.waited_us / 1e6)}"
        found = self._rows.get(self._asks.pop(event.ask, ""))
        if found is None:
            return row(kind, word, event.ask, tail)
        found.kind, found.word, found.tail = kind, word, one_line(tail, 40)
        found.records.append(record)
        return None


def _whose(verdict: Verdict) -> str:
    if verdict.by is By.POLICY and verdict.policies:
        return verdict.policies[0].removeprefix("builtin/")
    return verdict.who or str(verdict.by)


def draw_row(row: Row, look: Look, width: int, stamp: Callable[[int], str]) -> Text:
    """One row in exactly `width` columns or fewer. stamp: microseconds since the epoch -> clock time."""
    style = {
        "allow": look.allowed,
        "deny": look.refused,
        "ask": look.asked,
        "alarm": look.asked,
        "file": look.noted,
        "note": look.noted,
    }.get(row.kind, look.muted)
    time = stamp(row.t)
    line = Text(end="", no_wrap=True).append((time if width >= _ROOMY else time[:5]) + " ", look.muted)
    line.append(f"{_MARKS[row.kind]} {row.word[:8]:<8} ", style)
    room = max(0, width - cell_len(line.plain))
    tail = cut(row.tail, max(8, room // 3)) if room > 16 else ""
    words = cut(row.text, room - (len(tail) + 1 if tail else 0))
    line.append(words, look.muted if row.kind == "quiet" else look.text)
    if tail:
        line.append(" " * (room - cell_len(words) - cell_len(tail)), look.muted).append(tail, look.muted)
    return line
