"""How much an act would take away or reach, counted when its card is made: files, those git does not have, hosts.

Knows the files as they lie there, and whom to ask about commits, edits and rows. Refuses to judge: what is counted
changes no answer. Invariant: a count takes at most PATIENCE
seconds and MOST entries, and one that was cut short says so.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from glob import iglob
from itertools import islice

from leashtui.classify.touch import PICKED
from leashtui.model.facts import Effect, Facts, Verb
from leashtui.supervisor.losses import Repository, losses
from leashtui.supervisor.rows import rows
from leashtui.words.plain import count

MOST = 20_000
PATIENCE = 0.1


def counted(
    facts: Facts, cwd: str, repository: Repository, clock: Callable[[], float] = time.monotonic
) -> tuple[str, ...]:
    """Sentences for a card, most telling first. cwd: where the command runs."""
    found = [
        _files(facts, repository.has, clock() + PATIENCE, clock),
        _permissions(facts, clock() + PATIENCE, clock),
        *losses(facts, cwd, repository),
        *rows(facts),
    ]
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


def _permissions(facts: Facts, until: float, clock: Callable[[], float]) -> str:
    """How much a change of owners or permissions reaches, where it goes below a folder."""
    targets = list(
        dict.fromkeys(
            e.target for e in facts.effects if e.verb is Verb.PRIVILEGE and e.recursive and os.path.isdir(e.target)
        )
    )
    found = 0
    for target in targets:
        for _, folders, names in os.walk(target):
            found += len(folders) + len(names)
            if found >= MOST or clock() > until:
                return f"at least {count(found, 'file or folder', 'files and folders')} below"
    return f"{count(found, 'file or folder', 'files and folders')} below" if targets else ""


def shown(facts: Facts, sentences: Sequence[str], telling: Sequence[Effect]) -> tuple[Effect, ...]:
    """The card's evidence with the counts first."""
    if not sentences:
        return tuple(telling)
    first = max(facts.effects, key=lambda e: not e.reversible)
    counts = (
        Effect(first.verb, sentence=one, severity=first.severity, reversible=first.reversible) for one in sentences
    )
    return (*counts, *telling)
