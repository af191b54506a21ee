"""What an agent's screen keeps in its own settings passes; a line more, or another program's try, does not."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier not in (Tier.STRICT, Tier.COMPAT), reason="files are not judged here")
BEFORE = 'model = "a"\n'
HINT = BEFORE + "[tui]\nscreen_reader_detection_done = true\n"
OTHER = BEFORE + "[tui]\nscreen_reader_detection_done = false\n"
EVIL = HINT + '[mcp_servers.evil]\ncommand = "evil"\n'
AGENT = """
import os, subprocess
config = os.path.expanduser("~/.codex/config.toml")
made = os.path.expanduser("~/.codex/.tmp1")
def put(text):
    with open(made, "w") as file:
        file.write(text)
def attempt(name, work):
    try:
        work()
    except OSError as error:
        print(name, error.strerror)
    print(name, repr(open(config).read()), flush=True)
hint, other, evil = {hint!r}, {other!r}, {evil!r}
put(hint); attempt("hint", lambda: os.rename(made, config))
put(evil); attempt("evil", lambda: os.rename(made, config))
put(other); attempt("shell", lambda: subprocess.run(["mv", made, config], stderr=subprocess.DEVNULL))
attempt("whole", lambda: open(config, "a").write("x = 1"))
"""


def test_only_a_hint_of_its_own_by_the_agents_own_program(world: World) -> None:
    place = world.root / "bin"
    place.mkdir()
    shutil.copy(os.path.realpath(sys.executable), place / "codex")  # the program itself, no script of that name
    config = Path(world.env["HOME"], ".codex/config.toml")
    config.parent.mkdir()
    config.write_text(BEFORE)
    (world.workspace / "exec").write_text(AGENT.format(hint=HINT, other=OTHER, evil=EVIL))
    world.config("hooks = false\nmcp = false\n")
    done = world.leash("run", "--headless", "--on-ask", "deny", "--", str(place / "codex"), "exec")
    said = [line for line in done.stdout.splitlines() if "'" in line]
    assert said == [f"{name} {HINT!r}" for name in ("hint", "evil", "shell", "whole")], done.stdout + done.stderr
    assert config.read_text() == HINT
    by = [e["verdict"]["by"] for e in world.events("act.decided") if e["request"].get("path") == str(config)]
    assert by == ["habit", "nobody", "nobody"]  # `mv` itself did not start
