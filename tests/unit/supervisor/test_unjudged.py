"""Of which changes of protected files a person reads that no act was judged for them (tier strict)."""

from __future__ import annotations

import pytest

from leashtui.guards.watcher.notices import NOTICES
from leashtui.model.event import Answered, Decided, Event, FileChanged, Notice, Record
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import By, Decision, Outcome, Ruling, Verdict
from leashtui.policy.cases import ordinary
from leashtui.supervisor.unjudged import Unjudged

HOOK = ".git/hooks/pre-commit"
ALLOW, DENY = Verdict(Ruling.ALLOW, By.PERSON), Verdict(Ruling.DENY, By.PERSON)


class Session:
    """What a person is told of the changes."""

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self._unjudged = Unjudged("/w", self.told.append, lambda work: self._later.append(work))
        self._later: list[object] = []
        self._seen = 0

    def hear(self, event: Event, parent: str = "") -> str:
        self._seen += 1
        self._unjudged.heard(self._seen, Record(1, f"R{self._seen}", 0, "S", event, parent), "")
        return f"R{self._seen}"

    def act(self, path: str, verdict: Verdict | None, action: Action = Action.FILE_WRITE) -> str:
        request = Request(action, Layer.KERNEL, "/w", path=path)
        return self.hear(Decided(request, ordinary("x")[1], Decision(Outcome.ASK, "b"), verdict))

    def changed(self, *events: FileChanged) -> list[str]:
        for event in events:
            self._unjudged.changed(event)
        for work in self._later:
            work()  # type: ignore[operator]
        self._later.clear()
        return [notice.text for notice in self.told]


def change(path: str = HOOK, to: str = "", *, protected: bool = True) -> FileChanged:
    return FileChanged(path=path, change="moved" if to else "created", place="hook", protected=protected, to=to)


def test_what_nobody_answered_for_is_told() -> None:
    session = Session()
    (said,) = session.changed(change(), change("src/a.py", protected=False))
    assert said.startswith(f"{HOOK} (a hook) was created")
    assert "not held" not in session.told[0].hint


@pytest.mark.parametrize(("verdict", "told"), [(ALLOW, 0), (DENY, 1)])
@pytest.mark.parametrize("asked", [False, True])
def test_what_was_answered_for_is_not(verdict: Verdict, told: int, asked: bool) -> None:
    session = Session()
    if asked:
        session.hear(Answered(ask="L-1", verdict=verdict), session.act(f"/w/{HOOK}", None))
    else:
        session.act(f"/w/{HOOK}", verdict)
    assert len(session.changed(change())) == told


def test_a_change_that_came_before_its_answer_was_heard_is_answered_for() -> None:
    session = Session()
    session._unjudged.changed(change())
    session.act(f"/w/{HOOK}", ALLOW)
    assert session.changed() == []


def test_either_name_of_a_move_and_one_outside_of_the_workspace_count() -> None:
    session = Session()
    session.act("/w/.envrc", ALLOW)
    session.act("/home/dev/.bashrc", ALLOW)
    assert session.changed(change("x", to=".envrc"), change("/home/dev/.bashrc")) == []


def test_many_are_told_in_one_line() -> None:
    said = Session().changed(*(change(f".github/workflows/{n}.yml") for n in range(NOTICES + 3)))
    assert len(said) == NOTICES + 1 and said[-1].startswith("3 more")


def test_the_program_alone_answers_for_no_file() -> None:
    session = Session()
    session.act(f"/w/{HOOK}", ALLOW, Action.PROCESS_EXEC)
    assert len(session.changed(change())) == 1
