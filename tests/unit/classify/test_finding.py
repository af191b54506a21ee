"""find acts on what the side of an alternative finds that its action stands on, and on nothing else."""

from __future__ import annotations

import pytest
from judge import verdict


@pytest.mark.parametrize(
    "command",
    [
        "find . -path ./.git -prune -o -name '*.map' -exec rm {} \\;",
        "find . -path ./.git -prune -o -name '*.pyc' -exec rm {} +",
        "find . \\( -name .git -o -name node_modules \\) -prune -o -name '*.pyc' -exec rm -f {} +",
        "find . -path './.git/*' -o -name '*.pyc' -exec rm {} \\;",
        "find . -path ./x -prune -o -name '*.pyc' -print | xargs rm -f",
        "find . \\( -name '*.pyc' -o -name '*.o' \\) -delete",
    ],
)
def test_what_is_left_out_is_not_touched(command: str) -> None:
    assert verdict(command) == "allow"


@pytest.mark.parametrize(
    "command",
    [
        "find . -name .git -prune -exec rm -rf {} +",
        "find . -name '*.pyc' -o -name .git -exec rm -rf {} +",
        "find . -path ./.git -prune -o -exec rm -rf {} +",
        "find . -name x.pyc -o -exec rm -rf {} +",
        "find . -name x.pyc , -delete",
        "find . \\( -name '*.pyc' -o -exec rm -rf {} + \\)",
        "find . \\( -name '*.pyc' -o -type f \\) -delete",
        "find . ! \\( -name '*.pyc' \\) -delete",
        "find . ! -name '*.pyc' -delete",
        "find . -path ./.git -prune -o -print | xargs rm -rf",
    ],
)
def test_what_names_only_what_is_spared_asks(command: str) -> None:
    assert verdict(command) == "ask"


def test_a_harmless_name_on_the_other_side_hides_nothing() -> None:
    assert verdict("find ~ -name x.pyc -o -delete") == "deny"
    assert verdict("find / -name x.tmp -prune -o -exec rm -rf {} \\;") == "deny"
    assert verdict("find / -name x.tmp -prune") == "allow"
