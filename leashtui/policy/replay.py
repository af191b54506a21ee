"""Recorded acts judged again: what another set of policies would have answered, grouped by what would have changed.

Knows decisions and counts. Refuses to read logs. Invariant: an act whose facts cannot be judged again is counted as
such, never as unchanged; grants of the recorded session are not replayed, so a released ask counts as the ask it was.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct

from leashtui.model.event import Decided
from leashtui.model.facts import Facts
from leashtui.model.request import Request
from leashtui.model.verdict import Decision, Outcome

EXAMPLES = 3
"""Most examples kept of a group."""

Decide = Callable[[Request, Facts], Decision]


class Group(Struct):
    """Acts that would change in the same way. before, after: outcomes; by: the policies that cause the new one."""

    before: str
    after: str
    by: tuple[str, ...]
    count: int = 0
    examples: list[str] = []


class Replay:
    """Feeds acts to two deciders, or to one beside what was recorded. before: None for the record itself."""

    def __init__(self, after: Decide, before: Decide | None = None) -> None:
        self._before = before
        self._after = after
        self._groups: dict[tuple[str, str, tuple[str, ...]], Group] = {}
        self.acts = 0

    def add(self, act: Decided) -> None:
        """One recorded act."""
        self.acts += 1
        old = act.decision if self._before is None else self._before(act.request, act.facts)
        new = self._after(act.request, act.facts)
        earlier = Outcome.ASK if old.released else old.outcome
        if earlier is new.outcome:
            return
        by = tuple(sorted(policy.id for policy in new.policies)) or tuple(new.errors[:1])
        key = (str(earlier), str(new.outcome), by)
        group = self._groups.setdefault(key, Group(*key))
        group.count += 1
        if len(group.examples) < EXAMPLES and act.facts.command not in group.examples:
            group.examples.append(act.facts.command)

    def groups(self) -> list[Group]:
        """What would have changed, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.before, group.after, group.by))
