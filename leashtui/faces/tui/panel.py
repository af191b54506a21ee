"""What the panel knows and what each key means: the part of the face that could answer a card.

Knows queue, timeline, who has the keyboard. Refuses to draw and to do input or output: effects go through the
callables it is given. Invariant: while the agent has the keyboard every key but the leader is the agent's, and
nothing but a person's own leader key moves the keyboard to the panel.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.audit.query import Query, QueryError, parse
from leashtui.faces.tui import text as say
from leashtui.faces.tui.card import needs_second_key
from leashtui.faces.tui.editor import LineEditor
from leashtui.faces.tui.keys import Situation, find, known
from leashtui.faces.tui.leader import DEFAULT, Leader
from leashtui.faces.tui.queue import Queue
from leashtui.faces.tui.reading import Reading
from leashtui.faces.tui.timeline import Timeline
from leashtui.model.card import Card, Choice
from leashtui.model.wire import (
    Answer,
    Brake,
    CardGone,
    CardShown,
    DeskMessage,
    FaceMessage,
    Recorded,
    Refused,
    Revoke,
    Welcome,
)

_HINT_FOR = 5.0
STEP = 5
"""Lines that PgUp and PgDn move."""


class Panel:
    """State of one face. send: to the desk. type_: bytes to the agent. leave: detach. wall: us since the epoch."""

    def __init__(
        self,
        welcome: Welcome,
        *,
        send: Callable[[FaceMessage], None],
        type_: Callable[[bytes], None],
        leave: Callable[[], None],
        wall: Callable[[], int],
        leader: Leader = DEFAULT,
        look_back: Callable[[], None] = lambda: None,
    ) -> None:
        self.welcome = welcome
        self.leader = leader
        self.queue = Queue()
        self.timeline = Timeline()
        self.reading = Reading(self.timeline)
        self.focused = False
        self.editor: LineEditor | None = None
        self.help = False
        self.whole = False
        self.killing = False
        self.told: dict[str, str] | None = None  # in a replay: what each ask was answered
        self.rows = False  # whether j and k move in the timeline while several cards wait
        self.page = 0  # first line of help or of the whole view
        self.query: Query | None = None
        self.card_width = 58
        self._hint = ""
        self._hint_until = 0.0
        self._sent: dict[str, Card] = {}
        self._send = send
        self._type = type_
        self._leave = leave
        self._look_back = look_back
        self._wall = wall

    @property
    def frozen(self) -> bool:
        """Whether the session stands still, as far as this face was told."""
        return self.welcome.frozen if self.timeline.frozen is None else self.timeline.frozen

    @property
    def waiting(self) -> int:
        """How many acts wait."""
        return len(self.queue)

    def hint(self, now: float) -> str:
        """A sentence for the footer, for a few seconds after what caused it."""
        return self._hint if now < self._hint_until else ""

    def situation(self, now: float) -> Situation:
        """What decides which keys work."""
        card = self.queue.card
        offered = {o.choice for o in card.options} if card else set()
        reading = self.reading.open
        return Situation(
            card=card is not None and not reading,
            cards=0 if reading or self.rows else self.waiting,
            waiting=self.waiting,
            listed=not self.help and not self.whole,
            chosen=self.reading.row is not None and not self.help and not self.whole,
            reading=reading,
            files=self.reading.files,
            granted=bool(self.timeline.grant_of(self.reading.row)),
            ready=self.queue.ready(now),
            once=Choice.ONCE in offered,
            session=Choice.SESSION in offered,
            whole=self.whole,
            help=self.help,
            frozen=self.frozen,
            filtered=self.query is not None,
        )

    def hear(self, message: DeskMessage, now: float) -> bool:
        """Take a message of the desk. Returns whether a card is new, so that a bell may ring."""
        match message:
            case CardShown(card=card):
                return card.id not in self._sent and self.queue.add(card, now)
            case CardGone(ask=ask, why=why, who=who):
                mine = self._sent.pop(ask, None) is not None
                if not mine and any(c.id == ask for c in self.queue.cards()):
                    self.say(f"{ask} {why}{' by ' + who if who else ''}", now)
                self._gone(ask, now)
            case Recorded():
                self.timeline.add(message)
            case Refused(reason=reason, hint=hint):
                for card in self._sent.values():
                    self.queue.add(card, now)
                self._sent.clear()
                self.say(f"not done: {reason}{'; ' + hint if hint else ''}", now)
        return False

    def press(self, name: str, character: str | None, raw: str, now: float) -> bool:
        """A key typed at `now`. Returns whether it is the agent's."""
        ready = self.queue.ready(now)
        self.queue.key(now)
        if raw == self.leader.raw:
            self.give_keys(not self.focused, now)
            return False
        if not self.focused:
            return True
        if self.editor is not None:
            self._edit(name, character, now)
        elif self.queue.confirming is not None or self.killing:
            self._second(name, character, ready, now)
        else:
            self._first(name, ready, now)
        return False

    def paste(self, text: str) -> bool:
        """Pasted text. Returns whether it is the agent's; a paste never counts as keys."""
        if not self.focused:
            return True
        if self.editor is not None:
            self.editor.insert(text)
        return False

    def give_keys(self, panel: bool, now: float) -> None:
        """Move the keyboard to the panel or back to the agent; what was half typed in the panel is dropped."""
        self.focused = panel
        self.editor = None
        self.help = self.whole = self.killing = False
        self.queue.confirming = None
        self.rows = False
        while self.query is None and self.reading.close():
            pass
        self.reading.open = False
        self._hint_until = now

    def _first(self, name: str, ready: bool, now: float) -> None:
        situation = self.situation(now)
        key = find(name, situation)
        action = key.id if key else ""
        if name in {"y", "s"} and self.queue.card is not None and not self.reading.open:
            self._approve(Choice.ONCE if name == "y" else Choice.SESSION, ready, now)
        elif action == "":
            self.say("" if known(name) else f"{name} does nothing here: ? shows the keys", now)
        else:
            getattr(self, f"_do_{action}")(now)

    def _approve(self, choice: Choice, ready: bool, now: float) -> None:
        card = self.queue.card
        if card is None:
            return
        if choice not in {o.choice for o in card.options}:
            self.say(say.NOT_OFFERED.format(why=card.no_wider or "deny it, or wait"), now)
        elif not ready:
            self.say(say.NOT_ARMED, now)
        elif self.queue.approve(choice, ready, needs_second_key(card, self.card_width)):
            self._answer(card, choice, "", now)

    def _second(self, name: str, character: str | None, ready: bool, now: float) -> None:
        choice, self.queue.confirming = self.queue.confirming, None
        killing, self.killing = self.killing, False
        card = self.queue.card
        if character == "!" or name == "exclamation_mark":
            if killing:
                self._send(Brake("kill"))
                self.say("ending the session", now)
            elif choice is not None and card is not None and ready:
                self._answer(card, choice, "", now)
        elif name in {"n", "d"}:
            self._first(name, ready, now)

    def _answer(self, card: Card, choice: Choice, feedback: str, now: float) -> None:
        self._send(Answer(card.id, choice, feedback))
        self._sent[card.id] = card
        self._gone(card.id, now)
        self.say(f"{card.id}: {'denied' if choice is Choice.DENY else 'allowed'}", now)

    def _gone(self, ask: str, now: float) -> None:
        card = self.queue.card
        if card is not None and card.id == ask:
            self.whole = False
        if self.editor is not None and self.editor.subject == ask:
            self.editor = None
        self.queue.remove(ask, now)

    def _edit(self, name: str, character: str | None, now: float) -> None:
        editor = self.editor
        assert editor is not None
        if name == "escape":
            self.editor = None
        elif name == "enter":
            self.editor = None
            if editor.purpose == "filter":
                self._filter(editor.text, now)
            else:
                card = next((c for c in self.queue.cards() if c.id == editor.subject), None)
                if card is not None:
                    self._answer(card, Choice.DENY, editor.text.strip(), now)
        else:
            editor.key(name, character)

    def _filter(self, text: str, now: float) -> None:
        try:
            self.query = parse(text, now=self._wall()) if text.strip() else None
            self.reading.matches = None if self.query is None else self.query.match
        except QueryError as error:
            self.say(f"{error.message}; {error.hint}", now)

    def say(self, words: str, now: float) -> None:
        """A sentence for the footer, for a few seconds."""
        self._hint, self._hint_until = words, now + _HINT_FOR if words else now

    def _do_deny(self, now: float) -> None:
        card = self.queue.card
        if card is not None:
            self._answer(card, Choice.DENY, "", now)

    def _do_because(self, now: float) -> None:
        card = self.queue.card
        if card is not None:
            self.editor = LineEditor(say.REASON, "deny", card.id)

    def _do_view(self, now: float) -> None:
        self.whole, self.page = not self.whole, 0

    def _do_next(self, now: float) -> None:
        self.queue.move(1, now)

    def _do_previous(self, now: float) -> None:
        self.queue.move(-1, now)

    def _do_freeze(self, now: float) -> None:
        self._send(Brake("freeze"))

    def _do_resume(self, now: float) -> None:
        self._send(Brake("resume"))

    def _do_kill(self, now: float) -> None:
        self.killing = True

    def _do_filter(self, now: float) -> None:
        self.editor = LineEditor(say.FILTER, "filter", text=self.query.text if self.query else "")

    def _do_row_next(self, now: float) -> None:
        self.reading.move(1)
        self.page = 0

    def _do_row_previous(self, now: float) -> None:
        self.reading.move(-1)
        self.page = 0

    def _do_open(self, now: float) -> None:
        self.reading.open, self.page = not self.reading.open, 0

    def _do_revoke(self, now: float) -> None:
        grant = self.timeline.grant_of(self.reading.row)
        if grant:
            self._send(Revoke(grant))
            self.say(f"{grant} is taken back: its like is asked again", now)

    def _do_pane(self, now: float) -> None:
        self.rows = not self.rows
        if self.rows and self.reading.row is None:
            self.reading.move(1)

    def _do_files(self, now: float) -> None:
        self.reading.show_files(not self.reading.files)

    def _do_older(self, now: float) -> None:
        if self.help or self.whole or self.reading.open:
            self.page = max(0, self.page - STEP)
        else:
            self.reading.page(STEP)

    def _do_newer(self, now: float) -> None:
        if self.help or self.whole or self.reading.open:
            self.page += STEP
        else:
            self.reading.page(-STEP)

    def _do_help(self, now: float) -> None:
        self.help, self.page = not self.help, 0

    def _do_detach(self, now: float) -> None:
        self._leave()

    def _do_scroll(self, now: float) -> None:
        self._look_back()

    def _do_literal(self, now: float) -> None:
        self._type(self.leader.raw.encode())
        self.give_keys(False, now)

    def _do_back(self, now: float) -> None:
        if self.help or self.whole:
            self.help = self.whole = False
        elif self.rows and not self.reading.open:
            self.rows = False
            self.reading.close()
        elif self.reading.close():
            self.query = None if self.reading.matches is None else self.query
        else:
            self.give_keys(False, now)
