"""The machine's log: every change of leash's own settings, whoever made it, and agents that ran without a session."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from conftest import World

import leashtui.client.hook as client
from leashtui.stores.settings import SPOOL, UNANSWERED

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBIRqMqBMHXPGk3nXU0dSXUgMDUYUXGZcx1QgmZr7bQ4 bob"


def told(world: World, kind: str) -> list[dict[str, Any]]:
    """The events of that kind in the machine's log, which proves itself."""
    assert world.leash("audit", "verify").returncode == 0
    done = world.leash("log", str(Path(world.env["LEASH_STATE_DIR"]) / "machine.db"), "--json", f"kind:{kind}")
    return [json.loads(line)["record"]["event"] for line in done.stdout.splitlines()]


def session(world: World) -> None:
    assert world.leash("run", "--headless", "--", "true").returncode == 0


def test_a_change_of_settings_is_entered_by_command_or_when_it_is_found(world: World) -> None:
    session(world)
    assert told(world, "settings.changed") == []
    assert world.leash("invite", "bob@example.org", KEY).returncode == 0
    (invited,) = told(world, "settings.changed")
    assert (invited["command"], invited["changed"]) == ("invite", ["allowed_signers"])
    assert invited["who"]
    world.config('on_ask = "deny"\n')
    session(world)
    session(world)  # nothing changed since
    _, found = told(world, "settings.changed")
    assert (found.get("command", ""), found["changed"]) == ("", ["config.toml"])
    assert [name for name, _ in found["files"]] == ["allowed_signers", "config.toml"]
    (Path(world.env["LEASH_CONFIG_DIR"]) / "config.toml").unlink()
    assert world.leash("policy", "check").returncode == 0
    assert told(world, "settings.changed")[-1]["changed"] == ["config.toml"]
    assert world.leash("hooks", "install", "gemini").returncode == 0
    assert told(world, "settings.changed")[-1]["command"] == "hooks"
    assert len(told(world, "settings.changed")) == 4


def test_an_agent_with_hooks_and_without_a_session_is_entered_once(world: World) -> None:
    session(world)
    hook = [sys.executable, "-IS", client.__file__, "BeforeTool", "5", "gate"]
    agent = world.script("agent.py", "import subprocess, sys\nfor _ in range(3): subprocess.run(sys.argv[1:])\n")
    plain = {name: value for name, value in world.env.items() if not name.startswith("LEASH_HOOK")}
    done = subprocess.run([sys.executable, str(agent), *hook], env=plain, input=b"{}", capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert told(world, "agent.unsupervised") == []
    session(world)
    (one,) = told(world, "agent.unsupervised")
    assert one["agent"].startswith("python")
    assert one["at"] > 1_700_000_000_000_000
    assert not (Path(world.env["LEASH_STATE_DIR"]) / SPOOL).exists()
    session(world)
    assert len(told(world, "agent.unsupervised")) == 1


@pytest.mark.parametrize("role", ["gate", "news"])
def test_a_hook_that_nobody_answers_refuses_and_is_known_afterwards(world: World, role: str) -> None:
    """As with a supervisor that was killed; what only tells is no refusal, and is not entered."""
    session(world)
    directory = world.root / "run/20260101-000000-dead/hook"
    directory.mkdir(parents=True)
    env = {**world.env, "LEASH_HOOK_DIRECTORY": str(directory)}
    hook = [sys.executable, "-IS", client.__file__, "PreToolUse", "5", role]
    done = subprocess.run(hook, env=env, input=b"{}", capture_output=True)
    assert done.returncode == (2 if role == "gate" else 0)
    session(world)
    found = told(world, "hook.unanswered")
    assert [(e["session"], e["event"]) for e in found] == [("20260101-000000-dead", "PreToolUse")] * (role == "gate")
    assert not (Path(world.env["LEASH_STATE_DIR"]) / UNANSWERED).exists()
    for e in found:
        assert "No such file" in e["why"]
