"""Is an approval still for what would happen? Scripts, the machine and the policies may change while a card waits.

Knows how to judge the waiting request again. Refuses to answer for a person: it only takes an approval back. Invariant:
what cannot be judged again is not what was shown.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.model.facts import Facts
from leashtui.model.ports import Decider
from leashtui.model.request import Action, Request
from leashtui.model.verdict import Outcome
from leashtui.supervisor.covering import Act
from leashtui.supervisor.desk import Waiting
from leashtui.supervisor.tickets import handed_over


class Currency:
    """judge: the facts of a request, now. scripts: digest of the scripts it would run."""

    def __init__(self, judge: Callable[[Request], Facts], decider: Decider, scripts: Callable[[Request], str]) -> None:
        self._judge = judge
        self._decider = decider
        self._scripts = scripts

    def objection(self, waiting: Waiting) -> str:
        """Why an approval of this card is not for what would happen now; '' when it is."""
        if self._has_changed(waiting):
            return "what it would run or send changed while it waited; run it again, and it will be asked as it is now"
        now = self._decider.decide(waiting.request, waiting.facts)
        asked = {policy.id for policy in waiting.decision.policies}
        asks_more = now.outcome is Outcome.ASK and not asked.issuperset(policy.id for policy in now.policies)
        if now.bundle != waiting.decision.bundle and (now.outcome is Outcome.DENY or asks_more):
            return "the policies changed while it waited; run it again, and it will be judged by those in force"
        return ""

    def _has_changed(self, waiting: Waiting) -> bool:
        """Whether an exec would do more now than its card showed: its scripts are others, or mean something else, or
        what it would hand over is another file."""
        request = waiting.request
        if request.action is not Action.PROCESS_EXEC:
            return False
        try:
            if self._scripts(request) != waiting.scripts or handed_over(request, waiting.facts) != waiting.handed:
                return True
            now = self._judge(request)
        except Exception:  # noqa: BLE001 - what cannot be judged any more is not what was shown
            return True
        shown = Act("", None)
        shown.approve(waiting.facts)
        return now.effects != waiting.facts.effects and not shown.covers(now, same=True)
