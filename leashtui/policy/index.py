"""Which policies can match at all: a sieve on the necessary conjuncts of each, in front of the engine.

Knows the tests that are cheap to answer from the facts themselves: a flag, a word, a member of a set, a folder above.
A policy that is nothing but such tests needs no engine once it passed; every other that passes is evaluated by it.
Invariant: a policy is held back only when one of its conjuncts is false and none of it could have erred, so that the
sieve never changes an answer; `PDP.self_test` compares it with the engine before anything is decided.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from cedarpy import pst
from msgspec import Struct

from leashtui.policy.names import type_of
from leashtui.policy.policy import Policy
from leashtui.policy.reads import parts_of
from leashtui.policy.values import Seen, compare

RESOURCE = "\0resource"
"""Among the facts seen: the (type, id) of the resource and of all it is in."""
KIND = "\0kind"
"""Among the facts seen: the type of the resource."""
Test = Callable[[Seen], bool]
Key = tuple[str, object]

_CONTEXT = pst.Var(name="context")
_SAFE_OPS = frozenset({"eq", "not_eq", "and", "or", "in", "contains", "contains_all", "contains_any"})
_SAFE = (
    *(pst.Var, pst.BoolLit, pst.StringLit, pst.EntityLit, pst.LongLit, pst.EntityUid, pst.EntityType),
    *(pst.When, pst.Unless, pst.IfThenElse, pst.Is, pst.Like, pst.Char, pst.Wildcard, pst.Set),
)


class Sieve:
    """An index of policies by position. facts: those always present. mine: (type, id) of the principal's chain.

    Policies that can never match this principal are left out for good.
    """

    def __init__(
        self,
        policies: Sequence[Policy],
        facts: frozenset[str],
        mine: frozenset[tuple[str, str]],
        studied: dict[str, Study] | None = None,
    ) -> None:
        """studied: what was found out about these policies for the same facts and the same principal, by name."""
        studied = {} if studied is None else studied
        self._tests: list[tuple[Test, ...]] = []
        self._always: list[int] = []
        self._buckets: dict[Key, list[int]] = {}
        self.needs_resource = False
        exact: set[int] = set()
        for number, policy in enumerate(policies):
            if policy.name not in studied:
                studied[policy.name] = _study(policy.node, facts, mine)
            found = studied[policy.name].found
            if found is None:
                self._tests.append(())
                continue
            self._tests.append(tuple(one.test for one in found))
            if studied[policy.name].exact:
                exact.add(number)
            self.needs_resource = self.needs_resource or any(RESOURCE in one.reads for one in found)
            keyed = [one for one in found if one.keys]
            if not keyed:
                self._always.append(number)
                continue
            best = min(keyed, key=lambda one: (one.rank, len(one.keys)))
            for key in best.keys:
                self._buckets.setdefault(key, []).append(number)
        self._names = tuple(dict.fromkeys(name for name, _ in self._buckets))

        self.blind = frozenset(number for number in self._always if not self._tests[number] and number not in exact)
        """Positions of the policies that no test here holds back: the engine is asked about them every time."""
        self.exact = frozenset(exact)
        """Positions of the policies that match whenever they are picked."""

    def pick(self, seen: Seen) -> tuple[int, ...]:
        """The positions of every policy that may match, ascending."""
        found = [number for number in self._always if self._passes(number, seen)]
        buckets = self._buckets
        for name in self._names:
            value = seen[name]
            for member in value if isinstance(value, tuple | frozenset) else (value,):
                for number in buckets.get((name, member), ()):
                    if self._passes(number, seen):
                        found.append(number)
        return tuple(sorted(set(found)))

    def _passes(self, number: int, seen: Seen) -> bool:
        for test in self._tests[number]:  # noqa: SIM110 - a generator here costs as much as its tests
            if not test(seen):
                return False
        return True


class _Conjunct(Struct, frozen=True):
    """One necessary condition. keys: (fact, value) of which one must hold, () when that cannot be said.

    exact: whether it is sufficient too.
    """

    test: Test
    reads: frozenset[str]
    keys: tuple[Key, ...] = ()
    rank: int = 1
    exact: bool = True


class Study(Struct, frozen=True):
    """One policy seen by itself. found: its conjuncts, None when it can never match. exact: they are all of it."""

    found: list[_Conjunct] | None
    exact: bool


def _study(node: pst.Template, facts: frozenset[str], mine: frozenset[tuple[str, str]]) -> Study:
    if not _cannot_err(node, facts):
        return Study([], False)
    found = _conjuncts(node, facts, mine)
    return Study(found, found is not None and _is_whole(node, found))


def _cannot_err(node: pst.Template, facts: frozenset[str]) -> bool:
    """Whether no evaluation of this policy can fail: no arithmetic, no parsing of values, only facts that are there."""
    stack: list[Any] = [*node.clauses]
    while stack:
        one = stack.pop()
        if isinstance(one, tuple):
            stack.extend(one)
        elif (parts := parts_of(one)) is not None:
            if isinstance(one, pst.GetAttr):
                safe = one.base == _CONTEXT and one.attr in facts
            elif isinstance(one, pst.HasAttr):
                safe = one.base == _CONTEXT
            elif isinstance(one, pst.BinaryOp):
                safe = one.op in _SAFE_OPS
            elif isinstance(one, pst.UnaryOp):
                safe = one.op in ("not", "is_empty")
            else:
                safe = isinstance(one, _SAFE)
            if not safe:
                return False
            stack.extend([getattr(one, name) for name in parts])
    return True


def _conjuncts(node: pst.Template, facts: frozenset[str], mine: frozenset[tuple[str, str]]) -> list[_Conjunct] | None:
    """Every conjunct that can be tested here; None when the principal's scope never holds."""
    who, about = node.principal, node.resource
    if isinstance(who, pst.ScopeEq | pst.ScopeIn) and isinstance(who.entity, pst.EntityUid):
        chain = mine if isinstance(who, pst.ScopeIn) else {one for one in mine if one[0] == "Session"}
        if (type_of(who.entity), who.entity.id) not in chain:
            return None
    found: list[_Conjunct] = []
    if isinstance(about, pst.ScopeEq | pst.ScopeIn) and isinstance(about.entity, pst.EntityUid):
        found.append(_within([about.entity], exact=isinstance(about, pst.ScopeIn)))
    for clause in node.clauses:
        inverted = isinstance(clause, pst.Unless)
        for part in [clause.expr] if inverted else ands(clause.expr):
            one = _simple(pst.UnaryOp(op="not", arg=part) if inverted else part, facts)
            if one is not None:
                found.append(one)
    return found


def _is_whole(node: pst.Template, found: Sequence[_Conjunct]) -> bool:
    """Whether these tests are the whole policy: every conjunct has one, and each is exact."""
    parts = sum(1 if isinstance(one, pst.Unless) else len(list(ands(one.expr))) for one in node.clauses)
    parts += isinstance(node.resource, pst.ScopeIn) and isinstance(node.resource.entity, pst.EntityUid)
    plain_scope = isinstance(node.resource, pst.ScopeAny | pst.ScopeIn) and isinstance(
        node.principal, pst.ScopeAny | pst.ScopeEq | pst.ScopeIn
    )
    return plain_scope and parts == len(found) and all(one.exact for one in found)


def ands(expr: Any) -> Iterator[Any]:
    """The conjuncts of an expression, in order."""
    stack = [expr]
    while stack:
        one = stack.pop()
        if isinstance(one, pst.BinaryOp) and one.op == "and":
            stack.extend((one.right, one.left))
        else:
            yield one


def _simple(expr: Any, facts: frozenset[str]) -> _Conjunct | None:
    """A necessary test of this expression, or None."""
    name = _fact(expr, facts)
    if name:
        return _Conjunct(lambda seen: seen[name] is True, frozenset({name}), ((name, True),), 2)
    if isinstance(expr, pst.UnaryOp):
        return _unary(expr, facts)
    if isinstance(expr, pst.BoolLit):
        known = expr.value
        return _Conjunct(lambda seen: known, frozenset())
    if isinstance(expr, pst.Like):
        return _like(expr, facts)
    if isinstance(expr, pst.Is) and expr.base == pst.Var(name="resource") and expr.in_expr is None:
        kind = "::".join((*expr.entity_type.namespace, expr.entity_type.basename))
        return _Conjunct(lambda seen: bool(seen[KIND] == kind), frozenset({KIND}))
    if isinstance(expr, pst.HasAttr) and expr.base == _CONTEXT and len(expr.attrs) == 1 and expr.attrs[0] in facts:
        return _Conjunct(lambda seen: True, frozenset())  # every fact is always there
    if isinstance(expr, pst.IfThenElse):
        return _either(expr, facts)
    if not isinstance(expr, pst.BinaryOp):
        return None
    if expr.op in ("and", "or"):
        return _joined(expr, facts)
    if expr.op in ("in", "eq") and expr.left == pst.Var(name="resource"):
        uids = _uids(expr.right)
        return _within(uids, exact=expr.op == "in") if uids else None
    found = _compared(expr, facts)
    if found is None and (general := compare(expr, facts)) is not None:
        return _Conjunct(*general)
    return found


def _fact(expr: Any, facts: frozenset[str]) -> str:
    known = isinstance(expr, pst.GetAttr) and expr.base == _CONTEXT and expr.attr in facts
    return expr.attr if known else ""


def _unary(expr: pst.UnaryOp, facts: frozenset[str]) -> _Conjunct | None:
    if expr.op == "is_empty":
        name = _fact(expr.arg, facts)
        return _Conjunct(lambda seen: not seen[name], frozenset({name})) if name else None
    inner = _simple(expr.arg, facts) if expr.op == "not" else None
    if inner is None or not inner.exact:  # the negation of a test that is only necessary says nothing
        return None
    test = inner.test
    return _Conjunct(lambda seen: not test(seen), inner.reads)


def _joined(expr: pst.BinaryOp, facts: frozenset[str]) -> _Conjunct | None:
    left, right = _simple(expr.left, facts), _simple(expr.right, facts)
    if left is None or right is None:
        return None
    one, two, reads = left.test, right.test, left.reads | right.reads
    exact = left.exact and right.exact
    if expr.op == "and":
        return _Conjunct(lambda seen: one(seen) and two(seen), reads, left.keys or right.keys, left.rank, exact)
    keys = (*left.keys, *right.keys) if left.keys and right.keys else ()
    return _Conjunct(lambda seen: one(seen) or two(seen), reads, keys, max(left.rank, right.rank), exact)


def _either(expr: pst.IfThenElse, facts: frozenset[str]) -> _Conjunct | None:
    parts = [_simple(one, facts) for one in (expr.cond, expr.then_expr, expr.else_expr)]
    cond, left, right = parts
    if cond is None or left is None or right is None or not cond.exact:
        return None
    asked, one, two = cond.test, left.test, right.test
    reads = cond.reads | left.reads | right.reads
    keys = (*left.keys, *right.keys) if left.keys and right.keys else ()
    exact = left.exact and right.exact
    rank = max(left.rank, right.rank)
    return _Conjunct(lambda seen: one(seen) if asked(seen) else two(seen), reads, keys, rank, exact)


def _like(expr: pst.Like, facts: frozenset[str]) -> _Conjunct | None:
    """A pattern's pieces in order, the first at the beginning and the last at the end: all that `*` can mean."""
    name = _fact(expr.base, facts)
    if not name:
        return None
    pieces: list[str] = [""]
    for part in expr.pattern:
        if isinstance(part, pst.Wildcard):
            pieces.append("")
        else:
            pieces[-1] += part.value
    if len(pieces) == 1:
        whole = pieces[0]
        return _Conjunct(lambda seen: bool(seen[name] == whole), frozenset({name}))
    first, *middle, last = pieces
    wanted = tuple(piece for piece in middle if piece)
    return _Conjunct(lambda seen: fits(seen[name], first, wanted, last), frozenset({name}))


def fits(text: str, first: str, middle: Sequence[str], last: str) -> bool:
    """Whether the text begins with `first`, ends with `last`, and holds `middle` in order between them."""
    end = len(text) - len(last)
    if len(first) > end or not text.startswith(first) or not text.endswith(last):
        return False
    at = len(first)
    for piece in middle:
        at = text.find(piece, at, end)
        if at < 0:
            return False
        at += len(piece)
    return True


def _compared(expr: pst.BinaryOp, facts: frozenset[str]) -> _Conjunct | None:
    name, other = _fact(expr.left, facts), expr.right
    if not name:
        return _reversed(expr, facts)
    reads = frozenset({name})
    if expr.op == "eq" and isinstance(other, pst.StringLit | pst.BoolLit):
        value = other.value
        return _Conjunct(lambda seen: bool(seen[name] == value), reads, ((name, value),), 1)
    if expr.op == "not_eq" and isinstance(other, pst.StringLit | pst.BoolLit):
        excluded = other.value
        return _Conjunct(lambda seen: bool(seen[name] != excluded), reads)
    if expr.op == "contains" and isinstance(other, pst.StringLit):
        word = other.value
        return _Conjunct(lambda seen: word in seen[name], reads, ((name, word),), 0)
    words = _words(other)
    if words is None:
        return None
    if expr.op == "contains_any":
        return _Conjunct(lambda seen: not words.isdisjoint(seen[name]), reads, _keys(name, words), 1)
    if expr.op == "contains_all" and words:
        return _Conjunct(lambda seen: words.issubset(seen[name]), reads, _keys(name, words)[:1], 0)
    return None


def _reversed(expr: pst.BinaryOp, facts: frozenset[str]) -> _Conjunct | None:
    """A literal set on the left: ["a", "b"].contains(context.x), ["a"].containsAll(context.xs)."""
    name, words = _fact(expr.right, facts), _words(expr.left)
    if not name or words is None:
        return None
    reads = frozenset({name})
    if expr.op == "contains":
        return _Conjunct(lambda seen: seen[name] in words, reads, _keys(name, words), 1)
    if expr.op == "contains_any":
        return _Conjunct(lambda seen: not words.isdisjoint(seen[name]), reads, _keys(name, words), 1)
    return _Conjunct(lambda seen: words.issuperset(seen[name]), reads) if expr.op == "contains_all" else None


def _words(expr: Any) -> frozenset[str] | None:
    if not isinstance(expr, pst.Set) or not all(isinstance(one, pst.StringLit) for one in expr.elements):
        return None
    return frozenset(one.value for one in expr.elements if isinstance(one, pst.StringLit))


def _keys(name: str, words: Iterable[str]) -> tuple[Key, ...]:
    return tuple((name, word) for word in sorted(words))


def _uids(expr: Any) -> list[pst.EntityUid]:
    parts = expr.elements if isinstance(expr, pst.Set) else (expr,)
    found = [part.value for part in parts if isinstance(part, pst.EntityLit)]
    return [uid for uid in found if isinstance(uid, pst.EntityUid)] if len(found) == len(parts) else []


def _within(uids: Sequence[pst.EntityUid], *, exact: bool) -> _Conjunct:
    """exact: whether what is above the resource counts too."""
    wanted = frozenset((type_of(uid), uid.id) for uid in uids)
    keys: tuple[Key, ...] = tuple((RESOURCE, one) for one in sorted(wanted))
    return _Conjunct(lambda seen: not wanted.isdisjoint(seen[RESOURCE]), frozenset({RESOURCE}), keys, 0, exact)
