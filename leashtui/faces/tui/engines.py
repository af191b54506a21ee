"""Which engine draws the agent's terminal: the native one where it is installed and fits, else the pure Python one.

Knows both by name. Refuses to load either before it is asked. Invariant: there is always one.
"""

from __future__ import annotations

from leashtui.faces.tui.engine import Engine

PYTHON = "python"
"""The engine for whoever saw the native one crash."""


def make_engine(cols: int, rows: int, kind: str = "auto") -> Engine:
    """An engine of `cols` by `rows` cells. kind: auto, or python."""
    if kind != PYTHON:
        from leashtui.faces.tui.ghostty_abi import load

        library = load()
        if library is not None:
            from leashtui.faces.tui.ghostty_engine import GhosttyEngine

            return GhosttyEngine(cols, rows, library)
    from leashtui.faces.tui.bittty_engine import BitttyEngine

    return BitttyEngine(cols, rows)
