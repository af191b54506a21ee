"""What the model of a session has read besides the person's words: the origins of text that strangers may have written.

Knows the origins, and tells each once. Refuses to judge: policies read them as `context.taint`. Invariant: an origin,
once read, stays for the session; nothing can be unread.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from leashtui.classify.untrusted import WEB, sources_of
from leashtui.model.errors import LeashError
from leashtui.model.event import Event, Tainted
from leashtui.model.facts import Facts

_MOST = 32
_MANY = "many"


class Taint:
    """One a session. record: writes an event. changed: called when something new came in.

    origins: sorted, e.g. ('mcp:forge', 'web').
    """

    def __init__(
        self,
        record: Callable[[Event], object] = lambda event: None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self._record = record
        self._changed = changed
        self.origins: tuple[str, ...] = ()

    def ran(self, facts: Facts) -> None:
        """A command was let happen: whether it prints what somebody else wrote."""
        for origin in sources_of(facts):
            self.add(origin, facts.command[:200])

    def add(self, origin: str, by: str = "") -> None:
        """The model reads something that came from there. by: the act or tool that brought it."""
        if origin not in self.origins and _MANY not in self.origins:
            room = len(self.origins) < _MOST
            self.origins = tuple(sorted({*self.origins, origin if room else _MANY}))
            with contextlib.suppress(LeashError):  # a log that cannot be written refuses the next act by itself
                self._record(Tainted(source=origin, by=by))
            self._changed()


def of_server(name: str) -> str:
    """The origin that an MCP server's answers have."""
    return f"mcp:{name}"


__all__ = ["WEB", "Taint", "of_server"]
