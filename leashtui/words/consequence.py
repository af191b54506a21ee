"""What a card says first: the consequence of an act in one plain sentence, and how bad it would be.

Knows the nouns only. Invariant: the sentence never contains more certainty than the facts.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.model.facts import Effect, Facts, Parse, Severity
from leashtui.model.verdict import PolicyRef
from leashtui.words.plain import count

_RANK = {Severity.LOW: 0, Severity.MEDIUM: 1, Severity.HIGH: 2, Severity.CRITICAL: 3}


OTHER_EYES = "somebody else than the session's person has to allow it: leash invite"


def rank(severity: Severity) -> int:
    """0 for low up to 3 for critical."""
    return _RANK[severity]


def worst(facts: Facts, policies: Sequence[PolicyRef]) -> Severity:
    """The severity a card shows: the strongest of the policies that asked, else of the effects."""
    found = [p.severity for p in policies] or [e.severity for e in facts.effects]
    return max(found, key=rank, default=Severity.LOW)


def telling(facts: Facts) -> tuple[Effect, ...]:
    """The effects worth showing, worst first, without repetition; order of the command breaks ties."""
    seen: set[tuple[str, str]] = set()
    shown: list[Effect] = []
    for effect in sorted(facts.effects, key=lambda e: -rank(e.severity)):
        key = (effect.verb, effect.sentence or effect.target)
        if effect.sentence and key not in seen:
            seen.add(key)
            shown.append(effect)
    return tuple(shown)


def names(sentence: str, target: str) -> bool:
    """Whether a sentence says its target already, in full or each of its words."""
    words = {word.rstrip(",") for word in sentence.split()}
    return target in sentence or all(part.lstrip(":+") in words for part in target.split())


def consequence(facts: Facts, policies: Sequence[PolicyRef]) -> str:
    """One sentence without a full stop: what the act would do, as far as it is known."""
    effects = telling(facts)
    if effects and rank(effects[0].severity) > 0:
        more = len([e for e in effects if rank(e.severity) > 0]) - 1
        return effects[0].sentence + (f", and {count(more, 'more effect')}" if more > 0 else "")
    if policies and policies[0].reason:
        return policies[0].reason
    if facts.parse is Parse.OPAQUE:
        return "runs something that could not be understood"
    return effects[0].sentence if effects else f"runs {facts.programs[0] if facts.programs else facts.command}"
