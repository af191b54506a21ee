"""What a policy looks at: which facts, whether the resource, for which actions. Found by walking its syntax tree.

Knows the shape of cedarpy's nodes only. Refuses to evaluate. Invariant: it never reports less than the policy reads;
whatever is not recognised counts as reading everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from cedarpy import pst
from msgspec import Struct


class Reads(Struct, frozen=True):
    """facts: context attributes read. every_fact: the context is used as a whole. resource: its identity matters."""

    facts: frozenset[str] = frozenset()
    every_fact: bool = False
    resource: bool = False


_PARTS: dict[type, tuple[str, ...] | None] = {}


def parts_of(value: object) -> tuple[str, ...] | None:
    """The fields of a node; None for what is no node. Found out once a kind: a set has many nodes of few kinds."""
    kind = type(value)
    if kind not in _PARTS:
        _PARTS[kind] = tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None
    return _PARTS[kind]


def below(value: Any) -> Iterable[Any]:
    """What lies directly below a node, or in a collection of nodes."""
    parts = parts_of(value)
    if parts is not None:
        return [getattr(value, name) for name in parts]
    if isinstance(value, tuple):
        return value
    return () if isinstance(value, str) or not isinstance(value, Mapping) else value.values()


def reads_of(nodes: Iterable[pst.Template]) -> Reads:
    """The union of what these policies look at."""
    facts: set[str] = set()
    every = resource = False
    stack: list[Any] = []
    for node in nodes:
        resource = resource or not isinstance(node.resource, pst.ScopeAny)
        stack.extend(node.clauses)
    context = pst.Var(name="context")
    while stack:
        value = stack.pop()
        if isinstance(value, pst.GetAttr) and value.base == context:
            facts.add(value.attr)
        elif isinstance(value, pst.HasAttr) and value.base == context:
            facts.add(value.attrs[0])
        elif isinstance(value, pst.Var):
            every = every or value.name == "context"
            resource = resource or value.name == "resource"
        else:
            stack.extend(below(value))
    return Reads(frozenset(facts), every, resource)


def place_of(node: pst.Template) -> pst.EntityUid | None:
    """The one entity that the resource must be, or be in, for this policy to match, where nothing else is asked of the
    resource: all others are the same to it. None where it may ask more.
    """
    scope = node.resource
    if not isinstance(scope, (pst.ScopeEq, pst.ScopeIn)) or reads_of_clauses(node):
        return None
    return scope.entity if isinstance(scope.entity, pst.EntityUid) else None


def reads_of_clauses(node: pst.Template) -> bool:
    """Whether the clauses of a policy look at the resource."""
    stack: list[Any] = list(node.clauses)
    while stack:
        value = stack.pop()
        if isinstance(value, pst.Var) and value.name == "resource":
            return True
        stack.extend(below(value))
    return False


def named_in(node: pst.Template) -> frozenset[pst.EntityUid]:
    """Every entity a policy names, in its scope or its clauses."""
    found: set[pst.EntityUid] = set()
    stack: list[Any] = [node.principal, node.resource, *node.clauses]
    while stack:
        value = stack.pop()
        if isinstance(value, pst.EntityUid):
            found.add(value)
        else:
            stack.extend(below(value))
    return frozenset(found)


def names_action(node: pst.Template, action: str) -> bool:
    """Whether the policy's scope says this action by name."""
    scope = node.action
    if isinstance(scope, pst.ActionEq):
        return scope.entity.id == action
    return isinstance(scope, pst.ActionIn) and any(uid.id == action for uid in scope.entities)


def actions_of(node: pst.Template, members: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """The action ids a policy can match. members: action id -> itself and everything in it (schema.members)."""
    scope = node.action
    if isinstance(scope, pst.ActionEq):
        return frozenset({scope.entity.id})
    if isinstance(scope, pst.ActionIn):
        return frozenset().union(*(members.get(uid.id, frozenset({uid.id})) for uid in scope.entities))
    return frozenset(members)
