"""The sentence reaches every kind of stderr that takes it at once, and waits for none that does not."""

from __future__ import annotations

import os
import pty
import socket
import subprocess
import termios
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from leashtui.guards.kernel.voice import LIMIT, say


@pytest.fixture
def asleep() -> Any:
    """Starts sleepers with a given stderr and ends them."""
    running: list[subprocess.Popen[bytes]] = []

    def start(stderr: Any, before: Callable[[], None] | None = None) -> int:
        running.append(subprocess.Popen(["sleep", "60"], stderr=stderr, stdin=subprocess.DEVNULL, preexec_fn=before))
        return running[-1].pid

    yield start
    for child in running:
        child.kill()
        child.wait()


def test_a_pipe(asleep: Any) -> None:
    reader, writer = os.pipe()
    assert say(asleep(writer), "no")
    assert os.read(reader, 100) == b"no\n"
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    begun = time.monotonic()
    assert not say(asleep(writer), "no")
    assert time.monotonic() - begun < 20
    os.close(reader)
    assert not say(asleep(writer), "no")


@pytest.mark.skipif(os.geteuid() == 0, reason="root opens anything")
def test_a_pipe_that_may_not_be_opened_afresh(asleep: Any) -> None:
    """As one of another user's may not: a container engine's, or that of a service that changes its user."""
    reader, writer = os.pipe()
    try:
        os.pwritev(writer, [b"free"], -1, os.RWF_NOWAIT)
    except OSError:
        pytest.skip("this kernel writes to no pipe without waiting")
    assert os.read(reader, 100) == b"free"
    os.fchmod(writer, 0)
    with pytest.raises(PermissionError):
        os.open(f"/proc/self/fd/{writer}", os.O_WRONLY)
    pid = asleep(writer)
    assert say(pid, "no")
    assert os.read(reader, 100) == b"no\n"
    os.set_blocking(writer, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    begun = time.monotonic()
    assert not say(pid, "no")
    assert time.monotonic() - begun < 20
    assert os.get_blocking(writer)


def test_a_file_keeps_its_position(asleep: Any, tmp_path: Path) -> None:
    place = tmp_path / "log"
    with place.open("wb") as file:
        file.write(b"before\n")
        file.flush()
        assert say(asleep(file), "no")
        assert os.write(file.fileno(), b"after\n")
    assert place.read_bytes() == b"before\nno\nafter\n"


def test_a_socket_and_a_full_one(asleep: Any) -> None:
    ours, theirs = socket.socketpair()
    assert say(asleep(theirs), "no")
    assert ours.recv(100) == b"no\n"
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        while True:
            theirs.send(b"x" * 65536)
    theirs.setblocking(True)
    assert not say(asleep(theirs), "no")
    ours.close()
    assert not say(asleep(theirs), "no")


def test_a_terminal_cooked_raw_and_stopped(asleep: Any) -> None:
    master, slave = pty.openpty()
    pid = asleep(slave)
    assert say(pid, "no")
    assert os.read(master, 100) == b"no\r\n"
    tty.setraw(slave)
    assert say(pid, "no")
    assert os.read(master, 100) == b"no\r\n"
    termios.tcflow(slave, termios.TCOOFF)
    begun = time.monotonic()
    assert not say(pid, "no")
    assert time.monotonic() - begun < 20


def test_one_that_cannot_be_written(asleep: Any) -> None:
    assert not say(asleep(None, lambda: os.close(2)), "no")
    with open("/dev/null", "rb") as file:
        assert not say(asleep(file), "no")


def test_a_process_that_is_gone() -> None:
    child = subprocess.Popen(["true"], stderr=subprocess.DEVNULL)
    child.wait()
    assert not say(child.pid, "no")


def test_it_is_short_and_any_text_can_be_said(asleep: Any) -> None:
    reader, writer = os.pipe()
    assert say(asleep(writer), "\udcff" + "x" * 5000)
    said = os.read(reader, 65536)
    assert len(said) == LIMIT + 1
    assert said.startswith(b"\\udcff")
