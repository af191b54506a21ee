"""`leash policy check|test|list` on real files."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from leashtui.faces.cli import policy
from leashtui.model.errors import LeashError

GOOD = """@id("no-main") @outcome("ask") @reason("Ask first.")
forbid (principal, action, resource)
when { context.git_protected };
"""
CASE = """
[[case]]
name = "main is asked"
facts = { git_protected = true }
expect = "ask"
by = ["user/no-main"]
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("LEASH_CONFIG_DIR", str(tmp_path))
    folder = tmp_path / "policies"
    (folder / "tests").mkdir(parents=True)
    (folder / "mine.cedar").write_text(GOOD)
    (folder / "tests" / "mine.toml").write_text(CASE)
    return folder


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    policy.add_arguments(parser)
    return policy.run(parser.parse_args(words))


def test_everything_is_well_at_first(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check") == 0
    assert "0 errors" in capsys.readouterr().out
    assert run("test") == 0
    out = capsys.readouterr().out
    assert "0 failed" in out and "no case names" not in out
    assert run("list") == 0
    assert "user/no-main" in capsys.readouterr().out


def test_check_prints_every_place(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "bad.cedar").write_text('@id("x") permit (principal, acton, resource);')
    (mine / "worse.cedar").write_text("\n(")
    assert run("check") == 1
    out = capsys.readouterr().out
    assert f"{mine / 'bad.cedar'}:1:29: " in out and "did you mean action?" in out
    assert f"{mine / 'worse.cedar'}:2:1: " in out and "2 errors" in out
    assert run("check", "--json", str(mine / "bad.cedar")) == 1
    (finding,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (finding["line"], finding["column"]) == (1, 29) and finding["remedy"]


def test_check_of_nothing_is_a_usage_error(mine: Path) -> None:
    with pytest.raises(LeashError, match="there is no"):
        run("check", str(mine / "missing"))


def test_a_failing_case_says_expected_got_and_by(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "tests" / "mine.toml").write_text(CASE.replace('"ask"', '"allow"').replace("no-main", "other"))
    assert run("test", str(mine)) == 1
    out = capsys.readouterr().out
    assert "FAILED main is asked" in out and "expected allow, got ask" in out and "user/other" in out
    assert run("test", "--json", str(mine)) == 1
    (result,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert result["passed"] is False and result["got"] == "ask" and result["policies"] == ["user/no-main"]


def test_policies_without_a_case_are_named(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mine / "tests" / "mine.toml").unlink()
    assert run("test") == 0
    assert "no case names user/no-main" in capsys.readouterr().out


def test_cases_of_a_file_alone(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = mine / "tests" / "mine.toml"
    assert run("test", str(mine / "mine.cedar"), str(case)) == 0
    case.write_text("[[case]\n")
    with pytest.raises(LeashError, match=r"mine\.toml"):
        run("test", str(case))


def test_list_as_json_names_file_and_line(mine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list", "--json") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) > 60
    assert rows[-1] | {"file": ""} == {
        "id": "user/no-main",
        "answer": "ask",
        "severity": "medium",
        "locked": False,
        "reason": "Ask first.",
        "file": "",
        "line": 1,
    }
