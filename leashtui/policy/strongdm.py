"""StrongDM Leash's policies as Cedar that means what their document says: one syntax tree in, another out.

Their files parse as Cedar but mean something else there: actions in any case, `==` on a folder or host means `in`,
users are ignored. Knows those readings, and in `leash-compat` also where their engine strays from their document.
Refuses to print. Invariant: a rewrite never widens a permit nor narrows a forbid beyond their document.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import StrEnum
from functools import reduce
from typing import Any

from cedarpy import pst

from leashtui.policy.names import HOSTS, join_host, plain_path, split_host, type_of

ACTIONS = (
    "FileOpen",
    "FileOpenReadOnly",
    "FileOpenReadWrite",
    "ProcessExec",
    "NetworkConnect",
    "HttpRewrite",
    "McpCall",
)
"""Every action of their dialect."""
LONGEST = 64
"""Bytes of a path beyond which their kernel part skips a rule."""
_KNOWN = {name.lower(): name for name in ACTIONS}
_RESOURCE = pst.Var(name="resource")
_CONTEXT = pst.Var(name="context")
_WHERE = ("File", "Dir", "MCP::Server", "MCP::Tool", "Net::DnsZone", *HOSTS)


class Mode(StrEnum):
    """cedar: as their document says. leash-compat: as their engine does, its surprises included."""

    CEDAR = "cedar"
    COMPAT = "leash-compat"


def canonical(action: str) -> str:
    """Their action in its usual spelling; anything else as it is."""
    return _KNOWN.get(action.lower(), action)


def entity(kind: str, name: str) -> pst.EntityUid:
    """An entity by its type and id."""
    *namespace, base = kind.split("::")
    return pst.EntityUid(type=pst.EntityType(basename=base, namespace=tuple(namespace)), id=name)


def walk(value: Any) -> Iterable[Any]:
    """Every node below, the node itself first."""
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, Mapping):
            stack.extend(one.values())
        elif isinstance(one, tuple):
            stack.extend(one)
        elif is_dataclass(one) and not isinstance(one, type):
            yield one
            stack.extend(getattr(one, field.name) for field in fields(one))


def actions(node: pst.Template) -> tuple[str, ...]:
    """The actions it names, canonical; () when it names none."""
    scope = node.action
    if isinstance(scope, pst.ActionEq):
        return (canonical(scope.entity.id),)
    return tuple(canonical(uid.id) for uid in scope.entities) if isinstance(scope, pst.ActionIn) else ()


def places(node: pst.Template) -> tuple[pst.EntityUid, ...]:
    """The resources it names, in scope and clauses, in a stable order."""
    found = {one for part in (node.resource, node.clauses) for one in walk(part) if isinstance(one, pst.EntityUid)}
    return tuple(sorted((uid for uid in found if type_of(uid) in _WHERE), key=lambda uid: (type_of(uid), uid.id)))


def in_any(uids: Sequence[pst.EntityUid]) -> pst.Expr:
    """`resource in [...]`, one set a type."""
    kinds: dict[str, list[pst.EntityUid]] = {}
    for uid in uids:
        kinds.setdefault(type_of(uid), []).append(uid)
    tests: list[pst.Expr] = []
    for members in kinds.values():
        literals = tuple(pst.EntityLit(value=uid) for uid in members)
        right = literals[0] if len(literals) == 1 else pst.Set(elements=literals)
        tests.append(pst.BinaryOp(op="in", left=_RESOURCE, right=right))
    return reduce(lambda a, b: pst.BinaryOp(op="or", left=a, right=b), tests) if tests else pst.BoolLit(value=False)


def like(fact: str, pattern: str) -> pst.Expr:
    """`context has fact && context.fact like pattern`."""
    elements = tuple(pst.Wildcard() if char == "*" else pst.Char(value=char) for char in pattern)
    return _guarded(fact, pst.Like(base=pst.GetAttr(base=_CONTEXT, attr=fact), pattern=elements))


def _longer(fact: str, pattern: str) -> pst.Expr:
    """As `like`, but not what the pattern's star stands before alone."""
    alone = pst.StringLit(value=pattern.removeprefix("*"))
    other = pst.BinaryOp(op="not_eq", left=pst.GetAttr(base=_CONTEXT, attr=fact), right=alone)
    return pst.BinaryOp(op="and", left=like(fact, pattern), right=other)


def _guarded(fact: str, test: pst.Expr) -> pst.Expr:
    return pst.BinaryOp(op="and", left=pst.HasAttr(base=_CONTEXT, attrs=(fact,)), right=test)


class Rewrite:
    """Rewrites the statements of one file. everything: all of them (compat looks at permits beside a forbid). facts:
    those there are, None for any; a test of another holds where that forbids more, and never where it would permit.
    """

    def __init__(
        self, mode: Mode, everything: Sequence[pst.Template] = (), facts: frozenset[str] | None = None
    ) -> None:
        self._facts = facts
        self._compat = mode is Mode.COMPAT
        self._everything = everything

    def statement(self, node: pst.Template) -> tuple[pst.Template, ...]:
        """The policies that stand for one statement: itself, and for a whole MCP server its host too."""
        permits = node.effect == "permit"
        clauses = [self._clause(clause, permits) for clause in node.clauses]
        scope = self._scope(node.resource, permits)
        if scope is not None:
            clauses.insert(0, pst.When(expr=scope))
        if self._compat and not permits:
            clauses.extend(self.narrower(node))
        kept = node.resource if scope is None and isinstance(node.resource, pst.ScopeIs) else pst.ScopeAny()
        made = replace(
            node,
            principal=self._principal(node.principal) if permits else pst.ScopeAny(),
            action=self._action(node.action),
            resource=kept,
            clauses=tuple(clauses),
        )
        servers = () if permits else whole_servers(node)
        if not servers:
            return (made,)
        hosts = [self._uid(entity("Host", uid.id)) for uid in servers]
        closed = replace(
            made,
            id=f"{node.id}-host",
            action=pst.ActionEq(entity=entity("Action", "NetworkConnect")),
            clauses=(pst.When(expr=in_any(hosts)),),
        )
        return made, closed

    def _principal(self, scope: Any) -> Any:
        named = getattr(scope, "entity", None)
        if self._compat or named is None:
            return pst.ScopeAny()
        return pst.ScopeIn(entity=entity("AgentKind", named.id))

    @staticmethod
    def _action(scope: Any) -> Any:
        if isinstance(scope, pst.ActionEq):
            uids: tuple[pst.EntityUid, ...] = (scope.entity,)
        elif isinstance(scope, pst.ActionIn):
            uids = tuple(scope.entities)
        else:
            return scope
        named = tuple(replace(uid, id=canonical(uid.id)) for uid in uids)
        if len(named) == 1 and named[0].id != "FileOpen":
            return pst.ActionEq(entity=named[0])
        return pst.ActionIn(entities=named)

    def _scope(self, scope: Any, permits: bool) -> pst.Expr | None:
        named = getattr(scope, "entity", None)
        return None if named is None else self._within([named], permits)

    def _clause(self, clause: Any, permits: bool) -> Any:
        inverted = isinstance(clause, pst.Unless)
        expr = self._expr(clause.expr, permits is not inverted)
        return pst.When(expr=expr) if self._compat or not inverted else pst.Unless(expr=expr)

    def narrower(self, node: pst.Template) -> Iterable[pst.Unless]:
        """Their engine lets a longer path win: the permits inside what this forbids."""
        mine = [uid.id.rstrip("/") + "/" for uid in places(node) if type_of(uid) in ("File", "Dir")]
        inside = {
            uid
            for other in self._everything
            if other.effect == "permit" and set(actions(other)) & set(actions(node))
            for uid in places(other)
            if type_of(uid) in ("File", "Dir") and any(uid.id.startswith(path) and uid.id != path for path in mine)
        }
        if inside:
            yield pst.Unless(expr=self._within(sorted(inside, key=lambda uid: uid.id), True))

    def _within(self, uids: Sequence[pst.EntityUid], widens: bool) -> pst.Expr:
        """`resource` is one of these, or inside one. widens: whether a match widens what is permitted."""
        special: list[pst.Expr] = []
        plain: list[pst.EntityUid] = []
        for uid in uids:
            pattern = self._pattern(uid, widens)
            if pattern is None:
                plain.append(self._uid(uid))
            elif pattern[1]:
                special.append(like(*pattern) if not self._suffix(uid) else _longer(*pattern))
        tests = special if special and not plain else [in_any(plain), *special]
        return reduce(lambda a, b: pst.BinaryOp(op="or", left=a, right=b), tests)

    def _pattern(self, uid: pst.EntityUid, widens: bool) -> tuple[str, str] | None:
        """(fact, pattern) for a name that no hierarchy can carry; ('', '') when it can never match."""
        kind, name = type_of(uid), uid.id
        if kind in HOSTS:
            if self._suffix(uid):
                return "hostname", "*" + split_host(name)[0][2:]
            if "*" in name.removeprefix("*.") and name.partition(":")[0] != "*":
                return ("", "") if widens and not self._compat else ("hostname", split_host(name)[0])
        if kind in ("File", "Dir"):
            if self._compat and len(name.encode()) > LONGEST:
                return "", ""
            if self._compat and kind == "File":
                return "path", name + "*"
            if "*" in name:
                return ("", "") if widens else ("path", name if kind == "File" else name.rstrip("/") + "/*")
        return None

    def _suffix(self, uid: pst.EntityUid) -> bool:
        """Whether their engine would compare only the end of the host's name."""
        name = uid.id
        return self._compat and type_of(uid) in HOSTS and name.startswith("*.") and "*" not in name[1:]

    @staticmethod
    def _uid(uid: pst.EntityUid) -> pst.EntityUid:
        kind, name = type_of(uid), uid.id
        if kind == "Dir":
            return entity(kind, plain_path(name).rstrip("/") + "/")
        if kind == "File":
            return entity(kind, plain_path(name))
        if kind in HOSTS:
            return entity("Host", join_host(*split_host(name)))
        if kind == "Net::DnsZone":
            return entity("Host", "*." + name.lower().strip("."))
        if kind == "MCP::Server":
            return entity(kind, join_host(*split_host(name)))
        return entity(kind, name.lower()) if kind == "MCP::Tool" else uid

    def _expr(self, expr: Any, widens: bool) -> Any:
        found = self._test(expr, widens)
        if found is not None:
            return found
        if expr == _CONTEXT:
            return expr
        if not _joins(expr) and strange_facts(expr, self._facts):
            return pst.BoolLit(value=not widens)
        if isinstance(expr, pst.UnaryOp) and expr.op == "not":
            return replace(expr, arg=self._expr(expr.arg, not widens))
        if isinstance(expr, pst.Is) and expr.in_expr is not None and expr.base == _RESOURCE:
            return self._within(_uids(expr.in_expr) or [], widens) if _uids(expr.in_expr) else expr
        changes = {
            field.name: self._expr(value, widens)
            for field in fields(expr)
            if is_dataclass(value := getattr(expr, field.name)) and not isinstance(value, pst.EntityUid)
        }
        return replace(expr, **changes) if changes else expr

    def _test(self, expr: Any, widens: bool) -> pst.Expr | None:
        """The rewrite of a test of the resource or the host's name; None for anything else."""
        if isinstance(expr, pst.Like) and _is_fact(expr.base, "hostname") and pst.Char(value="*") not in expr.pattern:
            pattern = "".join("*" if isinstance(p, pst.Wildcard) else p.value for p in expr.pattern).lower()
            if pattern == "*" or (pattern.startswith("*.") and "*" not in pattern[1:]):
                return self._within([entity("Host", pattern)], widens)
            if self._compat and "*" in pattern:
                return self._within([entity("Host", "*." + pattern.rpartition("*")[2].lstrip("."))], widens)
            return like("hostname", pattern)
        if not isinstance(expr, pst.BinaryOp):
            return None
        if expr.op in ("eq", "not_eq") and _is_fact(expr.left, "port") and isinstance(expr.right, pst.LongLit):
            return replace(expr, right=pst.StringLit(value=str(expr.right.value)))
        if expr.op == "contains" and _is_fact(expr.right, "port") and isinstance(expr.left, pst.Set):
            parts = [pst.StringLit(value=str(p.value)) if isinstance(p, pst.LongLit) else p for p in expr.left.elements]
            return replace(expr, left=pst.Set(elements=tuple(parts)))
        if expr.op in ("eq", "not_eq", "in") and expr.left == _RESOURCE:
            uids = _uids(expr.right)
        elif expr.op in ("eq", "not_eq", "contains") and expr.right == _RESOURCE:
            uids = _uids(expr.left)
        elif expr.op in ("eq", "not_eq") and _is_fact(expr.left, "hostname") and isinstance(expr.right, pst.StringLit):
            uids = [entity("Host", expr.right.value)]
        else:
            return None
        if not uids:
            return None
        if expr.op == "not_eq":
            return pst.UnaryOp(op="not", arg=self._within(uids, not widens))
        return self._within(uids, widens)


def _joins(expr: Any) -> bool:
    """Whether it is made of tests that can be told apart."""
    return isinstance(expr, pst.BinaryOp | pst.UnaryOp) and expr.op in ("and", "or", "not")


def strange_facts(value: Any, facts: frozenset[str] | None) -> frozenset[str]:
    """The facts it reads that are none of these; '' stands for the context as a whole."""
    if facts is None:
        return frozenset()
    found: set[str] = set()
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, pst.GetAttr | pst.HasAttr) and one.base == _CONTEXT:
            found.add(one.attr if isinstance(one, pst.GetAttr) else one.attrs[0])
        elif one == _CONTEXT:
            found.add("")
        elif isinstance(one, tuple):
            stack.extend(one)
        elif is_dataclass(one) and not isinstance(one, type):
            stack.extend(getattr(one, field.name) for field in fields(one))
    return frozenset(found - facts)


def _is_fact(expr: Any, name: str) -> bool:
    return isinstance(expr, pst.GetAttr) and expr.base == _CONTEXT and expr.attr == name


def _uids(expr: Any) -> list[pst.EntityUid] | None:
    """The entities of a literal or a set of literals."""
    parts = expr.elements if isinstance(expr, pst.Set) else (expr,)
    found = [part.value for part in parts if isinstance(part, pst.EntityLit)]
    return found if len(found) == len(parts) else None


def whole_servers(node: pst.Template) -> tuple[pst.EntityUid, ...]:
    """The MCP servers a statement speaks of as a whole: no tool named, nothing else asked."""
    if "McpCall" not in actions(node) or any(isinstance(clause, pst.Unless) for clause in node.clauses):
        return ()
    allowed = (pst.When, pst.BinaryOp, pst.Var, pst.EntityLit, pst.EntityUid, pst.EntityType, pst.Set)
    simple = all(isinstance(one, allowed) for one in walk(node.clauses))
    joins = {one.op for one in walk(node.clauses) if isinstance(one, pst.BinaryOp)}
    uids = places(node)
    if not simple or not joins <= {"eq", "in", "or", "contains"} or any(type_of(u) != "MCP::Server" for u in uids):
        return ()
    return uids
