"""The maintained scanner, really loaded: what only it knows is masked, in a text and in a running session."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from conftest import World, eventually

from leashtui.audit.mask import Masker
from leashtui.supervisor.scanner import load

OURS = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
THEIRS = "FLWSECK_TEST-aacaff5d7a74019aaacaff5d7a740195-X"


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state directory with the scanner's rules, compiled once: that takes some seconds."""
    made = tmp_path_factory.mktemp("state")
    load(made)
    return made


def test_it_finds_what_our_patterns_do_not_and_counts_characters_not_bytes(state: Path) -> None:
    masker = Masker({})
    text = f"ä日本 {THEIRS} ö {OURS} ü"
    assert THEIRS in masker.mask(text)  # remembered as plain until the scanner comes
    masker.use(load(state))
    masked = masker.mask(text)
    assert masked.startswith("ä日本 [secret:")
    assert masked.endswith("] ö [secret:github-token] ü")
    assert masker.mask(masked) == masked
    assert masker.mask("git push origin main, as ever") == "git push origin main, as ever"


def test_a_session_masks_what_it_finds_once_it_is_loaded(world: World, state: Path) -> None:
    shutil.copytree(state / "scanner", world.root / "state" / "scanner")
    (world.root / "state").chmod(0o700)
    world.config("secrets = { scan = true }\n")
    stop = world.root / "stop"
    agent = world.script(
        "agent.sh", f"#!/bin/sh\nuntil [ -e {stop} ]; do /bin/echo {THEIRS} >/dev/null; sleep 0.3; done\n"
    )
    world.start("run", "--headless", "--", str(agent))
    eventually(lambda: "/bin/echo [secret:" in json.dumps(world.records()), 90)
    stop.touch()
    assert not [e for e in world.events("notice") if "patterns alone" in e["text"]]
