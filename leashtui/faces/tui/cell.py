"""The text of one terminal cell, made safe to draw.

Pure. Refuses everything that could move or reorder a neighbour. Invariant: the result is as wide as its cell.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from rich.cells import cell_len

_JOINERS = "\u200c\u200d"
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@lru_cache(4096)
def fit(char: str, wide: bool) -> str:
    """One cell's text, free of what could move or reorder its neighbours, as wide as its cell."""
    shown = [c for c in char if c in _JOINERS or unicodedata.category(c) not in _UNSEEN]
    kept = "".join(shown).strip(_JOINERS)  # at its edge a joiner would reach into the next cell
    width = 2 if wide else 1
    if kept and cell_len(kept) == width:
        return kept
    base = kept[:1]
    return base if base and cell_len(base) == width else "\ufffd" + " " * (width - 1) if kept else " " * width
