"""The tree stands still as a whole: nobody in it sees another one stand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from leashtui.supervisor import tree
from leashtui.supervisor.freezing import Freezer

SHELL = """
import os, subprocess, sys
child = subprocess.Popen(["sleep", "60"], preexec_fn=lambda: os.sched_setaffinity(0, {int(sys.argv[2])}))
os.sched_setaffinity(0, {int(sys.argv[1])})
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
print(child.pid, flush=True)
while not os.WIFSIGNALED(status := os.waitpid(child.pid, os.WUNTRACED)[1]):
    print("it saw a job that was stopped", flush=True)
print("the job has ended", flush=True)
"""


@pytest.fixture
def alone() -> Iterator[list[int]]:
    """Two processors, of which this process keeps to the first."""
    before = os.sched_getaffinity(0)
    if len(before) < 2:
        pytest.skip("one processor runs one after the other")
    chosen = sorted(before)[:2]
    os.sched_setaffinity(0, chosen[:1])
    yield chosen
    os.sched_setaffinity(0, before)


def test_a_shell_does_not_see_its_job_stand_still(alone: list[int]) -> None:
    """It is told to stand first, and looked once more at its job when it got to run late, and the job stood by then."""
    words = [sys.executable, "-c", SHELL, *map(str, alone)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as shell:
        assert shell.stdout is not None
        job = int(shell.stdout.readline())
        time.sleep(0.3)
        freezer = Freezer(lambda: [pid for pid in tree.descendants(os.getpid()) if pid not in (shell.pid, job)])
        try:
            for _ in range(5):
                assert freezer.hold("test")
                assert tree.is_stopped(shell.pid)
                end = time.monotonic() + 5
                while not tree.is_stopped(job) and time.monotonic() < end:
                    time.sleep(0.001)
                assert tree.is_stopped(job)
                assert freezer.release("test")
                time.sleep(0.05)
            assert not tree.is_stopped(shell.pid)
            os.kill(job, signal.SIGSTOP)  # the free leg: what stands still is seen
            assert shell.stdout.readline() == "it saw a job that was stopped\n"
        finally:
            freezer.release("test")
            os.kill(job, signal.SIGKILL)
            said = shell.stdout.read()
    assert said == "the job has ended\n"
