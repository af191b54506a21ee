"""Where a session's policies come from, and what a project's own may do before and after a person trusts them."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import pytest
from random_policies import WHO

from leashtui.faces.cli import policy
from leashtui.model.codec import decode_record
from leashtui.model.errors import LeashError, PolicyError, StoreError
from leashtui.model.event import PolicyTrusted
from leashtui.model.request import Tier
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle, sources
from leashtui.policy.cases import ordinary
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.stores.journal import read
from leashtui.stores.trust import Trust
from leashtui.supervisor import layers

PERMIT = '@id("yes") permit (principal, action, resource) when { context.verbs.contains("publish") };'
FORBID = '@id("no") forbid (principal, action, resource) when { context.programs.contains("make") };'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEASH_CONFIG_DIR", str(tmp_path / "config"))
    monkeypatch.setenv("LEASH_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("LEASH_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.delenv("LEASH_SESSION", raising=False)
    place = Path(os.path.realpath(tmp_path)) / "project" / ".leash" / "policies"
    place.mkdir(parents=True)
    monkeypatch.chdir(place.parents[1])
    return place


def loaded(project: Path, org: Path | None = None) -> layers.Session:
    config = Path(os.environ["LEASH_CONFIG_DIR"])
    return layers.load(config, str(project.parents[1]), org or project / "no-org")


def names(session: layers.Session) -> set[str]:
    return {p.name for p in session.bundle.policies if p.layer != "builtin"}


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    policy.add_arguments(parser)
    return policy.run(parser.parse_args(["trust", *words]))


def test_a_project_tightens_at_once_and_permits_only_what_was_trusted(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = project / "p.cedar"
    file.write_text(PERMIT + FORBID)
    before = loaded(project)
    assert names(before) == {"project/no"} and before.untrusted == (str(file),)
    assert run(str(project.parents[1])) == 0
    assert "permits  yes" in capsys.readouterr().out
    assert names(loaded(project)) == {"project/yes", "project/no"}
    file.write_text(PERMIT + FORBID + "\n// changed")
    assert names(loaded(project)) == {"project/no"}
    assert run("--list") == 0
    assert "changed since" in capsys.readouterr().out
    assert run(str(project.parents[1])) == 0 and run("--revoke", str(project.parents[1])) == 0
    assert names(loaded(project)) == {"project/no"}


def test_trust_is_of_one_workspace_and_is_recorded(project: Path, tmp_path: Path) -> None:
    (project / "p.cedar").write_text(PERMIT)
    run(str(project.parents[1]))
    other = tmp_path / "other" / ".leash" / "policies"
    other.mkdir(parents=True)
    (other / "p.cedar").write_text(PERMIT)
    assert names(loaded(other)) == set()
    events = [decode_record(row.body).event for row in read(tmp_path / "state" / "machine.db")]
    assert [(e.workspace, e.dropped) for e in events if isinstance(e, PolicyTrusted)] == [
        (str(project.parents[1]), False)
    ]


def test_nobody_trusts_from_inside_a_session(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "p.cedar").write_text(PERMIT)
    (tmp_path / "run" / "s-1").mkdir(parents=True)
    (tmp_path / "run" / "s-1" / "session.json").write_text("{}")
    monkeypatch.setenv("LEASH_SESSION", "s-1")
    with pytest.raises(LeashError, match="not from inside a session"):
        run(str(project.parents[1]))
    assert names(loaded(project)) == set()


def test_what_does_not_load_cannot_be_trusted(project: Path) -> None:
    with pytest.raises(LeashError, match="there are no policies"):
        run(str(project.parents[1]))
    (project / "p.cedar").write_text("permit (")
    with pytest.raises(PolicyError, match=r"p\.cedar:1:8"):
        run(str(project.parents[1]))
    (Path(os.environ["LEASH_CONFIG_DIR"])).mkdir(exist_ok=True)
    (Path(os.environ["LEASH_CONFIG_DIR"]) / "trust.json").write_text('{"pinned": 3}')
    (project / "p.cedar").write_text(PERMIT)
    with pytest.raises(StoreError, match=r"trust\.json"):
        loaded(project)


def test_no_lower_layer_weakens_an_organisation(project: Path, tmp_path: Path) -> None:
    org, team = tmp_path / "org", tmp_path / "config" / "team"
    mine = tmp_path / "config" / "policies"
    for place, text in ((org, FORBID), (team, PERMIT), (mine, '@id("all") permit (principal, action, resource);')):
        place.mkdir(parents=True)
        (place / "p.cedar").write_text(text)
    session = loaded(project, org)
    assert names(session) == {"org/no", "team/yes", "user/all"}
    pdp = PDP(session.bundle, WHO, tier=Tier.EXEC)
    decision = pdp.decide(*ordinary("make all"))
    assert decision.outcome is Outcome.DENY and [p.id for p in decision.policies] == ["org/no"]


def test_a_role_that_no_policy_knows_is_refused(project: Path) -> None:
    made = loaded(project).bundle
    assert {"docs", "review", "tests", "infra"} <= layers.roles(made)
    layers.check_role(made, "")
    layers.check_role(made, "docs")
    with pytest.raises(PolicyError, match="narrow nothing") as caught:
        layers.check_role(made, "reveiw")
    assert "review" in caught.value.hint


def test_an_organisation_others_can_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "ORG", tmp_path)
    tmp_path.chmod(0o777)
    with pytest.raises(PolicyError, match="written by others"):
        layers.check_owner(tmp_path)


def test_pins_survive_and_end(tmp_path: Path) -> None:
    trust = Trust(tmp_path / "c")
    trust.pin("/a", {"f": "1"})
    trust.pin("/b", {"g": "2"})
    trust.pin("/a", {})
    assert Trust(tmp_path / "c").workspaces() == {"/b": {"g": "2"}} and trust.digests("/a") == frozenset()


def test_hostile_project_directories_are_refused_with_place_and_remedy(project: Path) -> None:
    (project / "loop").symlink_to(project / "loop")
    for make, match in (
        (lambda: (project / "a.cedar").symlink_to(project / "a.cedar"), r"a\.cedar"),
        (lambda: (project / "b.cedar").write_bytes(b"\0" * 100), r"b\.cedar:1:1"),
        (lambda: (project / "c.cedar").write_bytes(b"//" + b"x" * (10 << 20)), r"c\.cedar"),
        (lambda: (project / "d.cedar").write_text("// \u202e"), "hidden character"),
        (lambda: os.mkfifo(project / "e.cedar"), "not a regular file"),
        (
            lambda: (project / "f.cedar").write_text("permit(principal,action,resource) when {" + "!" * 300 + "true};"),
            "f",
        ),
        (lambda: (project / "g.cedar").write_text(FORBID * 2), "already used"),
    ):
        for old in project.iterdir():
            old.unlink()
        make()
        with pytest.raises(PolicyError, match=match) as caught:
            loaded(project)
        assert caught.value.hint


def test_teams_and_the_organisation_are_its_own_word(tmp_path: Path) -> None:
    assert layers.people(tmp_path) == layers.People()
    (tmp_path / "people.toml").write_text('org = "acme"\n[teams]\npay = ["dev", "ann"]\nweb = ["ann"]\n')
    people = layers.people(tmp_path)
    assert (people.org, people.of("dev"), people.of("eve")) == ("acme", ("pay",), ())
    text = (
        '@id("t") forbid (principal in Team::"pay", action, resource);'
        '@id("o") @outcome("ask") forbid (principal in Org::"acme", action, resource);'
    )
    made = bundle.build([sources.source("org", "o", text.encode())], bundle.load_schema())
    answers = []
    for user, org in (("dev", "acme"), ("eve", "acme"), ("eve", "")):
        who = Principal("s", "mini", "mini", user, "", people.of(user), org)
        found = PDP(made, who).decide(*ordinary("ls"))
        answers.append([policy.id for policy in found.policies])
    assert answers == [["org/t"], ["org/o"], []]
    (tmp_path / "people.toml").write_text("orgs = 1\n")
    with pytest.raises(PolicyError, match=r"people\.toml"):
        layers.people(tmp_path)
