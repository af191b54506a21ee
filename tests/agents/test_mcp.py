"""Real agents with MCP servers: led through leash without touching a file of the person's, refused, held, asked."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents import conftest
from agents.conftest import Rig, make_rig
from conftest import World

PEERS = Path(__file__).parents[1] / "mcp_peers"
NAMES = {"claude": "mcp__peer__{}", "codex": "mcp__peer__{}", "gemini": "mcp_peer_{}", "opencode": "peer_{}"}
OWN = {"claude": "mcp__leash__{}", "codex": "mcp__leash__{}", "gemini": "mcp_leash_{}", "opencode": "leash_{}"}


@pytest.fixture(params=sorted(NAMES))
def rig(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Each agent in turn, with one server in its own configuration.

    Gemini CLI takes a session's settings only from below directories that are root's alone: /run, and only as root. An
    ordinary user's has the hooks that `leash hooks install` puts there, and its servers are known where they start.
    """
    made = with_server(make_rig(request.param, world))
    if request.param != "gemini" or os.geteuid():
        yield made
    else:
        with tempfile.TemporaryDirectory(dir="/run") as place:
            world.env["LEASH_RUNTIME_DIR"] = place
            monkeypatch.setitem(conftest.SETUPS, "gemini", gemini)
            yield made


def gemini(rig: Rig, url: str) -> list[str]:
    """Gemini CLI without installed hooks."""
    rig.world.env |= {"GEMINI_API_KEY": "k", "GOOGLE_GEMINI_BASE_URL": url, "GEMINI_CLI_TRUST_WORKSPACE": "true"}
    rig.write(".gemini/settings.json", json.dumps({"security": {"auth": {"selectedType": "gemini-api-key"}}}))
    rig.write(".gemini/trustedFolders.json", json.dumps({str(rig.world.workspace): "TRUST_FOLDER"}))  # older versions
    return ["gemini", "--yolo", "-m", "gemini-2.5-pro", "-p", "do the work"]


def with_server(rig: Rig) -> Rig:
    """The SDK's server in the workspace, configured as a person would, by a wrapped setup."""
    shutil.copy(PEERS / "server.py", rig.world.workspace / "server.py")
    server = {"command": sys.executable, "args": ["server.py"]}
    if rig.kind == "claude":
        (rig.world.workspace / ".mcp.json").write_text(json.dumps({"mcpServers": {"peer": server}}))
    elif rig.kind == "opencode":
        local = {"type": "local", "command": [server["command"], "server.py"]}
        (rig.world.workspace / "opencode.json").write_text(json.dumps({"mcp": {"peer": local}}))
    elif rig.kind == "gemini":
        folder = rig.world.workspace / ".gemini"
        folder.mkdir()
        (folder / "settings.json").write_text(json.dumps({"mcpServers": {"peer": server}}))
    elif rig.kind == "codex":
        folder = rig.world.workspace / ".codex"
        folder.mkdir()
        table = f'[mcp_servers.peer]\ncommand = "{sys.executable}"\nargs = ["server.py"]\nrequired = true\n'
        (folder / "config.toml").write_text(table)
    return rig


def policy(rig: Rig, text: str) -> None:
    """The person's own policy."""
    place = Path(rig.world.env["LEASH_CONFIG_DIR"]) / "policies"
    place.mkdir(parents=True, exist_ok=True)
    place.parent.chmod(0o700)
    (place / "mine.cedar").write_text(text)


def files(rig: Rig) -> dict[Path, bytes]:
    """The person's configuration files."""
    places = [rig.world.workspace / ".mcp.json", rig.world.workspace / "opencode.json"]
    places += [rig.world.workspace / ".codex/config.toml"]
    places += [*rig.home.glob(".gemini/settings.json"), *rig.home.glob("proj/.gemini/settings.json")]
    return {path: path.read_bytes() for path in places if path.exists()}


def test_a_call_passes_through_leash_as_one_act(rig: Rig) -> None:
    before = files(rig)
    name = NAMES[rig.kind].format("echo")
    out = rig.run({"tool": name, "arguments": {"text": "hello from the peer"}})
    assert "hello from the peer" in rig.told(), out
    (call,) = rig.decided("mcp")
    assert call["request"]["argv"] == ["peer", "echo"]
    assert call["request"]["pin"] == "pinned"
    assert call["covered_by"]  # the hook announced it
    (answered,) = rig.world.events("mcp.answered")
    assert answered["origin"] == "mcp:peer"
    assert {path: raw for path, raw in files(rig).items() if path in before} == before
    assert rig.world.leash("audit", "verify").returncode == 0


def test_a_refusal_reaches_the_model_and_nothing_the_server(rig: Rig) -> None:
    policy(
        rig,
        '@id("no-touch") @reason("Nothing is made here.")\n'
        'forbid (principal, action == Action::"McpCall", resource == MCP::Tool::"peer/touch");\n',
    )
    made = rig.world.workspace / "made"
    name = NAMES[rig.kind].format("touch")
    out = rig.run({"tool": name, "arguments": {"path": str(made)}}, {"shell": "echo on > on.txt"})
    assert "Nothing is made here" in rig.told(), out
    assert not made.exists()
    assert (rig.world.workspace / "on.txt").exists()


def test_a_held_call_is_one_card_and_arrives_once_approved(rig: Rig) -> None:
    policy(
        rig,
        '@id("ask") @reason("Ask first.") @outcome("ask")\n'
        'forbid (principal, action == Action::"McpCall", resource == MCP::Tool::"peer/touch");\n',
    )
    made = rig.world.workspace / "made"
    step = {"tool": NAMES[rig.kind].format("touch"), "arguments": {"path": str(made)}}
    with rig.running(step, options=("--on-ask", "wait")) as leash:
        card = rig.card()
        assert not made.exists()
        assert rig.world.leash("approve", card["id"]).returncode == 0
        out = rig.finish(leash)
    assert made.exists(), out
    asked = [a["card"]["command"] for a in rig.world.events("act.asked")]
    assert len([command for command in asked if command.startswith("peer/")]) == 1


def test_the_model_may_ask_before_it_tries(rig: Rig) -> None:
    if rig.kind == "gemini" and os.geteuid():
        pytest.xfail("an ordinary user's Gemini CLI takes no settings for a session: leash's own server is not there")
    name = OWN[rig.kind].format("leash_check")
    (rig.world.workspace / "notes").mkdir()
    (rig.world.workspace / "notes" / "a.txt").write_text("mine\n")
    out = rig.run({"tool": name, "arguments": {"command": "find notes -delete"}})
    assert "ASK: it would wait" in rig.told(), out
    assert not rig.world.events("act.asked")
    assert (rig.world.workspace / "notes" / "a.txt").exists()
