"""Whether `leash undo` would bring back what an act destroys, in tier strict, where the guard keeps it beforehand.

Knows which effects only touch files, and which of those the session keeps. Refuses to judge: whether an act counts as
irreversible for policies stays as the classifier says. Invariant: the sentence promises nothing that is not kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from leashtui.model.facts import COMMITTED, Effect, Facts, Place, Verb
from leashtui.stores.undo import LARGEST
from leashtui.words.undoing import REMOVES, brings_back, remains

_FILES = frozenset({Verb.DELETE, Verb.TRUNCATE, Verb.WRITE})
_CLEANS = ("removes untracked files", "removes what git ignores")
"""How the classifier begins to speak of `git clean`."""
_LARGE = f"files over {LARGEST >> 20} MiB"
_BUILT, _GIT, _ELSEWHERE = "build output", "what git keeps in .git", "what lies outside the workspace"


def mended(facts: Facts, is_kept: Callable[[str], bool]) -> Facts:
    """The facts with what would really undo the act. is_kept: whether the session keeps a path in the workspace."""
    lost = [effect for effect in facts.effects if not effect.reversible]
    if not lost or not all(effect.verb in _FILES or _by_git(effect, facts) for effect in lost):
        return facts
    kept = False
    left: dict[str, None] = {}
    for effect in lost:
        if effect.verb is Verb.DISCARD_WORK:
            kept = True
            left |= dict.fromkeys((_GIT, *((_BUILT,) if effect.sentence.startswith(_CLEANS) else ())))
        elif is_kept(effect.target):
            kept = True
            left |= dict.fromkeys(_left_in(effect))
        else:
            left[_BUILT if effect.place is Place.GENERATED else _GIT if effect.place is Place.GIT else _ELSEWHERE] = (
                None
            )
    return replace(facts, undo=_and_what_remains(brings_back(tuple(left)), facts)) if kept else facts


def kept_too(facts: Facts, is_kept: Callable[[str], bool]) -> Facts:
    """The facts of an act that git could undo as far as it was committed; here the session keeps what it writes."""
    written = [effect for effect in facts.effects if effect.verb in _FILES]
    if facts.undo != COMMITTED and not (written and not facts.undo and facts.reversible):
        return facts
    if not written or not all(is_kept(effect.target) for effect in written):
        return facts
    new = not any(effect.verb is Verb.DELETE or os.path.lexists(effect.target) for effect in written)
    left = dict.fromkeys(part for effect in written for part in _left_in(effect))
    return replace(facts, undo=_and_what_remains(REMOVES if new else brings_back(tuple(left)), facts))


def _and_what_remains(undo: str, facts: Facts) -> str:
    """The way back, and what of the same act it does not lead back from."""
    rest = remains(facts)
    return f"{undo}; {rest}" if rest else undo


def _by_git(effect: Effect, facts: Facts) -> bool:
    """Whether git itself throws away what lies in working files, as the guard sees it do."""
    if effect.verb is not Verb.DISCARD_WORK or "git" not in facts.programs:
        return False
    return effect.target.startswith("uncommitted edits") or effect.sentence.startswith(_CLEANS)


def _left_in(effect: Effect) -> Iterator[str]:
    """What of a kept name is not kept: bulk below a folder, a file that is too large."""
    try:
        large = os.path.isfile(effect.target) and os.path.getsize(effect.target) > LARGEST
        folder = os.path.isdir(effect.target) or effect.recursive or "*" in effect.target
    except (OSError, ValueError):
        large, folder = False, True
    if folder:
        yield from (_BUILT, _LARGE)
    elif large:
        yield _LARGE
