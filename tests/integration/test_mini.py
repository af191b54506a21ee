"""mini-swe-agent as installed from PyPI, with its scripted model: passed, held and approved, refused, held too long.

Its commands go to /bin/sh by absolute path and it kills them after its own time-out; what it is told is what its
model would read, so the assertions look into the trajectory it writes.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from conftest import World, eventually

MINI = str(Path(sys.executable).parent / "mini")


def _script(world: World, *commands: str, timeout: int = 30) -> tuple[str, ...]:
    outputs = [
        {
            "role": "assistant",
            "content": f"I will run: {command}",
            "extra": {"actions": [{"command": command}], "cost": 0.0, "timestamp": 0.0},
        }
        for command in (*commands, "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT")
    ]
    config = world.root / "model.yaml"
    config.write_text(json.dumps({"model": {"outputs": outputs}, "environment": {"timeout": timeout}}))
    world.env |= {"MSWEA_CONFIGURED": "true", "MSWEA_SILENT_STARTUP": "1", "MSWEA_COST_TRACKING": "ignore_errors"}
    trajectory = world.root / "trajectory.json"
    return (
        MINI, "-c", "mini.yaml", "-c", str(config), "--model-class", "deterministic", "-m", "deterministic",
        "-t", "tidy up", "-y", "--exit-immediately", "-o", str(trajectory),
    )  # fmt: skip


def _told(world: World) -> str:
    """Everything mini told its model."""
    trajectory: dict[str, Any] = json.loads((world.root / "trajectory.json").read_text())
    return "\n".join(str(m.get("content", "")) for m in trajectory["messages"] if m.get("role") in {"user", "tool"})


def test_mini_is_really_installed() -> None:
    assert shutil.which(MINI), "mini-swe-agent is a test dependency: pip install '.[test]'"


def test_mini_passes_is_held_and_is_refused_in_words_its_model_sees(world: World) -> None:
    for name in ("notes", "drafts"):
        (world.workspace / name).mkdir()
        (world.workspace / name / "a.txt").write_text("mine\n")
    command = _script(world, "echo hello > new.txt && cat new.txt", "rm -rf notes", "rm -rf drafts")
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", *command)
    first = world.one_card(60)
    assert "rm -rf notes" in json.dumps(first)
    assert world.leash("approve", first["id"]).returncode == 0
    second = eventually(lambda: next((c for c in world.approvals() if c["id"] != first["id"]), None))
    assert world.leash("deny", second["id"], "--because", "the drafts stay").returncode == 0
    out, err = leash.communicate(timeout=60)
    assert leash.returncode == 0, (out, err)
    assert (world.workspace / "new.txt").read_text() == "hello\n"
    assert not (world.workspace / "notes").exists()
    assert (world.workspace / "drafts" / "a.txt").exists()
    told = _told(world)
    assert "hello" in told
    assert "leash: REFUSED" in told
    assert "the drafts stay" in told
    assert world.leash("audit", "verify").returncode == 0


def test_mini_held_past_its_own_timeout_runs_nothing_and_goes_on(world: World) -> None:
    (world.workspace / "notes").mkdir()
    command = _script(world, "rm -rf notes", "echo after > after.txt", timeout=3)
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", *command)
    world.one_card(60)
    leash.communicate(timeout=90)
    assert leash.returncode == 0
    assert (world.workspace / "notes").exists()
    assert (world.workspace / "after.txt").exists()
    assert [a["verdict"]["by"] for a in world.events("act.answered")] == ["withdrawn"]
    assert not world.approvals()


WAIT = "for i in $(seq 40); do test -e go && break; sleep 0.5; done"


def test_mini_gets_a_ticket_before_its_own_limit_and_the_retry_runs_once(world: World) -> None:
    """It has no hooks: the exec stop holds, gives a ticket, and lets the very same command pass once afterwards."""
    world.config("[patience]\nmini = 2\n")
    (world.workspace / "notes").mkdir()
    command = _script(world, "rm -rf notes", WAIT, "rm -rf notes", "rm -rf notes")
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", *command)
    card = world.one_card(60)
    eventually(lambda: world.events("act.ticket"), 30)
    assert (world.workspace / "notes").exists()
    assert world.leash("approve", card["id"]).returncode == 0
    (world.workspace / "go").touch()
    leash.communicate(timeout=90)
    assert leash.returncode == 0
    assert not (world.workspace / "notes").exists()
    assert "NOT EXECUTED. Waiting for approval L-1" in _told(world)
    by = [(e.get("verdict") or {}).get("by") for e in world.events("act.decided")]
    assert by.count("ticket") == 1
