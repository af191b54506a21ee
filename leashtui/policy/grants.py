"""Standing permissions born of an approval: built as syntax trees, so that no value can ever become syntax.

Knows what an approval showed and binds the grant to it: this session, this command or its stated prefix, no other kind
of effect, no other host, remote or package, no other cluster, account or folder where that is what it acts on, no other
warning sign, nothing that cannot be taken back where that could, only the asks it answered. Refuses to know how long
the person meant: the caller states the expiry. Invariant: a grant releases a subset of what the approved card showed.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable
from functools import reduce

from cedarpy import PolicySet, pst

from leashtui.model.codec import escape
from leashtui.model.errors import PolicyError
from leashtui.model.facts import Facts, Parse, Severity, Verb
from leashtui.model.verdict import Decision, Outcome
from leashtui.policy.annotations import Answer, Meta
from leashtui.policy.entities import WORDS, cap, line, too_long
from leashtui.policy.policy import Policy

SIGNS = (
    "backdoor",
    "catastrophic",
    "destructive",
    "git_force",
    "git_protected",
    "guard_tamper",
    "obfuscated",
    "pipe_to_shell",
    "privileged",
    "reads_secret",
    "recursive",
    "reverse_shell",
    "sends_secret",
)
"""Facts that must not be true of a later act when they were not true of the approved one."""
KINDS = ("verbs", "touches", "hosts", "remotes", "packages", "aims")
"""Sets of which a later act may have no member that the approved one had not."""
NEVER = ("destructive", "catastrophic", "guard_tamper", "sends_secret", "reverse_shell", "backdoor", "obfuscated")
"""Facts with which no grant is given at all."""
LONGEST = 4096
"""Most characters of a prefix."""
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CONTEXT = pst.Var(name="context")


class Grant(Policy, frozen=True):
    """A permit of the session or repo layer with the asks it releases (`grants`) and its expiry.

    prefix: () when exact. session: '' for one of the repository.
    """

    id: str = ""
    session: str = ""
    prefix: tuple[str, ...] = ()
    exact: str = ""

    @property
    def text(self) -> str:
        """The grant as Cedar text, to be read and recorded; it is never parsed again."""
        asks = pst.FrozenMap(id=self.id, grants=",".join(sorted(self.grants)), expires=str(self.expires))
        shown = pst.Template(
            id=self.name,
            effect="permit",
            principal=self.node.principal,
            action=self.node.action,
            resource=self.node.resource,
            clauses=self.node.clauses,
            annotations=asks,
        )
        return str(PolicySet.from_pst(pst.PolicySet(pst.FrozenMap(), pst.FrozenMap({self.name: shown}), ())))


def refusal(facts: Facts, decision: Decision) -> str:
    """Why no grant may be given for this ask, in words for a card; '' when one may."""
    if decision.outcome is not Outcome.ASK:
        return "only an ask can be granted"
    if not decision.standing:
        locked = decision.policies[0].id if decision.policies else "a policy"
        return f"it is asked every time: {locked}"
    bad = next((name for name in NEVER if getattr(facts, name)), "")
    if bad:
        return f"it is asked every time: {bad.replace('_', ' ')}"
    if facts.hidden or facts.parse is not Parse.FULL or "opaque" in facts.verbs():
        return "it is asked every time: not fully understood"
    if not facts.grant_prefix or len(facts.grant_prefix) > WORDS:
        return "it is not one simple command"
    words = shlex.join(facts.grant_prefix)
    if escape(words + line(facts)) != words + line(facts):
        return "its bytes are not UTF-8, so it cannot be named exactly"
    return "too long to be named" if too_long(facts) or len(words) > LONGEST else ""


def is_exact(facts: Facts) -> bool:
    """Whether a grant is for that very command: one more word would be one more branch, or other rights."""
    return facts.privileged or not {Verb.PRIVILEGE, Verb.HISTORY_REWRITE}.isdisjoint(facts.verbs())


def from_ask(
    facts: Facts, decision: Decision, *, grant_id: str, session: str, expires: int, exact: bool = False, kind: str = ""
) -> Grant:
    """The narrowest standing permission that answers this ask for the rest of the session, or beyond it.

    session: '' for a grant of the repository, which is for agents of this `kind` ('' for all) and must expire.
    expires: microseconds since the epoch, 0 = with the session. exact: only this command (always where `is_exact`),
    else every one that starts with `facts.grant_prefix`. Raises PolicyError when none may be given (see `refusal`).
    """
    no = refusal(facts, decision)
    if no:
        raise PolicyError(f"no grant is possible: {no}", "approve it once instead")
    if not _ID.fullmatch(grant_id) or expires < 0 or (not session and not expires):
        raise PolicyError(f"{grant_id!r} cannot name a grant", "use a-z 0-9 . _ - for ids and a positive expiry")
    exact = exact or is_exact(facts)
    named = (
        _op("eq", _fact("normalised"), _text(line(facts)))
        if exact
        else _op("contains", _fact("prefixes"), _text(shlex.join(facts.grant_prefix)))
    )
    conditions = [named, _op("eq", _fact("parse"), _text(str(Parse.FULL))), _not("capped")]
    if facts.in_workspace:
        conditions.append(_fact("in_workspace"))
    conditions += [_not(sign) for sign in SIGNS if not getattr(facts, sign)]
    if facts.reversible:
        conditions.append(_fact("reversible"))
    conditions += [_within(kind, shown(facts, kind)) for kind in KINDS]
    if facts.aims():
        aims = pst.Set(elements=tuple(_text(aim) for aim in facts.aims()))
        conditions.append(_op("contains_all", _fact("aims"), aims))
    layer = "session" if session else "repo"
    name = f"{layer}/{grant_id}"
    asks = frozenset(p.id for p in decision.policies)
    node = pst.Template(
        id=name,
        effect="permit",
        principal=_scope(session, kind),
        action=pst.ActionEq(entity=_uid("Action", _action(facts))),
        resource=pst.ScopeAny(),
        clauses=(pst.When(expr=reduce(lambda a, b: _op("and", a, b), conditions)),),
        annotations=pst.FrozenMap(),
    )
    return Grant(
        name=name,
        layer=layer,
        permits=True,
        meta=Meta(
            grant_id,
            f"a person approved this for the {'session' if session else 'repository'}",
            Severity.LOW,
            Answer.DENY,
        ),
        node=node,
        grants=asks,
        expires=expires,
        id=grant_id,
        session=session,
        prefix=() if exact else facts.grant_prefix,
        exact=line(facts) if exact else "",
    )


def _action(facts: Facts) -> str:
    """What the ask was about: a program, or a file that was read without one being started for it."""
    reads = not facts.programs and facts.verbs() and {*facts.verbs()} <= {Verb.READ, Verb.SECRET_READ}
    return "FileOpenReadOnly" if reads else "ProcessExec"


def _scope(session: str, kind: str) -> pst.ScopeAny | pst.ScopeEq | pst.ScopeIn:
    if session:
        return pst.ScopeEq(entity=_uid("Session", session))
    return pst.ScopeIn(entity=_uid("AgentKind", kind)) if kind else pst.ScopeAny()


def shown(facts: Facts, kind: str) -> tuple[str, ...]:
    """The members of one of the sets that policies know, by its name."""
    value = getattr(facts, kind)
    return tuple(value() if callable(value) else value)


def _text(value: str) -> pst.Expr:
    return pst.StringLit(value=cap(value))


def _uid(kind: str, name: str) -> pst.EntityUid:
    return pst.EntityUid(type=pst.EntityType(basename=kind), id=cap(name))


def _fact(name: str) -> pst.Expr:
    return pst.GetAttr(base=_CONTEXT, attr=name)


def _op(name: pst.BinaryOpName, left: pst.Expr, right: pst.Expr) -> pst.Expr:
    return pst.BinaryOp(op=name, left=left, right=right)


def _not(name: str) -> pst.Expr:
    return pst.UnaryOp(op="not", arg=_fact(name))


def _within(name: str, shown: Iterable[str]) -> pst.Expr:
    if not (members := tuple(_text(member) for member in shown)):
        return pst.UnaryOp(op="is_empty", arg=_fact(name))
    return _op("contains_all", pst.Set(elements=members), _fact(name))
