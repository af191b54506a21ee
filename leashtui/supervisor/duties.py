"""What policies oblige leash to when an act happens: keep what it would change, and keep its words out of the log.

Knows the obligations snapshot and mask:arguments (record:full is a durable record, approvers are the desk's, team-store
is the path's). Refuses to decide. Invariant: an act that a policy wants snapshotted does not happen when what it would
change could not be kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from leashtui.model.event import Asked, Decided
from leashtui.model.facts import Effect, Facts
from leashtui.model.verdict import Decision
from leashtui.policy.reach import CHANGING

FILES = 2000
"""Most files of one snapshot."""
BYTES = 256 << 20
"""Most bytes of one snapshot."""
_MASKED = "[masked by policy]"


class Duties:
    """keep: keeps one existing file or folder, by its path; returns why it could not. None where the guard itself keeps
    whatever the session changes."""

    def __init__(self, keep: Callable[[str], str] | None = None) -> None:
        self._keep = keep

    def before(self, decision: Decision, facts: Facts) -> str:
        """Do what must be done before the act. Returns why it could not be done, '' when it was."""
        if "snapshot" not in decision.obligations or self._keep is None:
            return ""
        files, size = 0, 0
        for target in dict.fromkeys(e.target for e in facts.effects if e.verb in CHANGING and e.target):
            for path, length in _existing(target):
                files, size = files + 1, size + length
                if files > FILES or size > BYTES:
                    return f"a policy wants it kept first, and it is more than {FILES:,} files or {BYTES >> 20} MiB"
                why = self._keep(path)
                if why:
                    return f"a policy wants it kept first, and {path} cannot be: {why}"
        return ""

    def masked(self, event: Decided) -> Decided:
        """The event as it may be recorded."""
        if "mask:arguments" not in event.decision.obligations:
            return event
        request = event.request
        plain = replace(request, argv=(*request.argv[:1], _MASKED), script="", diff="", said="", env=())
        return replace(event, request=plain, facts=_without(event.facts))

    def masked_card(self, event: Asked, decision: Decision) -> Asked:
        """The card as it may be recorded; the person sees all of it."""
        if "mask:arguments" not in decision.obligations:
            return event
        card = replace(event.card, command=_word(event.card.command), normalised="", diff="", evidence=(), said="")
        return replace(event, card=card)


def _word(command: str) -> str:
    return f"{command.split(' ', 1)[0]} {_MASKED}"


def _without(facts: Facts) -> Facts:
    effects = tuple(Effect(e.verb, place=e.place, severity=e.severity, reversible=e.reversible) for e in facts.effects)
    return replace(facts, command=_word(facts.command), normalised="", effects=effects, grant_prefix=(), undo="")


def _existing(target: str) -> Iterator[tuple[str, int]]:
    """(path, size) of what lies at a target and below it; links are themselves."""
    try:
        found = os.lstat(target)
    except (OSError, ValueError):
        return
    yield target, found.st_size if not os.path.isdir(target) else 0
    if os.path.isdir(target) and not os.path.islink(target):
        for folder, folders, files in os.walk(target):
            for name in (*folders, *files):
                path = os.path.join(folder, name)
                yield path, 0 if name in folders else _size(path)


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0
