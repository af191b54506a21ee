"""Acts that one command holds within it: a push, a commit, a rewrite, an installation, a call to a cloud.

Knows which facts make which of them. Refuses to know commands. Invariant: policies about such an act can only tighten
what is answered about the command: their denies, asks and obligations count, their permits do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum

from leashtui.model.facts import Facts, Verb


class Inner(StrEnum):
    """The actions that a command may hold, as policies name them."""

    GIT_PUSH = "GitPush"
    GIT_COMMIT = "GitCommit"
    GIT_REWRITE = "GitRewrite"
    PACKAGE_INSTALL = "PackageInstall"
    CLOUD_CALL = "CloudCall"


_COMMITS = frozenset({"commit", "merge", "cherry-pick", "revert", "am"})
_MAKES: dict[Inner, Callable[[Facts], bool]] = {
    Inner.GIT_PUSH: lambda f: bool(f.remotes) and Verb.REMOTE_CHANGE in f.verbs(),
    Inner.GIT_COMMIT: lambda f: "git" in f.programs and any(word in _words(f) for word in _COMMITS),
    Inner.GIT_REWRITE: lambda f: f.git_force or Verb.HISTORY_REWRITE in f.verbs(),
    Inner.PACKAGE_INSTALL: lambda f: bool(f.packages) or Verb.PACKAGE_ADD in f.verbs(),
    Inner.CLOUD_CALL: lambda f: Verb.CLOUD_CHANGE in f.verbs(),
}


def _words(facts: Facts) -> frozenset[str]:
    return frozenset((facts.normalised or facts.command).split())


def inner_acts(facts: Facts) -> Iterator[Inner]:
    """What this command holds."""
    return (inner for inner, makes in _MAKES.items() if makes(facts))
