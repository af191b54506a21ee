"""How leash speaks where it may not draw: the window's title, a bell, the terminal's progress mark.

Pure. Refuses to let an agent's words end the sequence they stand in. Invariant: when nothing waits or
stands still any more, title and mark are as the agent left them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from leashtui.model.card import Card
from leashtui.words.inner import brief
from leashtui.words.plain import count, one_line

_TITLE = re.compile(rb"\x1b\][02];([^\x07\x1b]{0,500})(?:\x07|\x1b\\)")
_PAUSED, _CLEAR = "\x1b]9;4;4;100\x07", "\x1b]9;4;0\x07"


class Voice:
    """leader: its name."""

    def __init__(self, leader: str, agent: str) -> None:
        self._leader = leader
        self._agent = one_line(agent, 40)
        self._title = b""
        self._tail = b""
        self._waiting = False

    def heard(self, data: bytes) -> None:
        """The agent's output: the title it sets is kept."""
        text = self._tail + data
        for match in _TITLE.finditer(text):
            self._title = match[1]
        escape = text.rfind(b"\x1b]", max(0, len(text) - 520))
        self._tail = text[escape:] if escape >= 0 and not _TITLE.match(text, escape) else b""

    def begins(self) -> str:
        """What is said first: which key leads to the panel."""
        return f"\x1b]2;{self._agent} · leash: {self._leader}\x07"

    def tell(self, cards: Sequence[Card], frozen_by: str = "") -> str:
        """What to write now that these cards wait. frozen_by: who or what stands the session still, '' for nobody."""
        if cards or frozen_by:
            self._waiting = True
            words = f"leash: frozen by {frozen_by} ({self._leader})"
            if cards:
                many = count(len(cards), "act waits", "acts wait")
                words = f"leash: {many} ({self._leader}): {brief(cards[0].command)}"
            return f"\x1b]2;{one_line(words, 120)}\x07{_PAUSED}"
        if not self._waiting:
            return ""
        self._waiting = False
        title = self._title.decode("utf-8", "replace") if self._title else f"{self._agent} · leash: {self._leader}"
        return f"\x1b]2;{one_line(title, 200)}\x07{_CLEAR}"
