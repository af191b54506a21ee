"""Whether what git does to a file can be how it brings one out of a history, by the call alone.

A checkout makes each file anew where nothing is, and renames nothing in the work tree; traces, reports and exports are
written over or added to whatever they are told. What steers git is written beside its place and renamed. Knows git's
calls. Refuses to know commands. Invariant: a call that could be either is taken for a checkout only with git's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.notes import adds

_STEERS = (b"/config", b"/config.worktree", b"/.git/commondir")
"""What git copies out of a template as it stands, and otherwise never opens to be written."""


def is_no_checkout(deed: Deed, path: str, exe: str, is_git: Callable[[str], bool]) -> bool:
    """Whether this is none of what git brings out of a history. path: what it is judged by."""
    if "/.git/" in path:
        copies = deed.kind is Kind.OPEN and deed.names[0].endswith(_STEERS)
        return adds(deed) or copies or deed.kind is Kind.SYMLINK
    if deed.kind is Kind.OPEN:
        return not deed.flags & os.O_EXCL and is_git(exe)
    return deed.kind is Kind.RENAME and is_git(exe)
