"""Where measurements happen: a private home and workspace, and a driver that times shell commands inside a session.

The driver is one process, started once bare and once under leash; both then take commands in turn, so that a noisy
machine is noisy for both and the session's start is in neither figure.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
LEASH = [sys.executable, "-I", "-m", "leashtui"]

_DRIVER = """
import json, os, subprocess, sys, time
for line in sys.stdin:
    before = time.perf_counter()
    code = subprocess.run(["/bin/sh", "-c", line], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL).returncode
    print(json.dumps({"s": time.perf_counter() - before, "code": code}), flush=True)
"""


class Stage:
    """One user's machine below `place` (a disk, for figures that mean something); removed at the end."""

    def __init__(self, place: str) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="leash-bench-", dir=place))
        self.workspace = self.root / "home" / "project"
        self.workspace.mkdir(parents=True)
        (self.root / "run").mkdir(mode=0o700)
        keep = {k: v for k, v in os.environ.items() if k in {"PATH", "LANG", "LC_ALL", "USER", "LOGNAME"}}
        self.env = keep | {
            "HOME": str(self.root / "home"),
            "TERM": "xterm-256color",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_SYSTEM": "/dev/null",
            "LEASH_RUNTIME_DIR": str(self.root / "run"),
            "LEASH_STATE_DIR": str(self.root / "state"),
            "LEASH_CONFIG_DIR": str(self.root / "config"),
        }
        self.run("git", "init", "-q", "-b", "main")
        (self.root / "driver.py").write_text(_DRIVER)

    def run(self, *argv: str, **more: Any) -> subprocess.CompletedProcess[bytes]:
        """Run a program in the workspace to its end."""
        return subprocess.run(argv, cwd=self.workspace, env=self.env, check=True, **more)

    def leash(self, *args: str) -> list[str]:
        """The command line of a headless session."""
        return [*LEASH, "run", "--headless", "--on-ask", "deny", "--", *args]

    def supervisor(self) -> int:
        """The pid of the one living session's supervisor."""
        (published,) = (self.root / "run").glob("*/session.json")
        return int(json.loads(published.read_text())["pid"])

    def records(self) -> list[dict[str, Any]]:
        """Every record of the newest session."""
        done = self.run(*LEASH, "log", "--json", stdout=subprocess.PIPE)
        return [r.get("record", r) for r in map(json.loads, done.stdout.splitlines())]

    def close(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.root, ignore_errors=True)


class Driver:
    """The driver process, bare or under leash."""

    def __init__(self, stage: Stage, *, guarded: bool) -> None:
        program = ["/usr/bin/env", "python3", "-I", "-S", str(stage.root / "driver.py")]
        self._process = subprocess.Popen(
            stage.leash(*program) if guarded else program,
            cwd=stage.workspace,
            env=stage.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.time("true")

    def time(self, command: str) -> float:
        """Seconds that the shell command took, seen from inside. Raises RuntimeError when it failed."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command.encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the driver's session ended")
        answer = json.loads(line)
        if answer["code"]:
            raise RuntimeError(f"{command}: exit {answer['code']}")
        return float(answer["s"])

    def close(self) -> None:
        """End it and its session."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
