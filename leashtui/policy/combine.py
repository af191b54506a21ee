"""From all matched policies to one answer: the pure function behind every decision.

Knows the order error, deny, ask, permit, nothing. Refuses to evaluate anything or to read a clock: the caller hands in
the grants that have not expired. Invariant: adding a matched forbid of any layer never makes the answer weaker, and a
grant removes exactly the releasable asks it names.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.model.verdict import Decision, Outcome
from leashtui.policy.annotations import Answer
from leashtui.policy.policy import Policy

ERRORS = 16
"""Most errors that a decision names."""


def combine(matched: Sequence[Policy], errors: Sequence[str], bundle: str) -> Decision:
    """The decision for these matches. errors: what the engine could not evaluate; any of them denies."""
    strongest = sorted(matched, key=Policy.strength)
    obligations = _obligations(strongest)
    denies = [p for p in strongest if p.answer == Answer.DENY]
    if errors or denies:
        return Decision(
            Outcome.DENY,
            bundle,
            tuple(p.ref() for p in denies),
            obligations=obligations,
            errors=_some(errors),
            standing=False,
        )
    asks = [p for p in strongest if p.answer == Answer.ASK]
    named = frozenset[str]().union(*(p.grants for p in strongest if p.permits))
    left = [p for p in asks if not (p.releasable and p.name in named)]
    released = tuple(p.name for p in asks if p not in left)
    if left:
        return Decision(
            Outcome.ASK,
            bundle,
            tuple(p.ref() for p in left),
            released,
            obligations,
            standing=all(p.releasable for p in left),
        )
    permits = [p for p in strongest if p.permits]
    outcome = Outcome.ALLOW if permits else Outcome.ASK
    return Decision(outcome, bundle, tuple(p.ref() for p in permits), released, obligations)


def _some(errors: Sequence[str]) -> tuple[str, ...]:
    """The first errors: thousands of policies may err at once, and every act's record says why."""
    shown = sorted(errors)[:ERRORS]
    more = len(errors) - len(shown)
    return (*shown, *((f"and {more:,} more policies err",) if more else ()))


def _obligations(matched: Sequence[Policy]) -> tuple[str, ...]:
    """The union over all matches; how many people must agree counts as one."""
    found = {o for p in matched for o in p.meta.obligations}
    approvers = max((p.meta.approvers for p in matched), default=1)
    if approvers > 1:
        found.add(f"approvers:{approvers}")
    if any(p.meta.other for p in matched):
        found.add("approver:other")
    if any(p.meta.offer for p in matched):
        found.add("offer:team")
    return tuple(sorted(found))
