"""The shipped pack: it loads, every policy explains itself, every policy has a case, every case passes."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import msgspec
import pytest
from random_policies import SCHEMA, WHO

from leashtui.model.errors import PolicyError
from leashtui.model.facts import Effect, Facts, Verb
from leashtui.model.request import Action, Mode, Tier
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle, strongdm_import
from leashtui.policy.cases import Case, ordinary, read_suite, situation
from leashtui.policy.grants import refusal
from leashtui.policy.pdp import PDP
from leashtui.policy.sources import source
from leashtui.policy.standalone import Question
from leashtui.supervisor.layers import profile_places

PACK = bundle.load([("builtin", bundle.builtin_dir())])
PDP_ = PDP(PACK, WHO, tier=Tier.EXEC)
FILES = sorted((bundle.builtin_dir() / "tests").glob("*.toml"))
CASES = [(f.stem, case) for f in FILES for case in read_suite(f.name, tomllib.loads(f.read_text()))]
LEASH = Path(__file__).resolve().parents[4] / "shared" / "data" / "leash_policies.json"


def decide(**changes: object):
    request, facts = ordinary("x")
    return PDP_.decide(request, msgspec.structs.replace(facts, **changes))


@pytest.mark.parametrize(("file", "case"), CASES, ids=[f"{f}: {c.name}" for f, c in CASES])
def test_case(file: str, case: Case) -> None:
    role, tier, around = case.setting()
    pdp = PDP(PACK, msgspec.structs.replace(WHO, role=role), tier=tier, around=around)
    decision = pdp.decide(*situation(case))
    assert decision.errors == ()
    assert decision.outcome is case.expect
    assert case.by is not None and sorted(case.by) == sorted(p.id for p in decision.policies)


def test_every_policy_has_a_case_that_names_it() -> None:
    named = {name for _, case in CASES for name in case.by or ()}
    assert {p.name for p in PACK.policies} == named
    assert len(PACK.policies) >= 60


def test_every_policy_says_what_and_what_to_do_instead() -> None:
    for policy in PACK.policies:
        text = Path(policy.file).read_text()
        head = text[: text.index("(principal", text.index(f'@id("{policy.meta.id}")'))]
        note = head[head.rindex("@id") :]
        assert "@severity(" in note and "@reason(" in note, policy.name
        if not policy.permits:
            assert re.fullmatch(r"[A-Z].*[a-z)`\"0-9]\. [A-Z].*\.|[A-Zl].*\. [A-Z].*\.", policy.meta.reason), (
                policy.name
            )
            assert len(policy.meta.reason) <= 160, policy.name


def test_every_verb_that_is_not_harmless_is_asked_with_a_reason() -> None:
    harmless = {Verb.READ, Verb.WRITE, Verb.DELETE, Verb.TRUNCATE, Verb.EXEC, Verb.NET_GET}
    for verb in Verb:
        for mode in Mode:
            decision = decide(effects=(Effect(verb),), mode=mode)
            if verb in harmless or (verb is Verb.OPAQUE and mode is Mode.KERNEL):
                assert decision.outcome is Outcome.ALLOW, verb
            else:
                assert decision.outcome is Outcome.ASK and decision.policies, verb


@pytest.mark.parametrize("sign", ["catastrophic", "sends_secret", "reverse_shell", "backdoor", "guard_tamper"])
def test_what_nobody_means_is_denied_whatever_else_is_true(sign: str) -> None:
    booleans = {n: True for n in Facts.__struct_fields__ if ordinary("x")[1].__getattribute__(n) is False}
    for changes in ({sign: True}, booleans, {sign: True, "mode": Mode.SHIM}):
        decision = decide(**changes)
        assert decision.outcome is Outcome.DENY and not decision.standing
        assert refusal(ordinary("x")[1], decision)


def test_each_warning_sign_alone_is_never_simply_allowed() -> None:
    for sign in ("destructive", "reads_secret", "pipe_to_shell", "obfuscated", "privileged", "git_force"):
        assert decide(**{sign: True}).outcome is Outcome.ASK, sign


def test_no_user_permit_or_grant_undoes_a_builtin_deny() -> None:
    allow = source("user", "u", b'@id("all") permit (principal, action, resource);')
    pack = bundle.sources.read([("builtin", bundle.builtin_dir())])
    pdp = PDP(bundle.build([*pack, allow], SCHEMA), WHO)
    request, facts = ordinary("x")
    assert pdp.decide(request, facts).outcome is Outcome.ALLOW
    assert pdp.decide(request, msgspec.structs.replace(facts, guard_tamper=True)).outcome is Outcome.DENY
    assert pdp.decide(request, msgspec.structs.replace(facts, destructive=True)).outcome is Outcome.ASK
    control = msgspec.structs.replace(request, action=Action.LEASH_CONTROL)
    assert pdp.decide(control, facts).outcome is Outcome.DENY


def test_the_pack_reads_no_text_so_that_its_cache_holds() -> None:
    from leashtui.policy.reads import reads_of

    reads = reads_of(p.node for p in PACK.policies)
    assert not reads.every_fact and not reads.resource
    assert not reads.facts & {"command", "normalised", "cwd", "exe", "targets", "prefixes", "undo"}


def test_a_case_with_unknown_names_is_an_error() -> None:
    for document, why in (
        ({"case": [{"name": "x", "expect": "allow", "facts": {"destrutive": True}}]}, "destrutive"),
        ({"case": [{"name": "x", "expect": "allow", "facts": {"destructive": 1}}]}, "bool"),
        ({"case": [{"name": "x", "expect": "allow", "effects": ["delet:source"]}]}, "delet"),
        ({"case": [{"name": "x", "expect": "perhaps"}]}, "perhaps"),
        ({"case": [{"name": "x", "expect": "allow", "fact": {}}]}, "fact"),
    ):
        with pytest.raises(PolicyError, match=why):
            for case in read_suite("t.toml", document):
                situation(case)


@pytest.mark.skipif(not LEASH.exists(), reason="needs the StrongDM cases beside the checkout")
def test_every_decision_of_strongdm_policies_in_their_dialect() -> None:
    judged = 0
    for case in json.loads(LEASH.read_text())["cases"]:
        read = strongdm_import.read([source("user", case["id"], case["policy"].encode())])
        assert {w for one in read for w in one.warnings} & strongdm_import.LINTER == set(case["lint"]), case["id"]
        assert [list(r) for one in read for r in one.rewrites] == case.get("http_rewrites", [])
        engine = strongdm_import.Dialect(read)
        for asked in case["requests"]:
            answer = engine.ask(Question(judged, asked["action"], asked["resource"]))
            assert (str(answer.decision), answer.errors) == (asked["expect"], ()), (case["id"], asked)
            judged += 1
    assert judged > 100


@pytest.mark.skipif(not LEASH.exists(), reason="needs the StrongDM cases beside the checkout")
def test_plain_decisions_of_strongdm_policies() -> None:
    """Only what needs no dialect: files that fit our schema once ids are added, asked about live actions."""
    judged = 0
    for case in json.loads(LEASH.read_text())["cases"]:
        parts = re.split(r"\b(?=(?:permit|forbid)\s*\()", case["policy"])
        text = parts[0] + "".join(f'@id("p{n}") {part}' for n, part in enumerate(parts[1:]))
        try:
            pdp = PDP(bundle.build([source("user", case["id"], text.encode())], SCHEMA), WHO)
        except PolicyError:
            continue
        for asked in case["requests"]:
            path = asked["resource"].split('"')[1]
            if asked["action"] not in (Action.FILE_WRITE, Action.PROCESS_EXEC):
                continue
            request, facts = ordinary("x")
            request = msgspec.structs.replace(request, action=Action(asked["action"]), path=path, exe=path)
            allowed = pdp.decide(request, facts).outcome is Outcome.ALLOW
            assert allowed == (asked["expect"] == "allow"), (case["id"], asked)
            judged += 1
    assert judged


@pytest.mark.parametrize("profile", ["team", "strict"])
def test_a_profile_only_adds_and_every_policy_of_it_has_a_case(profile: str) -> None:
    places = profile_places(profile)
    loaded = bundle.load([("builtin", place) for place in places])
    added = [p for p in loaded.policies if p.file.startswith(str(places[-1]))]
    assert not any(p.permits for p in added) and {p.name for p in PACK.policies} < {p.name for p in loaded.policies}
    assert all(p.meta.reason and (p.answer == "oblige" or '@severity("' in Path(p.file).read_text()) for p in added)
    named = set()
    for file in sorted((places[-1] / "tests").glob("*.toml")):
        for case in read_suite(file.name, tomllib.loads(file.read_text())):
            role, tier, around = case.setting()
            decision = PDP(loaded, msgspec.structs.replace(WHO, role=role), tier=tier, around=around).decide(
                *situation(case)
            )
            assert (decision.outcome, decision.errors) == (case.expect, ()), case.name
            assert sorted(case.by or ()) == sorted(p.id for p in decision.policies), case.name
            assert case.obliges is None or decision.obligations == case.obliges
            named |= {*(case.by or ()), *(p.name for p in added if case.obliges and p.answer == "oblige")}
    assert {p.name for p in added} <= named
