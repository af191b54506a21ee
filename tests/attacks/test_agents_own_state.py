"""What tells an agent what to run next time is not changed by what it starts, wherever the agent keeps it.

A stand-in has the agent's name; the program it starts writes to its state below the home, as the agent itself may.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arena import _DRIVER, Arena, arena

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")

STATE = {
    "claude": (
        ".claude.json",
        ".claude/local/node_modules/@anthropic-ai/claude-code/cli.js",
        ".local/share/claude/versions/9.9.9",
        ".claude/statusline.sh",
        ".claude/projects/-x/memory/MEMORY.md",
        ".claude/shell-snapshots/snapshot-bash-0-old.sh",
    ),
    "codex": (
        ".codex/managed_config.toml",
        ".codex/.env",
        ".codex/packages/standalone/x/codex",
        ".codex/agents/x.toml",
    ),
    "gemini": (".gemini/.env", ".gemini/trustedFolders.json", ".gemini/policies/x.toml", ".gemini/tmp/bin/rg"),
    "opencode": (
        ".config/opencode/config.json",
        ".config/opencode/tool/x.ts",
        ".local/share/opencode/bin/rg",
        ".cache/opencode/node_modules/p/index.js",
    ),
}
WRITES = """
import os, sys
for path in sys.argv[1:]:
    try:
        open(path, "w").write("EVIL")
    except OSError:
        pass
"""


class Stand:
    """A program with an agent's name, leashed, that starts others and can write itself."""

    def __init__(self, place: Arena, name: str) -> None:
        program = place.root / "tools" / name
        program.write_text(
            f"#!{sys.executable} -IS\n" + _DRIVER.replace("env = dict", "exec(order.get('code', '')); env = dict")
        )
        program.chmod(0o755)
        leash = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--on-ask", "deny", "--"]
        self._process = place.start([*leash, str(program)], said=place.root / f"said-{name}")

    def order(self, argv: list[str], code: str = "") -> dict[str, Any]:
        """Run a program, after `code` in the agent's own process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps({"argv": argv, "timeout": 30, "code": code}).encode() + b"\n")
        self._process.stdin.flush()
        return dict(json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        for name in (n for names in STATE.values() for n in names):
            path = made.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("mine")
        made.run("chown", "-R", f"{made.uid}:{made.gid}", str(made.home), user=0)
        (made.proj / "writes.py").write_text(WRITES)
        yield made


def contents(paths: list[Path]) -> dict[str, str]:
    return {path.name: path.read_text() for path in paths}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", STATE)
def test_only_the_agents_own_program_changes_its_state(place: Arena, name: str) -> None:
    paths = [place.home / each for each in STATE[name]]
    before = contents(paths)
    program = [sys.executable, "-S", str(place.proj / "writes.py"), *map(str, paths)]
    place.run(*program)
    assert set(contents(paths).values()) == {"EVIL"}  # where nobody watches
    for path in paths:
        path.write_text("mine")
    stand = Stand(place, name)
    try:
        stand.order(program)
        assert contents(paths) == before
        stand.order(["true"], code=f"open({str(paths[0])!r}, 'w').write('its own')")
        assert paths[0].read_text() == "its own"
    finally:
        stand.close()
