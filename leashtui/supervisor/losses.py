"""What one call of git would take away, counted: commits, edits that no commit holds, files that git does not know.

Knows git's words and the one repository it is asked about. Refuses to count for any other: a call elsewhere, or among
other commands that may lead elsewhere, gets no number. It has git look into no file, for a repository could make it
start programs then. Invariant: what is not known is not said, and a number that may be too large says so.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from leashtui.model.facts import Facts, Verb
from leashtui.words.plain import count

_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/@~^-]{0,200}")
_DROPPED = re.compile(r"drops the branch (\S+)")
_FORCED = re.compile(r"force-pushes (\S+) to (\S+)")
_ELSEWHERE = re.compile(r"(?:^|[\s;&|(])(?:cd|pushd)\s|\s-C|--git-dir|--work-tree|--namespace|GIT_[A-Z_]+=")
_CHAINED = frozenset({"|", ";", "&&", "||", "&", "<", ">", ">>"})
_FORCES = re.compile(r"-[a-zA-Z]*f[a-zA-Z]*|--force|--discard-changes")
_CLEANS = ("removes untracked files", "removes what git ignores")
_FILTER_VALUED = re.compile(r"--[a-z]+-filter|--setup|--original|--state-branch|-d")
_REBASE_ALONE = frozenset(
    "-i --interactive --autosquash --autostash --no-autostash -q --quiet -f --force-rebase".split()
)


class Repository(Protocol):
    """The workspace's. edits: how many files hold edits that git would throw away, below the paths where some are
    given, and whether it may be fewer; None where that is not known. staged: those in the index, too."""

    @property
    def root(self) -> str: ...

    def count(self, words: Sequence[str]) -> str | None: ...

    def has(self, path: str) -> bool | None: ...

    def edits(self, paths: Sequence[str], *, staged: bool) -> tuple[int, bool] | None: ...


def losses(facts: Facts, cwd: str, repository: Repository) -> Iterator[str]:
    """Sentences, most telling first. cwd: where the command runs."""
    if _ELSEWHERE.search(facts.command) is None and _is_of(cwd, repository.root):
        yield from _branches(facts, repository)
    if (call := call_of(facts, cwd, repository.root)) is not None:
        folder, sub, words = call
        counts = _COUNTS.get(sub)
        if counts is not None and any(e.verb in _LOST for e in facts.effects):
            yield from counts(facts, repository, folder, words)


_LOST = frozenset({Verb.DISCARD_WORK, Verb.HISTORY_REWRITE, Verb.DELETE})


def _is_of(folder: str, root: str) -> bool:
    """Whether git in this folder works on the repository at `root`."""
    at = os.path.realpath(folder)
    while not os.path.lexists(os.path.join(at, ".git")):
        above = os.path.dirname(at)
        if above == at:
            return False
        at = above
    return at == os.path.realpath(root)


def call_of(facts: Facts, cwd: str, root: str) -> tuple[str, str, list[str]] | None:
    """(folder, subcommand, its words) of a command that is one call of git in this repository and nothing else."""
    try:
        words = shlex.split(facts.normalised or facts.command)
    except ValueError:
        return None
    if not words or os.path.basename(words[0]) != "git" or _CHAINED & set(words):
        return None
    folder, at = cwd, 1
    while at < len(words) and words[at].startswith("-"):
        if words[at].startswith(("--git-dir", "--work-tree", "--namespace", "--bare")):
            return None
        if words[at] == "-C" and at + 1 < len(words):
            folder = os.path.join(folder, words[at + 1])
        at += 2 if words[at] in {"-C", "-c"} else 1
    if at >= len(words) or not _is_of(folder, root):
        return None
    return folder, words[at], words[at + 1 :]


def _branches(facts: Facts, git: Repository) -> Iterator[str]:
    for effect in facts.effects:
        if dropped := _DROPPED.match(effect.sentence):
            name = dropped[1]
            number = _commits(git, name, "--not", f"--exclude={name}", "--branches", "--remotes", "--tags")
            if number:
                yield f"{count(number, 'commit')} of {name} {'is' if number == 1 else 'are'} on no other branch"
        elif forced := _FORCED.match(effect.sentence):
            ours, _, theirs = forced[1].partition(":")
            there = f"{forced[2]}/{theirs or ours}"
            lost = _commits(git, there, "--not", ours)
            if lost:
                yield f"{count(lost, 'commit')} of {there}, as last fetched, would be gone"
            elif lost == 0:
                yield f"no commit of {there} known here would be gone; newer ones would"
            else:
                yield f"which commits of {there} would be gone is not known here"


def _commits(git: Repository, first: str, *more: str) -> int | None:
    """How many commits, None where that cannot be known: no such branch, or a name that is no branch's."""
    if not all(_REVISION.fullmatch(word) for word in (first, *more) if not word.startswith("--")):
        return None
    if any(word.startswith("--exclude=") and not _REVISION.fullmatch(word[10:]) for word in more):
        return None
    text = git.count(("rev-list", "--count", first, *more))
    return int(text) if text and text.strip().isdigit() else None


def _edits(git: Repository, paths: Sequence[str] = (), *, staged: bool = True) -> Iterator[str]:
    number, fewer = git.edits(paths, staged=staged) or (0, False)
    if number:
        yield f"edits in {'at most ' if fewer else ''}{count(number, 'file')} would be lost"


def _plain(words: Sequence[str]) -> list[str]:
    """Words that are no options."""
    return [word for word in words if not word.startswith("-")]


def _reset(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    named = _plain(words)
    if len(named) == 1 and _REVISION.fullmatch(named[0]):
        if number := _commits(git, "HEAD", "--not", named[0]):
            yield f"{count(number, 'commit')} would no longer be on this branch"
    elif named:
        return
    yield from _edits(git)


def _checkout(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    before, dashes, after = _cut(words)
    if not dashes and any(_FORCES.fullmatch(word) for word in before):
        yield from _edits(git)
        return
    named = _plain(before)
    revision = bool(named) and (bool(dashes) or not os.path.lexists(os.path.join(folder, named[0])))
    paths = after if dashes else named[revision:]
    if paths and len(paths) == len(_plain(paths)):
        yield from _edits(git, [os.path.join(folder, path) for path in paths], staged=revision)


def _restore(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    before, _, after = _cut(words)
    if not any(word in {"-s", "--source", "--pathspec-from-file"} for word in before):
        staged = any(word.startswith(("-S", "--s")) or "S" in word[1:] for word in before if word.startswith("-"))
        if paths := [*_plain(before), *after]:
            yield from _edits(git, [os.path.join(folder, path) for path in paths], staged=staged)


def _cut(words: list[str]) -> tuple[list[str], list[str], list[str]]:
    at = words.index("--") if "--" in words else len(words)
    return words[:at], words[at : at + 1], words[at + 1 :]


def _switch(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    if any(_FORCES.fullmatch(word) for word in words):
        yield from _edits(git)


def _clean(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    if not any(effect.sentence.startswith(_CLEANS) for effect in facts.effects):
        return
    before, _, after = _cut(words)
    short = "".join(word[1:] for word in before if word.startswith("-") and not word.startswith("--"))
    spared = "e" in short or any(word.startswith("--exclude") for word in before)
    paths = [*(() if spared else _plain(before)), *after]
    kinds = ("--ignored", "--exclude-standard") if "X" in short else () if "x" in short else ("--exclude-standard",)
    below = [
        os.path.relpath(os.path.join(os.path.realpath(folder), path), os.path.realpath(git.root))
        for path in paths or ["."]
    ]
    where = () if below == ["."] else ("--", *(f":(literal){path}" for path in below))
    listed = git.count(("ls-files", "--others", *kinds, "--directory", "-z", *where))
    if listed is None or any(path.startswith("..") for path in below):
        return
    names = [name for name in listed.split("\0") if name and ("d" in short or paths or not name.endswith("/"))]
    about = "at most " if spared or (paths and "d" not in short) else ""
    yield f"{about}{count(len(names), 'file or folder', 'files and folders')} git does not have"


def _filter_branch(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    named: list[str] = []
    skip = False
    for word in words:
        if not skip and not word.startswith("-"):
            named.append(word)
        skip = not skip and _FILTER_VALUED.fullmatch(word) is not None
    if len(named) < 2:
        number = _commits(git, "--all") if "--all" in words else _commits(git, *(named or ["HEAD"]))
        yield from _rewritten(number, "at most ")


def _filter_repo(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    if not any(word.startswith("--refs") for word in words):
        yield from _rewritten(_commits(git, "--all"), "at most ")


def _rebase(facts: Facts, git: Repository, folder: str, words: list[str]) -> Iterator[str]:
    named = _plain(words)
    if len(named) == 1 and set(words) - set(named) <= _REBASE_ALONE:
        yield from _rewritten(_commits(git, "HEAD", "--not", named[0]), "")


def _rewritten(number: int | None, about: str) -> Iterator[str]:
    if number:
        yield f"{about}{count(number, 'commit')} would be rewritten"


_COUNTS: dict[str, Callable[[Facts, Repository, str, list[str]], Iterator[str]]] = {
    "reset": _reset,
    "checkout": _checkout,
    "restore": _restore,
    "switch": _switch,
    "clean": _clean,
    "filter-branch": _filter_branch,
    "filter-repo": _filter_repo,
    "rebase": _rebase,
}
