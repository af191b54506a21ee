"""Telling a person who looks elsewhere that an act waits: BEL and OSC 9, at most once in ten seconds.

Pure: returns what to write and when to look again. Refuses to let an agent's words speak to the terminal: the command
is spelled out and cut. Invariant: two rings are at least `EVERY` seconds apart, however many cards come.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.model.card import Card
from leashtui.words.inner import brief
from leashtui.words.plain import count, one_line

EVERY = 10.0


class Bell:
    """multiplexed: whether tmux must be asked to pass the message on."""

    def __init__(self, *, multiplexed: bool = False) -> None:
        self._multiplexed = multiplexed
        self._last = float("-inf")
        self._owed = False

    def ring(self, cards: Sequence[Card], now: float, *, fresh: bool) -> tuple[str, float]:
        """(bytes to write or '', seconds until asked again or 0). fresh: a card came just now."""
        self._owed = (self._owed or fresh) and bool(cards)
        if not self._owed:
            return "", 0.0
        wait = self._last + EVERY - now
        if wait > 0:
            return "", wait
        self._last, self._owed = now, False
        words = one_line(f"leash: {count(len(cards), 'act waits', 'acts wait')}: {brief(cards[-1].command)}", 120)
        message = f"\x1b]9;{words.replace(';', ',')}\x07"
        if self._multiplexed:
            message = "\x1bPtmux;" + message.replace("\x1b", "\x1b\x1b") + "\x1b\\"
        return "\x07" + message, 0.0
