"""How a card is answered from here: one key or two, a reason, another command in its place, or the end of everything.

Knows the queue and what was sent and not yet confirmed. Refuses to draw and to know which key means what. Invariant:
only an approval that the card offers, that is armed and that a severe card was asked for twice, is ever sent.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.faces.tui import text as say
from leashtui.faces.tui.card import needs_second_key
from leashtui.faces.tui.editor import LIMIT, LineEditor
from leashtui.faces.tui.queue import Queue
from leashtui.model.card import Card, Choice
from leashtui.model.wire import Answer, Brake, FaceMessage, ToTeam
from leashtui.words.inner import inner
from leashtui.words.plain import visible
from leashtui.words.refusal import INSTEAD

Say = Callable[[str, float], None]
"""A sentence for the footer, and when it was caused."""


class Answering:
    """send: to the desk. keep: makes the grant of an ask last beyond the session. gone: told of a card that left.

    watches: nothing is answered from here. me: who sits here. width: columns that a card has.
    """

    def __init__(
        self,
        *,
        send: Callable[[FaceMessage], None],
        say: Say,
        keep: Callable[[str], None],
        gone: Callable[[str], None],
        watches: bool,
        me: str,
    ) -> None:
        self.queue = Queue()
        self.killing = False
        self.lasting = False
        """Whether what is confirmed shall hold beyond the session."""
        self.width = 58
        self._send = send
        self._say = say
        self._keep = keep
        self._gone = gone
        self._watches = watches
        self._me = me
        self._sent: dict[str, Card] = {}

    @property
    def twice(self) -> bool:
        """Whether a second key is waited for."""
        return self.killing or self.queue.confirming is not None

    def drop(self) -> None:
        """What was half answered is not answered."""
        self.killing = self.lasting = False
        self.queue.confirming = None

    # what the desk says ----------------------------------------------------------------------------------------------
    def shown(self, card: Card, now: float) -> bool:
        """A card of the desk's. Returns whether it is new."""
        return card.id not in self._sent and self.queue.add(card, now)

    def left(self, ask: str, why: str, who: str, now: float) -> None:
        """A card is not the desk's any more."""
        mine = self._sent.pop(ask, None) is not None
        if not mine and any(c.id == ask for c in self.queue.cards()):
            self._say(f"{ask} {why}{' by ' + who if who else ''}", now)
        self._remove(ask, now)

    def refused(self, reason: str, hint: str, now: float) -> None:
        """The desk did not take what was sent: it waits again."""
        for card in self._sent.values():
            self.queue.add(card, now)
        self._sent.clear()
        self._say(f"not done: {reason}{'; ' + hint if hint else ''}", now)

    # what a person says ----------------------------------------------------------------------------------------------
    def barred(self, card: Card, user: str) -> str:
        """Why this card cannot be allowed from here, '' where it can. user: whose session it is."""
        if self._watches:
            return say.ONLY_LOOK
        return say.MUST_BE_OTHER.format(who=self._me) if card.other and self._me == user else ""

    def approve(self, choice: Choice, user: str, ready: bool, now: float, lasting: bool = False) -> None:
        """A key that allows. ready: as the queue said when it was typed. lasting: beyond the session."""
        card = self.queue.card
        if card is None:
            return
        if barred := self.barred(card, user):
            self._say(barred, now)
        elif choice not in {o.choice for o in card.options}:
            self._say(say.NOT_OFFERED.format(why=card.no_wider or "deny it, or wait"), now)
        elif not ready:
            self._say(say.NOT_ARMED, now)
        elif self.queue.approve(choice, ready, lasting or needs_second_key(card, self.width)):
            self.answer(card, choice, "", now)
        else:
            self.lasting = lasting and self.queue.confirming is not None

    def second(self, confirmed: bool, ready: bool, now: float) -> None:
        """The key after one that asked for a second: whatever it is, nothing is half answered any more."""
        choice, self.queue.confirming = self.queue.confirming, None
        killing, self.killing = self.killing, False
        lasting, self.lasting = self.lasting, False
        card = self.queue.card
        if confirmed and killing:
            self._send(Brake("kill"))
            self._say("ending the session", now)
        elif confirmed and choice is not None and card is not None and ready:
            if lasting:
                self._keep(card.id)
            self.answer(card, choice, "", now)

    def asked_twice(self) -> str:
        """What the second key would do, in words for the footer."""
        card, choice = self.queue.card, self.queue.confirming
        if self.killing:
            return say.CONFIRM_KILL
        if choice is None or card is None:
            return ""
        if self.lasting:
            label = next((o.label for o in card.options if o.choice is Choice.SESSION), "")
            return say.CONFIRM_ALWAYS.format(what=visible(label.removeprefix("this session: ")))
        once = choice is Choice.ONCE and card.done
        return say.CONFIRM.format(what=say.KEEP_SO if once else say.CONFIRMED[choice])

    def answer(self, card: Card, choice: Choice, feedback: str, now: float) -> None:
        """Send it; the card is gone from here until the desk says otherwise."""
        if self._watches:
            self._say(say.ONLY_WATCHES, now)
            return
        self._send(Answer(card.id, choice, feedback))
        self._sent[card.id] = card
        self._remove(card.id, now)
        self._say(f"{card.id}: {'denied' if choice is Choice.DENY else 'allowed'}", now)

    def editor(self, purpose: str, now: float) -> LineEditor | None:
        """What to type in, to deny with a reason (deny) or with another command to run instead (edit)."""
        card = self.queue.card
        if card is None:
            return None
        if purpose == "deny":
            return LineEditor(say.REASON, purpose, card.id)
        text = visible(inner(card.command).text)
        if len(text) > LIMIT:
            self._say("too long to edit here: deny it and say what to run", now)
            return None
        return LineEditor(say.EDIT, purpose, card.id, text)

    def edited(self, editor: LineEditor, now: float) -> None:
        """What was typed there is the answer."""
        card = next((c for c in self.queue.cards() if c.id == editor.subject), None)
        words = editor.text.strip()
        if editor.purpose == "edit" and card is not None and words in {"", visible(inner(card.command).text)}:
            self._say("nothing was changed in it: it still waits", now)
        elif card is not None:
            self.answer(card, Choice.DENY, INSTEAD + words if editor.purpose == "edit" else words, now)

    def offer(self, now: float) -> None:
        """Ask the team as well."""
        card = self.queue.card
        if card is not None and not self._watches:
            self._send(ToTeam(card.id))
            self._say(f"{card.id}: the team is asked as well; it still waits for you too", now)

    def _remove(self, ask: str, now: float) -> None:
        self._gone(ask)
        self.queue.remove(ask, now)
