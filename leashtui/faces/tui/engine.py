"""What the panel asks of a terminal emulator: bytes in, lines of cells out, replies for the agent.

The seam behind which engines differ (pure Python today, native ones later). Knows shapes only. Invariant: whatever an
engine is fed, `strip` returns exactly `cols` cells of plain styled text, and `replies` holds nothing an agent wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from textual.strip import Strip


@dataclass(frozen=True)
class Modes:
    """What the agent's program asked of its terminal. mouse: off|basic|button|any (what must be captured)."""

    application_cursor: bool = False
    bracketed_paste: bool = False
    mouse: str = "off"
    alternate_screen: bool = False
    synchronized: bool = False


@dataclass(frozen=True)
class MouseAct:
    """One thing the mouse did over the agent's terminal. x, y: cells from 0. kind: press|release|move.

    button: 0 left, 1 middle, 2 right, 64 wheel up, 65 wheel down. held: modifiers out of shift, meta, ctrl.
    """

    x: int
    y: int
    button: int
    kind: str
    held: frozenset[str] = frozenset()


class Engine(Protocol):
    """One emulated terminal of `cols` by `rows` cells."""

    cols: int
    rows: int
    background: tuple[int, int, int] | None
    """The person's own background, to answer an agent that asks; None where it is not known."""

    def feed(self, data: bytes) -> None:
        """Take the agent's output, cut anywhere, even inside a character."""
        ...

    def resize(self, cols: int, rows: int) -> None: ...

    def reset(self) -> None:
        """Forget everything, as a terminal just switched on; the size stays."""
        ...

    def strip(self, y: int) -> Strip:
        """Row `y` without the cursor."""
        ...

    def changed(self) -> list[int]:
        """Rows changed since the last call."""
        ...

    def cursor(self) -> tuple[int, int] | None:
        """(x, y), or None while hidden."""
        ...

    def modes(self) -> Modes: ...

    def title(self) -> str:
        """The agent's words for its window, printable and short; '' when it never set one."""
        ...

    def scroll(self, lines: int) -> int:
        """Move the view by `lines`, back for negative ones; 0 returns to the present. Returns the lines below it."""
        ...

    def below(self) -> int:
        """Lines below the view; 0 in the present, and always where an engine keeps nothing."""
        ...

    def above(self) -> int:
        """Lines above the view."""
        ...

    def link(self, x: int, y: int) -> str:
        """The target of the link at a cell of the view, '' where there is none."""
        ...

    def wraps(self, y: int) -> bool:
        """Whether row `y` of the view goes on in the next one, because it did not fit."""
        ...

    def mouse(self, act: MouseAct) -> None:
        """Encode as the agent asked for; the bytes come out of `replies`."""
        ...

    def focus(self, focused: bool) -> None:
        """Report focus when the agent asked for it; the bytes come out of `replies`."""
        ...

    def replies(self) -> bytes:
        """Bytes for the agent since the last call: answers to its queries, mouse and focus reports."""
        ...
