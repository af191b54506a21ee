"""Modes of a running session: a stricter one holds whatever fails, a looser one needs policies and both logs."""

from __future__ import annotations

from leashtui.model.errors import StoreError
from leashtui.model.event import Event, ModeChanged, TierLowered
from leashtui.model.request import Action, Layer, Posture, Request, Tier
from leashtui.model.verdict import Decision, Outcome, PolicyRef
from leashtui.supervisor.modes import Modes

START = Request(Action.SESSION_START, Layer.KERNEL, "/w", ("bash",), path="/w")


class World:
    def __init__(self, posture: Posture = Posture.GUARD) -> None:
        self.stands = str(posture)
        self.enforced = str(posture)
        self.records: list[Event] = []
        self.noted: list[Event] = []
        self.dropped: list[str] = []
        self.outcome = Outcome.ALLOW
        self.full = False
        self.asked: list[tuple[Request, str]] = []
        self.modes = Modes(
            "s-1",
            posture,
            START,
            consult=self.consult,
            stand=lambda mode: setattr(self, "stands", str(mode)),
            enforce=lambda mode: setattr(self, "enforced", str(mode)),
            record=self.records.append,
            note=self.note,
            drop=self.dropped.append,
        )

    def consult(self, request: Request):
        self.asked.append((request, self.stands))
        policies = () if self.outcome is Outcome.ALLOW else (PolicyRef("org/no", "Not here."),)
        return None, Decision(self.outcome, "b", policies)

    def note(self, event: Event) -> None:
        if self.full:
            raise StoreError("the disk is full", "make room")
        self.noted.append(event)

    def holds(self) -> set[str]:
        return {self.stands, self.enforced, str(self.modes.posture)}


def test_stricter_holds_even_when_it_cannot_be_recorded() -> None:
    world = World()
    world.full, world.outcome = True, Outcome.DENY
    shifted = world.modes.shift("lockdown", "ann")
    assert shifted.mode == "lockdown" and "the disk is full" in shifted.problem
    assert world.holds() == {"lockdown"} and len(world.dropped) == 1 and not world.asked


def test_looser_is_a_start_in_that_mode_and_needs_a_record() -> None:
    world = World(Posture.LOCKDOWN)
    for outcome in (Outcome.DENY, Outcome.ASK):
        world.outcome = outcome
        assert world.modes.shift("guard", "ann").problem == "Not here. [org/no]"
        assert world.holds() == {"lockdown"} and not world.records and not world.noted
    world.outcome, world.full = Outcome.ALLOW, True
    assert world.modes.shift("guard", "ann").problem == "the disk is full"
    assert world.holds() == {"lockdown"} and not world.records
    world.full = False
    assert world.modes.shift("guard", "ann").problem == ""
    assert world.holds() == {"guard"} and not world.dropped
    assert world.records == world.noted == [ModeChanged("guard", "lockdown", "ann", "s-1")]
    assert set(world.asked) == {(START, "guard")}


def test_what_is_no_change_changes_nothing() -> None:
    world = World()
    assert "no mode called 'off'" in world.modes.shift("off", "ann").problem
    assert "already" in world.modes.shift("guard", "ann").problem
    assert world.holds() == {"guard"} and not world.records


def test_a_lower_tier_is_in_both_logs() -> None:
    world = World()
    world.modes.lowered(Tier.EXEC, Tier.STRICT, ("covers",))
    assert world.records == world.noted == [TierLowered("exec", "strict", ("covers",), "s-1")]
