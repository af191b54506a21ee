"""Too little of something (descriptors, processes, disk): nothing goes unjudged, and what lacks is named."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

FILLS = """
import os, subprocess, sys
for number in range(4000):
    done = subprocess.run(["/bin/true", f"{number} " + "x" * 3000], capture_output=True, text=True)
    if done.returncode:
        print(number, done.returncode, done.stderr, flush=True)
        break
def attempt(name, work):
    try:
        work()
    except OSError as error:
        print(name, error.strerror, flush=True)
    else:
        print(name, "done", flush=True)
attempt("make", lambda: open("new.c", "w"))
attempt("rename", lambda: os.rename("work.txt", "other.txt"))
attempt("run", lambda: subprocess.run(["touch", "ran"], check=False))
"""


def test_too_few_descriptors_are_named(world: World) -> None:
    limit = lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))  # noqa: E731
    done = world.leash("run", "--headless", "--", "touch", "ran", preexec_fn=limit)
    assert done.returncode == 125
    assert "cannot open any more files" in done.stderr
    assert "ulimit -n" in done.stderr
    assert not (world.workspace / "ran").exists()


def test_an_agent_without_descriptors_and_processes_is_judged_on(world: World) -> None:
    text = """
import os, subprocess, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True: held.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    print(error.strerror, flush=True)
for handle in held: os.close(handle)
pids = []
for _ in range(200):
    pid = os.fork()
    if pid == 0: os.execv("/bin/true", ["true"])
    pids.append(pid)
print(sum(os.waitpid(pid, 0)[1] == 0 for pid in pids), flush=True)
print(subprocess.run(sys.argv[1:], capture_output=True).returncode)
"""
    done = world.leash(
        "run", "--headless", "--on-ask", "deny", "--", sys.executable, "-c", text, "rm", "-rf", "../work"
    )
    assert done.stdout.split("\n")[:3] == ["Too many open files", "200", "126"], done.stdout + done.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of some MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if os.geteuid() != 0 or mount is None or unmount is None:
        pytest.skip("only root can mount a small file system")
    made = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=4m,mode=700", "none", str(place)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"nothing can be mounted here: {made.stderr}")
    yield place
    subprocess.run([unmount, "-l", str(place)], check=True)


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
def test_on_a_full_disk_nothing_runs_and_what_was_written_is_proved(world: World, small_disk: Path) -> None:
    world.env["LEASH_STATE_DIR"] = str(small_disk / "leashtui")
    (world.workspace / "work.txt").write_text("unsaved")
    done = world.leash("run", "--headless", "--on-ask", "deny", "--", sys.executable, "-c", FILLS)
    assert done.stdout, done.stderr
    first = done.stdout.splitlines()[0].split(maxsplit=2)
    assert int(first[0]) > 9 and first[1] == "126" and "the disk is full" in done.stdout, done.stdout + done.stderr
    assert "make Permission denied" in done.stdout and "rename Permission denied" in done.stdout
    assert (world.workspace / "work.txt").read_text() == "unsaved"
    assert not (world.workspace / "ran").exists()
    copy = world.root / "copy"
    shutil.copytree(small_disk / "leashtui", copy)
    world.env["LEASH_STATE_DIR"] = str(copy)
    proved = world.leash("audit", "verify")
    assert proved.returncode == 0, proved.stdout
    allowed = [e for e in world.events("act.decided") if e["verdict"]["ruling"] == "allow"]
    assert len(allowed) >= int(first[0]), "what ran is in the log"
