"""One tool call, seen by the agent's hook and by the relay, is one act; what was read from outside stays known."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from leashtui.model.card import Card, Choice
from leashtui.model.event import Decided, Event, GrantAdded, Record
from leashtui.model.facts import Effect, Facts, Verb
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.model.verdict import By, Decision, Outcome, PolicyRef, Ruling, Verdict
from leashtui.policy.cases import ordinary
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.breaker import Breaker
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.mediator import Mediator
from leashtui.supervisor.taint import Taint


def call(layer: Layer, *, argv: tuple[str, str] = ("forge", "comment"), script: str = "{}", at: str = "") -> Request:
    return Request(Action.TOOL_CALL, layer, "/w", argv, script=script, call=at)


class World:
    """Tool calls ask while `asks`; everything else is allowed."""

    def __init__(self) -> None:
        self.asks = True
        self.events: list[Event] = []
        self.cards: list[object] = []
        self.verdicts: list[Verdict] = []
        self.decided: list[Request] = []
        self.facts = ordinary("forge/comment {}")[1]
        self.taint = Taint()
        self.acts = Acts(lambda _: True)
        self.desk = Desk("s", "agent", lambda: 0, self.cards.append, lambda f, d: "")
        self.mediator = Mediator(
            classify=lambda request: self.facts,
            decider=self,
            desk=self.desk,
            stream=self,
            acts=self.acts,
            breaker=Breaker(),
            grant=lambda facts, decision: GrantAdded(grant="g", policy="", asks=(), prefix=(), expires=1),
            can_ask=lambda: True,
            clock=lambda: 0,
            timer=lambda: 0,
            broken=self.fail,
            taint=self.taint,
        )

    def fail(self, why: str) -> None:
        raise AssertionError(why)

    def append(self, event: Event, parent: str = "", durable: bool = False, *, rides: bool = False) -> Record:
        self.events.append(event)
        return Record(1, f"R{len(self.events)}", 0, "s", event, parent)

    def after(self, done: Callable[[str], None]) -> None:
        done("")

    def decide(self, request: Request, facts: Facts) -> Decision:
        self.decided.append(request)
        if self.asks and request.action is Action.TOOL_CALL:
            return Decision(Outcome.ASK, "b", (PolicyRef("builtin/x", "ask first"),))
        return Decision(Outcome.ALLOW, "b")

    def submit(self, request: Request) -> None:
        self.mediator.submit(request, self.verdicts.append)

    def approve(self) -> None:
        (card,) = [m.card for m in self.cards if isinstance(getattr(m, "card", None), Card)][-1:]
        assert self.desk.answer(card.id, Choice.ONCE, who="ann", face="f") == ""


def test_what_was_approved_in_the_hook_is_not_asked_again_and_only_once() -> None:
    world = World()
    world.submit(call(Layer.HOOK))
    world.approve()
    world.submit(call(Layer.MCP))
    assert [(v.ruling, v.by) for v in world.verdicts] == [(Ruling.ALLOW, By.PERSON), (Ruling.ALLOW, By.COVERED)]
    world.submit(call(Layer.MCP))  # a second message of the same words is another act
    assert len(world.verdicts) == 2


@pytest.mark.parametrize(
    "other",
    [
        call(Layer.MCP, script='{"a": 1}'),
        call(Layer.MCP, argv=("forge", "close")),
        call(Layer.MCP, argv=("other", "comment")),
    ],
)
def test_another_call_is_asked_for_itself(other: Request) -> None:
    world = World()
    world.submit(call(Layer.HOOK))
    world.approve()
    world.submit(other)
    assert len(world.verdicts) == 1


def test_the_agents_own_id_of_a_call_tells_it_apart() -> None:
    world = World()
    world.submit(call(Layer.HOOK, at="toolu_1"))
    world.approve()
    world.submit(call(Layer.MCP, at="toolu_2"))
    assert len(world.verdicts) == 1
    world.submit(call(Layer.MCP, at="toolu_1"))
    assert world.verdicts[-1].by is By.COVERED


def test_a_call_that_is_over_and_a_turn_that_is_over_cover_nothing() -> None:
    for end in (lambda acts: acts.forget("toolu_1"), lambda acts: acts.end_turn()):
        world = World()
        world.submit(call(Layer.HOOK, at="toolu_1"))
        world.approve()
        end(world.acts.announced)
        world.submit(call(Layer.MCP, at="toolu_1"))
        assert len(world.verdicts) == 1


def test_what_a_policy_let_pass_in_the_hook_approves_nothing() -> None:
    world = World()
    world.asks = False
    world.submit(call(Layer.HOOK))
    world.asks = True
    world.submit(call(Layer.MCP))
    assert [v.by for v in world.verdicts] == [By.POLICY]
    decided = [e for e in world.events if isinstance(e, Decided)]
    assert decided[1].covered_by  # the same act all the same


def test_what_the_model_read_goes_with_every_later_request() -> None:
    world = World()
    world.asks = False
    run = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/w", ("curl", "https://x"), process=ProcessRef(1, 1))
    world.facts = replace(world.facts, programs=("curl",), network=True, effects=(Effect(Verb.NET_GET, "x"),))
    world.submit(run)
    world.taint.add("mcp:forge")
    world.submit(run)
    world.mediator.read()
    assert [request.taint for request in world.decided] == [(), ("mcp:forge", "web")]
    assert world.mediator.consult(run)[1].outcome is Outcome.ALLOW
    assert len([e for e in world.events if isinstance(e, Decided)]) == 2


@pytest.mark.parametrize(
    ("programs", "network", "verb", "expected"),
    [
        (("curl",), True, Verb.NET_GET, ("web",)),
        (("wget", "jq"), True, Verb.NET_GET, ("web",)),
        (("curl",), False, Verb.NET_GET, ()),  # this machine's own loopback
        (("npm",), True, Verb.NET_GET, ()),
        (("curl",), True, Verb.READ, ()),
    ],
)
def test_commands_that_print_what_others_wrote(
    programs: tuple[str, ...], network: bool, verb: Verb, expected: tuple[str, ...]
) -> None:
    taint = Taint()
    facts = ordinary("x")[1]
    taint.ran(replace(facts, programs=programs, network=network, effects=(Effect(verb, "x"),)))
    assert taint.origins == expected


def test_origins_are_bounded() -> None:
    taint = Taint()
    for number in range(100):
        taint.add(f"mcp:{number}")
    assert len(taint.origins) == 33
    assert "many" in taint.origins
