"""The cards that wait, which of them is under the keys, and whether a key may approve it yet.

Pure: time comes in, nothing goes out. Refuses to know how a card looks. Invariant (the arming rules of ux.md): an
approval is possible only for a card that has been in view for 250 ms, after keys have rested for 500 ms since it came
into view, and a severe one only by two different keys on the very same card. A denial is always possible.
"""

from __future__ import annotations

from collections.abc import Iterable

from leashtui.model.card import Card, Choice
from leashtui.model.facts import Severity

SEEN_FOR = 0.25
RESTED_FOR = 0.5
SEVERE = frozenset({Severity.HIGH, Severity.CRITICAL})


class Queue:
    """Waiting cards, oldest first. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self._cards: dict[str, Card] = {}
        self._chosen = ""
        self._in_view = False
        self._viewed_at = 0.0
        self._last_key = float("-inf")
        self._armed = False
        self.confirming: Choice | None = None

    def __len__(self) -> int:
        return len(self._cards)

    def cards(self) -> tuple[Card, ...]:
        """All waiting cards, oldest first."""
        return tuple(sorted(self._cards.values(), key=lambda c: (c.since, len(c.id), c.id)))

    @property
    def card(self) -> Card | None:
        """The card under the keys."""
        return self._cards.get(self._chosen)

    @property
    def position(self) -> int:
        """1-based place of the chosen card among those that wait; 0 without one."""
        return next((at for at, c in enumerate(self.cards(), 1) if c.id == self._chosen), 0)

    def add(self, card: Card, now: float) -> bool:
        """A card, or a newer picture of one. Returns whether it is new. The chosen card keeps its place."""
        old = self._cards.get(card.id)
        self._cards[card.id] = card
        if not self._chosen:
            self._choose(card.id, now)
        elif card.id == self._chosen and old is not None and _question(old) != _question(card):
            self._rearm(now)
        return old is None

    def remove(self, ask: str, now: float) -> None:
        """A card was answered or withdrawn; the next oldest comes under the keys, unarmed."""
        self._cards.pop(ask, None)
        if ask == self._chosen:
            following = self.cards()
            self._choose(following[0].id if following else "", now)

    def replace(self, cards: Iterable[Card], now: float) -> None:
        """Exactly these cards wait now."""
        kept = {card.id: card for card in cards}
        for ask in [a for a in self._cards if a not in kept]:
            self.remove(ask, now)
        for card in kept.values():
            self.add(card, now)

    def move(self, step: int, now: float) -> None:
        """Choose the next (1) or previous (-1) card; stops at the ends."""
        cards = self.cards()
        if cards:
            at = min(max(self.position - 1 + step, 0), len(cards) - 1)
            if cards[at].id != self._chosen:
                self._choose(cards[at].id, now)

    def in_view(self, visible: bool, now: float) -> None:
        """Whether the chosen card can be seen; coming into view starts its clock."""
        if visible and not self._in_view:
            self._in_view = True
            self._rearm(now)
        elif not visible:
            self._in_view = False
            self._armed = False
            self.confirming = None

    def key(self, now: float) -> None:
        """Any key was pressed, for the agent or for the panel, at `now` (when it was typed, not when it was read)."""
        self._armed = self.ready(now)
        self._last_key = max(self._last_key, now)

    def burst(self, now: float) -> None:
        """More came at once than a hand types: whatever key follows it at once approves nothing."""
        self._armed = False
        self._last_key = max(self._last_key, now)

    def ready(self, now: float) -> bool:
        """Whether an approving key typed at `now` would count."""
        if not self._in_view or self.card is None:
            return False
        if self._armed:
            return now >= self._viewed_at
        return now - self._viewed_at >= SEEN_FOR and now - self._last_key >= RESTED_FOR

    def approve(self, choice: Choice, ready: bool, twice: bool) -> bool:
        """An approving key. ready: as `ready` said when it was typed. twice: the card needs a second key.

        Returns whether to answer now; otherwise `confirming` says what the second key would do.
        """
        if not ready or self.card is None:
            return False
        if twice:
            self.confirming = choice
            return False
        return True

    def _choose(self, ask: str, now: float) -> None:
        self._chosen = ask
        self._rearm(now)

    def _rearm(self, now: float) -> None:
        self._viewed_at = now
        self._armed = False
        self.confirming = None


def _question(card: Card) -> tuple[object, ...]:
    """What a person answers to; the count of coalesced requests may grow meanwhile."""
    return (card.command, card.normalised, card.cwd, card.severity, card.consequence, card.options)
