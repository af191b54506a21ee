"""Figures over many records: what a report says about a team's agents, counted once, record by record.

Knows the JSON shape of records of any kind. Refuses to print (faces do) and to know files. Invariant: a record that is
not what it should be counts as a record and as nothing else.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any

from leashtui.audit.fields import View


@dataclass
class Tally:
    """Everything a report shows. zone: for days. Times are microseconds."""

    zone: tzinfo = UTC
    records: int = 0
    acts: int = 0
    asks: int = 0
    masked: int = 0
    first: int = 0
    last: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    policies: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    files: Counter[str] = field(default_factory=Counter)
    people: Counter[str] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    sessions: set[str] = field(default_factory=set)
    waits: list[int] = field(default_factory=list)
    days: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    overrides: int = 0

    def add(self, record: Mapping[str, Any], agent: str = "") -> None:
        """Count one record (its JSON value). agent: of its session."""
        view = View(record, agent)
        event = view.event
        self.records += 1
        if view.time:
            self.first = min(self.first or view.time, view.time)
            self.last = max(self.last, view.time)
        session = record.get("session")
        if isinstance(session, str) and session not in self.sessions and session != "machine":
            self.sessions.add(session)
            self.agents[agent or "unknown"] += 1
        masked = record.get("masked")
        self.masked += masked if isinstance(masked, int) else 0
        count = getattr(self, f"_{str(event.get('kind', '')).replace('.', '_')}", None)
        if count is not None:
            count(view)

    def _act_decided(self, view: View) -> None:
        self.acts += 1
        verdict = view.inner("verdict", "ruling") or "ask"
        self._judged(view, str(verdict))
        for policy in view.inner("decision", "policies") or ():
            if isinstance(policy, dict):
                self.policies[str(policy.get("id", ""))] += 1
        if verdict == "deny":
            self.refused[str(view.inner("facts", "command") or "")[:160]] += 1
        if verdict == "ask":
            self.asks += 1

    def _judged(self, view: View, verdict: str) -> None:
        self.verdicts[verdict] += 1
        self.days[self._day(view.time)][verdict] += 1

    def _act_answered(self, view: View) -> None:
        by = str(view.inner("verdict", "by") or "")
        self.by[by] += 1
        if by != "person":
            return
        ruling = str(view.inner("verdict", "ruling") or "")
        self.people[str(view.inner("verdict", "who") or "somebody")] += 1
        self.overrides += ruling == "allow"
        waited = view.event.get("waited_us")
        if isinstance(waited, int):
            self.waits.append(waited)

    def _file_changed(self, view: View) -> None:
        self.files[str(view.event.get("path", ""))[:160]] += 1

    def _notice(self, view: View) -> None:
        if view.event.get("level") == "alarm":
            self.alarms[str(view.event.get("text", ""))[:160]] += 1

    def _guard_lost(self, view: View) -> None:
        self.alarms[f"guard lost: {view.event.get('guard', '')}"] += 1

    def _control_refused(self, view: View) -> None:
        self.alarms[f"turned away: {view.event.get('reason', '')}"[:160]] += 1

    def _day(self, time: int) -> str:
        return datetime.fromtimestamp(min(time, 4_102_444_800_000_000) / 1e6, self.zone).strftime("%Y-%m-%d")

    @property
    def asks_per_100(self) -> float:
        """Asks among a hundred acts."""
        return 100 * self.asks / self.acts if self.acts else 0.0

    def waited(self, share: float) -> float:
        """Seconds within which that share (0 to 1) of the answers came."""
        if not self.waits:
            return 0.0
        ordered = sorted(self.waits)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] / 1e6
