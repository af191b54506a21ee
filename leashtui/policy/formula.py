"""Policies as formulas over the facts: the reading of Cedar that the optional solver (z3) works with.

Knows flags, words, sets, patterns, folders and who asks; whatever else a policy says becomes an unknown that may be
true or false. Refuses to ask the solver anything. Invariant: every situation the engine can meet satisfies `laws`, so
that "no situation" is a proof; a situation that is found is only a claim until the engine replayed it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import z3
from cedarpy import pst

from leashtui.model.facts import Parse, Verb
from leashtui.model.request import Action, Layer, Mode, Posture, Tier
from leashtui.policy import names
from leashtui.policy.cases import ordinary
from leashtui.policy.names import type_of
from leashtui.policy.policy import Policy
from leashtui.policy.reach import CHANGING

_CONTEXT = pst.Var(name="context")
_CLOSED = {"parse": Parse, "mode": Mode, "layer": Layer, "tier": Tier, "posture": Posture}
OTHER = "\0other"
"""Stands for every member that no policy names."""
REACH = {
    Action.PROCESS_EXEC: {"Command", "File", "Dir"},
    Action.FILE_READ: {"File", "Dir"},
    Action.FILE_WRITE: {"File", "Dir"},
    Action.FILE_DELETE: {"File", "Dir"},
    Action.NET_CONNECT: {"Host"},
    Action.NET_BIND: {"Host"},
    Action.TOOL_CALL: {"MCP::Tool", "MCP::Server"},
    Action.SESSION_START: {"Repository", "Dir"},
    Action.LEASH_CONTROL: {"Control"},
    Action.TOOL_USE: {"AgentTool"},
    Action.SUBAGENT_SPAWN: {"AgentTool"},
    Action.PROMPT_SEND: {"Prompt"},
}
"""What the resource of an action can be, or be in."""
_ALONE = frozenset({"User", "AgentKind", "Agent", "Role", "Session", "Org"})


def walk(value: Any) -> Iterator[Any]:
    """Every node below a syntax tree, the tree itself first."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, tuple):
            stack.extend(one)
        elif isinstance(one, Mapping):
            stack.extend(one.values())
        elif hasattr(one, "__dataclass_fields__"):
            yield one
            stack.extend(getattr(one, name) for name in one.__dataclass_fields__)


class Formulas:
    """Formulas of many policies over the same unknowns. fields: fact -> its type in the schema."""

    def __init__(self, policies: Iterable[Policy], fields: Mapping[str, str]) -> None:
        self.fields = fields
        self.members: dict[str, set[str]] = {name: set() for name, kind in fields.items() if kind == "Set<String>"}
        self.uids: set[tuple[str, str]] = set()
        self.unknown: set[str] = set()
        for policy in policies:
            for node in walk((policy.node.principal, policy.node.resource, policy.node.clauses)):
                self._note(node)

    def _note(self, node: Any) -> None:
        if isinstance(node, pst.EntityUid):
            self.uids.add((type_of(node), node.id))
        elif isinstance(node, pst.BinaryOp):
            for fact, other in ((node.left, node.right), (node.right, node.left)):
                if (name := self._fact(fact)) in self.members:
                    self.members[name].update(_words(other) or ())

    def _fact(self, expr: Any) -> str:
        return expr.attr if isinstance(expr, pst.GetAttr) and expr.base == _CONTEXT else ""

    # unknowns ----------------------------------------------------------------------------------------------------
    def flag(self, name: str) -> Any:
        """A Bool fact."""
        return z3.Bool(f"f {name}")

    def text(self, name: str) -> Any:
        """A String fact."""
        return z3.String(f"s {name}")

    def member(self, name: str, word: str) -> Any:
        """Whether a set holds a word."""
        return z3.Bool(f"m {name} {word}")

    def inside(self, kind: str, name: str) -> Any:
        """Whether the resource, or the principal, is this entity or in it."""
        return z3.Bool(f"u {kind} {name}")

    def _empty(self, name: str) -> Any:
        return z3.Not(z3.Or([self.member(name, word) for word in sorted(self.members[name]) + [OTHER]]))

    # policies ----------------------------------------------------------------------------------------------------
    def match(self, policy: Policy, action: Action) -> Any:
        """When this policy matches a request of this action, which it must be able to speak of."""
        node = policy.node
        parts = [self._scope(node.principal, action), self._scope(node.resource, action)]
        for clause in node.clauses:
            held = self._bool(clause.expr, action)
            parts.append(z3.Not(held) if isinstance(clause, pst.Unless) else held)
        return z3.And(parts)

    def _scope(self, scope: Any, action: Action) -> Any:
        parts = [self._is(scope.entity_type, action)] if isinstance(scope, pst.ScopeIs | pst.ScopeIsIn) else []
        entity = getattr(scope, "entity", None)
        if isinstance(entity, pst.EntityUid):
            parts.append(self._in(type_of(entity), entity.id, action))
        return z3.And(parts)

    @staticmethod
    def _is(kind: pst.EntityType, action: Action) -> Any:
        name = "::".join((*kind.namespace, kind.basename))
        first = {Action.PROCESS_EXEC: "Command", Action.TOOL_CALL: "MCP::Tool", Action.SESSION_START: "Repository"}
        if name == "Session":
            return z3.BoolVal(True)
        return z3.BoolVal(name in REACH[action] and name == first.get(action, name) and name != "Dir")

    def _in(self, kind: str, name: str, action: Action) -> Any:
        mine = kind in _ALONE or kind == "Team"
        return self.inside(kind, name) if mine or kind in REACH[action] else z3.BoolVal(False)

    def _bool(self, expr: Any, action: Action) -> Any:
        if isinstance(expr, pst.BoolLit):
            return z3.BoolVal(expr.value)
        if isinstance(expr, pst.UnaryOp):
            name = self._fact(expr.arg)
            if expr.op == "is_empty" and name in self.members:
                return self._empty(name)
            return z3.Not(self._bool(expr.arg, action)) if expr.op == "not" else self._unknown(expr)
        if isinstance(expr, pst.GetAttr) and self.fields.get(self._fact(expr)) == "Bool":
            return self.flag(expr.attr)
        if isinstance(expr, pst.IfThenElse):
            return z3.If(*(self._bool(one, action) for one in (expr.cond, expr.then_expr, expr.else_expr)))
        if isinstance(expr, pst.Like) and self.fields.get(self._fact(expr.base)) == "String":
            return z3.InRe(self.text(self._fact(expr.base)), _pattern(expr.pattern))
        if isinstance(expr, pst.Is) and expr.base in (pst.Var(name="resource"), pst.Var(name="principal")):
            kind = self._is(expr.entity_type, action)
            uids = _uids(expr.in_expr) if expr.in_expr is not None else None
            return kind if uids is None else z3.And(kind, z3.Or([self._in(*uid, action) for uid in uids]))
        if isinstance(expr, pst.BinaryOp):
            return self._binary(expr, action)
        return self._unknown(expr)

    def _binary(self, expr: pst.BinaryOp, action: Action) -> Any:
        if expr.op in ("and", "or"):
            joined = z3.And if expr.op == "and" else z3.Or
            return joined(self._bool(expr.left, action), self._bool(expr.right, action))
        if expr.op == "not_eq":
            return z3.Not(self._binary(pst.BinaryOp(op="eq", left=expr.left, right=expr.right), action))
        if expr.left in (pst.Var(name="resource"), pst.Var(name="principal")) and expr.op in ("in", "eq"):
            uids = _uids(expr.right)
            return self._unknown(expr) if uids is None else z3.Or([self._in(*uid, action) for uid in uids])
        return self._facts(expr)

    def _facts(self, expr: pst.BinaryOp) -> Any:
        left, right = self._fact(expr.left), self._fact(expr.right)
        if self.fields.get(left) == "Bool" and expr.op == "eq" and isinstance(expr.right, pst.BoolLit):
            return self.flag(left) == z3.BoolVal(expr.right.value)
        if self.fields.get(left) == "String" and expr.op == "eq" and isinstance(expr.right, pst.StringLit):
            return self.text(left) == z3.StringVal(expr.right.value)
        words = _words(expr.right if left else expr.left)
        if words is None:
            return self._unknown(expr)
        if self.fields.get(right) == "String" and expr.op == "contains":
            return z3.Or([self.text(right) == z3.StringVal(word) for word in words])
        name = left if left in self.members else right
        if name not in self.members:
            return self._unknown(expr)
        held = [self.member(name, word) for word in sorted(words)]
        strange = [self.member(name, word) for word in sorted(self.members[name] - words) + [OTHER]]
        if expr.op == "contains_any":
            return z3.Or(held)
        if expr.op == "eq":
            return z3.And(*held, z3.Not(z3.Or(strange)))
        if expr.op == "contains_all":
            return z3.And(held) if left else z3.Not(z3.Or(strange))
        return z3.Or(held) if expr.op == "contains" and left else self._unknown(expr)

    def _unknown(self, expr: Any) -> Any:
        name = f"? {expr!r}"
        self.unknown.add(name)
        return z3.Bool(name)

    def usual(self) -> list[Any]:
        """What holds of an ordinary command; a situation that shows something should differ from it in little else."""
        plain = ordinary("x")[1]
        said = [
            self.flag(name) == z3.BoolVal(bool(getattr(plain, name, False)))
            for name, kind in self.fields.items()
            if kind == "Bool"
        ]
        words = {"parse": "full", "mode": "kernel", "layer": "explain", "tier": "exec", "posture": "guard"}
        said += [self.text(name) == z3.StringVal(word) for name, word in words.items()]
        return said + [z3.Not(self.member(name, OTHER)) for name in self.members]

    # what holds in every situation -------------------------------------------------------------------------------
    def laws(self) -> list[Any]:
        """What every real situation satisfies, whatever the policies are."""
        found = [
            z3.Or([self.text(name) == z3.StringVal(str(word)) for word in words]) for name, words in _CLOSED.items()
        ]
        found.append(z3.Implies(self.flag("capped"), self.text("parse") != z3.StringVal("full")))
        verbs = self.members["verbs"]
        for pair in self.members["touches"]:
            verb = pair.partition(":")[0]
            found.append(
                z3.Implies(self.member("touches", pair), self.member("verbs", verb if verb in verbs else OTHER))
            )
        changing = [self.member("verbs", verb) for verb in sorted(CHANGING) if verb in verbs]
        if not verbs.issuperset(CHANGING):
            changing.append(self.member("verbs", OTHER))
        for path in self.members["changes"]:
            found.append(z3.Implies(self.member("changes", path), z3.Or(changing)))
            found += self._below("changes", path, "/")
        for words in self.members["prefixes"]:
            found += self._below("prefixes", words, " ", alone=True)
        if verbs.issuperset(Verb):
            found.append(z3.Not(self.member("verbs", OTHER)))
        return [*found, *self._places()]

    def _below(self, name: str, word: str, mark: str, alone: bool = False) -> Iterator[Any]:
        """What a path or a prefix implies of the others; alone: only one of two that do not begin alike can hold."""
        for other in self.members[name]:
            if word.startswith(other + mark):
                yield z3.Implies(self.member(name, word), self.member(name, other))
            elif alone and word < other and not other.startswith(word + mark):
                yield z3.Not(z3.And(self.member(name, word), self.member(name, other)))

    def _places(self) -> Iterator[Any]:
        listed = sorted(self.uids)
        for kind, name in listed:
            above = {(uid["type"], uid["id"]) for uid in names.above({"type": kind, "id": name})} - {(kind, name)}
            for one in above & self.uids:
                yield z3.Implies(self.inside(kind, name), self.inside(*one))
        for at, (kind, name) in enumerate(listed):
            for other_kind, other in listed[at + 1 :]:
                if kind == other_kind and kind in _ALONE:
                    yield z3.Not(z3.And(self.inside(kind, name), self.inside(kind, other)))
                elif {kind, other_kind} <= {"File", "Dir", "Host"} and not _related((kind, name), (other_kind, other)):
                    yield z3.Not(z3.And(self.inside(kind, name), self.inside(other_kind, other)))


def _related(one: tuple[str, str], two: tuple[str, str]) -> bool:
    def chain(uid: tuple[str, str]) -> set[tuple[str, str]]:
        return {uid, *((up["type"], up["id"]) for up in names.above({"type": uid[0], "id": uid[1]}))}

    return one in chain(two) or two in chain(one)


def _words(expr: Any) -> frozenset[str] | None:
    parts = expr.elements if isinstance(expr, pst.Set) else (expr,)
    if not all(isinstance(part, pst.StringLit) for part in parts):
        return None
    return frozenset(part.value for part in parts if isinstance(part, pst.StringLit))


def _uids(expr: Any) -> list[tuple[str, str]] | None:
    parts = expr.elements if isinstance(expr, pst.Set) else (expr,)
    found = [(type_of(p.value), p.value.id) for p in parts if isinstance(p, pst.EntityLit)]
    return found if len(found) == len(parts) else None


def _pattern(pattern: Iterable[Any]) -> Any:
    anything = z3.Star(z3.AllChar(z3.ReSort(z3.StringSort())))
    parts = [anything if isinstance(one, pst.Wildcard) else z3.Re(one.value) for one in pattern]
    return z3.Concat(*parts) if len(parts) > 1 else parts[0] if parts else z3.Re("")
