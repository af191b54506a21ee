"""What is known of MCP servers and their tools: names, where they are configured, and what was accepted of them.

Knows no protocol and no agent. Invariant: a server is its name and the file that names it, so that a project's server
can never pass for one of the person's own.
"""

from __future__ import annotations

from msgspec import Struct


class Served(Struct, frozen=True):
    """One configured server. words: its command line; url: its address; one of the two. source: the file, '' for ours.

    target: either on one line, secrets masked.
    """

    name: str
    source: str
    words: tuple[str, ...] = ()
    url: str = ""
    target: str = ""


class PinnedTool(Struct, frozen=True):
    """A tool as its server described it. definition: JSON, keys sorted. digest: its sha256, hex."""

    digest: str
    definition: str


class PinnedServer(Struct, frozen=True):
    """target, tools: what was accepted. seen_target, seen: what was last seen, by tool; kept for `leash mcp diff`.

    shadowing: tools whose names another server had first, accepted all the same.
    """

    name: str
    source: str
    target: str
    tools: dict[str, PinnedTool] = {}
    seen_target: str = ""
    seen: dict[str, PinnedTool] = {}
    shadowing: tuple[str, ...] = ()
