"""`leash hooks` and `leash inventory` with the real program: settings come back byte for byte, weakness is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import World

ODD = b'{\t"b": 1,\r\n "hooks": {"BeforeTool": [{"matcher": "x", "hooks": []}]}, "a": "\\u00e9"}\n\n'


@pytest.fixture
def settings(world: World) -> Path:
    path = Path(world.env["HOME"]) / ".gemini" / "settings.json"
    path.parent.mkdir()
    return path


def test_settings_are_given_back_byte_for_byte(world: World, settings: Path) -> None:
    settings.write_bytes(ODD)
    settings.chmod(0o640)
    done = world.leash("hooks", "install", "gemini")
    assert done.returncode == 0, done.stderr
    assert "+++ " in done.stdout and "client/hook.py" in done.stdout
    installed = settings.read_bytes()
    hooks = json.loads(installed)["hooks"]
    assert len(hooks["BeforeTool"]) == 2
    assert world.leash("hooks", "install", "gemini").returncode == 0
    assert settings.read_bytes() == installed, "twice is once"
    assert str(settings) in world.leash("hooks", "status", "gemini").stdout
    assert world.leash("hooks", "remove", "gemini").returncode == 0
    assert settings.read_bytes() == ODD
    assert settings.stat().st_mode & 0o777 == 0o640
    assert "client/hook.py" not in world.leash("hooks", "status", "--json").stdout


def test_a_file_that_was_not_there_goes_again(world: World, settings: Path) -> None:
    assert world.leash("hooks", "install", "gemini").returncode == 0
    assert settings.exists()
    assert world.leash("hooks", "remove", "gemini").returncode == 0
    assert not settings.exists()


def test_what_was_changed_since_loses_leashs_entries_only(world: World, settings: Path) -> None:
    settings.write_bytes(ODD)
    world.leash("hooks", "install", "gemini")
    document = json.loads(settings.read_text())
    settings.write_text(json.dumps(document | {"c": 3}))
    assert world.leash("hooks", "remove", "gemini").returncode == 0
    assert json.loads(settings.read_text()) == json.loads(ODD) | {"c": 3}


def test_what_cannot_be_parsed_is_left_alone(world: World, settings: Path) -> None:
    settings.write_text("{ // mine\n}")
    done = world.leash("hooks", "install", "gemini")
    assert done.returncode != 0
    assert "not JSON" in done.stderr
    assert settings.read_text() == "{ // mine\n}"
    assert world.leash("hooks", "install", "nobody").returncode == 2


def test_a_project_has_settings_of_its_own(world: World) -> None:
    assert world.leash("hooks", "install", "claude", "--project").returncode == 0
    assert (world.workspace / ".claude" / "settings.local.json").exists()
    assert not (Path(world.env["HOME"]) / ".claude").exists()
    assert world.leash("hooks", "remove", "claude", "--project").returncode == 0


def test_the_inventory_names_what_is_there_and_what_is_weak(world: World) -> None:
    home = Path(world.env["HOME"])
    folder = world.root / "bin"
    folder.mkdir()
    (folder / "claude").write_text("#!/bin/sh\n")
    (folder / "claude").chmod(0o755)
    (folder / "package.json").write_text('{"name": "@anthropic-ai/claude-code", "version": "2.1.300"}')
    world.env["PATH"] = f"{folder}:{world.env['PATH']}"
    (home / ".bashrc").write_text(
        "# alias x=claude --dangerously-skip-permissions\nalias c='claude --dangerously-skip-permissions'\n"
    )
    (home / ".claude").mkdir()
    (home / ".claude" / "settings.json").write_text('{"permissions": {"allow": ["Bash"]}}')
    (home / ".claude.json").write_text('{"mcpServers": {"fs": {"command": "npx", "args": ["-y", "fs"]}}}')
    (world.workspace / "CLAUDE.md").write_text("be kind\n")

    def look(*more: str) -> dict[str, object]:
        done = world.leash("inventory", "--json", *more)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return next(row for row in rows if row.get("agent") == "claude")

    row = look()
    assert (row["version"], row["path"]) == ("2.1.300", str(folder / "claude"))
    assert [s["command"] for s in row["servers"]] == ["npx -y fs"]  # type: ignore[index]
    findings = json.dumps(row["findings"])
    assert ".bashrc:2:" in findings and ".bashrc:1:" not in findings
    assert "permissions.allow" in findings
    marks = row["changed"]
    assert isinstance(marks, dict) and marks[str(world.workspace / "CLAUDE.md")] == "new"
    look("--accept")
    (world.workspace / "CLAUDE.md").write_text("be quick\n")
    assert look()["changed"] == {str(world.workspace / "CLAUDE.md"): "changed"}
