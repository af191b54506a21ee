"""What a card says about undoing an act whose files leash keeps. Knows words only.

Invariant: what is left out is named in the same sentence, so that nobody relies on it.
"""

from __future__ import annotations

from collections.abc import Sequence


def brings_back(left: Sequence[str]) -> str:
    """`leash undo` as the remedy; left: what it does not bring back."""
    *others, last = left or ("",)
    rest = f"{', '.join(others)} and {last}" if others else last
    return "leash undo brings it back" + (f", but not {rest}" if rest else "")
