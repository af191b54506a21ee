"""MCP servers that nothing of a session names again: of plugins, of extensions, of an ordinary user's Gemini CLI.

Each is led through leash where it starts, and no file of the person's is another one afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from agents import conftest
from agents.conftest import Rig, make_rig
from agents.test_mcp import PEERS, policy
from agents.test_mcp import gemini as without_hooks
from conftest import World, eventually

SERVER = {"command": sys.executable, "args": ["server.py"]}


def _market(rig: Rig) -> Path:
    """A marketplace on this machine with one plugin, for Claude Code and Codex alike."""
    plugin = rig.home / "market/p"
    for kind in ("claude", "codex"):
        (plugin / f".{kind}-plugin").mkdir(parents=True)
        manifest = {"name": "p", "version": "1.0.0", "mcpServers": "./.mcp.json"}
        (plugin / f".{kind}-plugin/plugin.json").write_text(json.dumps(manifest))
    shutil.copy(PEERS / "server.py", plugin / "server.py")
    entry = {**SERVER, "args": ["./server.py"], "cwd": "."}
    if rig.kind == "claude":
        entry = {**SERVER, "args": ["${CLAUDE_PLUGIN_ROOT}/server.py"]}
    (plugin / ".mcp.json").write_text(json.dumps({"mcpServers": {"peer": entry}}))
    listed = {"name": "m", "owner": {"name": "o"}, "plugins": [{"name": "p", "source": "./p", "version": "1.0.0"}]}
    (rig.home / "market/.claude-plugin").mkdir()
    (rig.home / "market/.claude-plugin/marketplace.json").write_text(json.dumps(listed))
    return rig.home / "market"


def _agent(rig: Rig, *words: str) -> None:
    """The agent itself, without leash: what a person does before."""
    where = {"cwd": rig.world.workspace, "env": rig.world.env, "stdin": subprocess.DEVNULL, "timeout": 60}
    subprocess.run([rig.kind, *words], capture_output=True, check=True, **where)  # type: ignore[call-overload]


def plugin(rig: Rig) -> str:
    """A plugin, installed by the agent itself. Returns how its tool is called."""
    usual = conftest.SETUPS[rig.kind]
    market = _market(rig)

    def installed(rig: Rig, url: str) -> list[str]:
        argv = usual(rig, url)
        _agent(rig, "plugin", "marketplace", "add", str(market))
        _agent(rig, "plugin", "install" if rig.kind == "claude" else "add", "p@m")
        return argv

    conftest.SETUPS[rig.kind] = installed
    return "mcp__plugin_p_peer__{}" if rig.kind == "claude" else "mcp__peer__{}"


def extension(rig: Rig) -> str:
    """An extension of Gemini CLI's, as it lies there once it is installed."""
    place = rig.home / ".gemini/extensions/x"
    place.mkdir(parents=True)
    shutil.copy(PEERS / "server.py", place / "server.py")
    entry = {**SERVER, "args": ["${extensionPath}${/}server.py"]}
    (place / "gemini-extension.json").write_text(
        json.dumps({"name": "x", "version": "1.0.0", "mcpServers": {"peer": entry}})
    )
    return "mcp_peer_{}"


def settings(rig: Rig) -> str:
    """The project's own settings, whatever the user: with hooks that `leash hooks install` put there."""
    shutil.copy(PEERS / "server.py", rig.world.workspace / "server.py")
    folder = rig.world.workspace / ".gemini"
    folder.mkdir()
    (folder / "settings.json").write_text(json.dumps({"mcpServers": {"peer": SERVER}}))
    return "mcp_peer_{}"


def layer(rig: Rig) -> str:
    """A layer of OpenCode's settings that lies in a folder of its own."""
    shutil.copy(PEERS / "server.py", rig.world.workspace / "server.py")
    place = rig.home / "more"
    place.mkdir()
    rig.world.env["OPENCODE_CONFIG_DIR"] = str(place)
    local = {"type": "local", "command": [sys.executable, "server.py"]}
    (place / "opencode.json").write_text(json.dumps({"mcp": {"peer": local}}))
    return "peer_{}"


WAYS = {
    "claude-plugin": ("claude", plugin),
    "codex-plugin": ("codex", plugin),
    "gemini-extension": ("gemini", extension),
    "gemini-settings": ("gemini", settings),
    "opencode-layer": ("opencode", layer),
}


def snapshot(*roots: Path) -> dict[Path, bytes]:
    """Settings and manifests as they are."""
    found = [path for root in roots for path in root.rglob("*") if path.suffix in (".json", ".toml", ".jsonc")]
    mine = [path for path in found if path.is_file() and not path.is_symlink() and "node_modules" not in path.parts]
    return {path: path.read_bytes() for path in mine if {"extensions", "plugins", "more", ".gemini"} & set(path.parts)}


@pytest.fixture(params=sorted(WAYS))
def brought(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Rig, str]:
    """An agent, and how it calls the tools of a server that came along."""
    kind, way = WAYS[request.param]
    monkeypatch.setattr(conftest, "SETUPS", dict(conftest.SETUPS))
    rig = make_rig(kind, world)
    return rig, way(rig)


def test_a_server_that_came_along_is_led_through_leash(brought: tuple[Rig, str]) -> None:
    """Its call is one act, its refusal reaches the model, and nothing of it the server."""
    rig, name = brought
    policy(
        rig,
        '@id("no-touch") @reason("Nothing is made here.")\n'
        'forbid (principal, action == Action::"McpCall", resource) when { context.command like "*touch*" };\n',
    )
    before = snapshot(rig.home, rig.world.workspace)
    made = rig.world.workspace / "made"
    out = rig.run(
        {"shell": "sleep 3"},  # Codex does not wait for a plugin's server
        {"tool": name.format("echo"), "arguments": {"text": "hello from the peer"}},
        {"tool": name.format("touch"), "arguments": {"path": str(made)}},
        {"shell": "echo on > on.txt"},
    )
    assert "hello from the peer" in rig.told(), out
    assert "Nothing is made here" in rig.told(), out
    assert not made.exists() and (rig.world.workspace / "on.txt").exists()
    calls = [e for e in rig.decided("mcp") if e["request"]["tool"] == "echo"]
    assert len(calls) == 1 and calls[0]["request"]["pin"] == "pinned", rig.decided()
    assert calls[0]["covered_by"]  # the hook announced it
    (listed,) = rig.world.events("mcp.listed")
    assert listed["source"] and os.path.exists(listed["source"]), listed
    assert {path: raw for path, raw in snapshot(rig.home, rig.world.workspace).items() if path in before} == before
    assert not rig.world.events("act.asked")


@contextmanager
def far(rig: Rig) -> Iterator[str]:
    """The SDK's server behind an address, which the person runs. Yields the address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, str(PEERS / "server.py"), "--http", str(port)], cwd=rig.home) as serving:
        try:
            eventually(lambda: is_open(port))
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            serving.kill()


def is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_plugins_server_behind_an_address_is_led_through_leash(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "SETUPS", dict(conftest.SETUPS))
    rig = make_rig("claude", world)
    name = plugin(rig)
    with far(rig) as url:
        entry = {"type": "http", "url": url}
        (rig.home / "market/p/.mcp.json").write_text(json.dumps({"mcpServers": {"peer": entry}}))
        rig.run({"tool": name.format("echo"), "arguments": {"text": "hello from the peer"}})
    assert "hello from the peer" in rig.told()
    (call,) = rig.decided("mcp")
    assert call["request"]["pin"] == "pinned" and call["covered_by"]
    assert "does not stand before" not in json.dumps(world.events("notice"))


@pytest.mark.parametrize("hooks", [True, False])
def test_a_server_that_cannot_be_led_is_told_and_decided(
    hooks: bool, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Gemini CLI's behind an address: each call where its hooks ask, else reaching it."""
    monkeypatch.setattr(conftest, "SETUPS", dict(conftest.SETUPS))
    rig = make_rig("gemini", world)
    if not hooks:
        conftest.SETUPS["gemini"] = without_hooks
    made = world.workspace / "made"
    (world.workspace / ".gemini").mkdir()
    with far(rig) as url:
        (world.workspace / ".gemini/settings.json").write_text(json.dumps({"mcpServers": {"peer": {"httpUrl": url}}}))
        step = {"tool": "mcp_peer_touch", "arguments": {"path": str(made)}}
        out = rig.run(step, {"shell": "echo on > on.txt"}, options=("--on-ask", "deny"))
        assert not made.exists() and (world.workspace / "on.txt").exists(), out
        told = [
            e["text"] for e in world.events("notice") if "does not stand before gemini's MCP server peer" in e["text"]
        ]
        assert len(told) == 1, told
        assert ("leash: REFUSED" in rig.told()) is hooks
        with rig.running(step, options=("--on-ask", "wait")) as leash:
            card = rig.card()
            assert world.leash("approve", card["id"]).returncode == 0
            out = rig.finish(leash)
    assert made.read_text() == "touched\n", out
