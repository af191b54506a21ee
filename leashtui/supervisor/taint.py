"""What a session has taken in that others wrote, and so may steer it: web pages, issues, results of MCP tools.

Knows what came in, and tells it once. Refuses to judge: policies read it as `context.taint`. Invariant: taint only
grows while a session lasts.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.classify.untrusted import sources_of
from leashtui.model.event import Event, Tainted
from leashtui.model.facts import Facts, Untrusted


class Taint:
    """One a session. record: writes an event. changed: called when something new came in."""

    def __init__(
        self,
        record: Callable[[Event], object] = lambda event: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._record = record
        self._changed = changed
        self.held: tuple[str, ...] = ()

    def ran(self, facts: Facts) -> None:
        """An act was let happen."""
        for source in sources_of(facts):
            self.note(source, facts.command[:200])

    def note(self, source: Untrusted, by: str) -> None:
        """Text of this kind came in. by: the act or tool that brought it."""
        if source.value not in self.held:
            self.held = tuple(sorted((*self.held, source.value)))
            self._record(Tainted(source=source.value, by=by))
            self._changed()
