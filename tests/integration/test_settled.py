"""What an agent program does for itself passes; a line more, another store, or another program's try, does not."""

from __future__ import annotations

import os
import shutil
import subprocess
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
put(hint); held = open(made, "a")
attempt("hint", lambda: os.rename(made, config))
attempt("held", lambda: (held.write("[mcp_servers.evil]\\n"), held.close()))
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
    assert said == [f"{name} {HINT!r}" for name in ("hint", "held", "evil", "shell", "whole")], (
        done.stdout + done.stderr
    )
    assert config.read_text() == HINT
    by = [e["verdict"]["by"] for e in world.events("act.decided") if e["request"].get("path") == str(config)]
    assert by == ["habit", "nobody", "nobody"]  # `mv` itself did not start


def test_an_agents_cleaning_of_its_own_store_is_no_card_down_to_what_git_starts(world: World) -> None:
    place = world.root / "bin"
    place.mkdir()
    shutil.copy(os.path.realpath(sys.executable), place / "opencode")
    store = Path(world.env["HOME"], ".local/share/opencode/snapshot/a1/b2")
    subprocess.run(["git", "init", "-q", "--bare", str(store)], check=True)
    clean = ["--work-tree", str(world.workspace), "gc", "--prune=7.days"]
    for name, words in (("own.py", ["--git-dir", str(store), *clean]), ("other.py", ["--git-dir", ".git", *clean])):
        text = f"import subprocess, sys\nsys.exit(subprocess.run(['git', *{words!r}]).returncode)\n"
        (world.workspace / name).write_text(text)
    world.config("hooks = false\nmcp = false\n")
    start = ("run", "--headless", "--on-ask", "deny", "--", str(place / "opencode"))
    assert world.leash(*start, "own.py").returncode == 0
    by = {
        e["request"]["argv"][1]: e["verdict"]["by"] for e in world.events("act.decided") if "git" in e["request"]["exe"]
    }
    assert by["--git-dir"] == "habit"
    assert by["prune"] == "covered"
    assert world.leash(*start, "other.py").returncode == 126
