"""The desk: acts that wait for a person, and the one place where an answer counts or does not.

Knows cards, their order and who answered. Refuses to know sockets and screens: faces subscribe and answer. Invariant:
every card ends exactly once, by an answer, a withdrawal or the end of the session, and the first answer wins.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

import msgspec

from leashtui.model.card import Card, Choice, Option
from leashtui.model.facts import Effect, Facts
from leashtui.model.request import Layer, Request
from leashtui.model.verdict import By, Decision, Ruling, Verdict
from leashtui.model.wire import CardGone, CardShown
from leashtui.policy.grants import is_exact
from leashtui.words.consequence import consequence, telling, worst
from leashtui.words.refusal import refusal
from leashtui.words.undoing import outlook

MAX_WAITING = 128
"""Cards that may wait at once; a flood beyond it is denied with a reason (kernel.md, prompt floods)."""
MAX_HELD = 12_000
"""Programs and calls that may wait for those cards: the kernel walks all held ones each time one of them stirs."""
_TURN = 200
"""How many of one card are let go, or refused, in one turn."""

Settle = Callable[["Waiting", Verdict, Choice | None, str], None]


@dataclass
class Waiting:
    """One asked request behind a card: what to do when the card ends."""

    act: str
    request: Request
    facts: Facts
    decision: Decision
    since: int
    settle: Settle
    card: Card | None = None
    done: bool = False
    parked: bool = False  # the agent was given a ticket: nobody listens to the answer any more
    digest: str = ""  # what exactly was asked, for the retry
    scripts: str = ""  # digest of the scripts it would run
    handed: str = ""  # digest of the files that it would hand over to somebody
    deadline: int = 0  # when the agent's own limit comes, microseconds since the epoch
    stop: Callable[[], None] = lambda: None  # ends the clock of the agent's own limit


@dataclass
class _Entry:
    card: Card
    shape: object
    waiting: dict[int, Waiting] = field(default_factory=dict)  # by identity, in the order they came
    agreed: list[str] = field(default_factory=list)


class Desk:
    """The queue of one session. clock: microseconds since the epoch. notify: called with every card message.

    no_grant: why an ask can have no standing grant, '' when it can (policy.grants.refusal).
    owner: the session's person. evidence: what a card shows of an act in a folder, worst first. offer: records that a
    person (its second word) offers a card to the team; returns why it cannot be. together: what ends within it is
    recorded at once. later: calls a function when others had their turn; without it a long card ends in one go. undo:
    how an act in a folder can be undone.
    """

    def __init__(
        self,
        session: str,
        agent: str,
        clock: Callable[[], int],
        notify: Callable[[CardShown | CardGone], None],
        no_grant: Callable[[Facts, Decision], str] = lambda facts, decision: "no standing grants here",
        owner: str = "",
        evidence: Callable[[Facts, str], tuple[Effect, ...]] = lambda facts, cwd: telling(facts),
        offer: Callable[[str, str], str] = lambda ask, who: "nobody elsewhere may answer here: leash invite",
        together: Callable[[], AbstractContextManager[None]] = nullcontext,
        later: Callable[[Callable[[], None]], object] | None = None,
        undo: Callable[[Facts, str], str] = lambda facts, cwd: outlook(facts),
    ) -> None:
        self._session = session
        self._agent = agent
        self._clock = clock
        self._notify = notify
        self._no_grant = no_grant
        self._owner = owner
        self._evidence = evidence
        self._offer = offer
        self._together = together
        self._later = later
        self._undo = undo
        self._due = False
        self._ending: deque[tuple[_Entry, list[Waiting], Callable[[Waiting], None]]] = deque()
        self._cards: dict[str, _Entry] = {}
        self._number = 0

    def cards(self) -> tuple[Card, ...]:
        """The waiting cards, oldest first."""
        return tuple(e.card for e in self._cards.values())

    def full(self) -> bool:
        """Whether one more that waits would be a flood."""
        return len(self._cards) >= MAX_WAITING or sum(len(e.waiting) for e in self._cards.values()) >= MAX_HELD

    def has(self, request: Request, facts: Facts) -> bool:
        """Whether a card of this shape waits, so that one more joins it."""
        shape = _shape(request, facts)
        return any(e.shape == shape for e in self._cards.values())

    def ask(self, waiting: Waiting) -> Card:
        """Show a card for this request, or join the card of a request of the same shape."""
        shape = _shape(waiting.request, waiting.facts)
        for entry in self._cards.values():
            if entry.shape == shape:
                entry.waiting[id(waiting)] = waiting
                offered = entry.card.offered or _for_the_team(waiting.decision)
                entry.card = msgspec.structs.replace(entry.card, count=len(entry.waiting), offered=offered)
                waiting.card = entry.card
                self._notify(CardShown(card=entry.card))
                return entry.card
        self._number += 1
        card = self._card(f"L-{self._number}", waiting)
        waiting.card = card
        self._cards[card.id] = _Entry(card, shape, {id(waiting): waiting})
        self._notify(CardShown(card=card))
        return card

    def _card(self, ask: str, waiting: Waiting) -> Card:
        facts, decision = waiting.facts, waiting.decision
        done = waiting.request.layer is Layer.WATCHER
        once = "allow this address for the session" if waiting.request.host else "allow once"
        once = "keep it as it is now" if done else once
        options = [Option("y", Choice.ONCE, once)]
        no_wider = "each change is asked about" if done else self._no_grant(facts, decision)
        if not no_wider:
            more = "" if is_exact(facts) else " …"
            options.append(Option("s", Choice.SESSION, f"this session: {' '.join(facts.grant_prefix)}{more}"))
        options.append(Option("n", Choice.DENY, "put it back as it was" if done else "deny"))
        return Card(
            id=ask,
            session=self._session,
            act=waiting.act,
            since=waiting.since,
            command=facts.command,
            normalised=facts.normalised,
            cwd=waiting.request.cwd,
            agent=f"{self._agent} › {waiting.request.helper}" if waiting.request.helper else self._agent,
            severity=worst(facts, decision.policies),
            consequence=consequence(facts, decision.policies),
            evidence=self._evidence(facts, waiting.request.cwd)[:8],
            why=decision.policies[:4],
            undo=self._undo(facts, waiting.request.cwd),
            options=tuple(options),
            no_wider=no_wider,
            hidden=facts.hidden,
            pid=waiting.request.process.pid if waiting.request.process else 0,
            approvers=_approvers(decision),
            other="approver:other" in decision.obligations,
            diff=waiting.request.diff,
            tool=waiting.request.tool,
            said=waiting.request.said,
            deadline=waiting.deadline,
            done=done,
            offered=_for_the_team(decision),
        )

    def offer(self, ask: str, who: str) -> str:
        """A person offers a card to the team. Returns '' when it is, else the reason why it is not."""
        entry = self._cards.get(ask)
        if entry is None:
            return f"{ask} is not waiting: it was answered or withdrawn"
        if not entry.card.offered:
            why = self._offer(ask, who)
            if why:
                return why
            entry.card = msgspec.structs.replace(entry.card, offered=True)
        self._notify(CardShown(card=entry.card))
        return ""

    def answer(self, ask: str, choice: Choice, *, who: str, face: str, feedback: str = "") -> str:
        """Settle a card by a person's word. Returns '' when it counted, else the reason why it did not."""
        entry = self._cards.get(ask)
        if entry is None:
            return f"{ask} is not waiting: it was answered or withdrawn"
        if choice is not Choice.DENY and choice not in {o.choice for o in entry.card.options}:
            return f"{ask} offers no {choice.value!r}: {entry.card.no_wider or 'not among its options'}"
        if choice is not Choice.DENY:
            missing = self._missing(entry, who)
            if missing:
                return missing
            who = ", ".join(entry.agreed)
        del self._cards[ask]
        ruling = Ruling.DENY if choice is Choice.DENY else Ruling.ALLOW
        text = ""
        if ruling is Ruling.DENY:
            text = refusal(
                by=By.PERSON, what=entry.card.consequence, policies=entry.card.why, who=who, because=feedback
            )
        first = next(iter(entry.waiting.values()), None)

        def settle(waiting: Waiting) -> None:
            policies = tuple(p.id for p in waiting.decision.policies)
            verdict = Verdict(ruling, By.PERSON, text, who, waiting.act, policies)
            once = choice is Choice.SESSION and waiting is not first  # one grant for all of them
            self._settle(waiting, verdict, Choice.ONCE if once else choice, face)

        self._end(entry, settle)
        self._notify(CardGone(ask=ask, why="allowed" if ruling is Ruling.ALLOW else "denied", who=who))
        return ""

    def _end(self, entry: _Entry, settle: Callable[[Waiting], None]) -> None:
        """Settle all that wait for a card, some at a time: each some share one commit, and others have their turn."""
        self._ending.appendleft((entry, list(entry.waiting.values()), settle))
        self._some()

    def _some(self) -> None:
        if not self._ending:
            return
        _, left, settle = self._ending[0]
        turn = len(left) if self._later is None else _TURN
        with self._together():
            for waiting in left[:turn]:
                settle(waiting)
        del left[:turn]
        if not left:
            self._ending.popleft()
        if self._ending and self._later is not None and not self._due:
            self._due = True
            self._later(self._next)

    def _next(self) -> None:
        self._due = False
        self._some()

    def _missing(self, entry: _Entry, who: str) -> str:
        """Note one more yes. Returns why more are needed, or why this one does not count; '' when it is enough."""
        decisions = [w.decision for w in entry.waiting.values()]
        needed = max(map(_approvers, decisions))
        if who == self._owner and any("approver:other" in d.obligations for d in decisions):
            return (
                f"{entry.card.id} needs somebody else than {who}: a policy asks for other eyes. Whoever you invite"
                f" (leash invite) can allow it; you can deny it"
            )
        if who not in entry.agreed:
            entry.agreed.append(who)
        if len(entry.agreed) < needed:
            said = ", ".join(entry.agreed)
            return f"{entry.card.id} needs {needed} people: {said} agreed, {needed - len(entry.agreed)} more to come"
        return ""

    def withdraw(self, waiting: Waiting, reason: str) -> None:
        """The asking process was signalled or died: its card goes, recorded as withdrawn, never as a denial."""
        if waiting.done or waiting.parked or waiting.card is None:
            return
        self._clear(waiting)
        verdict = Verdict(Ruling.DENY, By.WITHDRAWN, refusal(by=By.WITHDRAWN, what=reason), "", waiting.act)
        self._settle(waiting, verdict, None, "")

    def retract(self, waiting: Waiting) -> None:
        """It could not be recorded that this was asked: nobody may answer it; who asked for it denies."""
        waiting.done = True
        self._clear(waiting)

    def _clear(self, waiting: Waiting) -> None:
        entry = self._cards.get(waiting.card.id) if waiting.card is not None else None
        if entry is None:
            return
        entry.waiting.pop(id(waiting), None)
        if entry.waiting:
            entry.card = msgspec.structs.replace(entry.card, count=len(entry.waiting))
            self._notify(CardShown(card=entry.card))
        else:
            del self._cards[entry.card.id]
            self._notify(CardGone(ask=entry.card.id, why="withdrawn"))

    def deny_all(self, by: By, why: str) -> None:
        """The session ends or the desk closes: everything that waits is denied."""
        gone = [(entry, list(entry.waiting.values())) for entry in self._cards.values()]
        with self._together():
            for entry, left in [*gone, *((entry, left) for entry, left, _ in self._ending)]:
                text = refusal(by=by, what=entry.card.consequence, why=why)
                for waiting in left:
                    self._settle(waiting, Verdict(Ruling.DENY, by, text, "", waiting.act), None, "")
        self._ending.clear()
        for entry, _ in gone:
            if self._cards.pop(entry.card.id, None) is not None:
                self._notify(CardGone(ask=entry.card.id, why="denied"))

    @staticmethod
    def _settle(waiting: Waiting, verdict: Verdict, choice: Choice | None, face: str) -> None:
        if not waiting.done:
            waiting.done = True
            waiting.settle(waiting, verdict, choice, face)


def _shape(request: Request, facts: Facts) -> object:
    """What one card stands for: the same words say something else with another program, variable, input or effect."""
    own = (request.action, request.exe, request.path, request.was, request.host, request.port, request.script)
    return (facts, request.cwd, own, request.argv, request.env, request.diff)


def _for_the_team(decision: Decision) -> bool:
    """Whether a policy offers it: by name, or because one person cannot answer it."""
    return "offer:team" in decision.obligations or "approver:other" in decision.obligations or _approvers(decision) > 1


def _approvers(decision: Decision) -> int:
    """How many people must agree."""
    found = [o.partition(":")[2] for o in decision.obligations if o.startswith("approvers:")]
    return max((int(n) for n in found if n.isdigit()), default=1)
