"""What an author's tools find: other spellings of a command, coverage, policies that do nothing, differences."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from random_policies import SCHEMA, WHO, atoms, policies, situations

from leashtui.faces.cli import policy
from leashtui.model.facts import Verb
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle
from leashtui.policy.analysis import changes, idle
from leashtui.policy.cases import WORKSPACE, ordinary
from leashtui.policy.entities import Surroundings
from leashtui.policy.learn import Scope, Seen, learn
from leashtui.policy.pdp import PDP
from leashtui.policy.reach import changes as changed
from leashtui.policy.sources import source
from leashtui.policy.spellings import spellings
from leashtui.supervisor.rehearsal import reader

BY_TEXT = """@id("main") @outcome("ask") @locked("true")
forbid (principal, action, resource) when { context.command == "git push -n origin topic" };
@id("dry") permit (principal, action, resource) when { context.dry_run };
"""
BY_FACT = BY_TEXT.replace('context.command == "git push -n origin topic"', 'context.programs.contains("git")')
CASE = 'case = [ { name = "dry", run = "git push -n origin topic", expect = "ask", by = ["user/main"] } ]\n'


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEASH_CONFIG_DIR", str(tmp_path / "config"))
    folder = tmp_path / "policies"
    (folder / "tests").mkdir(parents=True)
    (folder / "tests" / "mine.toml").write_text(CASE)
    return folder


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    policy.add_arguments(parser)
    return policy.run(parser.parse_args(words))


def built(text: str) -> bundle.Bundle:
    return bundle.build([source("user", "u.cedar", text.encode())], SCHEMA)


def test_a_policy_about_one_spelling_fails_by_the_others(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "mine.cedar").write_text(BY_TEXT)
    assert run("test", str(mine), "--junit", str(mine / "out.xml")) == 1
    out = capsys.readouterr().out
    assert "written  git -C . push -n origin topic" in out and "in another spelling" in out
    (suite,) = ElementTree.parse(mine / "out.xml").getroot()
    assert int(suite.get("failures", 0)) == len(suite.findall("testcase/failure")) > 5
    (mine / "mine.cedar").write_text(BY_FACT)
    assert run("test", str(mine), "--coverage") == 0
    out = capsys.readouterr().out
    assert "1 case passed, 0 failed" in out and "    1  user/main" in out and "    0  user/dry" in out


def test_spellings_are_others_and_never_empty() -> None:
    found = list(spellings("git push origin main"))
    assert len(found) == len(set(found)) > 20 and "git push origin main" not in found
    assert "git push origin HEAD:main" in found
    assert "rm ./infra/x" in list(spellings("rm infra/x"))
    assert "git -C . a | b" not in list(spellings("git a | b"))


def test_what_an_act_changes_stands_with_its_folders() -> None:
    def of(*effects: str) -> tuple[str, ...]:
        from leashtui.policy.cases import Case, situation

        return changed(situation(Case("x", Outcome.ASK, effects=effects))[1], "/home/dev/proj")

    assert of("write:source /home/dev/proj/infra/a/b.tf") == ("infra", "infra/a", "infra/a/b.tf")
    assert of("delete:source infra/../infra2/x") == ("infra2", "infra2/x")
    assert of("delete:workspace /home/dev/proj") == (".",)
    assert of("write:outside /etc/x") == ("/etc", "/etc/x")
    assert of("read:source infra/a") == ()


def test_nothing_touches_a_folder_unseen() -> None:
    read = reader(WORKSPACE, "main")
    for command in (
        *("echo x > infra/a", "rm -r infra", "mv infra gone", "mv infra/main.tf x", "cd infra && touch y"),
        *(
            "sed -i s/a/b/ infra/main.tf",
            "cp a infra/",
            "ln -s a infra/b",
            "tar xf a.tar -C infra",
            "find infra -delete",
        ),
        *(
            "git rm -r infra",
            "git mv infra x",
            "git mv x infra/x",
            "git checkout -- infra",
            "git restore infra/main.tf",
        ),
        *("git clean -fdx infra", "rsync -a --delete a/ infra/", "patch infra/main.tf < d"),
    ):
        assert "infra" in changed(read(command), WORKSPACE), command
    for command in ("cat infra/main.tf", "cp infra/main.tf x", "ls infra", "git add infra", "git rm --cached infra/a"):
        assert "infra" not in changed(read(command), WORKSPACE), command


IDLE = """
@id("never") forbid (principal, action, resource)
when { context.verbs.contains("read") && !context.verbs.contains("read") };
@id("never2") forbid (principal, action, resource)
when { context.touches.contains("write:ci") && !context.verbs.contains("write") };
@id("never3") forbid (principal in Role::"a", action, resource) when { principal in Role::"b" };
@id("never4") permit (principal, action, resource) when { resource in Dir::"/a" && resource in Dir::"/b" };
@id("wide") @outcome("ask") forbid (principal, action, resource) when { context.command like "*infra/*" };
@id("narrow") @outcome("ask") forbid (principal, action, resource) when { context.command like "rm infra/*" };
@id("deploy") forbid (principal, action, resource) when { context.prefixes.contains("npm run deploy") };
@id("now") permit (principal, action, resource) when { context.prefixes.contains("npm run deploy now") };
@id("works") permit (principal, action, resource) when { context.prefixes.contains("npm test") };
"""


def test_policies_that_do_nothing_are_found_and_others_are_not() -> None:
    found = {one.policy.meta.id: (one.never, one.behind) for one in idle(built(IDLE))}
    assert found == {
        "never": ("matches", ()),
        "never2": ("matches", ()),
        "never3": ("matches", ()),
        "never4": ("matches", ()),
        "narrow": ("decides alone", ("user/wide",)),
        "now": ("decides", ("user/deploy",)),
    }


def test_a_difference_comes_with_a_situation_that_the_engine_confirms() -> None:
    rest = '@id("p") permit (principal, action, resource);'
    forbid = '@id("a") forbid (principal, action, resource)'
    old = built(f"{forbid} when {{ context.git_force }};{rest}")
    new = built(f"{forbid} when {{ context.git_force && context.network }};{rest}")
    found = list(changes(old, new))
    assert {(c.before, c.after) for c in found} == {(Outcome.DENY, Outcome.ALLOW)} and all(c.confirmed for c in found)
    for one in found:
        facts = one.witness.facts
        assert facts.git_force and not facts.network
    assert list(changes(old, old)) == []


@settings(max_examples=12, deadline=None, database=None, derandomize=True, phases=[Phase.explicit, Phase.generate])
@given(policies(outcomes=("deny", "ask"), parts=atoms), policies(outcomes=("deny", "ask"), parts=atoms), situations())
def test_what_the_analysis_says_of_random_sets_holds_on_the_engine(old, new, situation) -> None:
    sets = [
        bundle.build([source(w.layer, w.id, w.text.encode()) for w in written], SCHEMA, trusted=_all(written))
        for written in (old, new)
    ]
    found = list(changes(*sets))
    assert all(one.confirmed for one in found), [c for c in found if not c.confirmed]
    request, facts = situation
    before, after = (PDP(one, WHO).decide(request, facts).outcome for one in sets)
    if before is not after:  # a real situation where they differ: then one was found for that action and that change
        assert (request.action, before, after) in {(c.action, c.before, c.after) for c in found}
    dead = {one.policy.name for one in idle(sets[0]) if one.never == "matches"}
    shard = PDP(sets[0], WHO)._shards[request.action]
    assert not dead & {p.name for p in shard.whole(request, facts).policies}


def _all(written) -> frozenset[str]:
    return frozenset(source(w.layer, w.id, w.text.encode()).digest for w in written)


def test_analyse_prints_findings_and_needs_its_extra(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "mine.cedar").write_text(IDLE)
    assert run("analyse", "--json", str(mine)) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"never matches", "never decides", "never decides alone"} == {row["what"] for row in rows}
    assert run("analyse", str(mine), "--against", str(mine)) == 0
    assert "0 findings" in capsys.readouterr().out


def test_a_fact_of_a_wrong_name_is_a_finding(mine: Path) -> None:
    _, facts = ordinary("x")
    assert Verb.READ in facts.verbs()
    (mine / "mine.cedar").write_text('@id("o") permit (principal, action, resource) when { context.outside.nothing };')
    assert run("check", str(mine)) == 1


_hostile = st.text(alphabet=st.sampled_from('"\\;{}()@|/*\n\t\x00$`a :\u202e\udc80é'), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None, database=None, derandomize=True)
@given(_hostile, _hostile, _hostile)
def test_what_is_learned_is_made_of_values_that_never_become_syntax(program: str, command: str, host: str) -> None:
    request, facts = ordinary("x")
    facts = msgspec.structs.replace(facts, command=command, programs=(program,), hosts=(host,), hidden=())
    text = learn([Seen(request, facts, True)], "s-1", Scope(program, "/w" + host))
    made = built(text)
    assert len(made.policies) == 5 and sum(p.permits for p in made.policies) == 1
    assert all(p.meta.id.startswith("learned-") for p in made.policies)
    who = msgspec.structs.replace(WHO, kind=program)
    pdp = PDP(made, who, around=Surroundings("/w" + host))
    assert pdp.decide(request, facts).outcome is Outcome.ALLOW
    for other in ({"programs": (program + "x",)}, {"hosts": (host + "x",)}, {"network": True}):
        assert pdp.decide(request, msgspec.structs.replace(facts, **other)).outcome is Outcome.ASK
