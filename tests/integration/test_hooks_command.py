"""`leash hooks` and `leash inventory` with the real program: settings come back byte for byte, weakness is named."""

from __future__ import annotations

import json
import os
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
    assert done.returncode == 2
    assert "not JSON" in done.stderr
    assert settings.read_text() == text


def test_settings_that_cannot_be_edited_are_named_with_place_and_remedy(world: World, settings: Path) -> None:
    """Nothing of this is leash's own failure: it ends as other mistakes in settings do."""
    settings.write_text('{\n  "a": 1,\n  "b": [1, 2\n}\n')
    done = world.leash("hooks", "install", "gemini")
    where, remedy = done.stderr.splitlines()
    assert done.returncode == 2
    assert where == f"leash: {settings}: not JSON: line 4, column 1: '}}' does not belong there"
    assert remedy == "leash: mend it, then try again"
    settings.unlink()
    settings.mkdir()
    done = world.leash("hooks", "install", "gemini")
    assert done.returncode == 2 and "no regular file" in done.stderr
    settings.rmdir()
    settings.symlink_to(settings)
    done = world.leash("hooks", "install", "gemini")
    assert done.returncode == 2 and "leash: make it readable" in done.stderr


def test_a_pipe_for_settings_keeps_nobody_waiting(world: World, settings: Path) -> None:
    os.mkfifo(settings)
    os.mkfifo(world.workspace / ".mcp.json")
    for words in (("hooks", "install", "gemini"), ("hooks", "status"), ("inventory",), ("blast",)):
        done = world.leash(*words, timeout=30)
        assert "Traceback" not in done.stderr
        assert words[1:] != ("install", "gemini") or "no regular file" in done.stderr
    assert settings.is_fifo()


def test_what_was_installed_over_somebodys_change_goes_again(world: World, settings: Path) -> None:
    """Of leash's entries too: one was taken out by hand, the rest was put in anew."""
    settings.write_bytes(b'{\n  "theme": "dark"\n}\n')
    assert world.leash("hooks", "install", "gemini").returncode == 0
    changed = json.loads(settings.read_text().replace("dark", "light"))
    del changed["hooks"]["SessionEnd"]
    settings.write_text(json.dumps(changed, indent=2) + "\n")
    assert world.leash("hooks", "install", "gemini").returncode == 0
    assert "SessionEnd" in settings.read_text()
    assert world.leash("hooks", "remove", "gemini").returncode == 0
    assert settings.read_bytes() == b'{\n  "theme": "light"\n}\n'


def test_a_writer_that_was_killed_leaves_nothing(world: World, settings: Path) -> None:
    """What somebody else put there stays."""
    draft = settings.with_name(".settings.json.leash-draft-4194305-0a0b0c0d")  # no process has this number
    mine = settings.with_name(".settings.json.0a0b0c0d")
    for command in ("install", "install", "status", "remove", "remove"):
        for file in (draft, mine):
            file.write_text("half")
        assert world.leash("hooks", command, "gemini").returncode == 0
        assert (draft.exists(), mine.exists()) == (False, True), command


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


def test_the_inventory_names_the_servers_that_plugins_and_extensions_bring_along(world: World) -> None:
    home, folder = Path(world.env["HOME"]), world.root / "bin"
    folder.mkdir()
    world.env["PATH"] = f"{folder}:{world.env['PATH']}"
    for name in ("claude", "gemini", "qwen"):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    plugins = home / ".claude/plugins/cache/market"
    table = {"one": {"command": "one"}}
    for path, text in (
        (plugins / "flat/1.0/.mcp.json", json.dumps(table)),
        (plugins / "deep/1.0/.claude-plugin/plugin.json", json.dumps({"name": "deep", "mcpServers": table})),
        (plugins / "named/1.0/.claude-plugin/plugin.json", json.dumps({"mcpServers": "./servers.json"})),
        (home / ".gemini/extensions/x/gemini-extension.json", json.dumps({"mcpServers": table})),
        (home / ".gemini/extensions/y/gemini-extension.json", "{bad"),
        (home / ".qwen/extensions/[x]/qwen-extension.json", json.dumps({"mcpServers": table})),
    ):
        path.parent.mkdir(parents=True)
        path.write_text(text)
    rows = [json.loads(line) for line in world.leash("inventory", "--json").stdout.splitlines()]
    found = {row["agent"]: row for row in rows if row.get("agent")}
    counted = {kind: [server["name"] for server in found[kind]["servers"]] for kind in ("claude", "gemini", "qwen")}
    assert counted == {"claude": ["plugin:flat:one", "plugin:deep:one"], "gemini": ["one"], "qwen": ["one"]}
    assert "extensions/y/gemini-extension.json cannot be read" in json.dumps(found["gemini"]["findings"])


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


WEAK = (
    ("claude", "~/.claude/settings.json", '{"permissions": {"defaultMode": "bypassPermissions", "allow": ["Bash(*)"]}}',
     ("permissions.defaultMode", 'permissions.allow = "Bash(*)"')),
    ("claude", "./.claude/settings.local.json", '{"enableAllProjectMcpServers": true}',
     ("enableAllProjectMcpServers",)),
    ("claude", "~/.config/fish/functions/x.fish",
     "function x\n  claude --permission-mode=bypassPermissions $argv\nend\n",
     (":2: starts claude",)),
    ("claude", "~/.local/bin/x",
     '#!/bin/sh\nexec claude \\\n  --dangerously-skip-permissions "$@"\n', ("bin/x:2: ",)),
    ("claude", "./package.json", '{"scripts": {"x": "claude --dangerously-skip-permissions"}}', ("package.json:1: ",)),
    ("codex", "~/.codex/config.toml",
     'approval_policy = "never"\n[profiles.x]\nsandbox_mode = "danger-full-access"\n'
     '[projects."/"]\ntrust_level = "trusted"\n',
     ("approval_policy = ", "profiles.x.sandbox_mode", "trusts every folder")),
    ("codex", "~/.zshrc", "alias x='codex -a never'\nalias y='codex -c approval_policy=\"never\"'\n# codex --yolo\n",
     (".zshrc:1: ", ".zshrc:2: ")),
    ("codex", "./Makefile", "x:\n\tcodex --yolo\n", ("Makefile:2: ",)),
    ("gemini", "~/.gemini/settings.json", '{"autoAccept": true, "mcpServers": {"x": {"command": "x", "trust": true}}}',
     ("autoAccept", "mcpServers.x.trust")),
    ("gemini", "~/.gemini/trustedFolders.json", '{"/": "TRUST_FOLDER", "HOME": "TRUST_FOLDER"}',
     ("trusts every folder", "trusts the whole home")),
    ("qwen", "~/.qwen/settings.json", '{"tools": {"approvalMode": "yolo"}}', ("tools.approvalMode",)),
    ("opencode", "~/.config/opencode/opencode.json", '{"permission": {"bash": {"*": "allow"}}, // mine\n}',
     ("permission.bash.*",)),
    ("opencode", "./opencode.json", '{"agent": {"x": {"permission": {"bash": "allow"}}}}',
     ("agent.x.permission.bash",)),
    ("copilot", "~/.copilot/config.json", '{"trusted_folders": ["HOME"]}', ("trusts the whole home",)),
    ("aider", "~/.aider.conf.yml", "# mine\nyes-always: true  # quick\n", ("yes-always",)),
    ("goose", "~/.config/goose/config.yaml", "GOOSE_MODE: 'auto'\n", ("GOOSE_MODE",)),
)  # fmt: skip
TAME = (
    ("claude", "~/.claude/settings.json", '{"permissions": {"defaultMode": "acceptEdits", "allow": ["Bash(git:*)"]}}'),
    ("claude", "~/.bashrc", "alias ll='ls -y'\nalias x='claude --model y'\necho 'not claude-x --yolo'\n"),
    ("codex", "~/.codex/config.toml", 'approval_policy = "on-request"\n[projects."/srv/x"]\ntrust_level = "trusted"\n'),
    ("gemini", "~/.gemini/settings.json", '{"tools": {"autoAccept": false, "allowed": ["read_file"]}}'),
    ("opencode", "./opencode.json", '{"permission": {"bash": {"*": "ask", "git status": "allow"}}}'),
    ("aider", "./.aider.conf.yml", "yes-always: false\nmodel: x\n"),
)
BROKEN = (
    ("claude", "~/.claude/settings.json", b'{"permissions": {"allow": ["Bash"]'),
    ("claude", "~/.claude.json", b"\xff\xfe{"),
    ("claude", "./.mcp.json", b'{"mcpServers": '),
    ("codex", "~/.codex/config.toml", b"a = [" + b"[" * 5000),
    ("codex", "~/.codex/hooks.json", b"[" * 200_000),
    ("gemini", "~/.gemini/settings.json", b'{"a": "' + b"x" * (17 << 20) + b'"}'),
)


def _agents(world: World, *kinds: str) -> None:
    folder = world.root / "bin"
    folder.mkdir()
    for kind in kinds:
        (folder / kind).write_text("#!/bin/sh\n")
        (folder / kind).chmod(0o755)
    world.env["PATH"] = f"{folder}:{world.env['PATH']}"


def _put(world: World, name: str, content: str | bytes) -> Path:
    home = world.env["HOME"]
    path = Path(home, name[2:]) if name.startswith("~/") else world.workspace / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.replace("HOME", home).encode() if isinstance(content, str) else content)
    return path


def _findings(world: World) -> dict[str, list[dict[str, str]]]:
    done = world.leash("inventory", "--json")
    assert not done.stderr, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {row["agent"]: row["findings"] for row in rows if "agent" in row}


def test_every_way_to_ask_nobody_is_found_with_what_to_do(world: World) -> None:
    _agents(world, *dict.fromkeys(kind for kind, *_ in WEAK))
    places = {name: _put(world, name, content) for _, name, content, _ in WEAK}
    found = _findings(world)
    for kind, name, _, expected in WEAK:
        weak = [f for f in found[kind] if f["level"] == "weak" and f["text"].startswith(f"{places[name]}:")]
        assert all(any(said in f["text"] for f in weak) for said in expected), (name, weak)
        assert len(weak) == len(expected), (name, weak)
        assert all(f["remedy"].startswith("take ") for f in weak)


def test_what_asks_somebody_is_not_weak(world: World) -> None:
    _agents(world, *dict.fromkeys(kind for kind, *_ in TAME))
    for _, name, content in TAME:
        _put(world, name, content)
    assert not [f for found in _findings(world).values() for f in found if f["level"] == "weak"]


def test_settings_that_cannot_be_read_are_said_to_be(world: World) -> None:
    _agents(world, "claude", "codex", "gemini", "qwen")
    for _, name, content in BROKEN:
        _put(world, name, content)
    loop = Path(world.env["HOME"]) / ".qwen"
    loop.mkdir()
    (loop / "settings.json").symlink_to(loop / "settings.json")
    (loop / "skills").symlink_to("/proc")  # a link to a world of its own keeps nobody waiting
    found = _findings(world)
    for kind, name, _ in BROKEN:
        assert any(name[2:] in f["text"] and "cannot be read" in f["text"] for f in found[kind]), (name, found[kind])


def test_weak_settings_that_are_new_are_told_at_the_next_start(world: World) -> None:
    _agents(world, "claude")
    settings = _put(world, "~/.claude/settings.json", "{}")

    def told() -> str:
        assert world.leash("run", "--headless", "--", "claude").returncode == 0
        return "\n".join(e["text"] for e in world.events("notice"))

    told()
    assert "weak settings" not in told()
    settings.write_text('{"permissions": {"allow": ["Bash"]}}')
    assert "every shell command is approved beforehand" in told()
    assert "weak settings" not in told()
