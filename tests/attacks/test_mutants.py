"""A sample of random mutants: what works free does nothing in tier strict. `tests/mutants.py` runs any number."""

from __future__ import annotations

import random

import pytest
from mutants import SPELLINGS, WRAPPERS, mutant, run_both

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

SAMPLE, SEED = 240, 1


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
@pytest.mark.timeout(300)
def test_no_mutant_of_a_sample_has_an_effect() -> None:
    free, strict = run_both(range(SAMPLE), SEED)
    works = [one for one in free if one.changes]
    assert len(works) > 0.7 * SAMPLE, [one.text for one in free if not one.changes][:5]
    assert {one.kind for one in works} == {"exec", "write", "secret read"}
    assert not [one for one in strict if one.changes]


def test_the_same_chance_makes_the_same_mutant_anywhere() -> None:
    names = ("home", "config", "root", "up", "host", "port", "victim")
    here, there = ({name: f"/{place}/{name}" for name in names} for place in ("here", "else"))
    for number in range(300):
        one, two = (mutant(random.Random(number), values) for values in (here, there))
        assert one[0] == two[0]
    assert len(SPELLINGS) >= 12
    assert len(WRAPPERS) >= 30
