"""Ways to change a protected file for good where no file act is seen: each works unguarded, none in a session.

Nobody can be asked in these sessions, so the workspace must end as it was, and what lies outside must be untouched.
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import World

BEFORE = "export A=1\n"
HOOK = "#!/bin/sh\nexit 0\n"
SETTLE = "\nimport time\ntime.sleep(0.5)\n"

ATTACKS = {
    "write": "open('.envrc', 'w').write('evil')",
    "append in the last moment": "import atexit; atexit.register(lambda: open('.envrc', 'a').write('evil'))",
    "empty": "open('.envrc', 'w').close()",
    "delete": "os.unlink('.envrc')",
    "delete the folder": "shutil.rmtree('.claude')",
    "rename over": "open('x', 'w').write('evil'); os.rename('x', '.envrc')",
    "rename away": "os.rename('.envrc', 'harmless.txt')",
    "a link in its place": "os.unlink('.envrc'); os.symlink(OUT + '/evil', '.envrc')",
    "a link in its folder's place": "os.rename('.claude', 'old'); os.symlink(OUT, '.claude')",
    "a link in the hooks' place": "os.rename('.git/hooks', 'old'); os.symlink(OUT, '.git/hooks')",
    "a folder in its place": "os.unlink('.envrc'); os.mkdir('.envrc')",
    "a pipe in its place": "os.unlink('.envrc'); os.mkfifo('.envrc')",
    "a new hook": "open('.git/hooks/post-commit', 'w').write('evil'); os.chmod('.git/hooks/post-commit', 0o755)",
    "a new command": "os.mkdir('.claude/commands'); open('.claude/commands/x.md', 'w').write('evil')",
    "a new server": "open('.mcp.json', 'w').write('{}')",
    "mode": "os.chmod('.git/hooks/pre-commit', 0o755)",
    "mode and content": "os.chmod('.envrc', 0o777); open('.envrc', 'a').write('evil')",
    "unreadable": "open('.envrc', 'a').write('evil'); os.chmod('.envrc', 0)",
    "through another name": (
        "os.link('.envrc', OUT + '/other'); open(OUT + '/other', 'a').write('evil'); time.sleep(2)"
    ),
    "through memory": (
        "import mmap; f = open('.envrc', 'r+b'); m = mmap.mmap(f.fileno(), 0); m[0:4] = b'evil'; m.flush()\n"
        "time.sleep(2)"
    ),
    "an open descriptor": (
        "f = open('.envrc', 'a'); time.sleep(1); f.write('evil'); f.flush(); time.sleep(1); f.close()"
    ),
    "again and again": (
        "end = time.monotonic() + 2\n"
        "while time.monotonic() < end:\n    open('.envrc', 'a').write('evil'); time.sleep(0.002)"
    ),
    "from many processes": (
        "for n in range(6):\n"
        "    if not os.fork():\n"
        "        os.setsid()\n"
        "        os.fork()\n"
        "        for i in range(100):\n            open('.envrc', 'a').write('evil'); time.sleep(0.01)\n"
        "        os._exit(0)\n"
        "time.sleep(1.5)"
    ),
    "git's settings": "open('.git/config', 'a').write('[core]\\n\\tfsmonitor = evil\\n')",
    "git's settings beside git": (
        "p = subprocess.Popen(['git', 'log', '--all'], stdout=subprocess.DEVNULL)\n"
        "open('.git/config', 'a').write('[alias]\\n\\tst = !evil\\n'); p.wait()"
    ),
    "beside git": (
        "open('x', 'w').write('evil')\n"
        "p = subprocess.Popen(['git', 'checkout', '-q', '.'])\n"
        "open('.envrc', 'a').write('evil'); p.wait(); open('.envrc', 'a').write('evil')"
    ),
    "rc file of the home": "open(os.path.expanduser('~/.bashrc'), 'a').write('evil')",
    "a burst": (
        "os.mkdir('.claude/many')\n"
        "for n in range(10000):\n    open(f'.claude/many/{n}.md', 'w').write('evil')\n"
        "open('.envrc', 'a').write('evil')"
    ),
}


@pytest.fixture
def place(world: World) -> World:
    """Protected files of all kinds, one of them outside the workspace, and a folder that is nobody's business."""
    root = world.workspace
    (root / ".envrc").write_text(BEFORE)
    (root / ".claude").mkdir()
    (root / ".claude" / "settings.json").write_text("{}\n")
    (root / ".git" / "hooks" / "pre-commit").write_text(HOOK)
    (root / ".git" / "hooks" / "pre-commit").chmod(0o644)
    (root.parent / ".bashrc").write_text("alias a=b\n")
    (world.root / "out").mkdir()
    (world.root / "out" / "evil").write_text("theirs")
    (world.root / "out" / "settings.json").write_text("theirs")
    subprocess.run(["git", "add", "."], cwd=root, env=world.env, check=True)
    subprocess.run(["git", "commit", "-qm", "all"], cwd=root, env=world.env, check=True)
    return world


def text_of(path: Path) -> str:
    try:
        return path.read_text()
    except PermissionError:
        return "closed"


def state(world: World) -> dict[str, tuple[str, int]]:
    """What lies in the protected places now: content (of a link: where it leads) and mode."""
    found: dict[str, tuple[str, int]] = {}
    root = world.workspace
    tops = (root / ".envrc", root / ".mcp.json", root / ".claude", root / ".git" / "hooks", root / ".git" / "config")
    for top in (*tops, root.parent / ".bashrc"):
        paths = [top] if top.is_symlink() or not top.is_dir() else [Path(d, f) for d, _, fs in os.walk(top) for f in fs]
        for path in (p for p in paths if os.path.lexists(p) and not re.search(r"\.denied-|\.sample$", p.name)):
            mode = path.lstat().st_mode
            kind = os.readlink(path) if stat.S_ISLNK(mode) else text_of(path) if stat.S_ISREG(mode) else "other"
            found[str(path)] = (kind, mode)
        if not paths:
            found[str(top)] = ("folder", 0)
    return found


def outside(world: World) -> dict[str, str]:
    return {p.name: p.read_text() for p in (world.root / "out").iterdir() if p.name != "other"}


def attack(world: World, name: str) -> list[str]:
    text = f"import os, shutil, subprocess, time\nOUT = {str(world.root / 'out')!r}\n{ATTACKS[name]}\n{SETTLE}"
    return [sys.executable, str(world.script("agent.py", text))]


@pytest.mark.parametrize("name", ATTACKS)
def test_unguarded_it_works(place: World, name: str) -> None:
    before = state(place)
    subprocess.run(attack(place, name), cwd=place.workspace, env=place.env, check=True, timeout=60)
    assert state(place) != before


@pytest.mark.parametrize("name", ATTACKS)
def test_in_a_session_everything_is_as_it_was(place: World, name: str) -> None:
    before, theirs = state(place), outside(place)
    done = place.leash("run", "--headless", "--guard", "exec", "--", *attack(place, name), timeout=180)
    assert state(place) == before, done.stderr
    assert outside(place) == theirs
    assert any("put back as it was" in e["text"] for e in place.events("notice"))


@pytest.mark.parametrize("name", ["write", "a new hook", "a link in its place", "rename over", "again and again"])
def test_in_tier_watch_too(place: World, name: str) -> None:
    before, theirs = state(place), outside(place)
    done = place.leash("run", "--headless", "--guard", "watch", "--", *attack(place, name), timeout=60)
    assert state(place) == before, done.stderr
    assert outside(place) == theirs
