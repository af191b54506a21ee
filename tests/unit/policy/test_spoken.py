"""Which file acts a command's words tell, and what policies about places make of the command."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from random_policies import SCHEMA, WHO

from leashtui.model.facts import Effect, Facts, Verb
from leashtui.model.request import Action, Tier
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source

SHUT = """
@id("letters") @reason("Private.") @severity("high") @outcome("deny")
forbid (principal, action == Action::"FileOpenReadOnly", resource in Dir::"/srv/letters");
@id("one") @reason("This one.") @severity("high") @outcome("ask")
forbid (principal, action in Action::"FileOpen", resource == File::"/srv/one");
@id("kept") @reason("Kept.") @severity("high") @outcome("deny")
forbid (principal, action == Action::"FileDelete", resource in Dir::"/srv/kept");
@id("all") permit (principal, action, resource);
"""


def pdp(tier: Tier, text: str = SHUT) -> PDP:
    return PDP(bundle.build([source("user", "u.cedar", text.encode())], SCHEMA), WHO, tier=tier)


def telling(*effects: Effect) -> Facts:
    return replace(ordinary("true")[1], effects=effects)


@pytest.mark.parametrize(
    ("effect", "answer"),
    [
        (Effect(Verb.READ, "/srv/letters/a/b"), Outcome.DENY),
        (Effect(Verb.READ, "/srv/letters"), Outcome.DENY),
        (Effect(Verb.READ, "/srv/letters/"), Outcome.DENY),
        (Effect(Verb.SECRET_READ, "/srv/letters/a"), Outcome.DENY),
        (Effect(Verb.READ, "/srv", recursive=True), Outcome.DENY),
        (Effect(Verb.READ, "/", recursive=True), Outcome.DENY),
        (Effect(Verb.READ, "/srv"), Outcome.ALLOW),
        (Effect(Verb.READ, "/srv/letters2/a"), Outcome.ALLOW),
        (Effect(Verb.READ, "letters/a"), Outcome.ALLOW),
        (Effect(Verb.EXEC, "/srv/letters/a"), Outcome.ALLOW),
        (Effect(Verb.READ, "/srv/one"), Outcome.ASK),
        (Effect(Verb.READ, "/srv/one/two"), Outcome.ALLOW),
    ],
)
def test_a_policy_about_a_place_holds_for_the_command_that_reads_there(effect: Effect, answer: Outcome) -> None:
    for tier in Tier:
        assert pdp(tier).decide(ordinary("x")[0], telling(Effect(Verb.EXEC, "x"), effect)).outcome is answer


def test_who_looks_through_all_that_lies_above_a_cover_goes_on() -> None:
    one, above = pdp(Tier.STRICT), Effect(Verb.READ, "/srv", recursive=True)
    assert one.decide(ordinary("x")[0], telling(above)).outcome is Outcome.DENY
    one.spoken.covered = frozenset({"/srv/letters"})
    assert one.decide(ordinary("x")[0], telling(above)).outcome is Outcome.ASK  # /srv/one is under no cover
    one.spoken.covered |= {"/srv/one"}
    assert one.decide(ordinary("x")[0], telling(above)).outcome is Outcome.ALLOW
    assert one.decide(ordinary("x")[0], telling(Effect(Verb.READ, "/srv/letters"))).outcome is Outcome.DENY


def test_changes_are_asked_by_words_only_where_no_guard_sees_them() -> None:
    for effect in (Effect(Verb.DELETE, "/srv/kept/a"), Effect(Verb.DELETE, "/srv", recursive=True)):
        for tier in Tier:
            blind = tier in (Tier.EXEC, Tier.WATCH)
            found = pdp(tier).decide(ordinary("x")[0], telling(effect)).outcome
            assert found is (Outcome.DENY if blind else Outcome.ALLOW)


def test_a_policy_that_names_no_place_says_nothing_more_of_a_command() -> None:
    text = '@id("all") permit (principal, action, resource);\n'
    text += '@id("r") @outcome("deny") forbid (principal, action == Action::"FileOpenReadOnly", resource);'
    one = pdp(Tier.EXEC, text)
    assert not one.spoken
    assert one.decide(ordinary("x")[0], telling(Effect(Verb.READ, "/srv/letters/a"))).outcome is Outcome.ALLOW


def test_a_permit_about_a_place_widens_nothing() -> None:
    text = '@id("p") permit (principal, action == Action::"FileOpenReadOnly", resource in Dir::"/srv");\n'
    text += '@id("d") @outcome("deny") forbid (principal, action == Action::"FileOpenReadOnly", resource in Dir::"/x");'
    found = pdp(Tier.EXEC, text).decide(ordinary("x")[0], telling(Effect(Verb.READ, "/srv/a")))
    assert found.outcome is Outcome.ASK
    assert not found.policies


def test_it_names_the_places_of_an_action() -> None:
    spoken = pdp(Tier.STRICT).spoken
    assert spoken.places(Action.FILE_READ) == (("Dir", "/srv/letters"), ("File", "/srv/one"))
    assert spoken.places(Action.FILE_DELETE) == ()
    assert spoken.names == {"user/letters", "user/one"}


@pytest.mark.parametrize(
    ("policy", "places"),
    [
        ('action == Action::"FileDelete", resource in Dir::"/srv/a/") when { context.path like "*.sql" }', ("/srv/a",)),
        ('action == Action::"FileDelete", resource == File::"/srv/a")', ("/srv/a",)),
        ('action == Action::"FileDelete", resource in Dir::"/")', ("",)),
        ('action == Action::"FileDelete", resource in Dir::"a")', ()),
        ('action == Action::"FileDelete", resource in Dir::"/srv/a") unless { resource == File::"/srv/a/b" }', None),
        ('action == Action::"FileDelete", resource) when { resource in Dir::"/srv/a" }', None),
        ('action == Action::"FileDelete", resource is File)', None),
        ('action == Action::"FileDelete", resource) when { context.path like "*.sql" }', None),
        ('action == Action::"FileDelete", resource) when { context.destructive }', ()),
        ('action == Action::"NetworkConnect", resource) when { context.port == "1" }', ()),
    ],
)
def test_where_alone_policies_answer_by_name(policy: str, places: tuple[str, ...] | None) -> None:
    text = f'@id("x") @outcome("deny") forbid (principal, {policy};\n@id("all") permit (principal, action, resource);'
    one = pdp(Tier.STRICT, text)
    assert one.by_class().get(Action.FILE_DELETE) == places


def test_which_places_policies_about_changes_name() -> None:
    assert pdp(Tier.STRICT).named() == {
        Action.FILE_DELETE: (("Dir", "/srv/kept"),),
        Action.FILE_WRITE: (("File", "/srv/one"),),
    }


def test_by_which_program_policies_judge() -> None:
    text = '@id("x") @outcome("deny") forbid (principal, action == Action::"NetworkConnect", resource) when {0};'
    assert pdp(Tier.STRICT, text.replace("{0}", '{ context.exe like "*/x" }')).by_program() == {Action.NET_CONNECT}
    assert pdp(Tier.STRICT, text.replace("{0}", '{ context.port == "1" }')).by_program() == frozenset()
