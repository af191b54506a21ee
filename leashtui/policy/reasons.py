"""Why a policy matched an act or did not: each of its conditions, asked of the engine one by one.

Knows how a policy falls into conditions that must all hold. Refuses to know logs and to print. Invariant: every answer
is the engine's own; a policy matches exactly when all its conditions hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.facts import Facts
from leashtui.model.request import Request
from leashtui.policy.index import ands
from leashtui.policy.pdp import PDP
from leashtui.policy.policy import Policy

_BRACKETS = re.compile(r"(?<!\w)\((context\.\w+)\)")


class Condition(Struct, frozen=True):
    """One condition as Cedar text, and whether it holds; None when it could not be evaluated."""

    text: str
    holds: bool | None


class Reason(Struct, frozen=True):
    """One policy and its conditions. matches: whether all hold."""

    policy: Policy
    conditions: tuple[Condition, ...]

    @property
    def matches(self) -> bool:
        """Whether every condition holds."""
        return all(condition.holds for condition in self.conditions)

    @property
    def is_near(self) -> bool:
        """Whether exactly one condition is missing, and something that was said of the act does hold."""
        missing = [condition for condition in self.conditions if not condition.holds]
        return len(missing) == 1 and any(c.holds and not c.text.startswith(("!", "not ")) for c in self.conditions)


def reasons(pdp: PDP, request: Request, facts: Facts, policies: Sequence[Policy]) -> list[Reason]:
    """Why each of these policies matched or not. Raises PolicyError when the engine refuses the conditions."""
    parts = {f"{at}/{number}": node for at, policy in enumerate(policies) for number, node in enumerate(_parts(policy))}
    asked = [_named(policies[int(name.partition("/")[0])], name, node) for name, node in parts.items()]
    held, failed = pdp.ask(request, facts, asked)
    found = []
    for at, policy in enumerate(policies):
        conditions = []
        for number, node in enumerate(_parts(policy)):
            name = f"{at}/{number}"
            broken = any(f"`{name}`" in error for error in failed)
            conditions.append(Condition(_text(node), None if broken else name in held))
        found.append(Reason(policy, tuple(conditions)))
    return found


def _named(policy: Policy, name: str, node: pst.Template) -> Policy:
    return Policy(name, policy.layer, True, policy.meta, replace(node, id=name))


def _parts(policy: Policy) -> Iterator[pst.Template]:
    """The conditions of a policy, each as a permit of its own: who, about what, and every conjunct."""
    node = policy.node
    anyone: dict[str, Any] = {"principal": pst.ScopeAny(), "resource": pst.ScopeAny(), "clauses": ()}
    if not isinstance(node.principal, pst.ScopeAny):
        yield replace(node, **(anyone | {"principal": node.principal}))
    if not isinstance(node.resource, pst.ScopeAny):
        yield replace(node, **(anyone | {"resource": node.resource}))
    for clause in node.clauses:
        for expr in [clause.expr] if isinstance(clause, pst.Unless) else ands(clause.expr):
            yield replace(node, **(anyone | {"clauses": (replace(clause, expr=expr),)}))


def _text(node: pst.Template) -> str:
    """The condition as it would be written."""
    whole = str(PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap({node.id: node}), ())))
    text = _BRACKETS.sub(r"\1", " ".join(whole.split()))
    if node.clauses:
        body = text[text.index("{", text.index(")")) + 1 : text.rindex("}")].strip()
        return f"not ({body})" if isinstance(node.clauses[0], pst.Unless) else body
    scope = text[text.index("(") + 1 : text.rindex(")")]
    return next(part.strip() for part in scope.split(",") if " in " in part or "==" in part or " is " in part)
