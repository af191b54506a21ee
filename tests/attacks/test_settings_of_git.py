"""What git's own settings name in the workspace is asked about like `.git/hooks`: it runs at the person's next commit.

Each way works unguarded; beside what is named, everything may be written as ever.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import replace

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
WAYS = {
    "a hook": ("open('tools/hooks/pre-commit', 'w').write('EVIL')", "tools/hooks/pre-commit"),
    "a new hook": ("open('tools/hooks/post-merge', 'w').write('EVIL')", "tools/hooks/post-merge"),
    "an included setting": ("open('shared.cfg', 'w').write('EVIL')", "shared.cfg"),
    "an included setting among build output": ("open('build/g.cfg', 'w').write('EVIL')", "build/g.cfg"),
    "an included setting among dependencies": (
        "open('node_modules/g/g.cfg', 'w').write('EVIL')", "node_modules/g/g.cfg"
    ),
    "a program among dependencies": ("open('.venv/bin/clean', 'w').write('EVIL')", ".venv/bin/clean"),
    "one that such a setting names": ("open('bin/diff.py', 'w').write('EVIL')", "bin/diff.py"),
    "a filter": ("open('tools/clean.sh', 'w').write('EVIL')", "tools/clean.sh"),
    "a hook by a link in its place": (
        "os.symlink('own', 'none')", "none/hooks/pre-push"
    ),
    "a hook by a folder above": ("os.rename('own', 'none')", "none/hooks/pre-push"),
    "a hook by exchanging folders": (
        "ctypes.CDLL(None).syscall(316, -100, b'own', -100, b'tools', 2)", "tools/hooks/pre-push"
    ),
    "a hook by the shell": (
        "subprocess.run(['sh', '-c', 'echo EVIL > tools/hooks/pre-commit'])", "tools/hooks/pre-commit"
    ),
}  # fmt: skip


def lay(world: World) -> None:
    """A repository whose settings name what lies in its work tree, and a folder of the agent's with a hook in it."""
    for name in ("tools/hooks/pre-commit", "tools/clean.sh", "bin/diff.py", "build/x", ".venv/bin/clean"):
        (world.workspace / name).parent.mkdir(parents=True, exist_ok=True)
        (world.workspace / name).write_text("mine\n")
    (world.workspace / "shared.cfg").write_text('[diff "x"]\n\ttextconv = python3 bin/diff.py\n')
    (world.workspace / "node_modules/g").mkdir(parents=True)
    for name in ("build/g.cfg", "node_modules/g/g.cfg"):
        (world.workspace / name).write_text("[core]\n")
    settings = (
        ("core.hooksPath", "tools/hooks"), ("include.path", "../shared.cfg"), ("include.path", "../build/g.cfg"),
        ("filter.x.clean", "sh ./tools/clean.sh %f"), ("include.path", "../node_modules/g/g.cfg"),
        ("filter.y.clean", ".venv/bin/clean"), ("init.templateDir", "none/hooks"),
    )  # fmt: skip
    subprocess.run(["git", "init", "-q"], cwd=world.workspace, env=world.env, check=True)
    for key, value in settings:
        subprocess.run(["git", "config", "--add", key, value], cwd=world.workspace, env=world.env, check=True)


def attempt(world: World, text: str, *, guarded: bool) -> str:
    """Run it as an agent, or free; what it said."""
    own = "os.makedirs('own/hooks', exist_ok=True); open('own/hooks/pre-push', 'w').write('EVIL')"
    script = world.script("agent.py", f"import ctypes, os, subprocess\n{own}\n{text}\n")
    if guarded:
        done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(script))
    else:
        argv = [sys.executable, str(script)]
        done = subprocess.run(argv, cwd=world.workspace, env=world.env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("guarded", [False, True], ids=["free", "strict"])
@pytest.mark.parametrize("way", WAYS)
def test_what_git_runs_from_the_workspace_is_not_written_unasked(world: World, way: str, guarded: bool) -> None:
    lay(world)
    text, place = WAYS[way]
    said = attempt(world, text, guarded=guarded)
    path = world.workspace / place
    assert (path.exists() and path.read_text().strip() == "EVIL") is not guarded, said


def test_what_lies_beside_it_is_written_as_ever(world: World) -> None:
    lay(world)
    names = ("tools/new.sh", "bin/other.py", "build/x", "notes.md", "node_modules/g/x.cfg", ".venv/bin/other")
    said = attempt(world, f"for n in {names}: open(n, 'w').write('work')", guarded=True)
    for name in names:
        assert (world.workspace / name).read_text() == "work", said


@pytest.mark.parametrize("guarded", [False, True], ids=["free", "strict"])
def test_the_repository_of_a_worktree_is_one_among_temporary_files_too(world: World, guarded: bool) -> None:
    """Names in /tmp mean nothing, but to the git that commits from here."""
    with tempfile.TemporaryDirectory(dir="/tmp") as top:
        here = replace(world, workspace=world.workspace / "tree")
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        for words in (
            ("init", "-q", top), (*who, "-C", top, "commit", "-q", "--allow-empty", "-m", "x"),
            ("-C", top, "worktree", "add", "-q", str(here.workspace)),
        ):  # fmt: skip
            subprocess.run(["git", *words], env=world.env, check=True)
        text = f"""top = {top!r}
open(f'{{top}}/notes.md', 'w').write('work')
subprocess.run(['git', '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'mine'])
for act in (lambda: open(f'{{top}}/.git/hooks/post-commit', 'w'), lambda: open(f'{{top}}/.git/config', 'a'),
            lambda: os.rename(f'{{top}}/notes.md', f'{{top}}/.git/config.worktree')):
    try: act(); print('done')
    except OSError: print('refused')
"""
        said = attempt(here, text, guarded=guarded)
        assert said.split().count("refused" if guarded else "done") == 3, said
        last = subprocess.run(
            ["git", "log", "-1", "--format=%s"], cwd=here.workspace, env=world.env, capture_output=True
        )
        assert last.stdout == b"mine\n", said
