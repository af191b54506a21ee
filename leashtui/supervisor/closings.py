"""What policies close to readers: places that they name and would not let this agent read are covered when it starts.

Reads are not seen one by one; a policy about them would hold for commands that say what they read, and for no other
program. Knows the policies in force and what lies where they point. Refuses to decide: each place is asked about as the
read of a file there. Invariant: what a policy denies outright is never opened again in the session, whoever asks.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import Decision, Outcome, PolicyRef
from leashtui.policy.pdp import PDP
from leashtui.policy.spoken import sample

_NEEDED = ("/usr", "/etc", "/tmp", "/var", "/run", "/dev", "/proc", "/sys", "/lib", "/bin", "/opt", sys.prefix)
Consult = Callable[[Request], tuple[Facts, Decision]]


class Closing(Struct, frozen=True):
    """place: as policies call it. path: real. policy: the one that closes it. asks: whether a person may open it for
    one act."""

    place: str
    path: str
    policy: PolicyRef
    asks: bool

    @property
    def words(self) -> str:
        """Which policy, and why."""
        return f"{self.policy.id}: {self.policy.reason}" if self.policy.reason else self.policy.id


def closings(pdp: PDP, consult: Consult) -> tuple[Closing, ...]:
    """The places that exist and may not be read as they please by what this agent starts."""
    found: dict[str, Closing] = {}
    for place in pdp.spoken.places(Action.FILE_READ):
        real = os.path.realpath(place[1])
        if not (os.path.isdir(real) if place[0] == "Dir" else os.path.isfile(real)):
            continue
        _, decision = consult(Request(Action.FILE_READ, Layer.HOOK, os.path.dirname(real), path=sample(place)))
        refs = [ref for ref in decision.policies if ref.id in pdp.spoken.names]
        if refs and decision.outcome in (Outcome.DENY, Outcome.ASK):
            found[real] = Closing(place[1], real, refs[0], decision.outcome is Outcome.ASK)
    return tuple(found.values())


def coverable(closed: Iterable[Closing], needed: Sequence[str]) -> list[str]:
    """The paths of those that can be covered: not what holds the system, or one of these."""
    held = [os.path.realpath(path) + "/" for path in (*_NEEDED, *needed) if path]
    return [c.path for c in closed if not any(path.startswith(c.path.rstrip("/") + "/") for path in held)]


def beneath(closed: Iterable[Closing], covered: Sequence[str]) -> list[Closing]:
    """Those over which a cover lies."""
    return [one for one in closed if any((one.path + "/").startswith(cover + "/") for cover in covered)]


def announced(
    closed: Iterable[Closing], covered: Sequence[str], notice: Callable[[str, str, str], None]
) -> Callable[[Iterable[Closing]], None]:
    """Say what is closed, and what of it to commands only; what is returned says what is closed from then on.

    notice: level, text and hint."""
    known: set[str] = set()
    under = {one.path for one in beneath(closed, covered)}
    for one in closed:
        known.add(one.path)
        if one.path in under:
            hint = f"{one.words}; a person opens it for one act" if one.asks else one.words
            notice("info", f"{one.path} is closed in this session", hint)
        else:
            notice("warn", f"{one.path} is closed to commands that name it, not to all code", one.words)

    def later(now: Iterable[Closing]) -> None:
        for one in now:
            if one.path not in known:
                known.add(one.path)
                hint = "all code is kept from it in the next session"
                notice("info", f"{one.path} is closed to commands that name it: {one.words}", hint)

    return later
