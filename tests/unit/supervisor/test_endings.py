"""Exit codes of processes that are not our own children, and the digest of what an exec would run."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor.endings import Endings
from leashtui.supervisor.scripts import digest_of_scripts
from leashtui.supervisor.tree import stat_of

RELEASE = os.uname().release.split(".")
NEW = (int(RELEASE[0]), int("".join(c for c in RELEASE[1] if c.isdigit()))) >= (6, 15)


def _grandchild(text: str) -> tuple[subprocess.Popen[bytes], ProcessRef]:
    """A shell that reaps a child which waits for a line on a pipe."""
    shell = subprocess.Popen(
        ["/bin/sh", "-c", f"exec 3<&0; ({text}) <&3 & echo $!; wait"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert shell.stdout is not None
    pid = int(shell.stdout.readline())
    found = stat_of(pid)
    assert found is not None
    return shell, ProcessRef(pid, found.start)


@pytest.mark.skipif(not NEW, reason="the kernel tells the exit code of other people's children since 6.15")
@pytest.mark.parametrize(("text", "number", "code"), [("read x; exit 5", 0, 5), ("read x", signal.SIGKILL, 137)])
def test_the_end_of_somebody_elses_child_is_told(text: str, number: int, code: int) -> None:
    shell, process = _grandchild(text)
    told: list[int] = []

    async def watch() -> None:
        endings = Endings(asyncio.get_running_loop(), lambda: time.time_ns() // 1000)
        endings.follow(process, lambda end: told.append(end.code))
        if number:
            os.kill(process.pid, number)
        else:
            assert shell.stdin is not None
            shell.stdin.write(b"go\n")
            shell.stdin.flush()
        for _ in range(400):
            if told:
                break
            await asyncio.sleep(0.01)
        endings.close()

    asyncio.run(watch())
    shell.communicate()
    assert told == [code]


def test_a_process_that_is_gone_is_not_followed() -> None:
    async def watch() -> None:
        endings = Endings(asyncio.get_running_loop(), lambda: 0)
        endings.follow(ProcessRef(os.getpid(), 1), lambda end: pytest.fail("another process's end"))
        endings.close()

    before = len(os.listdir("/proc/self/fd"))
    asyncio.run(watch())
    assert len(os.listdir("/proc/self/fd")) == before


def test_on_a_kernel_that_does_not_tell_nobody_is_followed_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise OSError(errno.ENOTTY, "not known")

    async def watch() -> list[int]:
        open_then = []
        endings = Endings(asyncio.get_running_loop(), lambda: 0)
        for _ in range(2):
            shell, process = _grandchild("read x")
            endings.follow(process, lambda end: pytest.fail("nobody can know that"))
            open_then.append(len(os.listdir("/proc/self/fd")))
            monkeypatch.setattr("leashtui.supervisor.endings.fcntl.ioctl", unknown)
            os.kill(process.pid, signal.SIGKILL)
            shell.communicate()
            await asyncio.sleep(0.2)
        endings.close()
        return open_then

    first, second = asyncio.run(watch())
    assert second < first


def _exec(cwd: Path, *argv: str, exe: str = "") -> Request:
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, str(cwd), argv=argv, exe=exe)


def test_the_digest_follows_the_text_and_nothing_else(tmp_path: Path) -> None:
    script = tmp_path / "x.sh"
    script.write_text("echo 1\n")
    asked = _exec(tmp_path, "bash", "x.sh", exe="/usr/bin/bash")
    first = digest_of_scripts(asked)
    assert first
    script.touch()
    assert digest_of_scripts(asked) == first
    script.write_text("echo 2\n")
    assert digest_of_scripts(asked) != first
    script.unlink()
    assert digest_of_scripts(asked) == ""


def test_data_is_no_script(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("1\n")
    (tmp_path / "tool").write_text("#!/bin/sh\n")
    os.mkfifo(tmp_path / "pipe")
    assert digest_of_scripts(_exec(tmp_path, "rm", "data", "pipe", exe="/bin/rm")) == ""
    assert digest_of_scripts(_exec(tmp_path, "./tool", "data")) != ""
