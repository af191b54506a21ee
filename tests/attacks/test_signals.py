"""Signals that reach the guard in the middle of an answer: they once ended a session.

A program whose orphans end all the time signals the supervisor at every moment, also while it hands over a descriptor.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

ORPHANS = """
import os
keeper = os.fork()
while not keeper:
    one = os.fork()
    if not one:
        os.fork()
        os._exit(0)
    os.waitpid(one, 0)
bad = 0
for number in range(3000):
    fd = os.open("f", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    bad += not os.readlink(f"/proc/self/fd/{fd}").endswith("/f")
    os.close(fd)
os.kill(keeper, 9)
print("good", 3000 - bad)
"""


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
def test_every_descriptor_is_handed_over_however_many_children_end(world: World) -> None:
    (world.workspace / "orphans.py").write_text(ORPHANS)
    done = world.leash("run", "--headless", "--guard", "strict", "--", "python3", "orphans.py", timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "good 3000\n"
    assert world.events("guard.lost") == []


OPENS = """
import os, time
os.makedirs("node_modules/a")
print("on", flush=True)
end, given, opens = time.monotonic() + 4, 0, 0
while time.monotonic() < end:
    opens += 2
    for path in ("plain", f"node_modules/a/{opens}.js"):  # judged each time, and not any more
        fd = os.open(path, os.O_WRONLY | os.O_CREAT)
        given += os.readlink(f"/proc/self/fd/{fd}").endswith("/" + path)
        if fd > 2:
            os.close(fd)
print("all" if given == opens else f"{opens - given} of {opens} were other files")
"""


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
def test_every_descriptor_is_handed_over_however_often_leash_is_stopped(world: World) -> None:
    """As when the machine goes to sleep: the kernel told callers that their file was number 0."""
    (world.workspace / "opens.py").write_text(OPENS)
    out = world.root / "out"
    with out.open("wb") as file:
        running = world.start("run", "--headless", "--guard", "strict", "--", "python3", "opens.py", stdout=file)
    eventually(lambda: out.read_text() == "on\n")
    lines = {pid: _line(pid) for pid in _below(running.pid)}
    supervisor = next(p for p, line in lines.items() if "leashtui.supervisor" in line and "warden" not in line)
    while running.poll() is None:
        for number in (signal.SIGSTOP, signal.SIGCONT):
            with contextlib.suppress(ProcessLookupError):
                os.kill(supervisor, number)
            time.sleep(0.001)
    assert out.read_text() == "on\nall\n"


def _line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def _below(pid: int) -> list[int]:
    found = [pid]
    for one in found:
        with contextlib.suppress(OSError):
            found += map(int, Path(f"/proc/{one}/task/{one}/children").read_text().split())
    return found
