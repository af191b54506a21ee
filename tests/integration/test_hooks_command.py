"""`leash hooks` and `leash inventory` with the real program: settings come back byte for byte, weakness is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from conftest import World

ODD = b'{\t"b": 1,\r\n "hooks": {"BeforeTool": [{"matcher": "x", "hooks": []}]}, "a": "\\u00e9"}\n\n'


STRANGE = {
    "bare": b"{}",
    "comments": b'{\n  // mine, {"x": [\n  "theme": "dark", // likes it\n  /* and */ "a": [1, 2,], // end\n}\n',
    "windows": b'{\r\n\t"theme": "dark",\r\n\t"hooks": {\r\n\t\t"Stop": [\r\n\t\t\t{"hooks": []}\r\n\t\t]\r\n\t}\r\n}',
    "mark": b'\xef\xbb\xbf{"theme":"dark","z":"\xc3\xa9\\u00e9"}',
    "lined": b'{\n    "hooks": {\n        "PreToolUse": [{"matcher": "Bash", "hooks": []}],\n'
    b'        "BeforeTool": [\n            {"matcher": "Bash", "hooks": []}\n        ]\n    },\n    "theme": "dark"\n}',
    "short": b'{"theme": "dark", "hooks": {"SessionStart": [{"hooks": [] }]} }',
    "empty": b"",
}


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


@pytest.mark.parametrize(
    ("kind", "name"), [("gemini", name) for name in sorted(STRANGE)] + [(k, "comments") for k in ("claude", "codex")]
)
def test_strange_texts_come_back_also_after_somebody_changed_them(world: World, kind: str, name: str) -> None:
    """Changed by a person in between, in one word: the rest of the bytes stays."""
    before = STRANGE[name]
    home = Path(world.env["HOME"])
    path = home / {"codex": ".codex/hooks.json"}.get(kind, f".{kind}/settings.json")
    path.parent.mkdir()
    path.write_bytes(before)
    done = world.leash("hooks", "install", kind)
    assert done.returncode == 0, done.stderr
    assert b"client/hook.py" in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(b"dark", b"light"))
    done = world.leash("hooks", "remove", kind)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == before.replace(b"dark", b"light")
    if b"dark" in before:
        assert "was changed since" in done.stderr


def test_a_link_stays_a_link_and_a_folder_that_was_made_goes(world: World, settings: Path) -> None:
    real = world.root / "dotfiles.json"
    real.write_bytes(ODD)
    real.chmod(0o400)
    settings.symlink_to(real)
    for kind in ("gemini", "qwen", "opencode"):
        assert world.leash("hooks", "install", kind).returncode == 0
    assert settings.is_symlink() and b"client/hook.py" in real.read_bytes()
    assert (Path(world.env["HOME"]) / ".config/opencode/plugins/leash.js").exists()
    for kind in ("gemini", "qwen", "opencode"):
        assert world.leash("hooks", "remove", kind).returncode == 0
    assert settings.is_symlink() and real.read_bytes() == ODD and real.stat().st_mode & 0o777 == 0o400
    assert not (Path(world.env["HOME"]) / ".qwen").exists()
    assert not (Path(world.env["HOME"]) / ".config").exists()


@pytest.mark.parametrize(
    ("kind", "variable", "name"),
    [
        ("claude", "CLAUDE_CONFIG_DIR", "settings.json"),
        ("codex", "CODEX_HOME", "hooks.json"),
        ("gemini", "GEMINI_CLI_HOME", ".gemini/settings.json"),
        ("opencode", "XDG_CONFIG_HOME", "opencode/plugins/leash.js"),
    ],
)
def test_settings_that_lie_elsewhere_are_found(world: World, kind: str, variable: str, name: str) -> None:
    place = world.root / "elsewhere"
    world.env[variable] = str(place)
    assert world.leash("hooks", "install", kind).returncode == 0
    assert b"client/hook.py" in (place / name).read_bytes()
    assert str(place / name) in world.leash("hooks", "status", kind).stdout
    assert world.leash("hooks", "remove", kind).returncode == 0
    assert not place.exists()
    assert not any((Path(world.env["HOME"]) / f".{kind}").rglob("*"))


def test_a_link_to_nothing_points_there_again(world: World, settings: Path) -> None:
    settings.symlink_to(world.root / "none.json")
    assert world.leash("hooks", "install", "gemini").returncode == 0
    assert (world.root / "none.json").exists()
    assert world.leash("hooks", "remove", "gemini").returncode == 0
    assert settings.is_symlink() and not (world.root / "none.json").exists()


@pytest.mark.parametrize("text", ["[]", '{"a": 1', '{"hooks": 5}', '{"hooks": {"BeforeTool": {}}}', '{"a": b}'])
def test_what_cannot_be_parsed_is_left_alone(world: World, settings: Path, text: str) -> None:
    settings.write_text(text)
    done = world.leash("hooks", "install", "gemini")
    assert done.returncode != 0
    assert "not JSON" in done.stderr
    assert settings.read_text() == text


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


def test_the_inventory_names_models_and_providers_and_no_secret(world: World) -> None:
    home, folder = Path(world.env["HOME"]), world.root / "bin"
    folder.mkdir()
    for name in ("codex", "opencode"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    world.env["PATH"] = f"{folder}:{world.env['PATH']}"
    (home / ".codex").mkdir()
    (home / ".codex" / "config.toml").write_text(
        'model = "gpt-5.5"\nmodel_provider = "s"\n[model_providers.s]\nbase_url = "https://me:sekret@models.example/v1?k=sekret"\n'
    )
    (home / ".config" / "opencode").mkdir(parents=True)
    (home / ".config" / "opencode" / "opencode.json").write_text(
        '{"model": "s/m", // mine\n "provider": {"s": {"options": {"baseURL": "http://10.0.0.1:8/v1", "k": "sekret"}}}}'
    )
    out = world.leash("inventory").stdout
    for said in ("model gpt-5.5", "provider s at https://models.example/v1", "model s/m", "s at http://10.0.0.1:8/v1"):
        assert said in out, out
    assert "sekret" not in out
