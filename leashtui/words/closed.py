"""What a program is told that seems to need a key which is closed in its session. Knows words only.

Invariant: the remedy is a whole command line that works as it stands.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from leashtui.words.plain import one_line

_LONGEST = 300


def closed(program: str, short: Sequence[str], paths: Sequence[str], argv: Sequence[str]) -> str:
    """One line for its stderr. short: the places as `~/.aws`; paths: the same in full; argv: its command line."""
    names = ", ".join(short)
    return one_line(
        f"leash: {program} names {names}, which {'is' if len(short) == 1 else 'are'} closed in this session"
        f" (Permission denied). If it needs that, have the person asked: {again(paths, argv)}",
        1000,
    )


def shut(program: str, short: str, policy: str) -> str:
    """One line for its stderr, about a place that a policy closes for good. policy: which, and why."""
    return one_line(
        f"leash: {program} names {short}, which is closed in this session (Permission denied) by {policy} Do without"
        " it, or ask the person to change the policy.",
        1000,
    )


def again(paths: Sequence[str], argv: Sequence[str]) -> str:
    """The command line with which the person is asked."""
    line = shlex.join(argv)
    words = line if len(line) <= _LONGEST else "COMMAND"
    keys = " ".join(f"WITH_KEY{number or ''}={shlex.quote(path)}" for number, path in enumerate(paths))
    return f"env {keys} {words}"
