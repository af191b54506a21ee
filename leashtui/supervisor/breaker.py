"""The circuit breaker: the same refused act tried again in other words is refused without a card.

Two acts are the same when their effects are: verbs and resolved targets, not strings. Knows nothing of policies.
Invariant: only refusals count, and only by a person or the policy; a withdrawn ask is not a refusal.
"""

from __future__ import annotations

from collections import Counter

from leashtui.model.facts import Facts, Severity

LIMIT = 2
"""Refusals of one act that still came with a card; the next spelling does not (ux.md: the third time)."""

Signature = frozenset[tuple[str, str]]


class Breaker:
    """Counts refusals by effect signature."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._refused: Counter[Signature] = Counter()

    @staticmethod
    def signature(facts: Facts) -> Signature:
        """The telling effects of an act, as (verb, target) pairs; its text when it has none."""
        pairs = frozenset((str(e.verb), e.target) for e in facts.effects if e.severity is not Severity.LOW)
        return pairs or frozenset({("text", facts.normalised or facts.command)})

    def refused(self, facts: Facts) -> int:
        """Count one refusal; returns how often this act was refused now."""
        signature = self.signature(facts)
        self._refused[signature] += 1
        return self._refused[signature]

    def open(self, facts: Facts) -> bool:
        """Whether this act has been refused so often that nobody is asked again."""
        return self._refused[self.signature(facts)] >= self._limit

    def forgive(self, facts: Facts) -> None:
        """A person approved this act: earlier refusals of it no longer count."""
        self._refused.pop(self.signature(facts), None)
