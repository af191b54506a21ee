"""What an approval covers: an act of one outermost exec, and the effects that a person was shown of it.

Knows verbs and resolved targets. Refuses to know processes. Invariant: text alone never covers an effect that was not
shown, and opaque effects cover nothing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from msgspec.structs import replace

from leashtui.classify.ledger import RANK
from leashtui.model.facts import PUSHED, Effect, Facts, Origin, Severity, Verb
from leashtui.model.request import ProcessRef

_COMES_TO = {
    Verb.WRITE: frozenset({Verb.WRITE, Verb.TRUNCATE}),
    Verb.TRUNCATE: frozenset({Verb.WRITE, Verb.TRUNCATE}),
    Verb.DELETE: frozenset({Verb.DELETE, Verb.DISCARD_WORK}),
    Verb.PERSIST: frozenset({Verb.PERSIST}),
}
_PATH_VERBS = frozenset({Verb.DELETE, Verb.WRITE, Verb.TRUNCATE, Verb.SECRET_READ, Verb.READ, Verb.DISCARD_WORK})


class Act:
    """An outermost exec: the id of its first record and the effects a person approved for it."""

    def __init__(self, act: str, root: ProcessRef | None) -> None:
        self.id = act
        self.root = root
        self.command = ""
        self.approved: list[Effect] = []
        self.answered = False  # a person, or a grant of theirs, let it happen
        self._shown: set[tuple[Verb, str, bool, str, str]] = set()

    def approve(self, facts: Facts) -> None:
        """Remember what was shown and allowed."""
        self.answered = True
        self.approved.extend(e for e in facts.effects if e.verb is not Verb.OPAQUE)
        self._shown.update(_shape(e) for e in facts.effects)

    def covers(self, facts: Facts, *, same: bool = False, by_git: bool = False) -> bool:
        """Whether every telling effect of an inner exec was already shown and approved.

        same: it is the very command that was approved, so that what could not be understood of it is covered too.
        by_git: git itself starts it, so that what it does to history is what was shown of that git (`prune` of `gc`).
        """
        telling = [e for e in facts.effects if e.severity is not Severity.LOW]
        if by_git and any(shown.verb is Verb.HISTORY_REWRITE for shown in self.approved):
            telling = [e for e in telling if e.verb is not Verb.HISTORY_REWRITE]
            if not telling:
                return True
        if same and self._shown:
            telling = [e for e in telling if _shape(e) not in self._shown]
            return all(any(_within(e, shown) for shown in self.approved) for e in telling)
        if not telling or not self.approved:
            return False
        if by_git and any(shown.verb is Verb.REMOTE_CHANGE for shown in self.approved):
            telling = [e for e in telling if e.target != PUSHED]
        return all(any(_within(e, shown) for shown in self.approved) for e in telling)


def _shape(effect: Effect) -> tuple[Verb, str, bool, str, str]:
    return (effect.verb, effect.target, effect.recursive, _said(effect), effect.aim)


def _lands(aim: str, shown: str) -> bool:
    """Whether an act lands where it was shown to; what a script did not tell of that, was shown as not told. In one
    pass, because a command may hold a hundred such."""
    first, *between = shown.split("…")
    if not between:
        return aim == shown
    last = between.pop()
    at, end = len(first), len(aim) - len(last)
    if not aim.startswith(first) or not aim.endswith(last) or end < at:
        return False
    for part in between:
        found = aim.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _said(effect: Effect) -> str:
    """What is said of an effect that no path tells, wherever its command stands: `apply` is no `destroy`, though both
    change a cloud."""
    if effect.verb in _PATH_VERBS or effect.target.startswith("/"):
        return ""
    return effect.sentence.rpartition(" (")[0] if effect.origin is Origin.SCRIPT else effect.sentence


def _within(effect: Effect, shown: Effect) -> bool:
    """Whether `shown` says at least as much as `effect` does."""
    if effect.verb is Verb.OPAQUE or effect.verb is not shown.verb:
        return False
    if effect.verb not in _PATH_VERBS:
        same = _said(effect) == _said(shown) or (effect.target != "" and RANK[effect.severity] < RANK[shown.severity])
        return effect.target == shown.target and same and _lands(effect.aim, shown.aim)
    if effect.target == shown.target:
        return True
    if not shown.target or not effect.target:
        return False
    if shown.recursive and PurePosixPath(effect.target).is_relative_to(shown.target):
        return True
    if not any(c in shown.target for c in "*?["):
        return False
    same_depth = effect.target.count("/") == shown.target.count("/")
    return same_depth and fnmatchcase(effect.target, shown.target)


def foretold(effect: Effect, shown: Effect) -> bool:
    """Whether a command's effect comes to this effect of a file act."""
    if shown.verb in _COMES_TO.get(effect.verb, ()):
        return _within(replace(effect, verb=shown.verb), shown)
    return False
