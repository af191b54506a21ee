"""A set of policies that is exchanged while a session runs: what the session is and knows goes on."""

from __future__ import annotations

import asyncio

from leashtui.model.event import Event, PolicyReloaded
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.policy.syntax import Flaw
from leashtui.supervisor.deciding import DecisionThread
from leashtui.supervisor.standing import Standing

WHO = Principal("s-1", "mini", "mini", "dev")
SCHEMA = bundle.load_schema({"frozen": bundle.Kind.BOOL})
RULES = (
    '@id("p") permit (principal, action, resource);'
    '@id("locked") forbid (principal, action, resource) when { context.posture == "lockdown" };'
    '@id("frozen") @outcome("ask") forbid (principal, action, resource) when { context.outside.frozen };'
)


def test_posture_and_facts_from_outside_outlive_a_reload() -> None:
    text, events = [RULES], list[Event]()
    deep = DecisionThread()

    def load() -> bundle.Bundle:
        return bundle.build([source("user", "u.cedar", text[0].encode())], SCHEMA)

    async def live() -> None:
        standing = Standing(load(), load, lambda made: PDP(made, WHO, stack=deep), events.append, lambda: None)
        standing.learn((("frozen", False),))
        asked = ordinary("ls")
        assert standing.decide(*asked).outcome is Outcome.ALLOW
        standing.stand("lockdown")
        assert standing.decide(*asked).outcome is Outcome.DENY
        text[0] = RULES.replace('@id("p")', '@id("q")')
        offer = await standing.reload("", "ann")
        assert (offer.added, offer.removed, offer.applied) == (("user/q",), ("user/p",), False)
        assert (await standing.reload(offer.bundle, "ann")).applied
        decision = standing.decide(*asked)
        assert (decision.outcome, [p.id for p in decision.policies]) == (Outcome.DENY, ["user/locked"])
        standing.stand("guard")
        assert standing.decide(*asked).outcome is Outcome.ALLOW
        text[0] = "permit"
        assert (await standing.reload("", "ann")).problem
        assert standing.digest == offer.bundle and standing.decide(*asked).outcome is Outcome.ALLOW

    asyncio.run(live())
    assert [bool(e.problem) for e in events if isinstance(e, PolicyReloaded)] == [False, True]


def test_a_set_that_changed_after_it_was_shown_is_not_taken() -> None:
    texts = iter([RULES, RULES + "// 1", RULES + "// 2"])
    deep = DecisionThread()

    def load() -> bundle.Bundle:
        return bundle.build([source("user", "u.cedar", next(texts).encode())], SCHEMA)

    async def live() -> None:
        standing = Standing(load(), load, lambda made: PDP(made, WHO, stack=deep), lambda event: None, lambda: None)
        before = standing.digest
        shown = await standing.reload("", "ann")
        taken = await standing.reload(shown.bundle, "ann")
        assert "changed after they were shown" in taken.problem and not taken.applied
        assert standing.digest == before

    asyncio.run(live())


def test_the_schema_of_this_file_is_that_of_a_session() -> None:
    try:
        bundle.build([source("user", "u.cedar", RULES.encode())], bundle.load_schema())
    except Flaw as flaw:
        assert "frozen" in flaw.what
    else:
        raise AssertionError("a fact that nobody declared was accepted")
