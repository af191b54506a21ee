"""What a grant "for this session" of one command lets pass, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
from judge import CWD, HOME

from leashtui.classify.probe import NoProbe
from leashtui.model.request import Mode
from leashtui.policy import grants
from leashtui.supervisor.rehearsal import Judged, Rehearsal


class Session:
    """One in which a command was allowed for the session."""

    def __init__(self, command: str) -> None:
        self._rehearsal = Rehearsal(Mode.KERNEL, Path("/nonexistent"), "dev", lambda _: NoProbe())
        asked = self.judge(command)
        given = grants.from_ask(asked.facts, asked.decision, grant_id="g1", session="explain", expires=0)
        self._rehearsal._pdp.add_grant(given)
        assert self.allows(command)

    def judge(self, command: str) -> Judged:
        return self._rehearsal.judge(command, cwd=CWD, home=HOME, workspace=CWD)

    def allows(self, command: str) -> bool:
        return self.judge(command).decision.outcome.value == "allow"


@pytest.mark.parametrize(
    ("allowed", "same", "more"),
    [
        ("git push -q origin feature", "git push -q origin side:side", "git push -q origin :feature"),
        ("git push origin HEAD", "git push origin HEAD", "git push origin HEAD --delete side"),
        ("git push -q origin feature", "git push origin feature", "git push -q --prune origin"),
        (
            "twine upload dist/x.whl",
            "twine upload dist/x.whl",
            "twine upload dist/x.whl --repository-url https://e.vil",
        ),
        ("helm upgrade x y", "helm upgrade x y", "helm upgrade x y --repo https://e.vil"),
        ("psql prod -c 'UPDATE a SET b=1 WHERE c=2'", "psql prod -c 'UPDATE a SET b=2 WHERE c=2'", "psql prod < x.sql"),
    ],
)
def test_it_lets_the_like_pass_and_nothing_worse(allowed: str, same: str, more: str) -> None:
    session = Session(allowed)
    assert session.allows(same)
    assert not session.allows(more)
