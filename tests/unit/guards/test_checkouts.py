"""Which calls of git can be a checkout."""

from __future__ import annotations

import os

import pytest

from leashtui.guards.kernel.checkouts import is_no_checkout
from leashtui.guards.kernel.naming import Deed, Kind

_ANEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL
_OVER = os.O_WRONLY | os.O_CREAT | os.O_TRUNC


def _judge(deed: Deed, path: str = "") -> bool:
    return is_no_checkout(deed, path or os.fsdecode(deed.names[-1]), "git", lambda exe: exe == "git")


@pytest.mark.parametrize(
    ("flags", "path", "told"),
    [
        (_ANEW, "/w/.envrc", False), (_OVER, "/w/.envrc", True), (os.O_WRONLY | os.O_APPEND, "/w/.envrc", True),
        (_ANEW, "/w/.git/index.lock", False), (_OVER, "/w/.git/MERGE_MSG", False), (_ANEW, "/w/.git/config", True),
        (_ANEW, "/w/.git/config.lock", False), (_ANEW, "/w/.git/config.worktree", True),
        (_ANEW, "/w/.git/commondir", True), (_OVER, "/w/.git/worktrees/x/commondir", False),
    ],
)  # fmt: skip
def test_opening(flags: int, path: str, told: bool) -> None:
    assert _judge(Deed(Kind.OPEN, (path.encode(),), flags=flags)) is told


def test_a_work_trees_own_link_is_gits() -> None:
    assert not _judge(Deed(Kind.OPEN, (b"/w/y/.git",), flags=_OVER), "/w/y/.git/config")


def test_links_and_renames() -> None:
    assert not _judge(Deed(Kind.SYMLINK, (b"/w/.envrc",)))
    assert _judge(Deed(Kind.SYMLINK, (b"/w/.git/config",)))
    assert _judge(Deed(Kind.SYMLINK, (b"/w/.git/hooks",)))
    assert _judge(Deed(Kind.RENAME, (b"/w/x", b"/w/.envrc")))
    assert not _judge(Deed(Kind.RENAME, (b"/w/.git/config.lock", b"/w/.git/config")))


def test_other_programs_are_judged_by_what_they_are() -> None:
    assert not is_no_checkout(Deed(Kind.OPEN, (b"/w/.envrc",), flags=_OVER), "/w/.envrc", "vim", lambda exe: False)
