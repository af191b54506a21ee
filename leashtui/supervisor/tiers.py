"""Which guard tier a session runs in: what the host gives, what its kind of agent runs in, and what was demanded.

Knows the order of tiers. Refuses to probe. Invariant: a demanded minimum is met, or there is no session.
"""

from __future__ import annotations

from leashtui.classify.machine import Bounds
from leashtui.model.errors import GuardError
from leashtui.model.request import Tier

_RANK = {Tier.WATCH: 0, Tier.EXEC: 1, Tier.COMPAT: 2, Tier.STRICT: 3}


def choose_tier(best: Tier, wanted: str, fixes: tuple[str, ...], usual: Tier = Tier.STRICT) -> Tier:
    """The tier this session runs in. wanted: the minimum, '' for the usual; all but strict are what you get.

    best: what this host gives. usual: the best that this kind of agent is known to run in; one that brings its own
    sandbox runs in compat.

    Raises GuardError when the host cannot give the minimum (exit 125).
    """
    if wanted and _RANK[Tier(wanted)] > _RANK[best]:
        remedy = fixes[0] if fixes else "run `leash doctor` to see what is missing"
        raise GuardError(f"this host gives guard tier {best.value!r}, below the demanded {wanted!r}", remedy)
    if wanted:
        return Tier(wanted)
    return best if _RANK[best] < _RANK[usual] else usual


def bounds_of(tier: Tier, landlock: int, granted: tuple[str, ...], listen: str = "ask") -> Bounds:
    """What a session of this tier is kept from. landlock: the ABI of the kernel's Landlock. granted: the variables it
    was given that look secret. listen: see Config."""
    seen = tier in (Tier.STRICT, Tier.COMPAT)
    return Bounds(
        signals=tier is not Tier.WATCH and landlock >= 6,
        sockets=seen,
        files=seen,
        variables=not granted,
        ports=seen and listen == "here",
    )
