"""What an expression of a policy comes to, from the facts themselves: literals, facts, and sets of these.

Knows how the engine compares: values of different types are unequal, sets have no order. Refuses arithmetic, parsing
and attributes of entities. Invariant: what is understood is total; for everything else there is no value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from cedarpy import pst
from msgspec import Struct

Seen = Mapping[str, Any]
"""Cleaned facts by name; sets as tuples."""
_CONTEXT = pst.Var(name="context")


class Value(Struct, frozen=True):
    """of: the value for these facts, hashable; sets as frozensets. reads: the facts it depends on."""

    of: Callable[[Seen], Any]
    reads: frozenset[str] = frozenset()


def value_of(expr: Any, facts: frozenset[str]) -> Value | None:
    """The value of an expression; None when it is not understood."""
    if isinstance(expr, pst.StringLit | pst.BoolLit):
        plain = expr.value
        return Value(lambda seen: plain)
    if isinstance(expr, pst.LongLit):
        number = ("long", expr.value)  # True and 1 are one to Python
        return Value(lambda seen: number)
    if isinstance(expr, pst.GetAttr) and expr.base == _CONTEXT and expr.attr in facts and expr.attr != "outside":
        name = expr.attr
        return Value(lambda seen: _plain(seen[name]), frozenset({name}))
    if isinstance(expr, pst.Set):
        parts = [value_of(part, facts) for part in expr.elements]
        known = [part for part in parts if part is not None]
        if len(known) != len(parts):
            return None
        reads = frozenset[str]().union(*(part.reads for part in known))
        return Value(lambda seen: frozenset([part.of(seen) for part in known]), reads)
    return None


def _plain(value: Any) -> Any:
    return frozenset(value) if isinstance(value, tuple) else value


def compare(expr: pst.BinaryOp, facts: frozenset[str]) -> tuple[Callable[[Seen], bool], frozenset[str]] | None:
    """(test, facts it reads) of a comparison of two values; None when one of them is not understood."""
    left, right = value_of(expr.left, facts), value_of(expr.right, facts)
    if left is None or right is None:
        return None
    one, two = left.of, right.of
    tests: dict[str, Callable[[Seen], bool]] = {
        "eq": lambda seen: bool(one(seen) == two(seen)),
        "not_eq": lambda seen: bool(one(seen) != two(seen)),
        "contains": lambda seen: two(seen) in one(seen),
        "contains_all": lambda seen: one(seen) >= two(seen),
        "contains_any": lambda seen: not one(seen).isdisjoint(two(seen)),
    }
    test = tests.get(expr.op)
    return (test, left.reads | right.reads) if test is not None else None
