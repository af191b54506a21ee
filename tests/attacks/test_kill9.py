"""kill -9 of every process of a session at a random moment: fail closed, lose nothing, leave nothing.

LEASH_KILLS sets how often (default: each target twice). Each round runs a real session in a real terminal whose agent
starts numbered commands as fast as it can; every number that ran must be in the log as allowed, before it ran.
"""

from __future__ import annotations

import json
import os
import random
import signal
import termios
import time
from pathlib import Path

import pexpect
import pytest
from conftest import World, eventually

TARGETS = {
    "supervisor": "leashtui.supervisor",
    "warden": "warden.py",
    "pump": "leashtui.guards.pty.pump",
    "face": "leashtui.faces.plain",
    "watcher": "leashtui.guards.watch",
    "agent": "storm.py",
    "keeper": " run --plain",
}
ROUNDS = int(os.environ.get("LEASH_KILLS", "2"))
CASES = [(target, number) for target in TARGETS for number in range(ROUNDS)]

STORM = """
import subprocess, sys
for number in range(1000):
    subprocess.run(["/bin/sh", "-c", f"echo {number} >> {sys.argv[1]}"])
"""


def processes(mark: str) -> dict[int, str]:
    """Living processes whose command line or working directory names `mark`."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if line and state != "Z":
                found[int(entry.name)] = line
    return {p: line for p, line in found.items() if mark in line}


def alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def below(pid: int) -> dict[int, str]:
    """The command lines of all descendants of `pid`, itself included."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    wanted, grown = {pid}, True
    while grown:
        fresh = {p for p, parent in parents.items() if parent in wanted} - wanted
        wanted |= fresh
        grown = bool(fresh)
    lines = {}
    for each in wanted:
        try:
            lines[each] = Path(f"/proc/{each}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
    return lines


@pytest.mark.parametrize(("target", "number"), CASES)
def test_a_session_survives_or_ends_cleanly(world: World, target: str, number: int) -> None:
    storm = world.script("storm.py", STORM)
    ledger = world.root / "ledger"
    argv = world.argv("run", "--plain", "--", "python3", str(storm), str(ledger))
    leash = pexpect.spawn(argv[0], argv[1:], cwd=str(world.workspace), env=world.env, timeout=60, dimensions=(24, 80))
    before = termios.tcgetattr(leash.child_fd)
    eventually(lambda: ledger.exists() and ledger.stat().st_size > 20)
    chance = random.Random(f"{target}{number}{time.time_ns()}")
    time.sleep(chance.random() * 0.5)
    pids = below(leash.pid)
    victims = [p for p, line in pids.items() if TARGETS[target] in line and "python" in line]
    if target != "keeper":
        victims = [p for p in victims if p != leash.pid and " run --plain" not in pids[p]]
    assert victims, f"no {target} among {pids}"
    os.kill(victims[0], signal.SIGKILL)
    if target == "keeper":
        world.leash("kill", "--all")
    leash.expect(pexpect.EOF)
    assert termios.tcgetattr(leash.child_fd)[:4] == before[:4]
    leash.close()
    eventually(lambda: not processes(str(storm)), 20)
    eventually(lambda: not [p for p in pids if p != leash.pid and alive(p)], 20)
    ran = {line for line in ledger.read_text().split() if line.isdigit()}
    allowed = set()
    for record in world.records():
        event = record.get("record", record)["event"]
        if event["kind"] == "act.decided" and (event.get("verdict") or {}).get("ruling") == "allow":
            allowed.add(event["request"]["argv"][-1].removeprefix("echo ").partition(" ")[0])
    assert ran <= allowed, f"ran without a recorded decision: {sorted(ran - allowed)}"
    verified = world.leash("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    if target in {"face", "pump", "watcher"}:
        assert len(ran) == 1000, json.dumps(sorted(ran))
        assert leash.exitstatus == 0
