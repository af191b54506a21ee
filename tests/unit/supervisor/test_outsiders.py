"""A sudo that is to run outside: whatever fails before it runs is a refusal, never a program that waits for ever."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from leashtui.model.card import Choice
from leashtui.model.errors import StoreError
from leashtui.model.facts import Facts
from leashtui.model.request import Action, ProcessRef, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.policy.cases import ordinary
from leashtui.supervisor import outsiders
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.outsiders import Outsiders, Parts

ALLOW = Verdict(Ruling.ALLOW, By.PERSON, act="A")


class Rig:
    """A session without a kernel. fails: what cannot be recorded."""

    def __init__(self, *, fails: tuple[str, ...] = (), can_ask: bool = True) -> None:
        self.fails = fails
        self.desk = Desk("s", "sh", lambda: 0, lambda message: None)
        self.tasks: list[asyncio.Task[None]] = []
        self.verdicts: list[Verdict] = []
        self.otherwise: list[Verdict] = []
        self.lives = True
        parts = Parts(
            self.desk,
            self,  # type: ignore[arg-type]
            {},
            bundle=lambda: "b",
            ask=lambda: can_ask,
            clock=lambda: 0,
            scripts=lambda request: "",
            alive=lambda process: self.lives,
            aside=dict,
            notice=lambda level, text, hint: None,
            say=lambda text: None,
            spawn=lambda work: self.tasks.append(asyncio.ensure_future(work)),
        )
        self.outsiders = Outsiders(parts, on=True)

    def append(self, event: Any, parent: str = "", durable: bool = False) -> Any:
        """The log."""
        if type(event).__name__ in self.fails:
            raise StoreError("the disk is full", "make room")

    def go(self, *argv: str, exe: str = "/usr/bin/sudo") -> None:
        """An exec whose first question was answered with yes."""
        request, facts = situation(argv, exe)
        self.outsiders.opening(request, facts, self.verdicts.append, self.otherwise.append)(ALLOW)


def situation(argv: tuple[str, ...], exe: str) -> tuple[Request, Facts]:
    request, facts = ordinary(" ".join(argv))
    return replace(request, action=Action.PROCESS_EXEC, argv=argv, exe=exe, process=ProcessRef(1, 1)), facts


@pytest.fixture(autouse=True)
def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    async def nothing(self: Outsiders, job: Any) -> str:
        return ""

    async def ran(self: Outsiders, job: Any) -> None:
        job.reply(Verdict(Ruling.DENY, By.PERSON, status=0))

    monkeypatch.setattr(outsiders, "_is_sudo", lambda pid: True)
    monkeypatch.setattr(Outsiders, "_listen", nothing)
    monkeypatch.setattr(Outsiders, "_run", ran)


async def finish(rig: Rig, choice: Choice | None = Choice.ONCE) -> Verdict:
    """Answer what is asked, and wait for the end."""
    while not all(task.done() for task in rig.tasks):
        for card in rig.desk.cards():
            if choice is not None:
                rig.desk.answer(card.id, choice, who="me", face="cli")
        await asyncio.sleep(0.01)
    (verdict,) = rig.verdicts
    return verdict


async def test_two_answers_and_it_ran() -> None:
    rig = Rig()
    rig.go("sudo", "id")
    assert (await finish(rig)).status == 0


@pytest.mark.parametrize("event", ["Asked", "Answered"])
async def test_what_cannot_be_recorded_does_not_run(event: str) -> None:
    rig = Rig(fails=(event,))
    rig.go("sudo", "id")
    verdict = await finish(rig)
    assert verdict.ruling is Ruling.DENY and verdict.status < 0 and "the disk is full" in verdict.feedback
    assert rig.desk.cards() == ()


async def test_nobody_to_ask_is_a_no() -> None:
    rig = Rig(can_ask=False)
    rig.go("sudo", "id")
    assert "second confirmation" in (await finish(rig)).feedback


async def test_one_at_a_time() -> None:
    rig = Rig()
    rig.go("sudo", "id")
    await asyncio.sleep(0.05)
    rig.go("sudo", "whoami")
    await asyncio.sleep(0.05)
    assert "wait for it" in rig.verdicts[0].feedback
    rig.verdicts.clear()
    assert (await finish(rig)).status == 0


async def test_a_program_that_is_gone_takes_its_card_with_it() -> None:
    rig = Rig()
    rig.go("sudo", "id")
    await asyncio.sleep(0.05)
    assert len(rig.desk.cards()) == 1
    rig.lives = False
    await asyncio.gather(*rig.tasks)
    assert rig.desk.cards() == () and rig.verdicts == []


async def test_everything_else_goes_its_way() -> None:
    rig = Rig()
    rig.go("ls", exe="/usr/bin/ls")
    assert rig.otherwise == [ALLOW] and not rig.tasks
    assert rig.outsiders.type("word") != ""
