"""THE path: classify, decide, ask if need be, record, and only then let the guard act. Fail closed lives only here.

Knows the order of things. Refuses to know kernels, sockets and screens. Invariant: no verdict is released before the
record that explains it is committed; whatever raises on the way becomes a denial that says so.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from leashtui.model.card import Choice
from leashtui.model.errors import LeashError
from leashtui.model.event import ActEnded, Answered, Asked, Decided, Event, GrantAdded, Record, Ticketed
from leashtui.model.facts import Facts, Verb
from leashtui.model.ports import Classifier, Decider, Reply
from leashtui.model.request import UNCOUNTED, Action, Layer, Posture, ProcessRef, Request
from leashtui.model.verdict import By, Decision, Outcome, Ruling, Verdict
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.breaker import Breaker
from leashtui.supervisor.covering import Act
from leashtui.supervisor.currency import Currency
from leashtui.supervisor.desk import Desk, Waiting
from leashtui.supervisor.duties import Duties
from leashtui.supervisor.endings import Ending, Told
from leashtui.supervisor.feeding import is_fed, text_of_input
from leashtui.supervisor.limits import Limits
from leashtui.supervisor.ruling import Rules
from leashtui.supervisor.taint import WEB, Taint
from leashtui.supervisor.tickets import handed_over
from leashtui.words.consequence import consequence
from leashtui.words.refusal import approved_late, refusal, ticket

_OUTWARD = frozenset(
    {
        Verb.NET_SEND,
        Verb.REMOTE_CHANGE,
        Verb.PUBLISH,
        Verb.CLOUD_CHANGE,
        Verb.DATA_CHANGE,
        Verb.REMOTE_SESSION,
        Verb.HISTORY_REWRITE,
        Verb.DISCARD_WORK,
    }
)
_AGAIN = {
    Action.FILE_READ: "try again what reads",
    Action.FILE_WRITE: "make the very same change once more:",
    Action.FILE_DELETE: "try again what removes",
    Action.TOOL_CALL: "make the very same call once more:",
    Action.NET_CONNECT: "try again what connects to",
    Action.NET_BIND: "try again what listens at",
}
"""What a model is told to do after a late approval, where it is no command."""
_CHANGES = frozenset({Action.FILE_WRITE, Action.FILE_DELETE})
_FOLLOWED = 512


class Recorder(Protocol):
    """Where records go (supervisor.stream.Stream)."""

    def append(self, event: Event, parent: str = "", durable: bool = False, *, rides: bool = False) -> Record: ...

    def after(self, done: Callable[[str], None]) -> None: ...


Follow = Callable[[ProcessRef, Told, bool], None]
"""Tells how a process ended, once it has; those that may be spared not in a flood of them."""
Granter = Callable[[Facts, Decision], GrantAdded]
"""Turns an approval into a standing grant for the session. Raises LeashError when none may be given."""


@dataclass
class Submission:
    """A submitted request (model.ports.Ticket): withdraw() ends an ask whose process went away."""

    act: str
    waiting: Waiting | None = None
    desk: Desk | None = None

    def withdraw(self, reason: str) -> None:
        """See model.ports.Ticket."""
        if self.waiting is not None and self.desk is not None and not self.waiting.parked:
            self.desk.withdraw(self.waiting, reason)


class Mediator:
    """One a session. can_ask: whether a person can exist who answers. clock: us since the epoch. timer: perf us."""

    def __init__(
        self,
        *,
        classify: Classifier,
        decider: Decider,
        desk: Desk,
        stream: Recorder,
        acts: Acts,
        breaker: Breaker,
        grant: Granter,
        can_ask: Callable[[], bool],
        clock: Callable[[], int],
        timer: Callable[[], int],
        broken: Callable[[str], None],
        posture: Posture = Posture.GUARD,
        reachable: Callable[[], bool] = lambda: False,
        limits: Limits | None = None,
        follow: Follow = lambda process, told, spare: None,
        scripts: Callable[[Request], str] = lambda request: "",
        opening: Callable[[Request, Facts, Reply], Reply] = lambda request, facts, reply: reply,
        taint: Taint | None = None,
        duties: Duties | None = None,
    ) -> None:
        self._classify = classify
        self._decider = decider
        self._desk = desk
        self._stream = stream
        self._acts = acts
        self._breaker = breaker
        self._grant = grant
        self._clock = clock
        self._timer = timer
        self._broken = broken
        self._limits = limits or Limits()
        self._follow = follow
        self._scripts = scripts
        self._opening = opening
        self._currency = Currency(self._judged, decider, scripts)
        self._taint = taint or Taint()
        self._duties = duties or Duties()
        self._rules = Rules(acts, breaker, desk, self._duties, posture=posture, can_ask=can_ask, reachable=reachable)
        self._changed: dict[str, set[str]] = {}
        self.counts = {"acts": 0, "asked": 0, "refused": 0, "withdrawn": 0}

    def submit(self, request: Request, reply: Reply) -> Submission:
        """Decide one request; `reply` is called exactly once unless the submission is withdrawn first."""
        submission = Submission("")
        try:
            self._submit(request, reply, submission)
        except Exception as error:  # noqa: BLE001 - the one place where any failure must become a denial
            why = error.message if isinstance(error, LeashError) else f"{type(error).__name__}: {error}"
            self._broken(why)
            self.counts["refused"] += 1
            what = request.argv[0] if request.argv else request.path
            reply(Verdict(Ruling.DENY, By.ERROR, refusal(by=By.ERROR, what=what, why=why), "", submission.act))
        return submission

    def _submit(self, request: Request, reply: Reply, submission: Submission) -> None:
        started = self._timer()
        request = self._limits.placed(request, self._acts.is_own(request))
        if self._acts.starts(request):
            request = replace(request, chosen=True)
        if self._acts.is_under_git(request):
            request = replace(request, under_git=True)
        if is_fed(request, self._acts.starts_it(request)):
            request = replace(request, fed=True, script=text_of_input(request))
        if self._taint.origins:
            request = replace(request, taint=self._taint.origins)
        facts = self._judged(request)
        if line := self._acts.pipeline(request):
            facts = self._together(request, facts, line)
        reply = self._opening(request, facts, reply)
        decision = self._decider.decide(request, facts)
        parent = self._acts.find(request)
        asks = decision.outcome is Outcome.ASK
        covered = asks and self._rules.is_covered(request, facts, parent, decision)
        verdict = self._rules.rule(request, decision, facts, covered=covered)
        if self._limits.own(request):
            verdict = Verdict(Ruling.ALLOW, By.OWN)
        elif asks and (
            self._limits.settled(request)
            or self._limits.served(request, facts)
            or (parent is None and self._acts.is_own(request) and self._limits.habit(request))
        ):
            verdict = Verdict(Ruling.ALLOW, By.HABIT)
        elif asks and not covered and parent is None and self._limits.forgone(request, self._acts.is_own(request)):
            verdict = Verdict(Ruling.DENY, By.HABIT)  # nobody asked for it: no card, and no refusal of anybody's act
        digest = self._digest(request, facts) if asks and verdict is None else ""
        if self._limits.tickets and digest and (late := self._limits.tickets.take(digest)):
            verdict = Verdict(Ruling.ALLOW, By.TICKET, late, policies=tuple(p.id for p in decision.policies))
        repeats = self._limits.tickets.refused(digest) if self._limits.tickets and digest and verdict is None else None
        verdict = verdict or repeats
        if verdict is not None and verdict.ruling is Ruling.ALLOW:
            verdict = self._rules.dutiful(verdict, decision, facts)
        event = Decided(
            request=request,
            facts=facts,
            decision=decision,
            verdict=verdict,
            us=self._timer() - started,
            covered_by=parent.id if parent is not None else "",
        )
        joins = verdict is None and self._desk.has(request, facts)
        record = self._stream.append(
            self._duties.masked(event),
            parent=parent.id if parent else "",
            durable=_weighty(facts, verdict) or "record:full" in decision.obligations,
            rides=joins,
        )
        submission.act = record.id
        if verdict is not None and verdict.by is By.OWN:
            reply(verdict)
            return
        act = parent or self._acts.open(record.id, request)
        if request.process is not None and request.action is Action.PROCESS_EXEC:
            self._acts.owners.ran(request.process, act.id)
        if parent is None and request.action not in UNCOUNTED:
            self.counts["acts"] += 1
        if verdict is not None:
            if verdict.ruling is Ruling.DENY:
                if verdict.by is not By.HABIT:
                    self.counts["refused"] += 1
                if verdict.by is not By.HABIT and repeats is None:
                    self._breaker.refused(facts)
            else:
                if parent is not None and request.action in _CHANGES and parent.id in self._changed:
                    self._changed[parent.id].add(request.path)
                self._acts.ran(request, facts)
                self._taint.ran(facts)
                if verdict.by in {By.TICKET, By.GRANT} or (verdict.by is By.HABIT and not request.path):
                    act.approve(facts)  # a text that was harmless says nothing of the next one
            self._announce(act, request, verdict)
            if parent is None and verdict.ruling is Ruling.ALLOW:
                self._await_end(record.id, request, spare=True)
            reply(Verdict(verdict.ruling, verdict.by, verdict.feedback, verdict.who, record.id, verdict.policies))
            return
        self.counts["asked"] += 1
        submission.desk = self._desk
        waits = self._limits.tickets is not None and not request.late
        seconds = self._limits.patience(request) if waits else 0
        submission.waiting = Waiting(
            act=record.id,
            request=request,
            facts=facts,
            decision=decision,
            since=self._clock(),
            settle=lambda w, v, c, f: self._settle(w, v, c, f, act, reply),
            digest=digest,
            scripts=self._scripts(request),
            handed=handed_over(request, facts),
            deadline=self._clock() + int(seconds * 1e6) if seconds > 0 else 0,
        )
        card = self._desk.ask(submission.waiting)
        try:
            asked = self._duties.masked_card(Asked(card=card), decision)
            self._stream.append(asked, parent=record.id, durable=True, rides=joins)
        except Exception:
            self._desk.retract(submission.waiting)
            raise
        if seconds > 0:
            waiting = submission.waiting
            waiting.stop = self._limits.later(seconds, lambda: self._park(waiting, reply))

    def _announce(self, act: Act, request: Request, verdict: Verdict) -> None:
        """A hook's command may run, or its edit be made: what the kernel's guard then sees is the same act."""
        if verdict.ruling is not Ruling.ALLOW or request.layer is not Layer.HOOK:
            return
        if request.action is Action.PROCESS_EXEC:
            self._acts.announced.expect(act, request)
        elif request.action is Action.TOOL_CALL:
            self._acts.announced.expect_call(act, request)
        elif request.was or verdict.by in {By.PERSON, By.TICKET}:
            self._acts.announced.expect_edit(request, approved=verdict.by in {By.PERSON, By.TICKET})

    def _park(self, waiting: Waiting, reply: Reply) -> None:
        """The agent will not wait any longer: its program goes with a ticket, the card stays."""
        if waiting.done or waiting.parked or waiting.card is None:
            return
        waiting.parked = True
        text = ticket(waiting.card.id, waiting.card.consequence)
        try:
            self._stream.append(Ticketed(waiting.card.id, waiting.digest), parent=waiting.act, durable=True)
        except Exception as error:  # noqa: BLE001 - what cannot be recorded must not leave the program held
            why = error.message if isinstance(error, LeashError) else f"{type(error).__name__}: {error}"
            self._broken(why)
        reply(Verdict(Ruling.DENY, By.TICKET, text, "", waiting.act, tuple(p.id for p in waiting.decision.policies)))

    def _settle(
        self, waiting: Waiting, verdict: Verdict, choice: Choice | None, face: str, act: Act, reply: Reply
    ) -> None:
        """An ask ended: record it, remember it, release it. A failing log turns an approval into a denial."""
        waiting.stop()
        why = self._currency.objection(waiting) if verdict.ruling is Ruling.ALLOW and not waiting.parked else ""
        if why:
            text = refusal(by=By.ERROR, what=consequence(waiting.facts, waiting.decision.policies), why=why)
            verdict, choice = Verdict(Ruling.DENY, By.ERROR, text, "", waiting.act), None
        elif verdict.ruling is Ruling.ALLOW:
            verdict = self._rules.dutiful(verdict, waiting.decision, waiting.facts)
            choice = choice if verdict.ruling is Ruling.ALLOW else None
        granted: GrantAdded | None = None
        try:
            if choice is Choice.SESSION:
                granted = self._grant(waiting.facts, waiting.decision)
                self._stream.append(granted, parent=waiting.act, durable=True)
            answered = Answered(
                ask=waiting.card.id if waiting.card else "",
                verdict=verdict,
                face=face,
                grant=granted.grant if granted else "",
                waited_us=self._clock() - waiting.since,
            )
            self._stream.append(answered, parent=waiting.act, durable=True)
        except Exception as error:  # noqa: BLE001 - an answer that cannot be recorded must not leave the act held
            why = error.message if isinstance(error, LeashError) else f"{type(error).__name__}: {error}"
            verdict = self._unrecorded(waiting, why)
        settled = verdict
        self._stream.after(
            lambda lost: self._release(
                waiting, self._unrecorded(waiting, lost) if lost else settled, act, reply, granted=granted is not None
            )
        )

    def _unrecorded(self, waiting: Waiting, why: str) -> Verdict:
        self._broken(why)
        text = refusal(by=By.ERROR, what=waiting.facts.command, why=why)
        return Verdict(Ruling.DENY, By.ERROR, text, "", waiting.act)

    def _release(self, waiting: Waiting, verdict: Verdict, act: Act, reply: Reply, *, granted: bool) -> None:
        """The end of an ask is in the log: remember it, let it go."""
        if verdict.ruling is Ruling.ALLOW:
            self._breaker.forgive(waiting.facts)
            self._await_end(waiting.act, waiting.request)
            if not waiting.parked:
                self._acts.approved(act, waiting.request, waiting.facts)
                self._acts.ran(waiting.request, waiting.facts)
                self._taint.ran(waiting.facts)
                self._announce(act, waiting.request, verdict)
        else:
            self.counts["withdrawn" if verdict.by is By.WITHDRAWN else "refused"] += 1
            if verdict.by is By.PERSON:
                self._breaker.refused(waiting.facts)
        if waiting.parked:
            self._late(waiting, verdict, granted=granted)
        elif verdict.by is not By.WITHDRAWN:
            if self._limits.tickets is not None and waiting.card is not None and verdict.ruling is Ruling.ALLOW:
                self._limits.tickets.spend(waiting.card.id)
            reply(verdict)

    def consult(self, request: Request) -> tuple[Facts, Decision]:
        """What would be answered, without asking, recording or remembering anything."""
        request = replace(request, taint=self._taint.origins)
        facts = self._classify(request)
        return facts, self._decider.decide(request, facts)

    def asks(self, request: Request) -> bool:
        """Whether a person's yes is what it would need, without asking, recording or remembering anything."""
        try:
            facts = self._judged(request)
            decision = self._decider.decide(request, facts)
        except Exception:  # noqa: BLE001 - whoever asks then meets the same, and is refused for it
            return True
        if decision.outcome is not Outcome.ASK or self._rules.posture is Posture.OBSERVE:
            return False
        return not self._rules.is_covered(request, facts, self._acts.find(request), decision)

    def enforce(self, posture: Posture) -> None:
        """Answer acts so from now on."""
        self._rules.posture = posture

    def read(self) -> None:
        """A page from the web came before the model by a tool of the agent's own."""
        self._taint.add(WEB)

    def _digest(self, request: Request, facts: Facts) -> str:
        tickets = self._limits.tickets
        return tickets.digest(request, facts) if tickets is not None else ""

    def _judged(self, request: Request) -> Facts:
        return self._classify(self._limits.plain(request, self._acts.is_own(request)))

    def _together(self, request: Request, facts: Facts, line: str) -> Facts:
        """What a program is with what its input comes from and its output goes to, where that is code that runs."""
        whole = self._judged(replace(request, argv=("sh", "-c", line), exe="/bin/sh"))
        return whole if whole.pipe_to_shell else facts

    def _late(self, waiting: Waiting, verdict: Verdict, *, granted: bool) -> None:
        """Nobody waits for this answer: leave a pass or a refusal for the retry, and a word for the model."""
        ask = waiting.card.id if waiting.card else ""
        if verdict.ruling is Ruling.ALLOW:
            if self._limits.tickets is not None and not granted:
                self._limits.tickets.leave(waiting.digest, ask)
            self._limits.told(approved_late(ask, waiting.facts.command, _AGAIN.get(waiting.request.action, "")))
            self._limits.wake(ask)
        elif verdict.by is By.PERSON:
            heard = self._limits.told(f"{ask} was refused. {verdict.feedback}")
            if self._limits.tickets is not None and not heard:
                self._limits.tickets.refuse(waiting.digest, verdict)

    def _await_end(self, act: str, request: Request, *, spare: bool = False) -> None:
        """Record how an act that was allowed came out; a log that cannot be written says so elsewhere."""
        process = request.process

        def ended(end: Ending) -> None:
            event = ActEnded(end.code, end.us, end.read, end.wrote, len(self._changed.pop(act, ())))
            with contextlib.suppress(LeashError):
                self._stream.append(event, parent=act)

        if process is not None and request.action is Action.PROCESS_EXEC and not request.chosen:
            if len(self._changed) >= _FOLLOWED:
                del self._changed[next(iter(self._changed))]
            self._changed[act] = set()
            self._follow(process, ended, spare)


def _weighty(facts: Facts, verdict: Verdict | None) -> bool:
    """Whether the record must survive power loss: asks, denials, irreversible and outward-facing acts."""
    if verdict is None or verdict.ruling is Ruling.DENY or not facts.reversible:
        return True
    return any(e.verb in _OUTWARD for e in facts.effects)
