"""Decision: what the PDP says (allow, ask or deny). Verdict: what finally holds (allow or deny), and by whose word."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from leashtui.model.facts import Severity


class Outcome(StrEnum):
    """The three answers of the PDP."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Ruling(StrEnum):
    """The two answers a guard obeys."""

    ALLOW = "allow"
    DENY = "deny"


class By(StrEnum):
    """Whose word a verdict is."""

    POLICY = "policy"
    PERSON = "person"
    GRANT = "grant"
    COVERED = "covered"  # part of an act that a person already approved
    TIMEOUT = "timeout"
    LOCK = "lock"  # the circuit breaker, a freeze
    OBSERVED = "observed"  # the session only records; what policies say is in the decision
    NOBODY = "nobody"  # an ask where nobody can answer
    WITHDRAWN = "withdrawn"  # the asking process was signalled or died; never a denial
    ERROR = "error"  # a component failed; fail closed
    TICKET = "ticket"  # held up to the agent's own limit: refused for now, or let pass once after a late approval
    OWN = "own"  # leash's own hook client
    HABIT = "habit"  # a known act of the agent program itself, which no model asked for; denied: it does without


class PolicyRef(Struct, frozen=True, omit_defaults=True):
    """A policy that matched. id: 'layer/id'. file and line: where to read it."""

    id: str
    reason: str = ""
    severity: Severity = Severity.MEDIUM
    file: str = ""
    line: int = 0


class Decision(Struct, frozen=True, omit_defaults=True):
    """The PDP's answer. bundle: sha256 of all policy text that was loaded (hex, 12). errors make it a deny.

    policies: those that caused the outcome, strongest first. released: asks that a grant released.
    standing: whether a grant may answer the asks (no locked, no multi-approver ask among them).
    """

    outcome: Outcome
    bundle: str
    policies: tuple[PolicyRef, ...] = ()
    released: tuple[str, ...] = ()
    obligations: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    standing: bool = True


class Verdict(Struct, frozen=True, omit_defaults=True):
    """What the guard must do. feedback: the one readable line the refused program prints. who: the person's name."""

    ruling: Ruling
    by: By
    feedback: str = ""
    who: str = ""
    act: str = ""
    policies: tuple[str, ...] = ()
    status: int = -1  # its exit code, when it was run elsewhere in its stead
