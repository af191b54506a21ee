"""Configured MCP servers led through leash: every other key of an entry stays, no file of the person's is touched."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from leashtui.agents import servers
from leashtui.agents.adapter import Armed, Armory
from leashtui.agents.registry import adapter_of
from leashtui.model.mcp import Served

RELAY = ("/py", "-IS", "/relay.py", "/dir")


class World:
    """A home and a project; `arm` starts an agent there on paper."""

    def __init__(self, root: Path) -> None:
        self.home = root
        self.project = root / "proj"
        self.project.mkdir()
        self.led: list[Served] = []
        self.written: dict[str, Any] = {}
        self.env = {"HOME": str(root), "TOKEN_HOST": "forge.example"}

    def lead(self, served: Served) -> Served:
        self.led.append(served)
        if served.url:
            return replace(served, url=f"http://127.0.0.1:1/t/{served.name}")
        return replace(served, words=(*RELAY, served.name, "--", *served.words))

    def write(self, name: str, data: bytes) -> str:
        self.written[name] = data
        return f"/session/{name}"

    def put(self, name: str, document: Any) -> None:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(document if isinstance(document, str) else json.dumps(document))

    def arm(self, kind: str, *argv: str, own: bool = True) -> Armed:
        armory = Armory(
            command=lambda event, seconds, gate: f"hook {event}",
            words=lambda event, seconds, gate: ["hook", event],
            write=self.write,
            directory="/",
            relay=self.lead,
            own=(*RELAY, "leash") if own else (),
            cwd=str(self.project),
            top=str(self.project),
        )
        return adapter_of(kind).arm(argv, self.env, armory)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


FORGE = {"command": "forge", "args": ["--stdio"], "env": {"A": "b"}, "timeout": 9}


def test_claude_gets_every_file_and_the_nearest_wins(world: World) -> None:
    top = str(world.project)
    user: dict[str, Any] = {
        "mcpServers": {"forge": FORGE, "web": {"type": "http", "url": "https://x/mcp", "headers": {"a": "b"}}}
    }
    user["mcpServers"]["off"] = FORGE
    local = {"mcpServers": {"mine": {"command": "m"}}, "disabledMcpServers": ["off"]}
    world.put(".claude.json", {**user, "projects": {top: local}})
    world.put("proj/.mcp.json", {"mcpServers": {"forge": {"command": "other"}}})
    armed = world.arm("claude", "claude", "-p", "do it")
    assert armed.argv[:3] == ["claude", "--mcp-config", "/session/claude-mcp.json"]
    assert armed.argv[3] == "--settings"
    assert armed.argv[-2:] == ["-p", "do it"]
    made = json.loads(world.written["claude-mcp.json"])["mcpServers"]
    assert made["forge"]["args"][-2:] == ["--", "other"]
    assert made["mine"]["command"] == "/py"
    assert made["web"] == {"type": "http", "url": "http://127.0.0.1:1/t/web", "headers": {"a": "b"}}
    assert made["leash"]["args"][-1] == "leash"
    assert "off" not in made


def test_claude_asks_about_a_projects_servers_itself_before_leash_names_them(world: World) -> None:
    world.put("proj/.mcp.json", {"mcpServers": {"forge": FORGE, "known": FORGE}})
    world.put("proj/.claude/settings.local.json", {"enabledMcpjsonServers": ["known"]})
    world.arm("claude", "claude")
    made = json.loads(world.written["claude-mcp.json"])["mcpServers"]
    assert set(made) == {"known", "leash"}
    assert made["known"]["env"] == {"A": "b"}
    assert made["known"]["timeout"] == 9


def test_claude_keeps_what_the_person_said_on_the_command_line(world: World) -> None:
    world.put(".claude.json", {"mcpServers": {"forge": FORGE}})
    world.put("proj/more.json", {"mcpServers": {"more": FORGE}})
    inline = json.dumps({"mcpServers": {"inline": FORGE}})
    words = ["claude", "--mcp-config", "more.json", inline, "--strict-mcp-config", "-p", "x", "--", "--mcp-config"]
    armed = world.arm("claude", *words)
    made = json.loads(world.written["claude-mcp.json"])["mcpServers"]
    assert set(made) == {"more", "inline", "leash"}
    assert armed.argv.count("--mcp-config") == 2
    assert "--strict-mcp-config" in armed.argv
    assert armed.argv[-4:] == ["-p", "x", "--", "--mcp-config"]


def test_without_leash_between_nothing_of_it_changes(world: World) -> None:
    world.put(".claude.json", {"mcpServers": {"forge": FORGE}})
    armed = world.arm("claude", "claude", "--mcp-config", "more.json", "--strict-mcp-config", own=False)
    assert armed.argv[-3:] == ["--mcp-config", "more.json", "--strict-mcp-config"]
    assert "claude-mcp.json" not in world.written


def test_codex_gets_values_of_its_own_configuration(world: World) -> None:
    world.put(
        ".codex/config.toml",
        '[mcp_servers.forge]\ncommand = "forge"\nargs = ["--x y"]\n[mcp_servers.web]\nurl = "https://x/mcp"\n'
        '[mcp_servers."my.forge"]\ncommand = "f"\n[mcp_servers.off]\ncommand = "f"\nenabled = false\n',
    )
    armed = world.arm("codex", "codex", "exec", "do it")
    given = [armed.argv[at + 1] for at, word in enumerate(armed.argv) if word == "-c" and "mcp_" in armed.argv[at + 1]]
    whole: dict[str, Any] = {}
    for line in given:
        key, _, value = line.partition("=")
        whole |= {key: tomllib.loads(f"v = {value}")["v"]}
    assert whole["mcp_servers.forge.command"] == "/py"
    assert whole["mcp_servers.forge.args"][-2:] == ["forge", "--x y"]
    assert whole["mcp_servers.web.url"] == "http://127.0.0.1:1/t/web"
    assert whole["mcp_servers.leash"]["args"][-1] == "leash"
    assert not any("off" in key or "my.forge" in key for key in whole)
    assert any("my.forge" in note for note in armed.notes)
    assert armed.argv[-1] == "do it"


def test_opencode_reads_comments_and_keeps_what_its_variable_held(world: World) -> None:
    text = '{ // mine\n "mcp": {"forge": {"type": "local", "command": ["forge", "a//b"], "environment": {"A": "b"}},}}'
    world.put(".config/opencode/opencode.jsonc", text)
    world.put("proj/opencode.json", {"mcp": {"web": {"type": "remote", "url": "https://{env:TOKEN_HOST}/mcp"}}})
    world.env["OPENCODE_CONFIG_CONTENT"] = json.dumps({"mcp": {"own": {"type": "local", "command": ["o"]}}, "x": 1})
    made = json.loads(world.arm("opencode", "opencode").env["OPENCODE_CONFIG_CONTENT"])
    assert made["x"] == 1
    assert made["mcp"]["forge"]["command"][-2:] == ["forge", "a//b"]
    assert made["mcp"]["forge"]["environment"] == {"A": "b"}
    assert made["mcp"]["web"]["url"] == "http://127.0.0.1:1/t/web"
    assert "https://forge.example/mcp" in {served.url for served in world.led}
    assert made["mcp"]["own"]["command"][-1] == "o"
    assert made["mcp"]["leash"]["type"] == "local"


def test_a_server_of_the_persons_own_named_leash_stays(world: World) -> None:
    world.put(".claude.json", {"mcpServers": {"leash": FORGE}})
    world.arm("claude", "claude")
    made = json.loads(world.written["claude-mcp.json"])["mcpServers"]
    assert made["leash"]["args"][-2:] == ["forge", "--stdio"]


@pytest.mark.parametrize("entry", [{}, {"command": 7}, {"url": "${MISSING}/mcp"}, {"url": "stdio:x"}, "text"])
def test_what_cannot_be_led_stays_as_it_is(world: World, entry: Any) -> None:
    assert servers.led({"a": entry}, "f", world.lead, world.env) == {}


def test_a_file_that_is_no_json_leads_nothing(world: World) -> None:
    world.put(".claude.json", "{")
    world.arm("claude", "claude")
    assert set(json.loads(world.written["claude-mcp.json"])["mcpServers"]) == {"leash"}


def test_codex_reads_a_trusted_projects_servers_and_nobody_elses(world: World) -> None:
    world.put("proj/.codex/config.toml", '[mcp_servers.near]\ncommand = "n"\n')
    assert not any("mcp_servers.near" in word for word in world.arm("codex", "codex", "exec", "x").argv)
    world.put(".codex/config.toml", f'[projects."{world.project}"]\ntrust_level = "trusted"\n')
    assert any("mcp_servers.near.command" in word for word in world.arm("codex", "codex", "exec", "x").argv)


@pytest.mark.parametrize(("version", "hooks", "daemon"), [("0.118.0", 0, 0), ("0.149.0", 1, 0), ("0.169.0", 1, 1)])
def test_an_older_codex_gets_no_argument_that_it_does_not_know(version: str, hooks: int, daemon: int) -> None:
    agent = adapter_of("codex")
    armory = Armory(command=lambda *_: "hook", words=lambda *_: [], write=lambda *_: "/f", version=version)
    armed = agent.arm(agent.command(["codex"], version=version), {"HOME": "/nowhere"}, armory)
    assert ("--dangerously-bypass-hook-trust" in armed.argv) is bool(hooks)
    assert any("hooks.PreToolUse" in word for word in armed.argv) is bool(hooks)
    assert ("--no-daemon" in armed.argv) is bool(daemon)
    assert any("no hooks yet" in note for note in armed.notes) is not bool(hooks)
