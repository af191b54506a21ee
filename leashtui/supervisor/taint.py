"""What the model of a session has read besides the person's words: the origins of text that strangers may have written.

Knows which commands bring a page, an issue or a review before the model, and keeps the origins. Refuses to judge: the
policies read `context.taint`. Invariant: an origin, once read, stays for the session; nothing can be unread.
"""

from __future__ import annotations

from leashtui.model.facts import Facts, Verb

WEB = "web"
_MOST = 32
_MANY = "many"
_BRINGS = frozenset("curl wget http https xh httpie lynx w3m links elinks gh glab hub tea".split())


class Taint:
    """One a session. origins: sorted, e.g. ('mcp:forge', 'web')."""

    def __init__(self) -> None:
        self.origins: tuple[str, ...] = ()

    def add(self, origin: str) -> None:
        """The model reads something that came from there."""
        if origin not in self.origins:
            room = len(self.origins) < _MOST
            self.origins = tuple(sorted({*self.origins, origin if room else _MANY}))

    def ran(self, facts: Facts) -> None:
        """A command that was let go: whether it prints what somebody else wrote."""
        if facts.network and not _BRINGS.isdisjoint(facts.programs):
            fetches = any(e.verb in (Verb.NET_GET, Verb.NET_SEND) for e in facts.effects)
            if fetches:
                self.add(WEB)


def of_server(name: str) -> str:
    """The origin that an MCP server's answers have."""
    return f"mcp:{name}"
