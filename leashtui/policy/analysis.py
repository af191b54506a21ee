"""What a set of policies can and cannot say, over all situations: policies that never match or never decide, and what
changes from one set to another, each with a situation that shows it.

Knows the questions. Refuses to claim what was not shown: that something never happens is the solver's proof, that it
does happen is the engine's own answer to the situation found. Needs the extra `analysis` (z3). Invariant: every witness
was replayed on the engine, and one that the engine does not confirm is said to be unconfirmed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import z3
from msgspec import Struct

from leashtui.model.request import Action
from leashtui.model.verdict import Outcome
from leashtui.policy.bundle import Bundle
from leashtui.policy.formula import Formulas
from leashtui.policy.pdp import PDP
from leashtui.policy.policy import Policy
from leashtui.policy.reads import actions_of
from leashtui.policy.witness import Witness, witness

EFFORT = 50_000_000
"""The solver's own steps for one question, some seconds; counted, so that a busy machine answers alike."""
ACTIONS: tuple[Action, ...] = tuple(action for action in Action if action is not Action.LEASH_CONTROL)
"""Orders to leash are denied always, whatever a set says."""


class Idle(Struct, frozen=True):
    """A policy that does nothing. behind: the policies that always decide before it.

    never: 'matches', 'decides', 'decides alone' (it adds a reason, and matters only where a grant released the others),
    or '?' where the solver could not tell.
    """

    policy: Policy
    never: str
    behind: tuple[str, ...] = ()


class Change(Struct, frozen=True):
    """A situation in which two sets differ. confirmed: whether the engine answers so too; by: who decides after it."""

    action: Action
    before: Outcome
    after: Outcome
    witness: Witness
    confirmed: bool
    was: tuple[str, ...]
    by: tuple[str, ...]


class _Set:
    """One bundle as formulas, action by action."""

    def __init__(self, bundle: Bundle, formulas: Formulas) -> None:
        members = bundle.schema.members
        self.of = {action: [p for p in bundle.policies if action in actions_of(p.node, members)] for action in ACTIONS}
        self._formulas = formulas
        self._matches: dict[tuple[str, Action], Any] = {}

    def match(self, policy: Policy, action: Action) -> Any:
        """When it matches."""
        key = policy.name, action
        if key not in self._matches:
            self._matches[key] = self._formulas.match(policy, action)
        return self._matches[key]

    def any(self, policies: Sequence[Policy], action: Action) -> Any:
        """When one of them matches."""
        return z3.Or([self.match(policy, action) for policy in policies])

    def outcome(self, action: Action) -> dict[Outcome, Any]:
        """When each answer is given."""
        of = {kind: [p for p in self.of[action] if p.answer == kind] for kind in ("deny", "ask", "permit")}
        denies, asks = self.any(of["deny"], action), self.any(of["ask"], action)
        allow = z3.And(self.any(of["permit"], action), z3.Not(denies), z3.Not(asks))
        return {
            Outcome.DENY: denies,
            Outcome.ALLOW: allow,
            Outcome.ASK: z3.And(z3.Not(denies), z3.Not(allow)),
        }


def _solver(laws: Sequence[Any]) -> Any:
    solver = z3.Solver()
    solver.set("rlimit", EFFORT)
    solver.add(*laws)
    return solver


class _Undecided(Exception):
    """The solver could not tell with the effort it is given."""


def _can(solver: Any, *conditions: Any) -> Any:
    """A model; None when there is none. Raises _Undecided."""
    answer = solver.check(*conditions)
    if answer == z3.unknown:
        raise _Undecided(str(solver.reason_unknown()))
    return solver.model() if answer == z3.sat else None


def idle(bundle: Bundle, of: Callable[[Policy], bool] = lambda policy: True) -> Iterator[Idle]:
    """The policies, among those that `of` names, that can never match, or whose match never changes an answer."""
    formulas = Formulas(bundle.policies, bundle.schema.fields)
    whole = _Set(bundle, formulas)
    solver = _solver(formulas.laws())
    for policy in bundle.policies:
        if of(policy):
            try:
                found = _idle(solver, whole, policy)
            except _Undecided:
                found = Idle(policy, "?")
            if found is not None:
                yield found


def _idle(solver: Any, whole: _Set, policy: Policy) -> Idle | None:
    spoken = [action for action in ACTIONS if policy in whole.of[action]]
    if spoken and not any(_can(solver, whole.match(policy, action)) for action in spoken):
        return Idle(policy, "matches")
    if policy.answer == "oblige":
        return None
    for never, covers in (("decides", _outranks), ("decides alone", _equals)):
        before = {action: [p for p in whole.of[action] if covers(p, policy)] for action in spoken}
        if not any(
            _can(solver, whole.match(policy, action), z3.Not(whole.any(before[action], action))) for action in spoken
        ):
            return Idle(policy, never, tuple(sorted(_needed(solver, whole, policy, before))))
    return None


def _outranks(other: Policy, policy: Policy) -> bool:
    """Whether a match of `other` makes one of `policy` mean nothing, whatever was granted."""
    rank = {"oblige": 0, "permit": 1, "ask": 2, "deny": 3}
    if other.name == policy.name or rank[other.answer] < rank[policy.answer]:
        return False
    asks = other.answer == policy.answer == "ask"
    return not asks or (
        not other.releasable
        and other.meta.obligations == policy.meta.obligations
        and other.meta.offer >= policy.meta.offer
    )


def _equals(other: Policy, policy: Policy) -> bool:
    """As `_outranks`, or an ask that can be granted away, before which this one only adds a reason."""
    if _outranks(other, policy):
        return True
    return (
        other.name != policy.name and other.answer == policy.answer == "ask" and policy.releasable and other.releasable
    )


def _needed(solver: Any, whole: _Set, policy: Policy, before: dict[Action, list[Policy]]) -> set[str]:
    """The fewest policies (found greedily) that stand before it."""
    found: set[str] = set()
    for action, covers in before.items():
        left = list(covers)
        for one in covers:
            fewer = [p for p in left if p is not one]
            if _can(solver, whole.match(policy, action), z3.Not(whole.any(fewer, action))) is None:
                left = fewer
        found.update(p.name for p in left)
    return found


def changes(old: Bundle, new: Bundle) -> Iterator[Change]:
    """For each action and each pair of different answers one situation, where there is one."""
    formulas = Formulas((*old.policies, *new.policies), new.schema.fields)
    before, after = _Set(old, formulas), _Set(new, formulas)
    outcomes = {action: (before.outcome(action), after.outcome(action)) for action in ACTIONS}
    solver = _solver(formulas.laws())
    for action, (was, now) in outcomes.items():
        for earlier in Outcome:
            for later in Outcome:
                if earlier is later:
                    continue
                model = _plainest(solver, [was[earlier], now[later]], formulas.usual())
                if model is not None:
                    yield _replayed(witness(model, formulas, action), action, (old, earlier), (new, later))


def _plainest(solver: Any, conditions: Sequence[Any], usual: Sequence[Any]) -> Any:
    """A model that differs from an ordinary command in as little as a greedy search finds; None when there is none."""
    try:
        model = _can(solver, *conditions)
        if model is None:
            return None
        kept: list[Any] = []
        for one in usual:
            if (better := _can(solver, *conditions, *kept, one)) is not None:
                kept.append(one)
                model = better
    except _Undecided:
        return None
    return model


def _replayed(found: Witness, action: Action, old: tuple[Bundle, Outcome], new: tuple[Bundle, Outcome]) -> Change:
    answers = []
    for bundle, _ in (old, new):
        pdp = PDP(bundle, found.principal, tier=found.tier, around=found.around)
        answers.append(pdp.decide(found.request, found.facts))
    confirmed = (answers[0].outcome, answers[1].outcome) == (old[1], new[1])
    causes = [tuple(policy.id for policy in answer.policies) for answer in answers]
    return Change(action, old[1], new[1], found, confirmed, causes[0], causes[1])
