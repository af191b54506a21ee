"""Words that a policy compares facts with, and that can never match: a misspelt verb would be a forbid asleep.

Knows the closed sets behind verbs, touches, contents, parse, mode, layer, tier and posture. Refuses to know open
ones (hosts, packages). Invariant: only literals that stand directly beside such a fact are judged, so a good policy is
never refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from cedarpy import pst

from leashtui.model.facts import Content, Parse, Place, Verb
from leashtui.model.request import Layer, Mode, Posture, Tier
from leashtui.policy.reads import below

_WORDS: Mapping[str, frozenset[str]] = {
    "verbs": frozenset(Verb),
    "touches": frozenset(f"{verb}:{place}" for verb in Verb for place in Place if place),
    "parse": frozenset(Parse),
    "mode": frozenset(Mode),
    "contents": frozenset(Content),
    "layer": frozenset(Layer),
    "tier": frozenset(Tier),
    "posture": frozenset(Posture),
}


def strange_words(node: pst.Template) -> Iterator[tuple[str, str, str]]:
    """(fact, word, nearest known word or '') for every literal that the fact beside it can never have."""
    stack: list[Any] = list(node.clauses)
    while stack:
        value = stack.pop()
        if isinstance(value, pst.BinaryOp):
            yield from _compared(value.left, value.right)
            yield from _compared(value.right, value.left)
        stack.extend(below(value))


def _compared(fact: pst.Expr, other: pst.Expr) -> Iterator[tuple[str, str, str]]:
    if not isinstance(fact, pst.GetAttr) or fact.base != pst.Var(name="context") or fact.attr not in _WORDS:
        return
    known = _WORDS[fact.attr]
    literals = other.elements if isinstance(other, pst.Set) else (other,)
    for literal in literals:
        if isinstance(literal, pst.StringLit) and literal.value not in known:
            near = get_close_matches(literal.value, sorted(known), 1)
            yield fact.attr, literal.value, near[0] if near else ""
