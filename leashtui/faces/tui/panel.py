"""What the panel knows and what each key means.

Knows queue, timeline, who has the keyboard. Refuses to draw and to do input or output: effects go through the
callables it is given. Invariant: while the agent has the keyboard every key but the leader is the agent's, and
nothing but a person's own leader key moves the keyboard to the panel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from leashtui.audit.query import Query, QueryError, parse
from leashtui.faces.tui import text as say
from leashtui.faces.tui.answering import Answering
from leashtui.faces.tui.deeds import Deeds, Palette, Report, Run
from leashtui.faces.tui.editor import LineEditor
from leashtui.faces.tui.keys import CHOOSES, CLOSES, DO_IT, Key, Keymap, Situation
from leashtui.faces.tui.keys import DEFAULT as DEFAULT_KEYS
from leashtui.faces.tui.leader import DEFAULT, Leader
from leashtui.faces.tui.reading import Reading
from leashtui.faces.tui.timeline import Timeline
from leashtui.model.card import Card, Choice
from leashtui.model.wire import (
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
    """State of one face. send: to the desk. type_: bytes to the agent. leave: detach. wall: us since the epoch.

    watches: nothing is answered from here. me: who sits here.
    """

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
        run: Run = lambda words, hear: None,
        keymap: Keymap = DEFAULT_KEYS,
        watches: bool = False,
        me: str = "",
    ) -> None:
        self.welcome = welcome
        self.leader = leader
        self.keymap = keymap
        self.watches = watches
        self.answering = Answering(
            send=send,
            say=self.say,
            keep=lambda ask: self.deeds.keep_when_granted(ask),
            gone=self._gone,
            watches=watches,
            me=me,
        )
        self.queue = self.answering.queue
        self.timeline = Timeline()
        self.reading = Reading(self.timeline)
        self.focused = False
        self.editor: LineEditor | None = None
        self.help = False
        self.whole = False
        self.palette: Palette | None = None
        self.told: dict[str, str] | None = None  # in a replay: what each ask was answered
        self.rows = False  # whether j and k move in the timeline while several cards wait
        self.page = 0  # first line of help or of the whole view
        self.query: Query | None = None
        self._tried = ""  # a query that could not be read
        self._hint = ""
        self._hint_until = 0.0
        self._send = send
        self._type = type_
        self._leave = leave
        self._look_back = look_back
        self.deeds = Deeds(run, lambda words: self.say(words, self._heard_at), welcome.session, welcome.workspace)
        self._heard_at = 0.0
        self._wall = wall

    def meet(self, welcome: Welcome) -> None:
        """The session that was being built is there."""
        self.welcome = welcome
        self.deeds.of(welcome.session, welcome.workspace)

    @property
    def frozen(self) -> bool:
        """Whether the session stands still, as far as this face was told."""
        return self.welcome.frozen if self.timeline.frozen is None else self.timeline.frozen

    @property
    def frozen_by(self) -> str:
        """Who or what stands the session still."""
        return self.welcome.frozen_by if self.timeline.frozen is None else self.timeline.frozen_by

    @property
    def waiting(self) -> int:
        """How many acts wait."""
        return len(self.queue)

    def hint(self, now: float) -> str:
        """A sentence for the footer, for a few seconds after what caused it."""
        return self._hint if now < self._hint_until else ""

    @property
    def _plain(self) -> bool:
        """Whether card and timeline are what is to be seen."""
        return not (self.help or self.whole or self.deeds.report or self.palette)

    @property
    def card_in_view(self) -> bool:
        """Whether nothing of the panel covers the card."""
        return not (self.help or self.reading.open or self.deeds.report or self.palette)

    def barred(self, card: Card) -> str:
        """Why this card cannot be allowed from here, '' where it can."""
        return self.answering.barred(card, self.welcome.user)

    def asked_twice(self) -> str:
        """What the second key would do, in words for the footer."""
        return self.answering.asked_twice()

    def situation(self, now: float) -> Situation:
        """What decides which keys work."""
        card = self.queue.card
        offered = {o.choice for o in card.options} if card and not self.barred(card) else set()
        reading = self.reading.open
        return Situation(
            card=card is not None and not reading and self.deeds.report is None,
            cards=0 if reading or self.rows else self.waiting,
            waiting=self.waiting,
            listed=self._plain,
            chosen=self.reading.row is not None and self._plain,
            reading=reading,
            files=self.reading.files,
            granted=bool(self.timeline.grant_of(self.reading.row)),
            team=self.welcome.team and card is not None and not card.offered,
            ready=self.queue.ready(now) and self.card_in_view,
            once=Choice.ONCE in offered,
            session=Choice.SESSION in offered,
            whole=self.whole,
            help=self.help,
            frozen=self.frozen,
            filtered=self.query is not None,
            watches=self.watches,
            done=card is not None and card.done,
        )

    def working(self, now: float) -> list[Key]:
        """The keys that work now, for the footer."""
        report = self.deeds.report
        if report is not None and self.palette is None and not self.help:
            scroll = next(key for key in self.keymap.rows if key.id == "older")
            return [*([DO_IT] if report.deed else []), CLOSES, replace(scroll, effect="scroll")]
        if self.palette is not None:
            return [*([CHOOSES] if self.palette.rows() else []), CLOSES]
        return self.keymap.working(self.situation(now))

    def hear(self, message: DeskMessage, now: float) -> bool:
        """Take a message of the desk. Returns whether a card is new, so that a bell may ring."""
        self._heard_at = now
        match message:
            case CardShown(card=card):
                return self.answering.shown(card, now)
            case CardGone(ask=ask, why=why, who=who):
                self.answering.left(ask, why, who, now)
            case Recorded(record=record):
                self.timeline.add(message)
                self.deeds.heard(record)
            case Refused(reason=reason, hint=hint):
                self.answering.refused(reason, hint, now)
        return False

    def press(self, name: str, character: str | None, raw: str, now: float) -> bool:
        """A key typed at `now`. Returns whether it is the agent's."""
        ready = self.queue.ready(now)
        self.queue.key(now)
        self._heard_at = now
        if raw == self.leader.raw:
            self.give_keys(not self.focused, now)
            return False
        if not self.focused:
            return True
        if self.editor is not None:
            self._edit(name, character, now)
        elif self.palette is not None:
            self._choose(name, character, ready, now)
        elif self.answering.twice:
            confirmed = character == "!" or name == "exclamation_mark"
            self.answering.second(confirmed, ready, now)
            if not confirmed and self.keymap.ids(name) & {"deny", "because"}:
                self._first(name, ready, now)
        elif self.deeds.report is not None and (character == "!" or name == "exclamation_mark"):
            self.deeds.confirm()
        else:
            self._first(name, ready, now, character)
        return False

    def paste(self, text: str) -> bool:
        """Pasted text. Returns whether it is the agent's; a paste never counts as keys."""
        if not self.focused:
            return True
        if self.editor is not None:
            self.editor.insert(text)
        return False

    def wheel(self, back: bool, now: float) -> None:
        """The wheel over the right column: it scrolls whoever has the keys, and whatever keys scroll."""
        if self.palette is None:
            self._do_older(now) if back else self._do_newer(now)

    def point(self, line: int) -> bool:
        """A click on a line of the right column. Returns whether it chose or opened a row there."""
        if self.editor is not None or self.answering.twice:
            return False
        self.page = 0
        return self.reading.point(line)

    def burst(self, text: str, now: float) -> bool:
        """Much text at once, typed by no hand. Returns whether it is the agent's; it never counts as single keys."""
        self.queue.burst(now)
        return self.paste(text)

    def give_keys(self, panel: bool, now: float) -> None:
        """Move the keyboard to the panel or back to the agent; what was half typed in the panel is dropped."""
        self.focused = panel
        self.editor = None
        self.help = self.whole = False
        self.palette = self.deeds.report = None
        self.answering.drop()
        self.rows = False
        while self.query is None and self.reading.close():
            pass
        self.reading.open = False
        self._hint_until = now

    def _first(self, name: str, ready: bool, now: float, character: str | None = None) -> None:
        situation = self.situation(now)
        key = self.keymap.find(name, situation)
        action = key.id if key else ""
        approving = next(iter(self.keymap.ids(name) & {"once", "session", "always"}), "")
        if approving and self.queue.card is not None and not self.reading.open and self.deeds.report is None:
            choice = Choice.ONCE if approving == "once" else Choice.SESSION
            self.answering.approve(choice, self.welcome.user, ready, now, approving == "always")
        elif approving or action == "":
            if self.watches and self.keymap.known(name):
                self.say(say.ONLY_WATCHES, now)
                return
            shown = character if character and character.isprintable() else name
            self.say("" if self.keymap.known(name) else f"{shown} does nothing here: ? shows the keys", now)
        else:
            getattr(self, f"_do_{action}")(now)

    def _choose(self, name: str, character: str | None, ready: bool, now: float) -> None:
        """A key while the palette is open."""
        palette = self.palette
        assert palette is not None
        if name == "escape":
            self.palette = None
        elif (key := palette.key(name, character)) is not None:
            self.palette = None
            getattr(self, f"_do_{key.id}")(now)

    def _gone(self, ask: str) -> None:
        """A card leaves: what was about it closes."""
        card = self.queue.card
        if card is not None and card.id == ask:
            self.whole = False
        if self.editor is not None and self.editor.subject == ask:
            self.editor = None

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
                self.answering.edited(editor, now)
        else:
            editor.key(name, character)

    def _filter(self, text: str, now: float) -> None:
        try:
            self.query = parse(text, now=self._wall()) if text.strip() else None
            self.reading.matches = None if self.query is None else self.query.match
            self._tried = ""
        except QueryError as error:
            self._tried = text
            self.deeds.report = Report(say.NO_QUERY, [error.message, error.hint, "", say.AGAIN])

    def say(self, words: str, now: float) -> None:
        """A sentence for the footer, for a few seconds."""
        self._hint, self._hint_until = words, now + _HINT_FOR if words else now

    def _do_deny(self, now: float) -> None:
        card = self.queue.card
        if card is not None:
            self.answering.answer(card, Choice.DENY, "", now)

    def _do_because(self, now: float) -> None:
        self.editor = self.answering.editor("deny", now)

    def _do_edit(self, now: float) -> None:
        self.editor = self.answering.editor("edit", now)

    def _do_offer(self, now: float) -> None:
        self.answering.offer(now)

    def _do_undo(self, now: float) -> None:
        self.page = 0
        self.deeds.undo(self.reading.row)

    def _do_palette(self, now: float) -> None:
        self.help = self.whole = False
        self.palette = Palette(self.keymap, self.situation(now))

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
        self.answering.killing = True

    def _do_filter(self, now: float) -> None:
        self.editor = LineEditor(say.FILTER, "filter", text=self._tried or (self.query.text if self.query else ""))

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

    def _do_trace(self, now: float) -> None:
        self.page = 0
        self.deeds.trace()

    def _do_older(self, now: float) -> None:
        if self.help or self.whole or self.reading.open or self.deeds.report:
            self.page = max(0, self.page - STEP)
        else:
            self.reading.page(STEP)

    def _do_newer(self, now: float) -> None:
        if self.help or self.whole or self.reading.open or self.deeds.report:
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
        if self.deeds.report is not None:
            self.deeds.report = None
        elif self.help or self.whole:
            self.help = self.whole = False
        elif self.rows and not self.reading.open:
            self.rows = False
            self.reading.close()
        elif self.reading.close():
            self.query = None if self.reading.matches is None else self.query
        else:
            self.give_keys(False, now)
