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


HOSTS = """
@id("no") @reason("Not there.") @severity("high") @outcome("deny")
forbid (principal, action == Action::"NetworkConnect", resource in Host::"*.example.com");
@id("port") @reason("Not so.") @severity("high") @outcome("deny")
forbid (principal, action == Action::"NetworkConnect", resource == Host::"example.org:443");
@id("name") @reason("Not that.") @severity("high") @outcome("ask")
forbid (principal, action in [Action::"NetworkConnect"], resource) when { context.hostname like "db.*" };
@id("any") @outcome("deny") forbid (principal, action, resource) when { context.hostname == "elsewhere.test" };
@id("all") permit (principal, action, resource);
"""


@pytest.mark.parametrize(
    ("words", "hosts", "answer"),
    [
        ("curl https://a.example.com/x", ("a.example.com",), Outcome.DENY),
        ("curl https://a.b.EXAMPLE.com", ("a.b.EXAMPLE.com",), Outcome.DENY),
        ("curl https://other.test", ("other.test",), Outcome.ALLOW),
        ("curl https://example.org", ("example.org",), Outcome.DENY),
        ("curl http://example.org", ("example.org",), Outcome.ALLOW),
        ("curl http://me:pw@example.org:443/x", ("example.org",), Outcome.DENY),
        ("curl http://example.org https://example.org", ("example.org",), Outcome.DENY),
        ("nc example.org 443", ("example.org",), Outcome.DENY),
        ("curl https://my-example.org", ("my-example.org",), Outcome.ALLOW),
        ("psql -h db.test", ("db.test",), Outcome.ASK),
        ("curl https://elsewhere.test", ("elsewhere.test",), Outcome.ALLOW),  # it never said NetworkConnect
    ],
)
def test_a_policy_about_connecting_holds_for_the_command_that_names_the_host(
    words: str, hosts: tuple[str, ...], answer: Outcome
) -> None:
    facts = replace(ordinary("true")[1], command=words, hosts=hosts, network=True)
    assert pdp(Tier.STRICT, HOSTS).decide(ordinary("x")[0], facts).outcome is answer


def test_a_socket_is_judged_by_the_name_that_led_to_it_too() -> None:
    one, (request, facts) = pdp(Tier.STRICT, HOSTS), ordinary("x")
    connect = replace(request, action=Action.NET_CONNECT, host="192.0.2.7", port=443)
    assert one.decide(connect, facts).outcome is Outcome.ALLOW
    assert one.decide(replace(connect, named="www.example.com"), facts).outcome is Outcome.DENY
    assert one.decide(replace(connect, named="example.org"), facts).outcome is Outcome.DENY
    assert one.decide(replace(connect, named="example.org", port=80), facts).outcome is Outcome.ALLOW
    assert one.decide(replace(connect, named="db.test"), facts).outcome is Outcome.ASK


def test_a_tool_that_is_handed_a_host_is_asked_about_it() -> None:
    request, facts = ordinary("x")
    tool = replace(request, action=Action.TOOL_USE, argv=("WebFetch",))
    for hosts, answer in ((("a.example.com",), Outcome.DENY), (("b.test",), Outcome.ALLOW)):
        assert pdp(Tier.STRICT, HOSTS).decide(tool, replace(facts, hosts=hosts)).outcome is answer


@pytest.mark.parametrize(
    ("policy", "by_name"),
    [
        ('resource == Host::"a.test:443")', True),
        ('resource in Host::"*.a.test")', True),
        ('resource) when { context.hostname == "a.test" }', True),
        ('resource == Host::"192.0.2.1:443")', False),
        ('resource == Host::"[2001:db8::1]:443")', False),
        ('resource) when { context.port == "443" }', False),
        ("resource)", False),
    ],
)
def test_whether_some_policy_judges_by_a_hosts_name(policy: str, by_name: bool) -> None:
    text = f'@id("x") @outcome("deny") forbid (principal, action == Action::"NetworkConnect", {policy};'
    assert pdp(Tier.STRICT, text).by_host() is by_name
