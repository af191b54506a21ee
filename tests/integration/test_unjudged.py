"""Tier strict: of a protected file that an act was judged for, nobody reads that it was not."""

from __future__ import annotations

import sys

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")

AGENT = """
import os, subprocess, sys, time
for _ in range(2):
    subprocess.run(["git", "config", "branch.main.description", "x" + str(_)], check=True)
    with open("package-lock.json", "a") as file:
        file.write("{}\\n")
    with open(".github/workflows/ci.yml", "w") as file:
        file.write(f"on: [push] # {_}\\n")
    time.sleep(0.3)
open("ready", "w").close()
while not os.path.exists("over"):
    time.sleep(0.02)
"""


def test_only_what_somebody_else_changed_is_warned_of(world: World) -> None:
    (world.workspace / ".github" / "workflows").mkdir(parents=True)
    agent = world.script("agent", AGENT)
    process = world.start("run", "--mode", "observe", "--headless", "--", sys.executable, str(agent))
    eventually((world.workspace / "ready").exists)
    (world.workspace / "CLAUDE.md").write_text("by a person\n")
    eventually(lambda: [c for c in world.events("file.changed") if c["path"] == "CLAUDE.md"])
    (world.workspace / "over").touch()
    assert process.wait(60) == 0
    changed = {c["path"] for c in world.events("file.changed") if c["protected"]}
    assert changed >= {".git/config", "package-lock.json", ".github/workflows/ci.yml", "CLAUDE.md"}
    warned = [n["text"] for n in world.events("notice") if "during this session" in n["text"]]
    assert [text.split(" (")[0] for text in warned] == ["CLAUDE.md"]
