"""Identifiers of records: ULIDs, sortable by time, 26 characters of Crockford's base 32.

Knows nothing but a clock and a source of random bits, both handed in. Invariant: the ids of one instance strictly
increase, also within one millisecond and when the clock steps back (https://github.com/ulid/spec, Monotonicity).
"""

from __future__ import annotations

from collections.abc import Callable

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS = tuple(a + b for a in _ALPHABET for b in _ALPHABET)
_RANDOM_BITS = 80


class Ulids:
    """Call it for the next id. clock: microseconds since the epoch. bits: returns that many random bits."""

    def __init__(self, clock: Callable[[], int], bits: Callable[[int], int]) -> None:
        self._clock = clock
        self._bits = bits
        self._last = 0

    def __call__(self) -> str:
        """The next id."""
        value = (self._clock() // 1000) << _RANDOM_BITS
        if value >> _RANDOM_BITS > self._last >> _RANDOM_BITS:
            value |= self._bits(_RANDOM_BITS - 1)  # the free top bit leaves room to count up
        else:
            value = self._last + 1
        self._last = value
        return "".join(_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10))
