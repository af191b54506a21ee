"""Real agents keep their own state below a home that is no temporary folder, and nobody is asked about it."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from agents.conftest import SETUPS, Rig, make_rig
from conftest import World

PLACES = ("/var/lib", "/home", "/opt", os.path.expanduser("~"))


@pytest.fixture
def home(world: World) -> Iterator[World]:
    """A world whose home lies where a home lies."""
    base = next(p for p in PLACES if os.access(p, os.W_OK) and not p.startswith("/tmp"))
    with tempfile.TemporaryDirectory(prefix="person-", dir=base, ignore_cleanup_errors=True) as place:
        shutil.copytree(world.workspace, Path(place, "proj"))
        world.env["HOME"], world.workspace = place, Path(place, "proj")
        yield world


def refused(rig: Rig) -> list[tuple[str, str, list[str]]]:
    """(act, path, words) of what was not simply allowed, but for what the agent does without by habit."""
    return [
        (e["request"]["action"], e["request"].get("path", ""), e["request"].get("argv", [])[:4])
        for e in rig.decided()
        if (e.get("verdict") or {}).get("ruling") != "allow" and (e.get("verdict") or {}).get("by") != "habit"
    ]


@pytest.mark.timeout(180)
@pytest.mark.parametrize("kind", sorted(SETUPS))
def test_an_agents_first_and_second_run_ask_nothing(kind: str, home: World) -> None:
    rig = make_rig(kind, home)
    for name in ("x.txt", "y.txt"):
        (rig.home / ".config/opencode/node_modules").unlink(missing_ok=True)
        out = rig.run(
            {"shell": f"echo hi > {name}; cat {name}"}, {"shell": "sleep 3"}
        )  # what it does in the background
        assert (home.workspace / name).read_text() == "hi\n", out
        assert refused(rig) == []
