"""Which tier a session gets, of what the host gives, what was demanded and what its agent can run in."""

from __future__ import annotations

import pytest

from leashtui.guards.kernel.filter import program
from leashtui.model.errors import GuardError
from leashtui.model.request import Tier
from leashtui.supervisor.tiers import choose_tier

STRICT, COMPAT, EXEC, WATCH = Tier.STRICT, Tier.COMPAT, Tier.EXEC, Tier.WATCH


@pytest.mark.parametrize(
    ("best", "wanted", "usual", "chosen"),
    [
        (STRICT, "", STRICT, STRICT),
        (STRICT, "", COMPAT, COMPAT),
        (EXEC, "", STRICT, EXEC),
        (EXEC, "", COMPAT, EXEC),
        (COMPAT, "", STRICT, COMPAT),  # no Landlock: everything is asked about, and no floor holds besides
        (COMPAT, "", COMPAT, COMPAT),
        (WATCH, "", COMPAT, WATCH),
        (STRICT, "compat", STRICT, COMPAT),
        (COMPAT, "exec", STRICT, EXEC),
        (STRICT, "strict", COMPAT, STRICT),
        (STRICT, "exec", STRICT, EXEC),
        (STRICT, "watch", STRICT, WATCH),
    ],
)
def test_the_tier_that_is_chosen(best: Tier, wanted: str, usual: Tier, chosen: Tier) -> None:
    assert choose_tier(best, wanted, (), usual) is chosen


@pytest.mark.parametrize(
    ("best", "wanted"),
    [(EXEC, "strict"), (EXEC, "compat"), (COMPAT, "strict"), (WATCH, "compat"), (WATCH, "exec")],
)
def test_less_than_was_demanded_is_refused(best: Tier, wanted: str) -> None:
    with pytest.raises(GuardError, match="below the demanded"):
        choose_tier(best, wanted, ("fix it",))


def test_compat_asks_about_files_and_no_sockets() -> None:
    """A filter's size tells its rules: more than exec's, fewer than strict's."""
    assert len(program(EXEC)) < len(program(COMPAT)) < len(program(STRICT))
