"""What git brings out of a history, told from what it writes because its words say so.

Knows git's subcommands and where git stands. Refuses to judge. Hazard: an alias may stand in a subcommand's place
(git before 2.22; later ones start themselves anew): that is none here. Invariant: what steers other programs counts as
brought out of a history only for subcommands that do nothing else, in a work tree that is no such place itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from leashtui.classify.handlers.git import VALUED
from leashtui.classify.places import is_telling
from leashtui.model.request import Action, Request

_CHECKOUTS = frozenset(
    "checkout checkout--worker switch restore reset read-tree merge pull rebase cherry-pick revert stash clone"
    " sparse-checkout submodule worktree bisect".split()
)
_PATCHES = re.compile(r"\b(?:apply|am)\b")
"""Git commands that write what a text says which anybody may have written, not what a history holds."""
_WORKTREE = re.compile(r"^\.claude/worktrees/[^/]+")


def brings_out(request: Request, root: str) -> bool:
    """Whether git's change of a file that steers others comes out of a history, or is of what git keeps for itself.
    root: of the workspace."""
    if _PATCHES.search(" ".join(request.argv[1:])):
        return _subcommand(request.argv) == "stash"
    if request.action is not Action.FILE_WRITE or "/.git/" in request.path:
        return True
    return _subcommand(request.argv) in _CHECKOUTS and not _is_among_steering(request, root)


def _subcommand(argv: Sequence[str]) -> str:
    own = argv[0].rpartition("/")[2] if argv else ""
    if own.startswith("git-"):
        return own[4:]
    words = iter(argv[1:])
    for word in words:
        if word in VALUED:
            next(words, None)
        elif not word.startswith("-"):
            return word
    return ""


def _is_among_steering(request: Request, root: str) -> bool:
    """Whether git stands at the top of a work tree that lies in such a folder: every name there tells."""
    try:
        top = os.readlink(f"/proc/{request.process.pid}/cwd") if request.process is not None else ""
    except OSError:
        return True
    if not top.startswith(root + "/"):
        return top != root
    inside = _WORKTREE.sub("", top[len(root) + 1 :])
    return any(is_telling(part, folder=True) for part in inside.split("/"))
