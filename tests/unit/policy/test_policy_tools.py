"""`leash policy fmt|simulate|diff` and `leash grants`, on real files and a real log."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import pytest
from log_samples import facts, request

from leashtui.faces.cli import grants, policy
from leashtui.model import codec
from leashtui.model.errors import LeashError, PolicyError
from leashtui.model.event import Decided, Event, GrantAdded, GrantRevoked, Record
from leashtui.model.verdict import Decision, Outcome
from leashtui.stores.journal import Journal


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    policy.add_arguments(parser)
    return policy.run(parser.parse_args(words))


@pytest.fixture(autouse=True)
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG", "STATE", "RUNTIME"):
        monkeypatch.setenv(f"LEASH_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.chdir(tmp_path)


def write_log(path: Path, events: list[Event], at: int) -> Path:
    journal = Journal.create(path, "s-1")
    for number, event in enumerate(events):
        journal.append(codec.encode(Record(1, f"01{number:024}", at, "s-1", event)), durable=False)
    journal.close()
    return path


def test_fmt_keeps_meaning_and_comments(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.cedar"
    file.write_text('// why\n@id("a")   permit(principal,action,resource)when{context.recursive};')
    file.chmod(0o640)
    assert run("fmt", "--check", str(file)) == 1 and "when{" in file.read_text()
    assert run("fmt", str(file)) == 0
    assert file.read_text().startswith('// why\n@id("a")\npermit') and file.stat().st_mode & 0o777 == 0o640
    assert run("fmt", "--check", str(file)) == 0
    file.write_text("permit (")
    with pytest.raises(PolicyError, match=r"a\.cedar:1:8"):
        run("fmt", str(file))
    assert file.read_text() == "permit ("


def acts(*outcomes: tuple[str, Outcome]) -> list[Event]:
    return [
        Decided(request(*text.split()), facts(text), Decision(outcome, "b", released=("x",) * (outcome is Outcome.ASK)))
        for text, outcome in outcomes
    ]


def test_simulate_groups_what_would_change(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time_ns() // 1000
    sessions = tmp_path / "state" / "sessions"
    recorded = acts(("git status", Outcome.ALLOW), ("make a", Outcome.ALLOW), ("make b", Outcome.ALLOW))
    write_log(sessions / "s-1.db", recorded, now)
    write_log(sessions / "s-0.db", recorded, now - 86400 * 1_000_000 * 60)
    new = tmp_path / "new.cedar"
    new.write_text('@id("m") forbid (principal, action, resource) when { context.command like "make*" };')
    assert run("simulate", "--json", "--since", "7d", "--policy", str(new)) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert rows == [
        {
            "before": "allow",
            "after": "deny",
            "by": ["user/m"],
            "was": [],
            "count": 2,
            "examples": ["make a", "make b"],
        }
    ]
    assert run("simulate", "--since", "7d") == 0
    assert "3 acts of 2 logs: 0 would change" in capsys.readouterr().out
    old = tmp_path / "old.cedar"
    old.write_text('@id("o") forbid (principal, action, resource) when { context.command like "make a" };')
    assert run("diff", str(old), str(new), "--since", "7d") == 0
    out = capsys.readouterr().out
    assert "allow -> deny  by user/m" in out and "make b" in out and "1 would change" in out
    with pytest.raises(LeashError, match="no time"):
        run("simulate", "--since", "yesterday")


def test_an_ask_that_a_grant_released_counts_as_the_ask_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = write_log(tmp_path / "x.db", acts(("git status", Outcome.ASK)), time.time_ns() // 1000)
    assert run("simulate", "--json", "--log", str(log)) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["before"], row["after"]) == ("ask", "allow")


def test_grants_in_force_are_what_the_log_says(tmp_path: Path) -> None:
    now = 1_000_000
    added = [
        GrantAdded(name, "permit ...", ("builtin/x",), prefix, expires)
        for name, prefix, expires in (
            ("g1", ("git",), now + 1),
            ("g2", ("git", "fetch", "origin", "main"), 0),
            ("g3", (), now),
            ("g4", ("npm", "test"), 0),
        )
    ]
    log = write_log(tmp_path / "y.db", [*added, GrantRevoked("g4", "ann")], now)
    found = grants.standing("s-1", log, now)
    assert [(one.grant, one.breadth) for one in found] == [("g1", 16), ("g2", 1)]


def test_breadth_counts_the_permits_people_wrote(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tmp_path / "config" / "policies"
    mine.mkdir(parents=True)
    (mine / "p.cedar").write_text(
        '@id("all") permit (principal, action, resource);\n'
        '@id("some") permit (principal, action, resource) when { context.recursive };\n'
        '@id("no") forbid (principal, action, resource);'
    )
    parser = argparse.ArgumentParser()
    grants.add_arguments(parser)
    assert grants.run(parser.parse_args(["--breadth"])) == 0
    out = capsys.readouterr().out
    assert "80  user/all" in out and "8  user/some" in out and "breadth 88: 2 standing permissions" in out
    with pytest.raises(LeashError):
        grants.run(parser.parse_args(["--revoke", "g1"]))
