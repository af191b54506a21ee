"""kill -9 of every process of a session at a random moment: fail closed, lose nothing, leave nothing.

LEASH_KILLS sets how often (default: each target twice). Each round runs a real session in a real terminal whose agent
starts numbered commands as fast as it can; every number that ran must be in the log as allowed, before it ran.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import termios
import time
from pathlib import Path

import pexpect
import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

TARGETS = {
    "supervisor": "leashtui.supervisor",
    "warden": "warden.py",
    "pump": "leashtui.guards.pty.pump",
    "face": "leashtui.faces.plain",
    "watcher": "leashtui.guards.watch",
    "agent": "storm.py",
    "anchor": "launcher.py",
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


HELD = ("exec", "open", "rename", "unlink", "connect")
HOLDERS = """
import os, socket, subprocess, sys
work, outside, door = sys.argv[1:]
def exec(): os.execvp("rm", ["rm", "src/app.py"])
def open_(): open(f"{outside}/.bashrc", "a").write("EVIL")
def rename(): os.rename("one.md", f"{outside}/one.md")
def unlink(): os.unlink("two.md")
def connect(): socket.socket(socket.AF_UNIX).connect(door)
children = []
for act in (exec, open_, rename, unlink, connect):
    child = os.fork()
    if not child:
        act()
        os._exit(0)
    children.append(child)
for child in children:
    os.waitpid(child, 0)
"""


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
@pytest.mark.parametrize(("tier", "killed"), [("strict", True), ("compat", True), ("strict", False)])
def test_what_is_held_when_the_supervisor_is_killed_never_happens(world: World, tier: str, killed: bool) -> None:
    """Acts of every kind are held at once. The control: approved, all of them happen."""
    outside = world.root / "home"
    (outside / ".bashrc").write_text("mine\n")
    for name in ("one.md", "two.md"):
        (world.workspace / name).write_text("mine\n")
    agent = world.script("agent.py", HOLDERS)
    door = str(world.root / "door")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(door)
        server.listen()
        argv = ("python3", str(agent), str(world.workspace), str(outside), door)
        process = world.start("run", "--headless", "--on-ask", "wait", "--guard", tier, "--", *argv)
        cards = eventually(lambda: len(found := world.approvals()) >= len(HELD) and found)
        assert len(cards) == len(HELD), cards
        pids = below(process.pid)
        if killed:
            supervisor = next(
                pid for pid, line in pids.items() if "leashtui.supervisor" in line and "warden" not in line
            )
            os.kill(supervisor, signal.SIGKILL)
        else:
            for card in cards:
                assert world.leash("approve", card["id"]).returncode == 0
        process.communicate(timeout=60)
        eventually(lambda: not [pid for pid in pids if alive(pid)], 20)
        assert _happened(world, outside, server) == (set() if killed else set(HELD))


def _happened(world: World, outside: Path, server: socket.socket) -> set[str]:
    work = world.workspace
    server.setblocking(False)
    try:
        server.accept()
        reached = True
    except BlockingIOError:
        reached = False
    signs = {
        "exec": not (work / "src" / "app.py").exists(),
        "open": "EVIL" in (outside / ".bashrc").read_text(),
        "rename": (outside / "one.md").exists() or not (work / "one.md").exists(),
        "unlink": not (work / "two.md").exists(),
        "connect": reached,
    }
    return {name for name, sign in signs.items() if sign}
