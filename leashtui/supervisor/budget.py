"""What a session may use before it stands still, as a person configures it.

Numbers only. Refuses to count: `budgets` does. Invariant: nothing is limited unless somebody said so.
"""

from __future__ import annotations

from msgspec import Struct


class Budget(Struct, frozen=True, forbid_unknown_fields=True):
    """0 is no limit. acts: as the panel counts them. minutes: since the start. files: different ones changed.

    megabytes_out: sent over TCP. cost: US dollars, where the agent's transcript tells.
    """

    acts: int = 0
    minutes: float = 0
    files: int = 0
    megabytes_out: float = 0
    cost: float = 0

    def __post_init__(self) -> None:
        if any(value < 0 for value in (self.acts, self.minutes, self.files, self.megabytes_out, self.cost)):
            raise ValueError("a budget cannot be negative")
