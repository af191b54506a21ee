"""Changes of what a session enforces: another posture while it runs, a lower tier than is usual for its agent.

Knows which posture is stricter and who was asked before one is loosened. Refuses to judge acts. Invariant: a stricter
posture holds at once, whatever fails; a looser one only after the policies about starting sessions allow it and both
the session's log and the machine's have it.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.model.errors import LeashError
from leashtui.model.event import Event, ModeChanged, TierLowered
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Posture, Request, Tier
from leashtui.model.verdict import Decision, Outcome
from leashtui.model.wire import Shifted
from leashtui.supervisor.channel import Start

STRICTNESS = {Posture.OBSERVE: 0, Posture.GUARD: 1, Posture.LOCKDOWN: 2}


def starting(start: Start, tier: Tier, granted: tuple[str, ...]) -> Request:
    """Starting this session, as the policies about that see it. granted: names of secret variables it is handed."""
    layer = Layer.SHIM if tier is Tier.WATCH else Layer.KERNEL
    return Request(Action.SESSION_START, layer, start.cwd, start.argv, start.exe, path=start.workspace, grants=granted)


def tightens(now: Posture, wanted: str) -> bool:
    """Whether this is the name of a stricter posture."""
    return wanted in set(Posture) and STRICTNESS[Posture(wanted)] > STRICTNESS[now]


class Modes:
    """The posture of one session. start: the request it was started by. consult: what would be answered to a request.

    stand: says the posture to the policies. enforce: from then on acts are answered so. note: enters an event in the
    machine's chain, raising LeashError. drop: refuses what waits for a person, who is not asked any more.
    """

    def __init__(
        self,
        session: str,
        posture: Posture,
        start: Request,
        *,
        consult: Callable[[Request], tuple[Facts, Decision]],
        stand: Callable[[Posture], None],
        enforce: Callable[[Posture], None],
        record: Callable[[Event], object],
        note: Callable[[TierLowered | ModeChanged], None],
        drop: Callable[[str], None],
    ) -> None:
        self.posture = posture
        self._session = session
        self._start = start
        self._consult = consult
        self._stand = stand
        self._enforce = enforce
        self._record = record
        self._note = note
        self._drop = drop

    def shift(self, wanted: str, who: str) -> Shifted:
        """Take another posture, or say why not."""
        problem = self._shift(wanted, who)
        return Shifted(str(self.posture), problem)

    def _shift(self, wanted: str, who: str) -> str:
        if wanted not in set(Posture):
            return f"there is no mode called {wanted!r}: {', '.join(Posture)}"
        if wanted == self.posture:
            return f"it is in mode {wanted} already"
        mode, event = Posture(wanted), ModeChanged(wanted, str(self.posture), who, self._session)
        if tightens(self.posture, wanted):
            self._take(mode)
            problem = self._recorded(event)
            if mode is Posture.LOCKDOWN:
                self._drop("this session is in lockdown, so what would be asked is refused")
            return f"done, but it could not be recorded: {problem}" if problem else ""
        self._stand(mode)
        try:
            _, decision = self._consult(self._start)
            problem = _objection(decision) or self._recorded(event)
        finally:
            self._stand(self.posture)
        if not problem:
            self._take(mode)
        return problem

    def lowered(self, tier: Tier, usual: Tier, lost: tuple[str, ...]) -> None:
        """Record that this host gives less than is usual. Raises LeashError: an unrecorded session does not start."""
        event = TierLowered(str(tier), str(usual), lost, self._session)
        self._record(event)
        self._note(event)

    def _take(self, mode: Posture) -> None:
        self.posture = mode
        self._stand(mode)
        self._enforce(mode)

    def _recorded(self, event: ModeChanged) -> str:
        """'' once both logs have it, else why not."""
        try:
            self._note(event)
            self._record(event)
        except LeashError as error:
            return error.message
        return ""


def _objection(decision: Decision) -> str:
    """Why the policies about starting sessions do not let this one go on in the mode that is wanted; '' if they do."""
    if decision.outcome is Outcome.ALLOW:
        return ""
    names = ", ".join(policy.id for policy in decision.policies) or ", ".join(decision.errors) or "no policy"
    why = next((policy.reason for policy in decision.policies if policy.reason), "no such session would simply start")
    return f"{why} [{names}]"
