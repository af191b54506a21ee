"""A grant releases what its card showed and nothing more, whatever the words of the command are."""

from __future__ import annotations

import cedarpy
import msgspec
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from random_policies import SCHEMA, WHO

from leashtui.model.errors import PolicyError
from leashtui.model.facts import Effect, Facts, Parse, Place, Verb
from leashtui.model.request import Tier
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.grants import Grant, from_ask, refusal
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source

PUSH = """
@id("ordinary") permit (principal, action, resource);
@id("push") @outcome("ask") forbid (principal, action, resource) when { context.verbs.contains("remote_change") };
@id("force") @outcome("ask") forbid (principal, action, resource) when { context.git_force };
@id("locked") @outcome("ask") @locked("true") forbid (principal, action, resource) when { context.git_protected };
@id("never") forbid (principal, action, resource) when { context.guard_tamper };
"""


class Now:
    """A clock that the test winds."""

    def __init__(self) -> None:
        self.us = 1_000

    def __call__(self) -> int:
        return self.us


def desk(clock: Now | None = None) -> PDP:
    return PDP(bundle.build([source("user", "u", PUSH.encode())], SCHEMA), WHO, tier=Tier.EXEC, clock=clock)


def push(*words: str, **changes: object) -> Facts:
    facts = ordinary(" ".join(words))[1]
    start = {"effects": (Effect(Verb.REMOTE_CHANGE),), "remotes": ("origin",), "grant_prefix": words}
    return msgspec.structs.replace(facts, **(start | changes))


def decide(pdp: PDP, facts: Facts) -> Outcome:
    return pdp.decide(ordinary("x")[0], facts).outcome


def granted(pdp: PDP, facts: Facts, expires: int = 0, exact: bool = False, name: str = "g-1") -> Grant:
    decision = pdp.decide(ordinary("x")[0], facts)
    grant = from_ask(facts, decision, grant_id=name, session=WHO.session, expires=expires, exact=exact)
    pdp.add_grant(grant)
    return grant


def test_a_prefix_grant_releases_the_asks_it_names() -> None:
    pdp = desk()
    approved = push("git", "push", "origin")
    assert decide(pdp, approved) is Outcome.ASK
    grant = granted(pdp, approved)
    assert grant.grants == {"user/push"} and grant.prefix == ("git", "push", "origin")
    decision = pdp.decide(ordinary("x")[0], push("git", "push", "origin", "topic"))
    assert decision.outcome is Outcome.ALLOW
    assert decision.released == ("user/push",)
    assert "session/g-1" in {p.id for p in decision.policies}


def test_one_more_word_is_one_more_branch_that_nobody_allowed() -> None:
    ask = PUSH.replace("remote_change", "history_rewrite").encode()
    pdp = PDP(bundle.build([source("user", "u", ask)], SCHEMA), WHO, tier=Tier.EXEC)
    drops = {"effects": (Effect(Verb.HISTORY_REWRITE),), "remotes": ()}
    approved = push("git", "branch", "-D", "one", **drops)
    grant = granted(pdp, approved)
    assert (grant.prefix, grant.exact) == ((), "git branch -D one")
    assert decide(pdp, approved) is Outcome.ALLOW
    assert decide(pdp, push("git", "branch", "-D", "one", "two", **drops)) is Outcome.ASK


@pytest.mark.parametrize(
    "other",
    [
        push("git", "push", "fork"),
        push("git", "push"),
        push("git", "push origin"),
        push("git", "push", "origins"),
        push("git", "push", "origin", remotes=("evil",)),
        push("git", "push", "origin", hosts=("evil.example",)),
        push("git", "push", "origin", git_force=True),
        push("git", "push", "origin", git_protected=True),
        push("git", "push", "origin", destructive=True),
        push("git", "push", "origin", in_workspace=False),
        push("git", "push", "origin", parse=Parse.PARTIAL),
        push("git", "push", "origin", effects=(Effect(Verb.REMOTE_CHANGE), Effect(Verb.RUN_FETCHED))),
        push("git", "push", "origin", effects=(Effect(Verb.REMOTE_CHANGE, place=Place.HOOK),)),
        push("git", "push", "origin", packages=("npm:x",)),
        push("git", "push", "origin", grant_prefix=()),
    ],
)
def test_a_prefix_grant_releases_nothing_else(other: Facts) -> None:
    pdp = desk()
    granted(pdp, push("git", "push", "origin"))
    assert decide(pdp, other) is Outcome.ASK


def test_an_exact_grant_is_for_that_command_only() -> None:
    pdp = desk()
    granted(pdp, push("git", "push", "origin"), exact=True)
    assert decide(pdp, push("git", "push", "origin")) is Outcome.ALLOW
    assert decide(pdp, push("git", "push", "origin", "topic")) is Outcome.ASK


def test_expiry_is_judged_behind_the_cache() -> None:
    clock = Now()
    pdp = desk(clock)
    facts = push("git", "push", "origin")
    granted(pdp, facts, expires=2_000)
    assert decide(pdp, facts) is Outcome.ALLOW
    clock.us = 2_000
    assert decide(pdp, facts) is Outcome.ASK
    clock.us = 1_999
    assert decide(pdp, facts) is Outcome.ALLOW


def test_without_a_clock_what_can_expire_is_expired() -> None:
    pdp = desk()
    facts = push("git", "push", "origin")
    granted(pdp, facts, expires=1 << 60)
    assert decide(pdp, facts) is Outcome.ASK


def test_revoked_is_gone_at_once() -> None:
    pdp = desk()
    facts = push("git", "push", "origin")
    granted(pdp, facts)
    assert decide(pdp, facts) is Outcome.ALLOW
    assert pdp.revoke("g-1") and not pdp.revoke("g-1")
    assert decide(pdp, facts) is Outcome.ASK
    assert pdp.grants() == ()


def test_a_forbid_wins_over_every_grant() -> None:
    pdp = desk()
    granted(pdp, push("git", "push", "origin"))
    assert decide(pdp, push("git", "push", "origin", guard_tamper=True)) is Outcome.DENY


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (push("git", "push", "origin", git_protected=True), "locked"),
        (push("git", "push", "origin", destructive=True), "destructive"),
        (push("git", "push", "origin", obfuscated=True), "obfuscated"),
        (push("git", "push", "origin", parse=Parse.OPAQUE), "understood"),
        (push("git", "push", "origin", hidden=("U+202E",)), "understood"),
        (push("git", "push", "origin", effects=(Effect(Verb.REMOTE_CHANGE), Effect(Verb.OPAQUE))), "understood"),
        (push("git", "push", "origin", grant_prefix=()), "simple"),
        (push("git", "push", "origin", command="x" * 270_000), "long"),
        (push("git", "push", "\udc80"), "UTF-8"),
        (push("git", "push", "x" * 5_000), "long"),
        (push("ls", effects=()), "only an ask"),
    ],
)
def test_some_acts_are_never_granted(facts: Facts, why: str) -> None:
    decision = desk().decide(ordinary("x")[0], facts)
    assert why in refusal(facts, decision)
    with pytest.raises(PolicyError, match=why):
        from_ask(facts, decision, grant_id="g", session=WHO.session, expires=0)


def test_a_grant_cannot_name_what_no_grant_may_release() -> None:
    pdp = desk()
    facts = push("git", "push", "origin")
    decision = pdp.decide(ordinary("x")[0], facts)
    grant = from_ask(facts, decision, grant_id="g", session=WHO.session, expires=0)
    for name in ("user/locked", "user/never", "user/ordinary", "user/unknown"):
        with pytest.raises(PolicyError, match=name):
            pdp.add_grant(msgspec.structs.replace(grant, grants=frozenset({name})))
    with pytest.raises(PolicyError, match="session"):
        pdp.add_grant(from_ask(facts, decision, grant_id="g", session="another", expires=0))
    pdp.add_grant(grant)
    with pytest.raises(PolicyError, match="exists"):
        pdp.add_grant(grant)


hostile = st.text(
    alphabet=st.one_of(st.sampled_from("\"\\;{}()@|&/*\n\t\r\x00$`'ab :\u202e\udc80"), st.characters()), max_size=30
)


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@example(['"); permit (principal, action, resource); //'], "\udc80", '\\"', True)
@example(["*", "\\*"], "\x00", "\u202e", False)
@given(st.lists(hostile, min_size=1, max_size=4), hostile, hostile, st.booleans())
def test_values_never_become_syntax(words: list[str], host: str, remote: str, exact: bool) -> None:
    command = " ".join(words)
    facts = push("git", command=command, grant_prefix=tuple(words), hosts=(host,), remotes=(remote,))
    pdp = desk()
    assume(not refusal(facts, pdp.decide(ordinary("x")[0], facts)))
    grant = granted(pdp, facts, exact=exact)
    read_back = cedarpy.PolicySet.from_str(grant.text).to_pst()
    assert list(read_back.static_policies) == ["policy0"] and not read_back.templates
    policy = read_back.static_policies["policy0"]
    assert policy.effect == "permit" and len(policy.clauses) == 1
    assert set(policy.annotations) == {"id", "grants", "expires"}
    assert decide(pdp, facts) is Outcome.ALLOW
    assert decide(pdp, msgspec.structs.replace(facts, grant_prefix=("other",), command="other")) is Outcome.ASK
    assert decide(pdp, msgspec.structs.replace(facts, hosts=(host + "x",))) is Outcome.ASK
