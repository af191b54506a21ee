"""How git itself brings back what one of its calls takes from a branch, a tag or the stash, by ids as they are now.

Knows git's words and the one repository it is asked about, as `losses` does. Refuses to speak of a call elsewhere, and
of what no object holds. Invariant: an id is named only where git gave it, and each sentence says how long it helps.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from leashtui.model.facts import Facts, Verb
from leashtui.supervisor.losses import Repository, call_of

_ID = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@{}~^-]{0,200}")
_SHORT = 12
_MOST = 3
_PUSHED = re.compile(r"(?:force-pushes|deletes) (\S+) (?:to|on) (\S+)")
_STASH = re.compile(r"(?:(?:refs/)?stash@\{(\d{1,3})\}|(\d{1,3}))")
_KEPT = "while git keeps "


def way_back(facts: Facts, cwd: str, repository: Repository, undo: str) -> str:
    """What a card says about undoing the act. cwd: where it runs. undo: what is known of it without git's help."""
    call = call_of(facts, cwd, repository.root)
    if call is None:
        return undo
    _, sub, words = call
    say = _WAYS.get(sub)
    done = list(say(facts, repository, words)) if say is not None else []
    if not done or len(done) > _MOST:
        return undo
    if sub == "push":
        return f"{'; '.join(done)}, if nobody pushed since it was fetched"
    sentence = f"{'; '.join(done)}, {_KEPT}{'it' if len(done) == 1 else 'them'}"
    return f"{undo}; its commits: {sentence}" if sub == "reset" else sentence


def _id(git: Repository, name: str) -> str:
    """The object behind a reference, '' where there is none or the name is no reference's."""
    text = git.count(("rev-parse", "--verify", "--quiet", name)) if _NAME.fullmatch(name) else ""
    found = (text or "").strip()
    return found[:_SHORT] if _ID.fullmatch(found) else ""


def _named(words: list[str]) -> list[str]:
    return [word for word in words if not word.startswith("-")]


def _changes(facts: Facts) -> bool:
    return Verb.HISTORY_REWRITE in facts.verbs()


def _branch(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    named = _named(words)
    if not _changes(facts) or not named:
        return
    if "-M" in words:
        here = (git.count(("symbolic-ref", "--quiet", "--short", "HEAD")) or "").strip()
        gone, moved = (named[:1], named[1:]) if len(named) == 2 and here not in {"", *named} else ([], [])
    else:
        drops = any(word in {"-D", "-d", "--delete"} for word in words)
        gone, moved = (named, []) if drops else ([], named[-1:] if "-C" in words else named[:1])
    for name in (*gone, *moved):
        if found := _id(git, f"refs/heads/{name}"):
            yield f"git branch {'' if name in gone else '-f '}{name} {found}"


def _moved(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    """`checkout -B` and `switch -C`, after which one is on that branch."""
    for option, name in zip(words, words[1:], strict=False):
        if _changes(facts) and option in {"-B", "-C", "--force-create"} and (found := _id(git, f"refs/heads/{name}")):
            yield f"git reset --keep {found}"


def _tag(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    named = _named(words)
    drops = any(word in {"-d", "--delete"} for word in words)
    for name in (named if drops else named[:1]) if _changes(facts) else ():
        if found := _id(git, f"refs/tags/{name}"):
            yield f"git tag {'' if drops else '-f '}{name} {found}"


def _reference(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    """`update-ref`, of one reference."""
    named = _named(words)
    if named and named[0].startswith("refs/") and (found := _id(git, named[0])):
        yield f"git update-ref {named[0]} {found}"


def _head(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    """An amended commit, a rebased branch."""
    if _changes(facts) and (found := _id(git, "HEAD")):
        yield f"git reset --keep {found}"


def _reset(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    target = _named(words)
    found = _id(git, "HEAD")
    if len(target) == 1 and found and _id(git, target[0]) not in {"", found}:
        yield f"git reset --keep {found}"


def _stash(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    if words[:1] == ["drop"]:
        named = _STASH.fullmatch(_named(words[1:])[0]) if _named(words[1:]) else None
        numbers = [int(named[1] or named[2]) if named else 0] if named or not _named(words[1:]) else []
    elif words[:1] == ["clear"]:
        numbers = list(range(_MOST + 1))
    else:
        return
    for number in numbers:
        if found := _id(git, f"refs/stash@{{{number}}}"):
            yield f"git stash store {found}"


def _push(facts: Facts, git: Repository, words: list[str]) -> Iterator[str]:
    for effect in facts.effects:
        if (pushed := _PUSHED.match(effect.sentence)) is None:
            continue
        branch, remote = pushed[1].rpartition(":")[2], pushed[2]
        if found := _id(git, f"refs/remotes/{remote}/{branch}"):
            force = "--force " if effect.sentence.startswith("force") else ""
            yield f"git push {force}{remote} {found}:refs/heads/{branch}"


_WAYS: dict[str, Callable[[Facts, Repository, list[str]], Iterator[str]]] = {
    "branch": _branch,
    "checkout": _moved,
    "switch": _moved,
    "tag": _tag,
    "update-ref": _reference,
    "commit": _head,
    "rebase": _head,
    "reset": _reset,
    "stash": _stash,
    "push": _push,
}
