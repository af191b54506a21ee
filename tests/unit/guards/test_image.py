"""What is read of a process: the same as the plain way of reading it says, and ancestors that are no memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from leashtui.guards.kernel.image import Lineage, ancestors_of, stat_of, variables_of, words_of
from leashtui.model.variables import carries_code

TREE = """
import os, sys, time
middle = os.fork()
if middle == 0:
    low = os.fork()
    if low == 0:
        time.sleep(60)
    print(os.getpid(), low, flush=True)
    sys.stdin.readline()
    os._exit(0)
os.waitpid(middle, 0)
print("gone", flush=True)
time.sleep(60)
"""


def until_it_runs(child: subprocess.Popen[bytes]) -> None:
    """The kernel tells of an exec a moment before the new words can be read."""
    deadline = time.monotonic() + 60
    while words_of(child.pid) == ("",) and time.monotonic() < deadline:
        time.sleep(0.01)


@pytest.fixture
def tree() -> Iterator[subprocess.Popen[str]]:
    top = subprocess.Popen([sys.executable, "-c", TREE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield top
    top.kill()
    top.communicate()


def test_ancestors_are_those_that_live_now(tree: subprocess.Popen[str]) -> None:
    assert tree.stdin is not None
    assert tree.stdout is not None
    middle, low = map(int, tree.stdout.readline().split())
    try:
        lineage = Lineage(os.getpid())
        assert [ref.pid for ref in lineage.above(low)] == [low, middle, tree.pid]
        assert lineage.above(low) == ancestors_of(low, os.getpid())
        read = os.listdir("/proc/self/fd")
        assert lineage.above(low) == lineage.above(low)
        assert os.listdir("/proc/self/fd") == read
        tree.stdin.write("\n")
        tree.stdin.flush()
        assert tree.stdout.readline() == "gone\n"
        assert stat_of(low)[0] != middle
        found = lineage.above(low)
        assert [ref.pid for ref in found][:1] == [low]
        assert middle not in [ref.pid for ref in found]
        assert found == ancestors_of(low, os.getpid())
        lineage.close()
    finally:
        os.kill(low, 9)


def test_what_has_ended_is_let_go_of_and_a_flood_holds_few_descriptors() -> None:
    before = len(os.listdir("/proc/self/fd"))
    lineage = Lineage(os.getppid())
    for _ in range(3):
        sleepers = [subprocess.Popen(["sleep", "60"]) for _ in range(50)]
        assert all(len(lineage.above(one.pid)) == 2 for one in sleepers)
        assert len(os.listdir("/proc/self/fd")) <= before + 65
        for one in sleepers:
            one.kill()
        for one in sleepers:
            one.wait()
    assert lineage.above(sleepers[0].pid) == ()
    lineage.close()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"PATH": "/bin", "LD_PRELOAD": "/x.so", "LD_": "", "LDX": "no", "ENV": "=a=b", "ENVX": "no", "XENV": "no"},
        {"BASH_FUNC_f%%": "() { :; }\n", "npm_config_x": "1", "NPM_CONFIG_X": "", "GIT_CONFIG": "", "CC": "", "CX": ""},
        {"A" * 5000: "B" * 9000, "PAGER": "x" * 20000, "IFS": "\t\n", "PS4": "\udcff"},
        {f"GIT_CONFIG_KEY_{n}": str(n) for n in range(50)},
    ],
)  # fmt: skip
def test_variables_are_those_that_carry_code(env: dict[str, str]) -> None:
    child = subprocess.Popen(["/bin/sleep", "60"], env=env)
    try:
        until_it_runs(child)
        assert sorted(variables_of(child.pid)) == sorted((n, v) for n, v in env.items() if carries_code(n))
    finally:
        child.kill()
        child.wait()


def test_words_are_whole_whatever_is_in_them() -> None:
    argv = ["/bin/sleep", "60", "", "\udcff\udcfe", "ä", "x" * 100_000, ""]
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", *argv])
    try:
        until_it_runs(child)
        assert words_of(child.pid)[3:] == tuple(argv)
    finally:
        child.kill()
        child.wait()
