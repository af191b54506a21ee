"""The policies that can match one action, as one handle of the engine, with the facts they read and a cache on those.

Knows the engine's call and its diagnostics. Refuses to combine answers and to know time. Invariant: the cache key holds
every input the engine saw, so a hit equals an evaluation; an evaluation with errors is never kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import cedarpy
import msgspec
from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Request
from leashtui.model.verdict import Decision
from leashtui.policy.combine import combine
from leashtui.policy.entities import Context, Principal, Uid, Value, ancestry, resource, too_long
from leashtui.policy.policy import Policy
from leashtui.policy.reads import reads_of
from leashtui.policy.schema import Schema

CACHE = 4096
"""Most remembered matches of a shard."""


class Matched(Struct, frozen=True):
    """All policies of a shard that match, the engine's errors, and what they come to without grants."""

    policies: tuple[Policy, ...]
    errors: tuple[str, ...]
    decision: Decision


class Shard:
    """One action's policies. Raises ValueError when the engine refuses them."""

    def __init__(
        self,
        action: Action,
        policies: Sequence[Policy],
        context: Context,
        principal: Principal,
        schema: Schema,
        digest: str,
    ) -> None:
        self.policies = {policy.name: policy for policy in policies}
        nodes = {name: policy.node for name, policy in self.policies.items()}
        self._set = PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap(nodes), ()))
        reads = reads_of(nodes.values())
        known = context.names()
        self.facts = tuple(sorted(known if reads.every_fact else reads.facts & known))
        self.about_resource = reads.resource
        self._context = context
        self._principal = principal.uid()
        self._action: Uid = {"type": "Action", "id": str(action)}
        self._anything: Uid = {"type": "Command", "id": ""}
        self._base = schema.entities(principal.chain())
        self._digest = digest
        self._cache: dict[tuple[Value, ...], Matched] = {}

    def match(self, request: Request, facts: Facts) -> Matched:
        """Every policy that matches, remembered or evaluated."""
        values = self._context.values(self.facts, request, facts)
        key = (*values, request.path, request.exe, facts.command) if self.about_resource else values
        found = self._cache.get(key)
        if found is None:
            found = self._evaluate(request, facts, values)
            if not found.errors and not too_long(facts):
                if len(self._cache) >= CACHE:
                    del self._cache[next(iter(self._cache))]
                self._cache[key] = found
        return found

    def _evaluate(self, request: Request, facts: Facts, values: tuple[Value, ...]) -> Matched:
        entities, about = self._base, self._anything
        if self.about_resource:
            about = resource(request, facts)
            delta = msgspec.json.encode(ancestry(request, about)).decode()
            entities = entities.with_added_json_str(delta)
        context = msgspec.json.encode(self._context.clean(self.facts, values)).decode()
        asked = {"principal": self._principal, "action": self._action, "resource": about, "context": context}
        answer = cedarpy.is_authorized(asked, self._set, entities)
        diagnostics = answer.diagnostics
        policies = tuple(self.policies[name] for name in sorted(diagnostics.reasons))
        errors = tuple(sorted(diagnostics.errors))
        return Matched(policies, errors, combine(policies, errors, self._digest))
