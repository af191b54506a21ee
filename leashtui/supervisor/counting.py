"""How much an act would take away, counted when its card is made: files, those git does not have, commits, rows.

Knows the workspace as it lies there and git's references. Refuses to judge: what is counted changes no answer. It never
has git look into files, for a repository could make it start programs then. Invariant: a count takes at most PATIENCE
seconds and MOST entries, and one that was cut short says so.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from glob import iglob
from itertools import islice

from leashtui.classify.touch import PICKED
from leashtui.model.facts import Effect, Facts, Verb
from leashtui.supervisor.rows import rows
from leashtui.words.plain import count

MOST = 20_000
PATIENCE = 0.1
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@~^-]{0,200}")
_DROPPED = re.compile(r"drops the branch (\S+)")
_FORCED = re.compile(r"force-pushes (\S+) to (\S+)")
_CLEANS = ("removes untracked files", "removes what git ignores")

Git = Callable[[Sequence[str]], str | None]
"""Runs one harmless command of git in the workspace: its words; what it printed, None when it failed."""


def counted(
    facts: Facts, git: Git, tracked: Callable[[str], bool | None], clock: Callable[[], float] = time.monotonic
) -> tuple[str, ...]:
    """Sentences for a card, most telling first. tracked: whether git has a file."""
    found = [_files(facts, tracked, clock() + PATIENCE, clock), *_commits(facts, git), *rows(facts)]
    for effect in facts.effects:
        if effect.sentence.startswith(_CLEANS):
            listed = git(("ls-files", "--others", "--directory", "-z"))
            if listed is not None:
                found.append(f"{count(listed.count(chr(0)), 'file or folder', 'files and folders')} git does not have")
            break
    hosts = sorted({e.target for e in facts.effects if e.verb is Verb.NET_SEND and e.target})
    if len(hosts) > 1:
        found.append(f"sends to {count(len(hosts), 'host')}: {', '.join(hosts)}")
    return tuple(sentence for sentence in found if sentence)


def _files(facts: Facts, tracked: Callable[[str], bool | None], until: float, clock: Callable[[], float]) -> str:
    targets = list(dict.fromkeys(e.target for e in facts.effects if e.verb is Verb.DELETE and e.target.startswith("/")))
    hunted = "find" in facts.programs
    if not targets or (len(targets) == 1 and not _is_many(targets[0], hunted=hunted)):
        return ""
    files = unknown = 0
    cut = False
    for path in islice(_hunted(targets) if hunted else _below(targets), MOST + 1):
        if files >= MOST or clock() > until:
            cut = True
            break
        files += 1
        unknown += tracked(path) is False
    if not files:
        return ""
    lost = f", {unknown:,} of them not in git" if unknown else ""
    about = "at least " if cut else "at most " if hunted else ""  # find may look at more than names
    return f"{about}{count(files, 'file')} in all{lost}"


def _is_many(target: str, *, hunted: bool) -> bool:
    return "*" in target or (hunted and _is_some(target)) or (os.path.isdir(target) and not os.path.islink(target))


def _is_some(target: str) -> bool:
    """Whether find picks what is below by something else than names."""
    return target.endswith(("/…", PICKED))


def _hunted(targets: Sequence[str]) -> Iterator[str]:
    """The files that find may mean: a pattern is one of names, on every level."""
    for target in targets:
        folder, _, name = target.rpartition("/")
        for path in _below([folder] if _is_some(target) or "*" in name else [target]):
            if _is_some(target) or "*" not in name or fnmatchcase(os.path.basename(path), name):
                yield path


def _below(targets: Sequence[str]) -> Iterator[str]:
    """The files at and below these paths; links are not followed."""
    for target in targets:
        for path in islice(iglob(target), MOST) if "*" in target else (target,):
            try:
                mode = os.lstat(path).st_mode
            except (OSError, ValueError):
                continue
            if not stat.S_ISDIR(mode):
                yield path
                continue
            for folder, _, names in os.walk(path):
                yield from (os.path.join(folder, name) for name in names)


def _commits(facts: Facts, git: Git) -> Iterator[str]:
    for effect in facts.effects:
        if dropped := _DROPPED.match(effect.sentence):
            name = dropped[1]
            number = _number(git, name, "--not", f"--exclude={name}", "--branches", "--remotes", "--tags")
            if number:
                yield f"{count(number, 'commit')} of {name} are on no other branch"
        elif forced := _FORCED.match(effect.sentence):
            branch, remote = forced[1], forced[2]
            there = f"{remote}/{branch}"
            lost = _known(git, there, "--not", branch)
            if lost:
                yield f"{count(lost, 'commit')} of {there}, as last fetched, would be gone"
            elif lost == 0:
                yield f"no commit of {there} known here would be gone; newer ones would"
            else:
                yield f"which commits of {there} would be gone is not known here"
    if any(e.verb is Verb.DISCARD_WORK and "commits" in e.sentence for e in facts.effects):
        revision = _reset_to(facts)
        number = _number(git, "HEAD", "--not", revision) if revision else 0
        if number:
            yield f"{count(number, 'commit')} would no longer be on this branch"


def _number(git: Git, first: str, *more: str) -> int:
    """How many commits, 0 also where that cannot be known."""
    return _known(git, first, *more) or 0


def _known(git: Git, first: str, *more: str) -> int | None:
    """How many commits, None where that cannot be known: no such branch, or a name that is no branch's."""
    if not all(_REVISION.fullmatch(word) for word in (first, *more) if not word.startswith("--")):
        return None
    if any(word.startswith("--exclude=") and not _REVISION.fullmatch(word[10:]) for word in more):
        return None
    text = git(("rev-list", "--count", first, *more))
    return int(text) if text and text.strip().isdigit() else None


def _reset_to(facts: Facts) -> str:
    """The revision of a `git reset --hard REV` that is a single simple command."""
    try:
        words = shlex.split(facts.normalised or facts.command)
    except ValueError:
        return ""
    if words[:1] != ["git"] or "reset" not in words:
        return ""
    named = [word for word in words[words.index("reset") + 1 :] if not word.startswith("-")]
    return named[0] if len(named) == 1 and _REVISION.fullmatch(named[0]) else ""


def shown(facts: Facts, sentences: Sequence[str], telling: Sequence[Effect]) -> tuple[Effect, ...]:
    """The card's evidence with the counts first."""
    if not sentences:
        return tuple(telling)
    first = max(facts.effects, key=lambda e: not e.reversible)
    counts = (
        Effect(first.verb, sentence=one, severity=first.severity, reversible=first.reversible) for one in sentences
    )
    return (*counts, *telling)
