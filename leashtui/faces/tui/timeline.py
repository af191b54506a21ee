"""What happened, one row an act: verdict, command, and whose word it was.

Knows every event of the record. Refuses to keep more than `KEEP` rows: the journal keeps the rest. Invariants: an act
that was asked stays one row, whose mark changes when it is answered; what an act started is folded into its row unless
it was asked, refused or let through by somebody's word, so that a row is hidden only when nothing was decided anew.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable

from leashtui.agents import registry
from leashtui.faces.tui.files import WORDS, Files
from leashtui.faces.tui.row import Row
from leashtui.faces.tui.series import Series
from leashtui.model.event import (
    ActEnded,
    AgentTold,
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
from leashtui.model.request import TOLD, UNCOUNTED, Action, Layer
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.model.wire import Recorded
from leashtui.words.inner import brief
from leashtui.words.plain import duration, one_line
from leashtui.words.timeline import act_in_words, tell

KEEP = 2000
_TEXT = 400


_INSIDE = 500
"""Folded records that one row keeps; more are only counted by the journal."""
_ALIKE = 60
"""Records of one card that its row keeps."""
_DOORS = (Action.NET_CONNECT, Action.NET_BIND)
_BECAME = {"allow": "allowed", "deny": "denied"}
_SHELLS = frozenset({"sh", "bash", "dash", "zsh", "fish", "ksh"})
_HOSTS = _SHELLS | {"tmux", "screen", "ssh", "script", *registry.names()}


class Timeline:
    """Rows and counts of one session, fed with records in order."""

    def __init__(self) -> None:
        self._rows: OrderedDict[str, Row] = OrderedDict()
        self._asks: dict[str, list[str]] = {}
        self._acts: dict[str, str] = {}
        self._pending: dict[str, Record] = {}
        self._faces: dict[str, tuple[str, str]] = {}
        self._series = Series()
        self.files = Files()
        self.grants: set[str] = set()
        self.acts = 0
        self.asked = 0
        self.refused = 0
        self.records = 0
        self.head = ""
        self.frozen: bool | None = None
        self.frozen_by = ""
        self.seen: Counter[str] = Counter()

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
                _, old = self._rows.popitem(last=False)
                for kept in old.records:
                    self._acts.pop(kept.id, None)

    def rows(self, matches: Callable[[Record], bool] | None = None) -> list[Row]:
        """Oldest first. matches: a row is kept when one of its records does."""
        found = list(self._rows.values())
        return found if matches is None else [r for r in found if any(map(matches, r.records + r.inside))]

    def _row(self, seq: int, record: Record) -> Row | None:
        """The new row of a record, or None when it only changes an older one."""

        def row(kind: str, word: str, words: str, tail: str = "") -> Row:
            return Row(seq, record.t, kind, word, one_line(words, _TEXT), one_line(tail, 40))

        match record.event:
            case Decided() as event:
                self.seen[event.request.layer] += 1
                if event.verdict is not None and event.verdict.by is By.OWN:
                    return None
                self.acts += not event.covered_by and event.request.action not in UNCOUNTED
                if event.verdict is None:
                    self._pending[record.id] = record
                    return None
                allowed = event.verdict.ruling is Ruling.ALLOW
                if allowed and event.request.action in TOLD:
                    return None
                habit = event.verdict.by is By.HABIT  # of the agent's, that nobody asked it for
                self.refused += not allowed and not habit
                if self._fold(record, event):
                    return None
                self._acts[record.id] = record.id
                by = "" if allowed and event.verdict.by is By.POLICY else _whose(event.verdict)
                at_home = event.request.action in _DOORS and not event.facts.effects
                quiet = habit or (allowed and (at_home or event.verdict.by is By.COVERED))
                kind = "quiet" if quiet else "allow" if allowed else "deny"
                return row(kind, "allow" if allowed else "deny", brief(act_in_words(event)), by)
            case Asked(card=card):
                self.asked += 1
                decided = self._pending.pop(card.act, None) or self._pending.pop(record.parent, None)
                made = row("ask", "ask", brief(card.command), card.id)
                if self._joins(made, record, decided):
                    return None
                self._asks.setdefault(card.id, []).append(record.id)
                if decided is not None:
                    made.records.append(decided)
                    self._acts[decided.id] = record.id
                return made
            case Answered() as event:
                return self._answer(record, event, row)
            case ActEnded(code=code):
                if code and (found := self._row_of(record.parent)):
                    found.exit = code
                return None
            case FileChanged() as event:
                self.seen[Layer.WATCHER] += 1
                many = f" x{event.count}" if event.count > 1 else ""
                moved = f" -> {event.to}" if event.to else ""
                lines = f"+{event.plus} -{event.minus}" if event.plus or event.minus else ""
                self.files.add(seq, record, event)
                word = WORDS.get(event.change, event.change)
                made = row("alarm" if event.protected else "file", word, event.path + moved + many, lines)
                return self._series.add(made, record, event, next(reversed(self._rows.values()), None))
            case Notice(level=level, text=words):
                return row("note" if level == "info" else "alarm", level, words)
            case GuardLost(guard=guard, reason=reason):
                return row("alarm", "lost", f"the {guard} guard: {reason}")
            case GrantAdded() as event:
                self.grants.add(event.grant)
                return row("note", "grant", event.exact or " ".join(event.prefix) or event.policy, event.grant)
            case GrantRevoked(grant=grant, who=who):
                self.grants.discard(grant)
                return row("note", "revoke", grant, who)
            case Braked(what=what, who=who):
                self.frozen = {"freeze": True, "resume": False}.get(what, self.frozen)
                self.frozen_by = who
                return row("alarm" if what != "resume" else "note", what, "the session", who)
            case ControlRefused(peer=peer, reason=reason):
                return row("alarm", "turned", f"away {peer}: {reason}")
            case SessionStarted() as event:
                return row("note", "start", f"{event.agent} in {_last(event.workspace)}", f"guard {event.tier}")
            case SessionEnded(code=code, reason=reason):
                return row("note", "end", reason or "the agent ended", f"exit {code}")
            case FaceJoined(face=face, who=who, role=role):
                known = (who, role) in self._faces.values()
                self._faces[face] = (who, role)
                return None if known else row("quiet", "joined", f"{who} as {role}")
            case FaceLeft(face=face):
                who, role = self._faces.pop(face, (face, ""))
                still = (who, role) in self._faces.values()
                return None if still else row("quiet", "left", f"{who} as {role}" if role else who)
            case AgentTold(moment="tool" | "tool_done"):
                return None  # its act has a row
        line = tell(record)
        return row("quiet" if line.quiet else "note", line.word, f"{line.text} {line.why}".strip())

    def grant_of(self, row: Row | None) -> str:
        """The grant that a row gave and that still holds; '' without one."""
        given = (r.event.grant for r in row.records if isinstance(r.event, GrantAdded | Answered)) if row else ()
        return next((grant for grant in given if grant in self.grants), "")

    def _joins(self, row: Row, record: Record, decided: Record | None) -> bool:
        """Whether a request shares the row of those that wait with its card and words: a flood is one row."""
        waiting = self._asks.get(row.tail, [])
        first = waiting[-1] if waiting else ""
        found = self._rows.get(first)
        if found is None or found.text != row.text or found.kind != row.kind:
            return False
        found.times += 1
        found.waits += 1
        found.tail = _several(row.tail, found.waits, found.said)
        _keep(found, *([decided] if decided else []), record)
        if decided is not None:
            self._acts[decided.id] = first
        waiting.append(first)
        return True

    def _asked(self, ask: str, act: str) -> str:
        """The record that asked about an act, '' where there is none; several like it may share one card."""
        asked = self._asks.get(ask, [])
        own = self._acts.get(act, "")
        found = own if own in asked else asked[0] if asked else ""
        if found:
            asked.remove(found)
        return found

    def _row_of(self, act: str) -> Row | None:
        return self._rows.get(self._acts.get(act, ""))

    def _fold(self, record: Record, event: Decided) -> bool:
        """Whether this act has no row of its own: the agent's own program, or what an earlier act started."""
        verdict = event.verdict
        if verdict is None or verdict.ruling is not Ruling.ALLOW or verdict.by not in {By.POLICY, By.COVERED}:
            return False
        first = event.request.chosen or event.request.action is Action.SESSION_START
        if first and len(self._rows) == 1:
            next(iter(self._rows.values())).inside.append(record)
            return True
        row = self._row_of(record.parent)
        if row is None or row.kind == "gone" or any(_hosts(r) for r in row.records):
            return False
        if len(row.inside) < _INSIDE:
            row.inside.append(record)
        return True

    def _answer(self, record: Record, event: Answered, row: Callable[..., Row]) -> Row | None:
        verdict = event.verdict
        allowed = verdict.ruling is Ruling.ALLOW
        withdrawn = verdict.by is By.WITHDRAWN
        self.refused += not allowed and not withdrawn
        word = "gone" if withdrawn else "allow" if allowed else "deny"
        tail = f"{_whose(verdict)} {duration(event.waited_us / 1e6)}"
        found = self._rows.get(self._asked(event.ask, record.parent))
        if found is None:
            return row(word, word, event.ask, tail)
        _keep(found, record)
        found.waits -= 1
        found.said[word] += 1
        if not withdrawn or not found.last[1]:
            found.last = word, one_line(tail, 40)
        if found.waits:  # the others have, or will get, an answer of their own
            found.tail = _several(event.ask, found.waits, found.said)
            return None
        word, tail = found.last
        others = Counter({other: times for other, times in found.said.items() if other != word})
        found.kind, found.word, found.tail = word, word, _several(tail, found.said[word], others)
        return None


def _several(words: str, times: int, others: Counter[str]) -> str:
    """How often it was, and what became of others of the same card that became something else."""
    many = f"{words} x{times}" if times > 1 else words
    return ", ".join([many, *(f"{count} {_BECAME[word]}" for word, count in others.items() if word in _BECAME)])


def _keep(row: Row, *records: Record) -> None:
    """What a row is made of; of a flood only its beginning."""
    if len(row.records) < _ALIKE:
        row.records += records
    else:
        row.more += len(records)


def _hosts(record: Record) -> bool:
    """Whether an act is a place where others work (a shell to type into, another agent): it hides nothing."""
    event = record.event
    if not isinstance(event, Decided) or not event.request.argv:
        return False
    name, *words = event.request.argv
    base = name.rpartition("/")[2]
    return base in _HOSTS and (base not in _SHELLS or all(w.startswith("-") and "c" not in w for w in words))


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2] or path


def _whose(verdict: Verdict) -> str:
    if verdict.by is By.POLICY and verdict.policies:
        return verdict.policies[0].removeprefix("builtin/")
    return verdict.who or str(verdict.by)
