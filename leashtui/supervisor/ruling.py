"""The verdict that needs no person: what policies, earlier answers, the posture and limits come to for one request.

Knows the order in which they speak. Refuses to record, to ask and to remember. Invariant: only an ask that a person
can answer now has no verdict here.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Posture, Request
from leashtui.model.verdict import By, Decision, Outcome, Ruling, Verdict
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.breaker import Breaker
from leashtui.supervisor.covering import Act
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.duties import Duties
from leashtui.words.consequence import consequence
from leashtui.words.refusal import REFUSED_BEFORE, refusal

_PACK = "builtin/"


class Rules:
    """One a session. posture: how acts are answered from now on. The rest: see supervisor.mediator.Mediator."""

    def __init__(
        self,
        acts: Acts,
        breaker: Breaker,
        desk: Desk,
        duties: Duties,
        *,
        posture: Posture,
        can_ask: Callable[[], bool],
        reachable: Callable[[], bool],
    ) -> None:
        self.posture = posture
        self._acts = acts
        self._breaker = breaker
        self._desk = desk
        self._duties = duties
        self._can_ask = can_ask
        self._reachable = reachable

    def is_covered(self, request: Request, facts: Facts, parent: Act | None, decision: Decision) -> bool:
        """Whether a person approved this already, or an exec that was allowed said it would do it: what the pack asks
        was judged there; whoever wrote a policy of their own about the act meant the act."""
        if request.layer is Layer.MCP:
            return parent is not None and parent.answered
        same = parent is not None and self._acts.is_same(parent, request)
        if parent is not None and parent.covers(facts, same=same, by_git=request.under_git):
            return True
        if any(not policy.id.startswith(_PACK) for policy in decision.policies):
            told = parent is not None and parent.answered and self._acts.foresaw(request, facts)
            return told or self._acts.goes_on(request, facts)
        if self._acts.made_itself(request, facts) or self._acts.led_on(request, facts):
            return True
        if self._acts.was_shown_at_start(facts) or self._acts.goes_on(request, facts):
            return True
        return self._acts.foresaw(request, facts)

    def dutiful(self, verdict: Verdict, decision: Decision, facts: Facts) -> Verdict:
        """The same verdict once what policies oblige to before the act was done; a denial when it could not be."""
        why = self._duties.before(decision, facts)
        if not why:
            return verdict
        text = refusal(by=By.ERROR, what=consequence(facts, decision.policies), why=why)
        return Verdict(Ruling.DENY, By.ERROR, text, "", verdict.act, verdict.policies)

    def rule(self, request: Request, decision: Decision, facts: Facts, *, covered: bool) -> Verdict | None:
        """The verdict that needs no person, or None when one must be asked.

        Who may start a session, and in which posture, holds in a session that only observes too.
        """
        policies = tuple(p.id for p in decision.policies)
        observes = self.posture is Posture.OBSERVE and request.action is not Action.SESSION_START
        if observes and decision.outcome is not Outcome.ALLOW and not decision.errors:
            return Verdict(Ruling.ALLOW, By.OBSERVED, policies=policies)
        if "team-store" in decision.obligations and decision.outcome is not Outcome.DENY and not self._reachable():
            why = "a policy lets it happen only while the team store can be reached, and it cannot be reached now"
            what = consequence(facts, decision.policies)
            return Verdict(Ruling.DENY, By.POLICY, refusal(by=By.POLICY, what=what, why=why), policies=policies)
        if decision.outcome is Outcome.ALLOW:
            return Verdict(Ruling.ALLOW, By.GRANT if decision.released else By.POLICY, policies=policies)
        if covered:
            return Verdict(Ruling.ALLOW, By.COVERED, policies=policies)
        by = By.ERROR if decision.errors else By.POLICY
        why = ""
        if decision.outcome is Outcome.ASK:
            if self.posture is Posture.LOCKDOWN:
                by, why = By.POLICY, "this session is in lockdown, so what would be asked is refused"
            elif self._breaker.open(facts):
                by, why = By.LOCK, REFUSED_BEFORE
            elif not self._can_ask():
                by = By.NOBODY
            elif self._desk.full():
                by, why = By.LOCK, "too many acts wait for an answer already"
            else:
                return None
        elif decision.errors:
            why = decision.errors[0]
        what = consequence(facts, decision.policies)
        text = refusal(by=by, what=what, why=why, policies=decision.policies)
        return Verdict(Ruling.DENY, by, text, policies=policies)
