"""Properties of decisions on random layered policies; the oracle is the engine on the plain text of each policy."""

from __future__ import annotations

import cedarpy
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_policies import (
    BROKEN,
    HOSTS,
    SCHEMA,
    SIGNS,
    WHO,
    Written,
    build,
    entities,
    plain_request,
    policies,
    situations,
)

from leashtui.model.errors import PolicyError
from leashtui.model.facts import Effect, Verb
from leashtui.model.request import Action, Tier
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle
from leashtui.policy.cases import ordinary
from leashtui.policy.combine import combine
from leashtui.policy.entities import TEXT, Principal
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source

quick = settings(
    max_examples=60, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)


def pdp_of(written: list[Written]) -> PDP:
    return PDP(build(written), WHO, tier=Tier.EXEC)


def user(text: str) -> PDP:
    return PDP(bundle.build([source("user", "u.cedar", text.encode())], SCHEMA), WHO, tier=Tier.EXEC)


@quick
@given(policies(outcomes=("deny",)), situations())
def test_plain_policies_decide_as_plain_cedar_does(written, situation) -> None:
    request, facts = situation
    text = "".join(w.text for w in written)
    plain = cedarpy.is_authorized(plain_request(request, facts), text, entities(request, facts))
    decision = pdp_of(written).decide(request, facts)
    assert (decision.outcome is Outcome.ALLOW) == plain.allowed
    assert (decision.outcome is Outcome.DENY) == (not plain.allowed and bool(plain.diagnostics.reasons))
    assert {p.id.split("/")[1] for p in decision.policies} == {
        plain.diagnostics.id_annotations_by_reason[r] for r in plain.diagnostics.reasons
    }


@quick
@given(policies(errors=True), situations())
def test_index_equals_the_engine_on_every_policy(written, situation) -> None:
    request, facts = situation
    shard = pdp_of(written)._shards[request.action]
    for _ in range(3):  # singly, compiled together, remembered
        found, whole = shard.match(request, facts), shard.whole(request, facts)
        assert found.policies == whole.policies
        assert (found.decision, found.errors) == (whole.decision, whole.errors)
        shard.forget()


SINGLE = [
    *(f"context.{sign}" for sign in SIGNS[:2]),
    *(f'context.hosts.contains("{host}")' for host in HOSTS[:2]),
    'context.verbs.containsAll(["read", "write"])',
    'context.touches.containsAny(["read:home", "write:source"])',
    'context.parse == "full"',
    'context.parse != "full"',
    'context.command like "*git*"',
    'context.command like "git*"',
    'context.command like "*push origin"',
    'context.command like "g*h*n"',
    "context.hosts.isEmpty()",
    'context.verbs == ["read"]',
    '["read", "write", "delete"].containsAll(context.verbs)',
    '["full", "partial"].contains(context.parse)',
    '["a.example", "z"].containsAny(context.hosts)',
    "context.network == context.recursive",
    "context.network != context.recursive",
    "context.hosts == context.programs",
    'context.hosts != ["b.example", "a.example"]',
    'context.hosts == ["b.example", "a.example"]',
    '["git push origin", context.normalised].contains(context.command)',
    "[context.hosts, context.verbs].contains(context.programs)",
    "[true, context.network].containsAll([context.recursive])",
    "context.hosts.containsAny([context.command, context.parse])",
    "context.programs.containsAll([context.command])",
    '["a.example", "b.example"].containsAll(context.hosts)',
    "(if context.network then context.destructive else context.recursive)",
    '(if resource is Command then resource in Dir::"/usr/bin" else !context.network)',
    '(if context.network then true else context.hosts.contains("a.example"))',
    '(context.network || context.hosts.contains("a.example"))',
    '(context.network && context.hosts.contains("a.example"))',
    '(resource == File::"/usr/bin/git" || context.network)',
    "resource is Command",
    "resource is File",
    'resource == File::"/usr/bin/x"',
    'resource == Dir::"/usr/bin"',
    'resource in File::"/usr/bin/x"',
    'resource in Dir::"/usr/bin"',
    'resource in [Dir::"/opt", Dir::"/home/"]',
    'context has path && context.path like "/usr*"',
    '"/home/dev/a" == context.path',
    'principal in User::"dev"',
    'principal in User::"somebody"',
    'ip("10.0.0.1").isIpv4()',
    "1 == 1",
    "false",
]
SCOPES = [
    "resource",
    'resource in Dir::"/usr/bin"',
    'resource == File::"/home/dev/a"',
    'resource == File::"/usr/bin/x"',
]


def _every_shape() -> PDP:
    """Each of SINGLE as it is, negated, as an exception, and beside another; each scope."""
    bodies = [f"when {{ {one} }}" for one in SINGLE]
    bodies += [f"when {{ !({one}) }}" for one in SINGLE] + [f"unless {{ {one} }}" for one in SINGLE]
    bodies += [f"when {{ ({one}) && {two} }}" for one, two in zip(SINGLE, SINGLE[7:] + SINGLE[:7], strict=True)]
    bodies += [f"when {{ ({one}) || {two} }}" for one, two in zip(SINGLE, SINGLE[5:] + SINGLE[:5], strict=True)]
    text = "".join(f'@id("p{n}") permit (principal, action, resource) {body};\n' for n, body in enumerate(bodies))
    text += "".join(f'@id("s{n}") permit (principal, action, {scope});\n' for n, scope in enumerate(SCOPES))
    return user(text)


EVERY_SHAPE = _every_shape()


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(situations())
def test_index_equals_the_engine_on_every_shape(situation) -> None:
    request, facts = situation
    shard = EVERY_SHAPE._shards[request.action]
    for _ in range(2):
        shard.forget()
        found, whole = shard.match(request, facts), shard.whole(request, facts)
        assert {p.name for p in found.policies} ^ {p.name for p in whole.policies} == set()
        assert found.errors == whole.errors == ()


@quick
@given(policies(errors=True), situations())
def test_three_answers_follow_from_what_matches(written, situation) -> None:
    request, facts = situation
    asked = plain_request(request, facts)
    found = {w.name: (w, *w.matches(request, facts, asked)) for w in written}
    hit = [w for w, matched, _ in found.values() if matched]
    outcomes = {w.outcome for w in hit if w.effect == "forbid"}
    if any(errored for *_, errored in found.values()) or "deny" in outcomes:
        expected = Outcome.DENY
    elif "ask" in outcomes or not any(w.effect == "permit" for w in hit):
        expected = Outcome.ASK
    else:
        expected = Outcome.ALLOW
    pdp = pdp_of(written)
    decision = pdp.decide(request, facts)
    assert decision.outcome is expected
    obliged = any(w.effect == "forbid" and w.outcome == "oblige" for w in hit)  # whoever else matched
    assert decision.obligations == (("record:full",) if obliged else ())
    assert pdp.decide(request, facts) == decision


@quick
@given(policies(), st.lists(situations(), min_size=2, max_size=6))
def test_a_warm_cache_answers_as_a_cold_one(written, found) -> None:
    warm = pdp_of(written)
    for request, facts in found + found[::-1]:
        assert warm.decide(request, facts) == pdp_of(written).decide(request, facts)


@quick
@given(
    policies(layers=("org",), outcomes=("deny",), effects=("forbid",)),
    policies(layers=("builtin", "team", "project", "user")),
    situations(),
)
def test_no_lower_layer_weakens_an_org_deny(org, lower, situation) -> None:
    request, facts = situation
    alone = pdp_of(org).decide(request, facts)
    together = pdp_of(org + lower).decide(request, facts)
    if alone.outcome is Outcome.DENY:
        assert together.outcome is Outcome.DENY
        assert {p.id for p in alone.policies} <= {p.id for p in together.policies}


@quick
@given(policies(), situations())
def test_a_locked_ask_is_never_lost(written, situation) -> None:
    request, facts = situation
    asked = plain_request(request, facts)
    locked = {
        w.name
        for w in written
        if w.effect == "forbid" and w.outcome == "ask" and w.locked and w.matches(request, facts, asked)[0]
    }
    decision = pdp_of(written).decide(request, facts)
    if locked:
        assert decision.outcome is not Outcome.ALLOW
        assert not decision.standing
        if decision.outcome is Outcome.ASK:
            assert locked <= {p.id for p in decision.policies}


def test_a_forbid_that_cannot_be_evaluated_denies_and_is_not_remembered() -> None:
    pdp = user(
        '@id("ok") permit (principal, action, resource);'
        f'@id("no") forbid (principal, action, resource) when {{ {BROKEN} }};'
    )
    request, facts = ordinary("ls")
    for _ in range(2):
        decision = pdp.decide(request, facts)
        assert decision.outcome is Outcome.DENY
        assert len(decision.errors) == 1 and "user/no" in decision.errors[0]


def test_an_error_is_evaluated_anew_each_time_and_thousands_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    pdp = user(f'@id("no") forbid (principal, action, resource) when {{ {BROKEN} }};')
    honest, calls = cedarpy.is_authorized, []
    monkeypatch.setattr(cedarpy, "is_authorized", lambda *args: calls.append(1) or honest(*args))
    request, facts = ordinary("ls")
    assert [pdp.decide(request, facts).outcome for _ in range(3)] == [Outcome.DENY] * 3
    assert len(calls) == 3
    body = 'ip("::1").isIpv6() && context.command != "rm"'
    good = user(f'@id("ok") permit (principal, action, resource) when {{ {body} }};')
    calls.clear()
    assert [good.decide(request, facts).outcome for _ in range(3)] == [Outcome.ALLOW] * 3
    assert len(calls) == 1  # what did not err is remembered
    long = msgspec.structs.replace(facts, command="x" * (TEXT + 1))
    calls.clear()
    assert [good.decide(request, long).outcome for _ in range(3)] == [Outcome.ALLOW] * 3
    assert len(calls) == 3  # a text of any length is not kept
    many = user("".join(f'@id("n{n}") forbid (principal, action, resource) when {{ {BROKEN} }};' for n in range(99)))
    errors = many.decide(request, facts).errors
    assert len(errors) == 17 and errors[-1] == "and 83 more policies err"


@pytest.mark.parametrize(
    "body", [f"{BROKEN} && context.network", f"{BROKEN} || context.network", f"context.network == ({BROKEN})"]
)
def test_what_could_err_is_never_held_back(body: str) -> None:
    beside = " when { context.in_workspace }"
    for text in (f"when {{ {body} }}{beside}", f"unless {{ {body} }}", f"when {{ {body} }} when {{ context.network }}"):
        pdp = user(
            f'@id("e") permit (principal, action, resource) {text};@id("p") permit (principal, action, resource);'
        )
        decision = pdp.decide(*ordinary("ls"))
        assert decision.outcome is Outcome.DENY and len(decision.errors) == 1, text


def test_obligations_of_all_that_matched_are_one() -> None:
    pdp = user(
        '@id("a") @outcome("oblige") @oblige("record:full") forbid (principal, action, resource);'
        '@id("b") @outcome("oblige") @oblige("snapshot,mask:secrets") forbid (principal, action, resource);'
        '@id("c") @outcome("ask") @oblige("snapshot") @approvers("3") forbid (principal, action, resource);'
        '@id("d") @outcome("ask") @approvers("2") @approver("other") forbid (principal, action, resource);'
        '@id("e") @outcome("oblige") @oblige("team-store") forbid (principal, action, resource)'
        " when { context.network };"
    )
    expected = ("approver:other", "approvers:3", "mask:secrets", "record:full", "snapshot")
    assert pdp.decide(*ordinary("ls")).obligations == expected


def test_no_permit_releases_a_locked_ask_whatever_it_names() -> None:
    loaded = user(
        '@id("locked") @outcome("ask") @locked("true") forbid (principal, action, resource);'
        '@id("open") @outcome("ask") forbid (principal, action, resource);'
        '@id("other") @outcome("ask") forbid (principal, action, resource);'
        '@id("grant") permit (principal, action, resource);'
    ).bundle
    *asks, other, grant = loaded.policies
    grant = msgspec.structs.replace(grant, grants=frozenset({"user/locked", "user/open"}))
    decision = combine([*asks, grant], (), "b")
    assert (decision.outcome, [p.id for p in decision.policies]) == (Outcome.ASK, ["user/locked"])
    assert decision.released == ("user/open",)
    assert combine([asks[1], grant], (), "b").outcome is Outcome.ALLOW
    left = combine([asks[1], other, grant], (), "b")
    assert (left.outcome, [p.id for p in left.policies]) == (Outcome.ASK, ["user/other"])


def test_whatever_breaks_while_deciding_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    class Panic(BaseException):
        pass

    pdp = user('@id("ok") permit (principal, action, resource) when { ip("::1").isIpv6() };')
    request, facts = ordinary("ls")

    def break_down(*_: object) -> None:
        raise Panic("the engine panicked")

    monkeypatch.setattr(cedarpy, "is_authorized", break_down)
    decision = pdp.decide(request, facts)
    assert decision.outcome is Outcome.DENY
    assert decision.errors == ("Panic: the engine panicked",)
    monkeypatch.undo()
    assert pdp.decide(request, facts).outcome is Outcome.ALLOW


def test_nothing_matched_is_asked_and_may_be_granted() -> None:
    request, facts = ordinary("ls")
    decision = user("").decide(request, facts)
    assert (decision.outcome, decision.policies, decision.standing) == (Outcome.ASK, (), True)


def test_strongest_policy_first_then_locked_then_layer() -> None:
    written = {
        "user": '@id("a") @outcome("ask") @severity("low") forbid (principal, action, resource);'
        '@id("b") @outcome("ask") @severity("critical") @reason("Why.") forbid (principal, action, resource);',
        "org": '@id("c") @outcome("ask") @severity("low") forbid (principal, action, resource);'
        '@id("d") @outcome("ask") @severity("low") @locked("true") forbid (principal, action, resource);',
    }
    loaded = bundle.build([source(layer, layer, text.encode()) for layer, text in written.items()], SCHEMA)
    decision = PDP(loaded, WHO).decide(*ordinary("ls"))
    assert [p.id for p in decision.policies] == ["user/b", "org/d", "org/c", "user/a"]
    assert (decision.policies[0].reason, decision.policies[0].file, decision.policies[0].line) == ("Why.", "user", 1)
    assert decision.bundle == loaded.digest


def test_approvers_become_obligations_and_no_grant_answers_them() -> None:
    pdp = user('@id("two") @outcome("ask") @approvers("2") @approver("other") forbid (principal, action, resource);')
    decision = pdp.decide(*ordinary("ls"))
    assert decision.obligations == ("approver:other", "approvers:2")
    assert not decision.standing
    pdp = user('@id("seen") @outcome("ask") @offer("team") forbid (principal, action, resource);')
    assert pdp.decide(*ordinary("ls")).obligations == ("offer:team",)


def test_every_action_is_decided_by_its_own_policies() -> None:
    pdp = user(
        '@id("exec") permit (principal, action == Action::"ProcessExec", resource);'
        '@id("open") forbid (principal, action in Action::"FileOpen", resource);'
    )
    request, facts = ordinary("ls")
    answers = {a: pdp.decide(msgspec.structs.replace(request, action=a, path="/x"), facts).outcome for a in Action}
    assert answers == {
        Action.PROCESS_EXEC: Outcome.ALLOW,
        Action.FILE_READ: Outcome.DENY,
        Action.FILE_WRITE: Outcome.DENY,
        Action.FILE_DELETE: Outcome.ASK,
        Action.TOOL_CALL: Outcome.ASK,
        Action.LEASH_CONTROL: Outcome.ASK,
        Action.NET_CONNECT: Outcome.ASK,
        Action.NET_BIND: Outcome.ASK,
        Action.SESSION_START: Outcome.ASK,
        Action.TOOL_USE: Outcome.ASK,
        Action.SUBAGENT_SPAWN: Outcome.ASK,
        Action.PROMPT_SEND: Outcome.ASK,
    }


def test_principal_resource_and_directories_are_what_the_schema_says() -> None:
    pdp = user(
        '@id("who") permit (principal in AgentKind::"mini", action, resource) when { principal in User::"dev" };'
        '@id("tool") @outcome("ask") forbid (principal, action, resource in Dir::"/opt/tools");'
        '@id("infra") forbid (principal, action, resource in Dir::"/home/dev/proj/infra/");'
        '@id("one") forbid (principal, action, resource == File::"/home/dev/proj/one");'
    )
    request, facts = ordinary("ls")
    of = {
        "/usr/bin/ls": Outcome.ALLOW,
        "/opt/tools/bin/ls": Outcome.ASK,
        "/opt/toolsx/ls": Outcome.ALLOW,
    }
    for exe, expected in of.items():
        assert pdp.decide(msgspec.structs.replace(request, exe=exe), facts).outcome is expected
    of = {"infra/a/b": Outcome.DENY, "infrared": Outcome.ALLOW, "one": Outcome.DENY, "one/x": Outcome.ALLOW}
    for path, expected in of.items():
        asked = msgspec.structs.replace(request, action=Action.FILE_WRITE, path=f"/home/dev/proj/{path}")
        assert pdp.decide(asked, facts).outcome is expected, path
    other = PDP(pdp.bundle, Principal("s-2", "bash", "bash", "dev"))
    assert other.decide(request, facts).outcome is Outcome.ASK


def test_self_test_passes_and_notices_an_engine_that_permits_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    pdp = user("")
    pdp.self_test()
    honest = cedarpy.is_authorized

    def lenient(*args: object) -> object:
        answer = honest(*args)
        answer.diagnostics.errors.clear()
        return answer

    monkeypatch.setattr(cedarpy, "is_authorized", lenient)
    with pytest.raises(PolicyError, match="self-test"):
        pdp.self_test()


@settings(max_examples=300, deadline=None, database=None, derandomize=True)
@given(
    st.lists(st.sampled_from(["*", "a", "b", "ab", "\\*", "é", "."]), max_size=7).map("".join),
    st.text(alphabet="ab*é.\n", max_size=10),
)
def test_a_pattern_means_what_the_engine_means(pattern: str, text: str) -> None:
    pdp = user(f'@id("p") permit (principal, action, resource) when {{ context.command like "{pattern}" }};')
    facts = msgspec.structs.replace(ordinary("x")[1], command=text)
    shard = pdp._shards[Action.PROCESS_EXEC]
    assert shard.match(ordinary("x")[0], facts).policies == shard.whole(ordinary("x")[0], facts).policies


def test_policies_about_what_a_command_holds_tighten_and_never_widen() -> None:
    pdp = user(
        '@id("run") permit (principal, action == Action::"ProcessExec", resource);'
        '@id("push") @outcome("ask") forbid (principal, action == Action::"GitPush", resource);'
        '@id("cloud") permit (principal, action == Action::"CloudCall", resource);'
        '@id("install") forbid (principal, action in [Action::"PackageInstall"], resource)'
        'when { context.packages.contains("pip:evil") };'
    )
    request, facts = ordinary("x")
    push = msgspec.structs.replace(facts, effects=(Effect(Verb.REMOTE_CHANGE),), remotes=("origin",))
    install = msgspec.structs.replace(facts, packages=("pip:evil",))
    assert [pdp.decide(request, f).outcome for f in (facts, push, install)] == ["allow", "ask", "deny"]
    only = user('@id("cloud") permit (principal, action == Action::"CloudCall", resource);')
    cloud = msgspec.structs.replace(facts, effects=(Effect(Verb.CLOUD_CHANGE),))
    assert only.decide(request, cloud).outcome == "ask"
    written = msgspec.structs.replace(request, action=Action.FILE_WRITE, path="/x")
    assert pdp.decide(written, push).policies == ()


_places = st.sampled_from(
    [
        *('Host::"*"', 'Host::"*.example.com"', 'Host::"a.example.com"', 'Host::"a.example.com:443"', 'Host::"b.org"'),
        *('MCP::Server::"forge"', 'MCP::Server::"other"', 'MCP::Tool::"push"', 'MCP::Tool::"forge/push"'),
        *('Dir::"/home"', 'Dir::"/home/dev/"', 'File::"/home/dev/a"', 'Repository::"/home/dev/a"'),
    ]
)
_tests = st.one_of(
    _places.map(lambda place: f"when {{ resource in {place} }}"),
    _places.map(lambda place: f"unless {{ resource in {place} }}"),
    st.tuples(_places, _places).map(lambda two: f"when {{ resource in {two[0]} || resource in {two[1]} }}"),
)
_asked = st.sampled_from(
    [
        *((Action.NET_CONNECT, {"host": host, "port": 443}) for host in ("a.example.com", "example.com", "::1")),
        (Action.NET_CONNECT, {"host": "a.example.com", "port": 22}),
        *((Action.TOOL_CALL, {"argv": words}) for words in (("forge", "push"), ("Other", "Push"), ("x", "y"))),
        *((Action.FILE_WRITE, {"path": path}) for path in ("/home/dev/a", "/home/x", "/homes")),
        (Action.SESSION_START, {"path": "/home/dev/a"}),
    ]
)


@settings(max_examples=200, deadline=None, database=None, derandomize=True)
@given(st.lists(_tests, min_size=1, max_size=4), _asked)
def test_the_sieve_sees_every_place_a_resource_is_in(tests: list[str], asked) -> None:
    pdp = user("".join(f'@id("p{n}") permit (principal, action, resource) {t};' for n, t in enumerate(tests)))
    request, facts = ordinary("x")
    request = msgspec.structs.replace(request, action=asked[0], **asked[1])
    shard = pdp._shards[asked[0]]
    assert shard.match(request, facts).policies == shard.whole(request, facts).policies


@settings(max_examples=150, deadline=None, database=None, derandomize=True)
@given(st.lists(_tests, min_size=1, max_size=4), st.lists(_asked, min_size=2, max_size=6))
def test_no_resource_is_remembered_for_another(tests: list[str], asked) -> None:
    text = "".join(f'@id("p{n}") permit (principal, action, resource) {t};' for n, t in enumerate(tests))
    warm, cold = user(text), user(text)
    request, facts = ordinary("x")  # the text is the same each time: only the resource differs
    for action, more in asked:
        one = msgspec.structs.replace(request, action=action, **more)
        cold.forget()
        assert warm.decide(one, facts) == cold.decide(one, facts)


@pytest.mark.parametrize(
    ("scope", "request_", "expected"),
    [
        ('resource in MCP::Server::"peer"', {"argv": ("peer", "touch")}, Outcome.DENY),
        ('resource in MCP::Server::"other"', {"argv": ("peer", "touch")}, Outcome.ASK),
        ('resource in MCP::Tool::"touch"', {"argv": ("peer", "touch")}, Outcome.DENY),
        ('resource in Host::"*.example.com"', {"host": "a.example.com", "port": 443}, Outcome.DENY),
        ('resource in Host::"example.org"', {"host": "a.example.com", "port": 443}, Outcome.ASK),
    ],
)
def test_what_a_resource_is_in_counts_although_it_is_no_entity_of_its_own(scope, request_, expected) -> None:
    pdp = user(f'@id("x") forbid (principal, action, {scope});')
    request, facts = ordinary("true")
    action = Action.TOOL_CALL if "argv" in request_ else Action.NET_CONNECT
    for _ in range(2):
        assert pdp.decide(msgspec.structs.replace(request, action=action, **request_), facts).outcome is expected
