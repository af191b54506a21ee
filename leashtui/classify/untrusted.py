"""Which acts bring text into a session that somebody else wrote: web pages, issues, pull requests, mail.

Knows the programs that print such text. Refuses to know what the text says. Invariant: what stays on this machine, and
what only installs or fetches code (which other facts tell), brings none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from leashtui.model.facts import Facts, Verb

WEB = "web"
ISSUE = "issue"
"""Issues, pull requests, reviews, mail."""
_WEB = frozenset("curl wget wget2 http https xh lynx w3m links elinks aria2c httpie curlie browsh".split())
_TRACKERS = frozenset("gh glab tea hub jira linear bb az acli himalaya mutt neomutt mail".split())
_TEXT = re.compile(
    r"\b(?:issue|issues|pr|mr|pull|api|search|discussion|review|comment|notification|workitem|message|read)"
)


def sources_of(facts: Facts) -> Iterator[str]:
    """Where the text that this act brings in comes from; nothing for most acts."""
    programs = frozenset(facts.programs)
    if facts.network and Verb.NET_GET in facts.verbs() and programs & _WEB:
        yield WEB
    if programs & _TRACKERS and _TEXT.search(facts.normalised or facts.command):
        yield ISSUE
