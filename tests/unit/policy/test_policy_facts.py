"""Schema, context and Facts are three views of one thing; and what the engine is given is bounded and clean."""

from __future__ import annotations

import re

import cedarpy
import msgspec
import pytest
from hypothesis import given, settings
from random_policies import SCHEMA, entities, plain_request, situations

from leashtui.model.facts import Effect, Facts, Parse, Verb
from leashtui.model.request import Action, Layer, Request, Tier
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import (
    AS_THEY_ARE,
    DERIVED,
    FACTS,
    MADE_HERE,
    MEMBERS,
    TEXT,
    UNREAD,
    Context,
    Principal,
    cap,
    prefixes,
    too_long,
)
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source

PERMIT = cedarpy.PolicySet.from_str("permit (principal, action, resource);")


def declared() -> set[str]:
    """The context fields of the shipped schema, read from its text."""
    body = SCHEMA.text.split("type Facts = {")[1].split("};")[0]
    return set(re.findall(r"^\s*(\w+): (?:Bool|String|Set<String>|\{\})", body, re.M))


def test_every_fact_is_declared_and_everything_declared_is_built() -> None:
    assert declared() == set(FACTS)
    context = Context(Tier.EXEC)
    request, facts = ordinary("ls")
    assert context.names() == set(FACTS)
    assert set(context.fields) == set(FACTS) - AS_THEY_ARE
    assert len(context.values(FACTS, request, facts)) == len(FACTS)


def test_every_field_of_facts_reaches_the_context() -> None:
    reached = AS_THEY_ARE | DERIVED.keys() | set(MADE_HERE)
    assert set(Facts.__struct_fields__) <= reached
    assert {name for names in DERIVED.values() for name in names} <= set(FACTS)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(situations())
def test_the_engine_accepts_what_we_build_under_the_schema(situation) -> None:
    request, facts = situation
    asked = plain_request(request, facts)
    answer = cedarpy.is_authorized(asked, PERMIT, entities(request, facts), schema=SCHEMA.handle)
    assert answer.allowed, answer.diagnostics.errors


@pytest.mark.parametrize("name", FACTS)
def test_a_missing_fact_is_noticed(name: str) -> None:
    request, facts = ordinary("ls")
    asked = plain_request(request, facts)
    context = msgspec.json.decode(asked["context"])
    del context[name]
    asked["context"] = msgspec.json.encode(context).decode()
    answer = cedarpy.is_authorized(asked, PERMIT, entities(request, facts), schema=SCHEMA.handle)
    assert not answer.allowed


@pytest.mark.parametrize("action", Action)
def test_every_action_fits_the_schema(action: Action) -> None:
    facts = ordinary("ls")[1]
    request = Request(action, Layer.WATCHER, "/", ("approve",), "/bin/ls", path="/home/dev/proj/a")
    asked = plain_request(request, facts)
    answer = cedarpy.is_authorized(asked, PERMIT, entities(request, facts), schema=SCHEMA.handle)
    assert answer.allowed, answer.diagnostics.errors


def test_text_is_cut_at_the_limit_and_says_so() -> None:
    facts = ordinary("ls")[1]
    assert len(cap("é" * TEXT).encode()) == TEXT
    assert not too_long(msgspec.structs.replace(facts, command="x" * TEXT))
    for long in (
        msgspec.structs.replace(facts, command="x" * (TEXT + 1)),
        msgspec.structs.replace(facts, normalised="é" * TEXT),
        msgspec.structs.replace(facts, hosts=("h",) * (MEMBERS + 1)),
        msgspec.structs.replace(facts, effects=(Effect(Verb.READ),) * (MEMBERS + 1)),
    ):
        assert too_long(long)
        values = dict(zip(FACTS, Context(Tier.EXEC).values(FACTS, ordinary("ls")[0], long), strict=True))
        assert values["capped"] is True and values["parse"] == "partial"
    text = msgspec.structs.replace(facts, command="echo x;" * UNREAD, parse=Parse.OPAQUE, programs=())
    code = msgspec.structs.replace(facts, command=f"python3 -c '{'x=1 ' * UNREAD}'", parse=Parse.PARTIAL)
    many = msgspec.structs.replace(
        facts, command="wc" + " ab" * UNREAD, parse=Parse.OPAQUE, programs=("wc",), effects=(Effect(Verb.READ),)
    )
    removing = msgspec.structs.replace(many, effects=(Effect(Verb.DELETE),))
    assert [too_long(f) for f in (text, code, many, removing)] == [True, True, False, True]
    opaque = msgspec.structs.replace(facts, command="x" * (TEXT + 1), parse=Parse.OPAQUE)
    assert Context(Tier.EXEC).values(["parse"], ordinary("ls")[0], opaque) == ("opaque",)


def test_names_that_are_not_utf8_are_spelled_out() -> None:
    text = (
        '@id("a") permit (principal, action, resource) when { context.command like "*caf\\\\udce9*" };'
        '@id("b") @outcome("ask") forbid (principal, action, resource in Dir::"/caf\\\\udce9");'
    )
    pdp = PDP(bundle.build([source("user", "u", text.encode())], SCHEMA), Principal("s\udc80", "a", "k", "u"))
    request, facts = ordinary("cat caf\udce9")
    decision = pdp.decide(request, facts)
    assert (decision.outcome, decision.errors) == ("allow", ())
    inside = msgspec.structs.replace(request, exe="/caf\udce9/x")
    assert pdp.decide(inside, facts).outcome == "ask"


def test_prefixes_cannot_be_confused() -> None:
    assert prefixes(("git", "fetch", "origin")) == ("git", "git fetch", "git fetch origin")
    assert set(prefixes(("git fetch", "origin"))) & set(prefixes(("git", "fetch", "origin"))) == set()
    assert prefixes(()) == ()
