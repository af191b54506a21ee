"""Every attack of the arsenal works where nobody watches and does nothing in tier strict, and none in tier compat.

Four legs side by side: free; strict, which a session has by default; what agents with a sandbox have; and strict once
more by code with which no program was started, so that nothing of it was read. One process in one session runs all
cases of a leg; what each did is looked at from outside and repaired before the next.
"""

from __future__ import annotations

import collections
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
from arsenal import CASES, Case
from trial import LEGS, Outcome, run_all

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

SUPPORT = probe()
pytestmark = [
    pytest.mark.skipif(SUPPORT.tier is not Tier.STRICT, reason="this host does not give tier strict"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def outcomes(request: pytest.FixtureRequest) -> dict[str, dict[str, Outcome]]:
    """Leg -> case -> outcome, of the cases that were chosen."""
    chosen = {item.callspec.params["case"].key for item in request.session.items if _is_ours(item)}  # type: ignore[attr-defined]
    cases = [case for case in CASES if case.key in chosen]
    with ProcessPoolExecutor(len(LEGS), multiprocessing.get_context("spawn")) as pool:
        running = {
            name: pool.submit(run_all, options, cases, unread=name == "unread") for name, options in LEGS.items()
        }
        return {name: leg.result() for name, leg in running.items()}


def _is_ours(item: pytest.Item) -> bool:
    return "case" in getattr(getattr(item, "callspec", None), "params", {}) and "outcomes" in item.fixturenames  # type: ignore[attr-defined]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.key)
def test_it_works_free_and_does_nothing_leashed(case: Case, outcomes: dict[str, dict[str, Outcome]]) -> None:
    free, strict, compat = (outcomes[leg][case.key] for leg in ("free", "strict", "compat"))
    assert free.changes, f"the attack does nothing even without leash: {free.done}"
    if case.needs_cover and not SUPPORT.covers:
        pytest.skip("no mount namespaces here, so nothing is covered")
    assert not strict.changes, strict
    assert not compat.changes, compat
    unread = outcomes["unread"].get(case.key)
    assert unread is None or not unread.changes, unread


def test_there_are_enough_of_every_kind() -> None:
    assert len({case.key for case in CASES}) == len(CASES)
    counts = collections.Counter(case.family for case in CASES)
    assert set(counts) == {"exec", "write", "secret read", "network", "escape", "self-approval"}
    assert min(counts.values()) >= 20
    assert len(CASES) >= 120
