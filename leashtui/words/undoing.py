"""What a card says about undoing an act. Knows words only.

Invariants: what is left out is named in the same sentence, so that nobody relies on it; nothing is said to be lost that
is not, and nothing to come back that may not.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.model.facts import NAMING, Facts, Verb

_AWAY = frozenset({Verb.NET_SEND, Verb.REMOTE_SESSION, Verb.REMOTE_CHANGE, Verb.PUBLISH})
_LOOSENS = "loosens the permissions"
_ADDS, _RENAMES, *_ = NAMING
_UNKNOWN = "not known beforehand"
REMOVES = "leash undo removes it"


def brings_back(left: Sequence[str]) -> str:
    """`leash undo` as the remedy; left: what it does not bring back."""
    *others, last = left or ("",)
    rest = f"{', '.join(others)} and {last}" if others else last
    return f"leash undo, but not {rest}" if rest else "leash undo brings it back"


def outlook(facts: Facts) -> str:
    """How an act can be undone, where nothing better is known than its facts."""
    if facts.undo or not facts.reversible:
        return facts.undo or "cannot be undone"
    if rest := remains(facts):
        return rest
    named = _names(facts)
    if any(effect.sentence.startswith(_LOOSENS) for effect in facts.effects):
        return "chmod, if you know what the permissions were"
    if len(named) == len(facts.effects) == 1:
        return _named_again(named[0])
    return _UNKNOWN


def remains(facts: Facts) -> str:
    """What of an act nothing takes back, '' where there is no such thing."""
    if facts.reads_secret or any(effect.verb is Verb.SECRET_READ for effect in facts.effects):
        return "what was read stays read"
    named = _names(facts)
    if facts.sends_secret or any(e.verb in _AWAY and e.sentence not in named for e in facts.effects):
        return "what is sent cannot be taken back"
    return ""


def _names(facts: Facts) -> list[str]:
    """The sentences of what only gives a remote a name."""
    return [effect.sentence for effect in facts.effects if effect.sentence.startswith(NAMING)]


def _named_again(sentence: str) -> str:
    """How a remote's name gets its meaning back."""
    if sentence.startswith(_ADDS):
        return f"git remote remove {sentence.removeprefix(_ADDS).partition(',')[0]}"
    if sentence.startswith(_RENAMES):
        former, _, name = sentence.removeprefix(_RENAMES).partition(", ")
        return f"git remote rename {name} {former}"
    return _UNKNOWN
