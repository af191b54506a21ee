"""Every attack of the arsenal works where nobody watches and does nothing in tier strict; in the default tier, as said.

One session, or none, serves all cases of a leg; what each did is looked at from outside and repaired before the next.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arena import SECRET, Arena, Leashed, Leg, arena
from arsenal import CASES, Case

import leashtui
from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = [
    pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        made.values |= {"secret": SECRET, "package": str(Path(leashtui.__file__).parents[1])}
        yield made


def attempt(place: Arena, leg: Leg, case: Case) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the attack changed, and what it said; all is as before afterwards."""
    if case.family == "self-approval" and place.persons is None:
        waits(place)
    name, text = case.program(place.values)
    (place.proj / name).write_text(text)
    how = [text[2 : text.index("\n")]] if text.startswith("#!") else [sys.executable, "-S"]
    done = leg.run([*how, name])
    changes = place.changes()
    if changes:
        if "persons" in changes:
            assert place.persons is not None
            place.persons.close()
            place.persons = None
            place.baseline.pop("persons")
    place.repair(changes)
    return changes, done


def waits(place: Arena) -> None:
    """A session of the person's with a card."""
    place.persons = Leashed(place)
    told = place.persons.told
    place.values |= {"session": told["session"], "socket": told["socket"], "super": str(told["pid"])}
    place.values["card"] = place.persons.ask
    place.baseline["persons"] = place.persons.state()
