"""`leash blast` names what is there and nothing else, and says of a tier what a session then does."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier


def kinds(world: World, *words: str) -> dict[str, Any]:
    done = world.leash("blast", *words, "--json")
    assert done.returncode == 0, done.stderr
    return {row["kind"]: row for row in map(json.loads, done.stdout.splitlines())}


def test_an_empty_home_has_nothing_to_lose_but_itself(world: World) -> None:
    found = kinds(world, "claude")
    assert not {"keys and tokens", "clouds", "secrets in the project", "remotes to push to"} & set(found)
    assert {"your files, to change", "the network"} <= set(found)


@pytest.mark.skipif(probe().tier is Tier.WATCH, reason="this host gives no other tier")
def test_agents_with_a_sandbox_of_their_own_are_told_of_their_tier(world: World) -> None:
    done = world.leash("blast", "codex")
    assert done.returncode == 0, done
    assert "in tier compat:" in done.stdout and done.stdout.count("tier compat ") == 1, done


def test_what_is_there_is_named_and_no_secret_is_printed(world: World) -> None:
    home = Path(world.env["HOME"])
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id_ed25519").write_text("PRIVATE")
    (home / ".ssh" / "id_ed25519.pub").write_text("public")
    (home / ".aws").mkdir()
    (home / ".npmrc").write_text("//registry/:_authToken=npm_secret\n")
    (world.workspace / ".env").write_text("KEY=value\n")
    (world.workspace / ".env.example").write_text("KEY=\n")
    config = world.workspace / ".git" / "config"
    config.write_text(config.read_text() + '[remote "origin"]\n\turl = https://ann:hunter2@example.com/x.git\n')
    world.env |= {"FORGE_TOKEN": "t0psecret", "EDITOR": "vi"}
    short = Path("/tmp") / f"leash-blast-{world.root.name[-20:]}"
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(short))
        try:
            world.env["SSH_AUTH_SOCK"] = str(short)
            found = kinds(world, "claude")
            shown = world.leash("blast", "claude").stdout
        finally:
            short.unlink()
    assert found["keys and tokens"]["names"] == ["~/.ssh/id_ed25519", "~/.npmrc"]
    assert found["clouds"]["names"] == ["AWS"]
    assert found["secrets in the project"]["names"] == [".env"]
    assert found["secret variables"]["names"] == ["FORGE_TOKEN"]
    assert str(short) in found["services"]["names"]
    assert found["remotes to push to"]["names"] == ["origin (https://ann:…@example.com/x.git)"]
    for secret in ("hunter2", "t0psecret", "npm_secret", "PRIVATE"):
        assert secret not in shown + json.dumps(found)
    assert len(shown.splitlines()) <= 24
    assert max(map(len, shown.splitlines()[:3])) <= 120


@pytest.mark.skipif(probe().tier is not Tier.STRICT or not probe().covers, reason="says what covers close")
def test_what_it_calls_closed_is_closed(world: World) -> None:
    place = Path(world.env["HOME"]) / ".npmrc"
    place.write_text("//forge.example/:_authToken=t0ken\n")
    assert kinds(world)["keys and tokens"]["held"]["strict"] == "closed"
    code = f"print(open({str(place)!r}).read())"  # root reads the cover, which is empty
    (world.workspace / "read.py").write_text(code)
    closed = world.leash("run", "--headless", "--", "python3", "read.py")
    assert "t0ken" not in closed.stdout
    plain = world.leash("run", "--headless", "--guard", "exec", "--", "python3", "read.py")
    held = kinds(world)["keys and tokens"]["held"]["exec"]
    assert ("t0ken" in plain.stdout) is (held != "closed")
