"""What a policy says about itself: the annotations leash knows, their values checked, a nearest name for each typo.

Cedar accepts any annotation, so a misspelt `@outcom("ask")` would silently turn an ask into a deny and a misspelt
`@lockd` would unlock one. Knows names and values only, never conditions. Invariant: an annotation that is not
understood is a load error, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from enum import StrEnum

from msgspec import Struct

from leashtui.model.facts import Severity
from leashtui.policy.syntax import hidden_character


class Answer(StrEnum):
    """What a forbid asks for when it matches (policy.md, Three answers)."""

    DENY = "deny"
    ASK = "ask"
    OBLIGE = "oblige"


class Meta(Struct, frozen=True):
    """The annotations of one policy, typed. approvers: how many must say yes. other: not who started the session.

    offer: the team may answer as well.
    """

    id: str
    reason: str
    severity: Severity
    outcome: Answer
    approvers: int = 1
    other: bool = False
    locked: bool = False
    offer: bool = False
    obligations: tuple[str, ...] = ()


class Refused(Exception):
    """An annotation that cannot stand: its name, what is wrong, the remedy."""

    def __init__(self, name: str, what: str, hint: str) -> None:
        super().__init__(what)
        self.name = name
        self.what = what
        self.hint = hint


_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_OBLIGATION = re.compile(r"mask:secrets|mask:arguments|record:full|snapshot|team-store")
REASON = 400
"""Longest reason, characters: it must fit the one line a refused program prints."""


def _one_of(*values: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if value in values:
            return ""
        near = get_close_matches(value, values, 1)
        return f"write one of {', '.join(values)}" + (f' (did you mean "{near[0]}"?)' if near else "")

    return check


def _obligations(value: str) -> str:
    good = all(_OBLIGATION.fullmatch(part.strip()) for part in value.split(","))
    return "" if good else "write some of mask:secrets, mask:arguments, record:full, snapshot, team-store"


def _sentence(value: str) -> str:
    if not value.strip() or len(value) > REASON:
        return f"write one sentence of 1 to {REASON} characters"
    return "write it without line breaks and hidden characters" if _hides(value) else ""


def _hides(value: str) -> bool:
    return "\n" in value or "\t" in value or hidden_character(value) is not None


_CHECKS: dict[str, Callable[[str], str]] = {
    "id": lambda v: "" if _ID.fullmatch(v) else "use 1 to 64 of a-z 0-9 . _ - and start with a letter or digit",
    "reason": _sentence,
    "severity": _one_of(*Severity),
    "outcome": _one_of(*Answer),
    "approvers": lambda v: "" if re.fullmatch(r"[1-9]", v) else "write a number from 1 to 9",
    "approver": _one_of("other"),
    "offer": _one_of("team"),
    "locked": _one_of("true"),
    "oblige": _obligations,
}
_FORBID_ONLY = frozenset({"outcome", "approvers", "approver", "offer", "locked", "oblige"})
_GRANT_ONLY = frozenset({"expires", "grants"})


def understand(effect: str, values: Mapping[str, str]) -> Meta:
    """The annotations of one policy, typed. effect: permit or forbid. Raises Refused on the first that cannot stand."""
    for name, value in values.items():
        _check_one(effect, name, value)
    if "id" not in values:
        raise Refused("", "this policy has no @id", 'add @id("a-short-name") before it')
    forbids = effect == "forbid"
    outcome = Answer(values.get("outcome", Answer.DENY))
    if "oblige" in values and outcome is Answer.DENY:
        raise Refused("oblige", "@oblige on a deny obliges nothing", 'add @outcome("oblige") or @outcome("ask")')
    if outcome is Answer.OBLIGE and "oblige" not in values:
        raise Refused("outcome", "this policy obliges to nothing", 'add for example @oblige("record:full")')
    for name in ("approvers", "approver", "offer"):
        if outcome is not Answer.ASK and name in values:
            raise Refused(name, "people are asked only by an ask", 'add @outcome("ask")')
    return Meta(
        id=values["id"],
        reason=values.get("reason", ""),
        severity=Severity(values.get("severity", Severity.MEDIUM if forbids else Severity.LOW)),
        outcome=outcome,
        approvers=int(values.get("approvers", "1")),
        other=values.get("approver") == "other",
        offer=values.get("offer") == "team",
        locked=values.get("locked") == "true",
        obligations=tuple(sorted({p.strip() for p in values.get("oblige", "").split(",") if p.strip()})),
    )


def _check_one(effect: str, name: str, value: str) -> None:
    if name in _GRANT_ONLY:
        raise Refused(name, f"@{name} belongs to grants, which leash writes itself", f"remove @{name}")
    check = _CHECKS.get(name)
    if check is None:
        near = get_close_matches(name, _CHECKS, 1)
        known = ", ".join(f"@{known}" for known in _CHECKS)
        raise Refused(
            name,
            f"unknown annotation @{name}" + (f"; did you mean @{near[0]}?" if near else ""),
            f"leash knows {known}",
        )
    if name in _FORBID_ONLY and effect != "forbid":
        raise Refused(name, f"@{name} has no meaning on a permit", f"remove @{name}, or write forbid")
    remedy = check(value)
    if remedy:
        shown = value if len(value) <= 60 and not _hides(value) else "..."
        raise Refused(name, f'@{name}("{shown}") is not understood', remedy)
