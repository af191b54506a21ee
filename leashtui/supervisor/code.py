"""The code shown in the launching terminal, asked for where the tier cannot tell the agent from the person.

Knows one number and how often it was guessed wrong. Invariant: three wrong guesses make it a new number, so that
trying them all is of no use.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

_TRIES = 3


class Code:
    """A six-digit code. draw: returns a fresh number in [0, 10**6) from a good source. changed: told the new code."""

    def __init__(self, draw: Callable[[], int], changed: Callable[[str], None]) -> None:
        self._draw = draw
        self._changed = changed
        self._wrong = 0
        self.text = f"{draw():06d}"

    def matches(self, guess: str) -> bool:
        """Whether the guess is right; the third wrong one in a row replaces the code. None at all is no guess."""
        if not guess.strip():
            return False
        if hmac.compare_digest(guess.strip().encode(), self.text.encode()):
            self._wrong = 0
            return True
        self._wrong += 1
        if self._wrong >= _TRIES:
            self._wrong = 0
            self.text = f"{self._draw():06d}"
            self._changed(self.text)
        return False
