"""A private world for each test: its own home, workspace and leash directories, and a way to run the real program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from postgres import Cluster

GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_NAME": "t",
    "GIT_AUTHOR_EMAIL": "t@example.invalid",
    "GIT_COMMITTER_NAME": "t",
    "GIT_COMMITTER_EMAIL": "t@example.invalid",
}


@dataclass
class World:
    """One user's machine: run `leash` in it and look at what it left."""

    root: Path
    workspace: Path
    env: dict[str, str]
    running: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def argv(self, *args: str) -> list[str]:
        """The command line of the real program."""
        return [sys.executable, "-I", "-m", "leashtui", *args]

    def leash(self, *args: str, timeout: float = 60, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run leash to its end."""
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run(
            self.argv(*args), cwd=self.workspace, env=self.env, capture_output=True, text=True, timeout=timeout, **more
        )

    def start(self, *args: str, **more: Any) -> subprocess.Popen[bytes]:
        """Start leash and let it run."""
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        more.setdefault("stderr", subprocess.PIPE)
        process = subprocess.Popen(self.argv(*args), cwd=self.workspace, env=self.env, **more)
        self.running.append(process)
        return process

    def approvals(self) -> list[dict[str, Any]]:
        """What waits now, over all sessions."""
        done = self.leash("approvals", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def one_card(self, timeout: float = 60) -> dict[str, Any]:
        """The first act that waits."""
        return eventually(lambda: (self.approvals() or [None])[0], timeout)

    def records(self) -> list[dict[str, Any]]:
        """Every record of the newest session."""
        done = self.leash("log", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of one kind, oldest first."""
        found = [r.get("record", r) for r in self.records()]
        return [r["event"] for r in found if r["event"]["kind"] == kind]

    def config(self, text: str) -> None:
        """The person's config.toml."""
        place = Path(self.env["LEASH_CONFIG_DIR"])
        place.mkdir(mode=0o700, exist_ok=True)
        (place / "config.toml").write_text(text)

    def script(self, name: str, text: str) -> Path:
        """A file outside the workspace, for agents."""
        path = self.root / name
        path.write_text(text)
        path.chmod(0o755)
        return path


def pytest_configure() -> None:
    """Signals mean what they mean in a person's terminal, also where the run was started by `nohup` or in a
    shell's background. How many run at once concerns this run, not those that tests start."""
    os.environ.pop("PYTEST_ADDOPTS", None)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


TERMINALS = {
    "test_job_control.py", "test_keeper.py", "test_plain.py", "test_replay.py", "test_tui_app.py", "test_tui_tmux.py",
}  # fmt: skip
"""What types into a real terminal and looks at its screen: a second try is allowed, and shown in the summary. Guards,
attacks, logs and losses have one: an attack that wins one time in two wins."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.name in TERMINALS:
            item.add_marker(pytest.mark.flaky(reruns=1))


def eventually(look: Callable[[], Any], timeout: float = 60) -> Any:
    """Poll until `look` answers something true; fail when it never does."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.05)
    raise AssertionError(f"nothing came of it within {timeout} s")


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A home, a git workspace with one commit, and private leash directories."""
    home, workspace, runtime = tmp_path / "home", tmp_path / "home" / "proj", tmp_path / "run"
    workspace.mkdir(parents=True)
    runtime.mkdir(mode=0o700)
    keep = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LC_ALL", "TMPDIR", "USER", "LOGNAME"}}
    env = keep | GIT | {
        "HOME": str(home),
        "TERM": "xterm-256color",
        "LEASH_RUNTIME_DIR": str(runtime),
        "LEASH_STATE_DIR": str(tmp_path / "state"),
        "LEASH_CONFIG_DIR": str(tmp_path / "config"),
    }  # fmt: skip
    (workspace / "src").mkdir()
    (workspace / "src" / "app.py").write_text("print('app')\n")
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-qm", "first"]):
        subprocess.run(["git", *command], cwd=workspace, env=env, check=True)
    made = World(tmp_path, workspace, env)
    yield made
    subprocess.run(made.argv("kill", "--all"), env=env, cwd=workspace, capture_output=True, timeout=30)
    for process in made.running:
        if process.poll() is None:
            process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A PostgreSQL server of the test run's own."""
    cluster = Cluster()
    yield cluster
    cluster.stop()
