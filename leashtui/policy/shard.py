"""The policies that can match one action: sieved, sent only the facts they read, evaluated by the engine, remembered.

Knows the engine's call and its diagnostics. Refuses to combine answers and to know time. Invariant: a cache key holds
every input the engine saw, so a hit equals an evaluation; an evaluation with errors is never kept, and the sieve leaves
out only what could neither match nor err.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import cedarpy
import msgspec
from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.facts import Facts
from leashtui.model.request import Request
from leashtui.model.verdict import Decision
from leashtui.policy import names
from leashtui.policy.combine import combine
from leashtui.policy.entities import (
    Context,
    Entity,
    Principal,
    Uid,
    Value,
    ancestry,
    identity_of,
    kind_of,
    resource,
    too_long,
)
from leashtui.policy.index import KIND, RESOURCE, Sieve, Study
from leashtui.policy.policy import Policy
from leashtui.policy.reads import Reads, reads_of
from leashtui.policy.schema import Schema

CACHE = 4096
"""Most remembered matches of a shard."""
PLANS = 1024
"""Most combinations of policies that are kept compiled."""
USUAL = 256
"""Most policies of the one combination that grows with what requests need, so that few are compiled."""
SINGLY = 4
"""Most policies of a new combination that are evaluated one by one, because compiling would cost more."""

_NO_ACTION: Uid = {"type": "Action", "id": "none"}
_NOTHING: Uid = {"type": "Command", "id": ""}
_NOBODY = cedarpy.Entities.from_json_str("[]")
_encode = msgspec.json.Encoder().encode
T = TypeVar("T")


class Stack(Protocol):
    """Where the engine is called: it recurses natively, so that who decides for others gives it a stack it knows."""

    def __call__(self, work: Callable[[], T], /) -> T: ...


def here(work: Callable[[], T], /) -> T:
    """On the caller's own stack."""
    return work()


class Matched(Struct, frozen=True):
    """All policies of a shard that match, the engine's errors, and what they come to without grants."""

    policies: tuple[Policy, ...]
    errors: tuple[str, ...]
    decision: Decision


class Plan:
    """Some policies as one handle of the engine, and what must be sent for them."""

    def __init__(
        self, policies: Sequence[Policy], known: frozenset[str], looked: dict[str, Reads] | None = None
    ) -> None:
        """looked: what single policies look at, by name, as far as that was found out."""
        looked = {} if looked is None else looked
        nodes = {policy.name: policy.node for policy in policies}
        self.handle = PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap(nodes), ()))
        for name, node in nodes.items():
            if name not in looked:
                looked[name] = reads_of([node])
        reads = [looked[name] for name in nodes]
        facts = frozenset().union(*(one.facts for one in reads))
        self.facts = tuple(sorted(known if any(one.every_fact for one in reads) else facts & known))
        self.about_resource = any(one.resource for one in reads)

    def warm_up(self, principal: Uid) -> Plan:
        """Ask it once: the engine's first use of a handle costs many times what later ones do."""
        asked = {"principal": principal, "action": _NO_ACTION, "resource": _NOTHING, "context": "{}"}
        cedarpy.is_authorized(asked, self.handle, _NOBODY)
        return self


class Singly:
    """What the shards of one decider share about single policies, by name: each is found out once."""

    def __init__(self) -> None:
        self.plans: dict[str, Plan] = {}
        self.looked: dict[str, Reads] = {}
        self.studied: dict[str, Study] = {}


class Shard:
    """One action's policies. singly: what is known of single ones, shared by the shards of one decider.

    stack: where the engine evaluates; building a shard calls it too, on the stack of who builds.
    Raises ValueError when the engine refuses them.
    """

    def __init__(
        self,
        action: str,
        policies: Sequence[Policy],
        context: Context,
        principal: Principal,
        schema: Schema,
        digest: str,
        singly: Singly | None = None,
        stack: Stack = here,
    ) -> None:
        self._stack = stack
        self.policies = {policy.name: policy for policy in policies}
        self._listed = tuple(policies)
        self._known = context.names()
        singly = Singly() if singly is None else singly
        self._whole = Plan(self._listed, self._known, singly.looked)
        self.facts = self._whole.facts
        self.about_resource = self._whole.about_resource
        self._context = context
        self._principal = principal.uid()
        self._identity, self._kind = identity_of(action), kind_of(action)
        self._action: Uid = {"type": "Action", "id": str(action)}
        self._anything: Uid = {"type": "Command", "id": ""}
        chain = principal.chain()
        self._base = schema.entities(chain)
        self._sieve = Sieve(self._listed, self._known, frozenset(_keys(chain)), singly.studied)
        blind = [self._listed[number] for number in sorted(self._sieve.blind)]
        self._blind = Plan(blind, self._known, singly.looked).warm_up(self._principal) if blind else None
        self._usually, self._usual = self._sieve.blind, self._blind
        self._digest = digest
        self._cache: dict[tuple[Value | int, ...], Matched] = {}
        self._plans: dict[tuple[int, ...], Plan | None] = {}
        self._single = singly.plans
        for number, policy in enumerate(policies):
            if number not in self._sieve.exact | self._sieve.blind and policy.name not in self._single:
                self._single[policy.name] = Plan([policy], self._known, singly.looked).warm_up(self._principal)

    def match(self, request: Request, facts: Facts) -> Matched:
        """Every policy that matches, remembered or evaluated."""
        values = self._context.values(self.facts, request, facts)
        key = (*values, *self._identity(request, facts)) if self.about_resource else values
        found = self._cache.get(key)
        if found is None:
            found = self._sieved(request, facts, values)
            if not found.errors and not too_long(facts):
                if len(self._cache) >= CACHE:
                    del self._cache[next(iter(self._cache))]
                self._cache[key] = found
        return found

    def whole(self, request: Request, facts: Facts) -> Matched:
        """As `match`, but the engine sees every policy, and nothing is remembered."""
        values = self._context.values(self.facts, request, facts)
        seen = self._context.clean(self.facts, values)
        about = _About(request, facts, needed=True)
        return self._combined(self._stack(lambda: [self._ask(self._whole, seen, about)]))

    def forget(self) -> None:
        """Drop remembered matches; compiled plans stay."""
        self._cache.clear()

    def _sieved(self, request: Request, facts: Facts, values: tuple[Value, ...]) -> Matched:
        seen: dict[str, object] = dict(self._context.clean(self.facts, values))
        seen[KIND] = self._kind
        about = _About(request, facts, needed=self.about_resource)
        if self._sieve.needs_resource:
            seen[RESOURCE] = frozenset(_keys(about.entities))
        picked = self._sieve.pick(seen)
        exact, blind = self._sieve.exact, self._sieve.blind
        matched = [self._listed[number].name for number in picked if number in exact]
        rest = tuple([number for number in picked if number not in exact and number not in blind])
        if not rest and self._blind is None:
            return self._combined((), matched)
        said = self._stack(lambda: [self._ask(plan, seen, about) for plan in self._planned(rest)])
        return self._combined(said, matched)

    def _planned(self, picked: tuple[int, ...]) -> list[Plan]:
        """What to evaluate: these policies and the blind ones, perhaps with others, which then cannot match."""
        blind = [self._blind] if self._blind is not None else []
        if not picked or (len(picked) == 1 and not blind):
            return [*blind, *(self._single[self._listed[number].name] for number in picked)]
        many = len(picked) > SINGLY
        if (blind or many) and self._usually.issuperset(picked) and self._usual is not None:
            return [self._usual]
        plan = self._plans.get(picked)
        if plan is not None:
            return [*blind, plan]
        if not many and picked not in self._plans:
            self._remember(picked, None)
            return [*blind, *(self._single[self._listed[number].name] for number in picked)]
        union = self._usually.union(picked)
        if (blind or many) and len(union) <= USUAL:
            self._usually, self._usual = union, Plan([self._listed[number] for number in sorted(union)], self._known)
            return [self._usual]
        plan = Plan([self._listed[number] for number in picked], self._known)
        self._remember(picked, plan)
        return [*blind, plan]

    def _remember(self, picked: tuple[int, ...], plan: Plan | None) -> None:
        self._plans.pop(picked, None)
        if len(self._plans) >= PLANS:
            del self._plans[next(iter(self._plans))]
        self._plans[picked] = plan

    def _ask(self, plan: Plan, seen: Mapping[str, object], about: _About) -> cedarpy.Diagnostics:
        entities, uid = self._base, self._anything
        if plan.about_resource:
            uid = about.uid
            entities = about.added(entities)
        context = _encode({name: seen[name] for name in plan.facts}).decode()
        asked = {"principal": self._principal, "action": self._action, "resource": uid, "context": context}
        return cedarpy.is_authorized(asked, plan.handle, entities).diagnostics

    def _combined(self, found: Sequence[cedarpy.Diagnostics], matched: Sequence[str] = ()) -> Matched:
        names = [*matched, *(name for one in found for name in one.reasons)]
        policies = tuple([self.policies[name] for name in sorted(names)])
        errors = tuple(sorted(error for one in found for error in one.errors))
        return Matched(policies, errors, combine(policies, errors, self._digest))


class _About:
    """The resource of one request with what it is in, made once and only when some policy looks at it."""

    def __init__(self, request: Request, facts: Facts, *, needed: bool) -> None:
        self.uid: Uid = resource(request, facts) if needed else {}
        self.entities: list[Entity] = _inside(request, self.uid) if needed else []
        self._added: cedarpy.Entities | None = None

    def added(self, base: cedarpy.Entities) -> cedarpy.Entities:
        """`base` with these entities."""
        if self._added is None:
            self._added = base.with_added_json_str(_encode(self.entities).decode())
        return self._added


def _inside(request: Request, uid: Uid) -> list[Entity]:
    if uid["type"] == "MCP::Tool" or (uid["type"] == "Host" and not request.path):
        return names.entities(uid)
    return ancestry(request, uid)


def _keys(entities: list[Entity]) -> Iterator[tuple[str, str]]:
    """(type, id) of every entity and of all that they are in; a parent need not be an entity of its own."""
    for entity in entities:
        uid, parents = entity["uid"], entity["parents"]
        assert isinstance(uid, dict) and isinstance(parents, list)
        for one in (uid, *parents):
            yield one["type"], one["id"]
