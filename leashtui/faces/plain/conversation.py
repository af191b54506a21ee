"""One person and one session in lines: questions out, answers back, everything else to and from the agent.

Knows which questions wait and which wait for a second word. Refuses to decide: an answer is sent to the desk, and what
became of it is printed when the desk says so. Invariant: an approval names a question that was on the paper for at
least ARMED seconds before, and a severe one is given twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from leashtui.faces.plain.commands import (
    HELP,
    Confirm,
    Keep,
    Look,
    Offer,
    Order,
    Reply,
    Revoke,
    ToAgent,
    Typed,
    Undo,
    Unknown,
)
from leashtui.faces.plain.paper import Paper
from leashtui.faces.plain.question import SEVERE, ask, number_of
from leashtui.model import wire
from leashtui.model.card import Card, Choice
from leashtui.model.event import Answered, Braked, ControlRefused, Decided, Event, GuardLost, Notice, Record
from leashtui.model.verdict import Ruling
from leashtui.model.wire import (
    Answer,
    Brake,
    CardGone,
    CardShown,
    DeskMessage,
    FaceMessage,
    Recorded,
    Refused,
    ToTeam,
    Welcome,
)
from leashtui.words.plain import one_line, visible
from leashtui.words.timeline import tell

ARMED = 0.25


class Line(Protocol):
    """Where answers and the agent's lines go."""

    def send(self, message: FaceMessage) -> None: ...

    def type(self, data: bytes) -> None: ...

    def run_leash(self, words: tuple[str, ...]) -> None:
        """A command of leash, whose lines are printed."""
        ...

    def ring(self) -> None:
        """Tell somebody who looks elsewhere what waits; a question came just now."""
        ...

    def call(self, words: str) -> None:
        """Tell somebody who looks elsewhere."""
        ...


class Conversation:
    """clock: monotonic seconds."""

    def __init__(self, paper: Paper, line: Line, clock: Callable[[], float]) -> None:
        self._paper = paper
        self._line = line
        self._clock = clock
        self._cards: dict[int, Card] = {}
        self._shown: dict[int, float] = {}
        self._half: dict[int, Choice] = {}
        self._lasting: set[str] = set()
        self._session = ""
        self.detached = False

    def begin(self, welcome: Welcome) -> None:
        """Say what this is."""
        self._session = welcome.session
        self._paper.say(
            f"session {welcome.session}, {visible(welcome.agent)} in {visible(welcome.workspace)}",
            f"guard {welcome.tier}" + "".join(f"; not stopped: {visible(lost)}" for lost in welcome.lost),
            "only lines that begin like this one are leash's; all others are the agent's",
            "what you type goes to the agent; !help lists leash's own commands",
            *([f"the session is frozen{_by(welcome.frozen_by)}: !resume lets it go on"] if welcome.frozen else []),
        )

    def waiting(self) -> tuple[Card, ...]:
        """What waits for an answer, the oldest first."""
        return tuple(self._cards.values())

    # from the desk --------------------------------------------------------------------------------------------------
    def hear(self, message: DeskMessage) -> None:
        """Print what the desk says."""
        match message:
            case CardShown(card=card):
                self._ask(card)
            case CardGone(ask=gone, why=why, who=who):
                self._gone(number_of(gone), why, who)
            case Recorded(record=record):
                self._news(record)
            case Refused(reason=reason, hint=hint):
                self._paper.say(f"not done: {visible(reason)}", *([visible(hint)] if hint else []))

    def _ask(self, card: Card) -> None:
        number = number_of(card.id)
        before = self._cards.get(number)
        self._cards[number] = card
        self._half.pop(number, None)
        if before is not None and before.command == card.command:
            self._paper.say(f"question {number} stands for {card.count} such acts now")
            return
        self._shown[number] = self._clock()
        self._paper.say(*ask(card))
        self._line.ring()

    def _gone(self, number: int, why: str, who: str) -> None:
        self._cards.pop(number, None)
        self._shown.pop(number, None)
        self._half.pop(number, None)
        self._paper.say(f"question {number}: {why}" + (_by(who)))

    def _news(self, record: Record) -> None:
        event = record.event
        if isinstance(event, Answered) and event.ask in self._lasting:
            self._lasting.discard(event.ask)
            if event.grant:
                self._line.run_leash(("grants", "--keep", event.grant, "--session", self._session))
        if _is_telling(record.event):
            line = tell(record)
            self._paper.say(f"{line.word} {line.text}" + (f" · {line.why}" if line.why else ""))
        if isinstance(event, Braked) and event.what == "freeze":
            self._line.call(f"frozen{_by(event.who)}")

    # from the person ------------------------------------------------------------------------------------------------
    def obey(self, typed: Typed) -> None:
        """Do what a line says."""
        match typed:
            case ToAgent(line=line):
                self._line.type(line + b"\r")
            case Unknown(problem=problem):
                self._paper.say(f"{one_line(problem)}; !help lists the commands, !! begins a line for the agent")
            case Order(what=what):
                self._order(what)
            case Reply():
                self._reply(typed)
            case Keep(number=number):
                self._reply(Reply(number, Choice.SESSION), lasting=True)
            case Offer(number=number):
                card = self._waiting(number)
                if card is not None:
                    self._line.send(ToTeam(ask=card.id))
                    self._paper.say(f"question {number} goes to the team as well, where there is one")
            case Undo(really=really, what=what):
                words = ("undo", "--session", self._session, *(["--", what] if what else []))
                self._line.run_leash(words if really else ("undo", "--dry-run", *words[1:]))
            case Look(what=what, query=query):
                self._line.run_leash(self._looks(what, query))
            case Revoke(grant=grant):
                self._line.send(wire.Revoke(grant))
            case Confirm(number=number):
                self._confirm(number)

    def _looks(self, what: str, query: str) -> tuple[str, ...]:
        """The command of leash that shows it."""
        if what == "grants":
            return ("grants",)
        more = {"files": ("kind:file.changed",), "trace": ("--trace",)}.get(what, ("--", query) if query else ())
        return ("log", self._session, *more)

    def _order(self, what: str) -> None:
        if what == "help":
            self._paper.say(*HELP)
        elif what == "detach":
            self.detached = True
        elif what == "list":
            self._list()
        else:
            self._line.send(Brake(what=what))

    def _list(self) -> None:
        if not self._cards:
            self._paper.say("no question waits")
        for card in self._cards.values():
            self._paper.say(*ask(card))

    def _waiting(self, number: int) -> Card | None:
        card = self._cards.get(number)
        if card is None:
            self._paper.say(f"no question {number} waits; !list shows those that do")
        return card

    def _reply(self, reply: Reply, lasting: bool = False) -> None:
        card = self._waiting(reply.number)
        if card is None:
            return
        if reply.choice is Choice.DENY:
            self._line.send(Answer(ask=card.id, choice=Choice.DENY, feedback=reply.because))
        elif reply.choice not in {o.choice for o in card.options}:
            why = f"; no 'this session': {visible(card.no_wider)}" if card.no_wider else ""
            self._paper.say(f"question {reply.number} does not offer that{why}")
        elif self._clock() - self._shown[reply.number] < ARMED:
            self._paper.say(f"question {reply.number} had only just appeared: read it, then answer again")
        elif card.severity in SEVERE:
            self._half[reply.number] = reply.choice
            self._paper.say(f"nothing ran yet: type !{reply.number} yes to allow it, !{reply.number} n to deny it")
        else:
            if lasting:
                self._lasting.add(card.id)
            self._line.send(Answer(ask=card.id, choice=reply.choice))

    def _confirm(self, number: int) -> None:
        card = self._waiting(number)
        if card is None:
            return
        choice = self._half.pop(number, None)
        if choice is None:
            self._paper.say(f"say what first: !{number} y, or !{number} n")
        else:
            self._line.send(Answer(ask=card.id, choice=choice))


def _by(who: str) -> str:
    return f" by {visible(who)}" if who else ""


def _is_telling(event: Event) -> bool:
    """Whether a record is news for somebody who reads every line."""
    match event:
        case Decided(verdict=verdict):
            return verdict is not None and verdict.ruling is Ruling.DENY
        case Notice(level=level):
            return level != "info"
        case Braked() | GuardLost() | ControlRefused():
            return True
    return False
