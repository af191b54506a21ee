"""How the screen is shared between the agent and the panel, for every size of terminal.

Pure arithmetic. Refuses to know widgets. Invariant: the agent always gets at least one cell, and opening the panel
never changes the agent's size: on a narrow terminal the panel lies over it.
"""

from __future__ import annotations

from dataclasses import dataclass

WIDE = 100
"""From this many columns the panel stands beside the agent instead of over it."""
SMALLEST = (40, 10)
_AGENT = 80
_SIDE = (46, 60)


@dataclass(frozen=True)
class Layout:
    """width, height: of the outer terminal in cells. head: lines of the header.

    alone: nothing of the agent is shown."""

    width: int
    height: int
    head: int = 1
    alone: bool = False

    @property
    def small(self) -> bool:
        """Too small to show anything."""
        return self.width < SMALLEST[0] or self.height < SMALLEST[1]

    @property
    def narrow(self) -> bool:
        """Whether the panel lies over the agent."""
        return self.alone or self.width < WIDE

    @property
    def side(self) -> int:
        """Columns of the panel."""
        return self.width if self.narrow else min(max(self.width - _AGENT, _SIDE[0]), _SIDE[1])

    @property
    def columns(self) -> int:
        """Columns of the agent."""
        return max(1, self.width if self.narrow else self.width - self.side)

    @property
    def rows(self) -> int:
        """Rows of agent and panel: all but the header and the footer."""
        return max(1, self.height - self.head - 1)

    @property
    def card(self) -> int:
        """Columns a card may use."""
        return self.side if self.narrow else self.side - 2
