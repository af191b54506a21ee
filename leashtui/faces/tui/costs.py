"""What a session's model has used so far, by the agent's own account, in a few words for the header.

Knows how to say it. Refuses to guess prices: a cost is shown where the agent itself tells one, tokens otherwise.
Invariant: what cannot be read is said, and what was known before stays.
"""

from __future__ import annotations

import os

from leashtui.agents.adapter import Run
from leashtui.agents.registry import adapter_of
from leashtui.model.wire import Welcome
from leashtui.supervisor.ledger import Ledger

UNREAD = "tokens unread"


class Costs:
    """ledger: of this session."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.words = ""

    def add(self, transcript: str, agent_session: str = "") -> None:
        """What a hook said of this session."""
        self._ledger.hear(transcript, agent_session)

    @property
    def any(self) -> bool:
        """Whether there is anything to read."""
        return self._ledger.any

    def read(self) -> str:
        """Read what changed; the words for the header, '' while nothing is known."""
        spent = self._ledger.read()
        if spent.cost:
            self.words = f"${spent.cost:,.2f}"
        elif spent.given or spent.made:
            self.words = f"{_short(spent.given)} in {_short(spent.made)} out"
        elif self._ledger.unread:
            self.words = UNREAD
        return self.words


def costs_of(welcome: Welcome) -> Costs:
    """For the panel of this session."""
    run = Run(welcome.workspace, os.environ, welcome.argv, welcome.started / 1e6)
    return Costs(Ledger(adapter_of(welcome.agent), run, anywhere=True))


def _short(tokens: int) -> str:
    return f"{tokens / 1e6:.1f}M" if tokens >= 1_000_000 else f"{tokens / 1e3:.0f}k" if tokens >= 1000 else str(tokens)
