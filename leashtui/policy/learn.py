"""A policy learned from what was observed: permits for exactly the kinds of acts that were seen, an ask for all others.

Knows facts and how a set of them is described. Refuses to read logs and to decide. Invariant: values become literals of
a syntax tree, never text; what a policy of any layer asks or denies stays so, because a permit cannot answer for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import reduce

from cedarpy import PolicySet, pst
from msgspec import Struct

from leashtui.model.facts import Facts, Parse
from leashtui.model.request import Action, Request
from leashtui.policy.annotations import REASON
from leashtui.policy.bundle import read_nodes
from leashtui.policy.entities import cap
from leashtui.policy.grants import NEVER, SIGNS, shown
from leashtui.policy.layout import lay_out
from leashtui.policy.sources import source
from leashtui.policy.syntax import Flaw, hidden_character

MOST = 200
"""Most programs, hosts or packages that are listed; a session with more is not described by a list."""
_CONTEXT = pst.Var(name="context")
_BRACKETS = re.compile(r"(?<!\w)\((context\.\w+)\)")


class Seen(Struct, frozen=True):
    """One act that was observed. free: nothing asks or denies it, so that a permit is all it needs."""

    request: Request
    facts: Facts
    free: bool


class Scope(Struct, frozen=True):
    """For whom it is learned: a role, or else a kind of agent in one workspace."""

    kind: str
    workspace: str
    role: str = ""


def learn(seen: Sequence[Seen], name: str, scope: Scope) -> str:
    """Cedar text: a permit a program for what nothing else judges, and asks for whatever was not seen.

    name: of the session it was learned from, for the reasons. Raises PolicyError when there is too much to list.
    """
    nodes: list[pst.Template] = []
    groups: dict[str, list[Seen]] = {}
    execs = [one for one in seen if one.request.action is Action.PROCESS_EXEC]
    for one in execs:
        if one.free and _is_plain(one.facts):
            groups.setdefault(one.facts.programs[0] if one.facts.programs else "", []).append(one)
    for program, members in sorted(groups.items()):
        nodes.append(_permit(program, members, name, {node.id for node in nodes}))
    for fact, words in (
        ("programs", "runs a program"),
        ("verbs", "does something"),
        ("touches", "touches a kind of place"),
        ("hosts", "reaches a host"),
    ):
        if execs:
            nodes.append(_others(fact, f"This {words} that was not seen in session {name}.", execs, scope))
    return _text(nodes)


def _is_plain(facts: Facts) -> bool:
    return facts.parse is Parse.FULL and not facts.hidden and not any(getattr(facts, sign) for sign in NEVER)


def _permit(program: str, members: Sequence[Seen], name: str, taken: set[str]) -> pst.Template:
    facts = [one.facts for one in members]
    plain = re.sub(r"[^a-z0-9._-]+", "-", program.lower()).strip("-._")[:40] or "other"
    named = next(
        n for n in (f"learned-{plain}{tail}" for tail in ("", *(f"-{k}" for k in range(999)))) if n not in taken
    )
    absent = [sign for sign in (*SIGNS, "network") if not any(getattr(one, sign) for one in facts)]
    conditions = [
        _op("eq", _fact("parse"), pst.StringLit(value="full")),
        pst.UnaryOp(op="not", arg=_fact("capped")),
        _op("contains", _fact("programs"), pst.StringLit(value=cap(program))),
        _within("programs", {p for one in facts for p in one.programs}),
        _within("verbs", {verb for one in facts for verb in one.verbs()}),
        _within("touches", {pair for one in facts for pair in one.touches()}),
        _within("hosts", {host for one in facts for host in one.hosts}),
        _within("packages", {package for one in facts for package in one.packages}),
    ]
    if all(one.in_workspace for one in facts):
        conditions.append(_fact("in_workspace"))
    signs = reduce(lambda a, b: _op("or", a, b), [_fact(sign) for sign in absent])
    times = f"{len(members)} time{'s' if len(members) > 1 else ''}"
    reason = f"seen {times} in session {name}, for example: {facts[0].command}"
    return _node(named, "permit", reason, conditions, unless=signs)


def _others(fact: str, reason: str, seen: Sequence[Seen], scope: Scope) -> pst.Template:
    """An ask for acts of this kind that go beyond what was seen."""
    known = {member for one in seen for member in shown(one.facts, fact)}
    plain = re.sub(r"[^a-z0-9._-]+", "-", (scope.role or scope.kind).lower()).strip("-._")[:30] or "agent"
    place = [] if scope.role else [_op("eq", _fact("workspace"), pst.StringLit(value=cap(scope.workspace)))]
    node = _node(f"learned-{plain}-other-{fact}", "forbid", reason, place, unless=_within(fact, known))
    kind, name = ("Role", scope.role) if scope.role else ("AgentKind", scope.kind)
    whose = pst.EntityUid(type=pst.EntityType(basename=kind), id=cap(name))
    notes = pst.FrozenMap(**{**dict(node.annotations), "outcome": "ask", "severity": "medium"})
    return replace(node, principal=pst.ScopeIn(entity=whose), annotations=notes)


def _node(name: str, effect: pst.Effect, reason: str, conditions: Sequence[pst.Expr], unless: pst.Expr) -> pst.Template:
    whens = tuple(pst.When(expr=condition) for condition in conditions)
    return pst.Template(
        id=name,
        effect=effect,
        principal=pst.ScopeAny(),
        action=pst.ActionEq(entity=pst.EntityUid(type=pst.EntityType(basename="Action"), id="ProcessExec")),
        resource=pst.ScopeAny(),
        clauses=(*whens, pst.Unless(expr=unless)),
        annotations=pst.FrozenMap(id=name, reason=_sentence(reason)),
    )


def _sentence(text: str) -> str:
    """Within what a @reason may be: one line, nothing hidden."""
    line = " ".join(text.split())
    while (hidden := hidden_character(line)) is not None:
        line = line[: hidden[0]] + "?" + line[hidden[0] + 1 :]
    return line if len(line) <= REASON else line[: REASON - 1] + "…"


def _within(name: str, members: Iterable[str]) -> pst.Expr:
    listed = sorted({cap(str(member)) for member in members})
    if len(listed) > MOST:
        raise Flaw(
            "", 0, 0, f"more than {MOST} {name} were seen", "learn from a shorter session, or one with a purpose"
        )
    if not listed:
        return pst.UnaryOp(op="is_empty", arg=_fact(name))
    return _op("contains_all", pst.Set(elements=tuple(pst.StringLit(value=one) for one in listed)), _fact(name))


def _fact(name: str) -> pst.Expr:
    return pst.GetAttr(base=_CONTEXT, attr=name)


def _op(name: pst.BinaryOpName, left: pst.Expr, right: pst.Expr) -> pst.Expr:
    return pst.BinaryOp(op=name, left=left, right=right)


def _text(nodes: Sequence[pst.Template]) -> str:
    """The policies as a person would lay them out; brackets that mean nothing go where that changes nothing."""
    parts = []
    for node in nodes:
        raw = str(PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap({node.id: node}), ()))).strip()
        fewer = _BRACKETS.sub(r"\1", raw)
        same = (
            read_nodes(source("user", "learned", fewer.encode()))[2]
            == read_nodes(source("user", "learned", raw.encode()))[2]
        )
        parts.append(lay_out(source("user", "learned", (fewer if same else raw).encode())))
    return "\n".join(parts)
