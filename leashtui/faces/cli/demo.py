"""`leash demo`: a throw-away repository, a scripted agent, and the same session as for any other program.

Knows how to build the scene and where it lies. Refuses to be a special case: it goes through `leash run` like anything
else. Invariant: nothing outside the scene's own temporary directory is touched, whatever is answered.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from leashtui.agents import demo_script
from leashtui.faces.cli import options
from leashtui.faces.cli import run as runs
from leashtui.faces.cli.sessions import live_sessions
from leashtui.faces.cli.workspace import find_git
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import config_dir
from leashtui.supervisor.config import load

_BASKET = '''"""A very small shop."""


def price(items: list[int], discount: int = 0) -> int:
    """The sum of the items, less the discount, in cents."""
    total = sum(items)
    total -= discount
    total -= discount
    return total
'''
_TESTS = """import unittest

from basket import price


class Prices(unittest.TestCase):
    def test_sum(self) -> None:
        self.assertEqual(price([100, 250]), 350)

    def test_discount(self) -> None:
        self.assertEqual(price([100, 250], 50), 300)


if __name__ == "__main__":
    unittest.main()
"""
_FILES = {
    "basket.py": _BASKET,
    "test_basket.py": _TESTS,
    "README.md": "# shop\n\nA throw-away project of `leash demo`.\n",
    ".gitignore": ".env\n__pycache__/\n",
}
_UNTRACKED = {
    ".env": "DEMO_PAYMENT_KEY=made-up-0000-not-a-real-key\n",
    "notes/ideas.md": "- three days of thoughts that are nowhere else\n",
    "notes/sketch.txt": "o--o--o\n",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    options.add_arguments(parser)
    parser.add_argument(
        "--pace", type=float, default=None, metavar="SECONDS", help="how long the agent thinks (default 1)"
    )


def run(args: argparse.Namespace) -> int:
    """Build the scene, run the session, clean up. Returns the agent's exit code."""
    if args.workspace is not None:
        raise LeashError("the demo makes its own workspace", "leash demo", Exit.USAGE)
    config = load(config_dir()).config
    runs.refuse_nesting(args.guard or config.guard)
    face = runs.choose_face(args, config)
    headless = face == "headless"
    pace = args.pace if args.pace is not None else 0.2 if headless else 1.0
    root = Path(os.path.realpath(tempfile.mkdtemp(prefix="leash-demo-")))
    try:
        project = build(root)
        args.workspace = str(project)
        argv = [sys.executable, "-I", demo_script.__file__, str(project), str(pace)]
        _introduce(headless)
        code = runs.start(args, argv, config, name="demo", cwd=str(project), env=surroundings(os.environ, root))
    except BaseException:
        shutil.rmtree(root, ignore_errors=True)
        raise
    summary = root / demo_script.SUMMARY
    if face == "tui" and summary.exists():
        print("\n" + summary.read_text(), file=sys.stderr)
    if any(live.workspace == str(project) for live in live_sessions()):
        print(f"leash: the demo goes on in {root}; remove it when it is over", file=sys.stderr)
    else:
        shutil.rmtree(root, ignore_errors=True)
    if code == 0:
        print("leash: that was the demo; its repository is gone, its log stays", file=sys.stderr)
    return code


def _introduce(headless: bool) -> None:
    print("leash: a scripted agent works in a throw-away repository; no account, no network", file=sys.stderr)
    if headless:
        print("leash: no terminal, so nobody can be asked: what is risky is refused", file=sys.stderr)
    else:
        print("leash: harmless acts pass, risky ones wait for your answer", file=sys.stderr)


def surroundings(base: Mapping[str, str], root: Path) -> dict[str, str]:
    """The environment of the demo's agent: a home of its own and no git configuration but the project's."""
    kept = {name: value for name, value in base.items() if not name.startswith("GIT_")}
    return kept | {"HOME": str(root / "home"), "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


def build(root: Path) -> Path:
    """The scene below `root`: a project with a bug, a remote that is ahead of it, work git does not know.

    Returns the project. Raises LeashError when git is missing or fails.
    """
    git = find_git(os.getcwd())
    if git is None:
        raise LeashError("the demo needs git", "install git, then run: leash demo")
    home, project, colleague, remote = (root / name for name in ("home", "project", "colleague", "origin.git"))
    env = surroundings({"PATH": os.environ.get("PATH", os.defpath)}, root)

    def call(where: Path, *words: str) -> None:
        done = subprocess.run(
            [git, "-C", str(where), *words], env=env, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            raise LeashError(f"git {words[0]} failed: {done.stderr.strip()}", "check your git installation")

    for directory in (home, project):
        directory.mkdir()
    call(root, "init", "-q", "--bare", str(remote))
    call(remote, "symbolic-ref", "HEAD", "refs/heads/main")
    call(project, "init", "-q")
    call(project, "symbolic-ref", "HEAD", "refs/heads/main")
    _write(project, _FILES)
    _name(call, project, "you")
    call(project, "add", ".")
    call(project, "commit", "-q", "-m", "A very small shop")
    call(project, "remote", "add", "origin", str(remote))
    call(project, "push", "-q", "origin", "main")
    call(root, "clone", "-q", str(remote), str(colleague))
    _name(call, colleague, "a colleague")
    _write(colleague, {"CONTRIBUTING.md": "Be kind.\n"})
    call(colleague, "add", ".")
    call(colleague, "commit", "-q", "-m", "Say how to contribute")
    call(colleague, "push", "-q", "origin", "main")
    _write(project, _UNTRACKED)
    return project


def _name(call: Callable[..., None], repository: Path, name: str) -> None:
    call(repository, "config", "user.name", name)
    call(repository, "config", "user.email", "demo@example.invalid")


def _write(directory: Path, files: Mapping[str, str]) -> None:
    for name, text in files.items():
        file = directory / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
