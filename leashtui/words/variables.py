"""What is said about variables that an agent goes without: at the start, by doctor, and to a program that needs one.

Knows names only. Invariant: no value of a variable is ever put into a sentence.
"""

from __future__ import annotations

from collections.abc import Sequence

from leashtui.words.plain import one_line

_MOST = 6


def listed(names: Sequence[str]) -> str:
    """`A, B, C and 4 more`; names come from outside."""
    shown = ", ".join(one_line(name, 60) for name in names[:_MOST])
    return shown + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")


def outset(withheld: Sequence[str], own: Sequence[str], granted: Sequence[str]) -> str:
    """The one line at the start of a session; '' when there is nothing to say. own: its provider's keys. granted:
    others that it gets."""
    parts = [f"withheld from it: {listed(withheld)}"] if withheld else []
    parts += [f"granted as its own key: {listed(own)}"] if own else []
    parts += [f"granted by you: {listed(granted)}"] if granted else []
    return f"secret variables {'; '.join(parts)}" if parts else ""


def how(names: Sequence[str]) -> str:
    """The next step for somebody who wants a program to have these."""
    return f"a new session with {' '.join(f'--grant-env {one_line(name, 60)}' for name in names[:_MOST])} has them"


def missing(program: str, names: Sequence[str]) -> str:
    """The sentence on the stderr of a program that would read a variable it does not get."""
    which = "is" if len(names) == 1 else "are"
    return (
        f"leash: {one_line(program, 60)} may want {listed(names)}, which {which} withheld in this session."
        f" Ask the person: {how(names)}."
    )
