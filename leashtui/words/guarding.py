"""What is said where a host gives a session less than leash can do. Knows the sentence.

Invariant: it names the command that says what is lost and what to do.
"""

from __future__ import annotations

_NEXT = "`leash doctor` says what that leaves open, and what to do"


def shortfall(tier: str, usual: str, *, covers: bool) -> str:
    """One line for a session that shows no tier by itself; '' where nothing is missing. usual: the tier of this kind of
    agent where nothing is in the way. covers: whether secrets are hidden, where the tier could do so."""
    if tier != usual:
        return f"guard {tier}, where {usual} is usual: {_NEXT}"
    return "" if covers else f"guard {tier}, but secret files are not hidden: {_NEXT}"
