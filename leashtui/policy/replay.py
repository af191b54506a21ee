"""Recorded acts judged again: what another set of policies would have answered, grouped by what would have changed.

Knows decisions and counts. Refuses to read logs. Invariant: an act whose facts cannot be judged again is counted as
such, never as unchanged; grants of the recorded session are not replayed, so a released ask counts as the ask it was.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from leashtui.model.event import Decided
from leashtui.model.verdict import Decision, Outcome

EXAMPLES = 3
"""Most examples kept of a group."""


class Group(Struct):
    """Acts that would change in the same way. before, after: outcomes; by: the policies that cause the new one, was:
    those that caused the old one."""

    before: str
    after: str
    by: tuple[str, ...]
    was: tuple[str, ...] = ()
    count: int = 0
    examples: list[str] = []


class Replay:
    """Counts what changes from one decision to another, act by act.

    same: by policy, the acts that it speaks of without changing the answer, where it did not before.
    """

    def __init__(self) -> None:
        self.same: Counter[str] = Counter()
        self._groups: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Group] = {}
        self.acts = 0

    def add(self, act: Decided, old: Decision, new: Decision) -> None:
        """One recorded act with what was, and what would be, answered."""
        self.acts += 1
        earlier = Outcome.ASK if old.released else old.outcome
        if earlier is new.outcome:
            before = {policy.id for policy in old.policies}
            self.same.update(policy.id for policy in new.policies if policy.id not in before)
            return
        key = (str(earlier), str(new.outcome), _causes(new), _causes(old))
        group = self._groups.setdefault(key, Group(*key))
        group.count += 1
        if len(group.examples) < EXAMPLES and act.facts.command not in group.examples:
            group.examples.append(act.facts.command)

    def groups(self) -> list[Group]:
        """What would have changed, the most frequent first."""
        return sorted(self._groups.values(), key=lambda group: (-group.count, group.before, group.after, group.by))


def _causes(decision: Decision) -> tuple[str, ...]:
    return tuple(sorted(policy.id for policy in decision.policies)) or decision.errors[:1]
