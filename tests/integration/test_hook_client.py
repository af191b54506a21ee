"""The hook client against a real socket: what the supervisor says is what the hook prints; all else is a refusal."""

from __future__ import annotations

import asyncio
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leashtui.guards.hook import HookDirectory, HookGuard
from leashtui.model.hook import Reply

Hear = Callable[[str, bytes, int, Callable[[Reply], None]], None]


class Desk:
    """A hook guard in a thread of its own. hear: what it does with a question."""

    def __init__(self, path: Path) -> None:
        self.directory = HookDirectory(path)
        self.directory.make()
        self.heard: list[tuple[str, bytes]] = []
        self.hear: Hear = lambda event, data, pid, reply: reply(Reply())
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._guard = HookGuard(path, self._heard, os.getuid(), self._loop)
        self.directory.seal()
        self._thread.start()

    def _heard(self, event: str, data: bytes, pid: int, reply: Callable[[Reply], None]) -> None:
        self.heard.append((event, data))
        self.hear(event, data, pid, reply)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._guard.close)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    def call(self, data: bytes, *, gate: bool = True, patience: float = 20) -> subprocess.CompletedProcess[bytes]:
        command = self.directory.command("PreToolUse", patience, gate=gate)
        return subprocess.run(["/bin/sh", "-c", command], input=data, capture_output=True, timeout=60, env={})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "hook")
    yield made
    made.close()


def test_bytes_go_in_and_bytes_come_out(desk: Desk) -> None:
    desk.hear = lambda event, data, pid, reply: reply(Reply(3, b"out\0\xff", b"err\n"))
    data = bytes(range(256)) * 5000
    done = desk.call(data)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\0\xff", b"err\n")
    assert desk.heard == [("PreToolUse", data)]


def test_an_installed_client_in_the_session_asks_too_and_is_silent_without_one(desk: Desk) -> None:
    desk.hear = lambda event, data, pid, reply: reply(Reply(2, b"", b"no\n"))
    command = desk.directory.installed("PreToolUse", 20, gate=True)
    env = {"LEASH_HOOK_DIRECTORY": str(desk.directory.path)}
    inside = subprocess.run(["/bin/sh", "-c", command], input=b"{}", capture_output=True, env=env, timeout=30)
    outside = subprocess.run(["/bin/sh", "-c", command], input=b"{}", capture_output=True, env={}, timeout=30)
    assert (inside.returncode, inside.stderr) == (2, b"no\n")
    assert (outside.returncode, outside.stdout, outside.stderr) == (0, b"", b"")
    assert len(desk.heard) == 1


def test_silence_ends_as_a_refusal_before_the_agents_own_deadline(desk: Desk) -> None:
    desk.hear = lambda event, data, pid, reply: None
    began = time.monotonic()
    done = desk.call(b"{}", patience=1)
    assert done.returncode == 2
    assert b"REFUSED" in done.stderr
    assert time.monotonic() - began < 10


def test_nobody_there_is_a_refusal_before_a_tool_and_nothing_after_one(desk: Desk) -> None:
    desk.close()
    (gate, news) = (desk.call(b"{}"), desk.call(b"{}", gate=False))
    assert (gate.returncode, news.returncode, news.stderr) == (2, 0, b"")
    assert b"leash: REFUSED" in gate.stderr


def test_a_terminated_client_refuses(desk: Desk) -> None:
    asked = threading.Event()
    desk.hear = lambda event, data, pid, reply: asked.set()
    words = desk.directory.words("PreToolUse", 60, gate=True)
    hook = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={})
    assert hook.stdin is not None
    hook.stdin.close()
    assert asked.wait(20)
    hook.terminate()
    assert hook.wait(20) == 2


def test_only_leashs_own_way_to_start_it_is_its_own(desk: Desk) -> None:
    own = tuple(desk.directory.words("PreToolUse", 9, gate=True))
    python = desk.directory.interpreter
    assert desk.directory.is_client(own, python)
    assert desk.directory.is_client(("/bin/sh", "-c", desk.directory.command("Stop", 9, gate=False)), "/usr/bin/dash")
    for words in (own[:2] + ("/tmp/x",) + own[3:], ("python", "-c", *own[2:]), own + ("x",)):
        assert not desk.directory.is_client(words, python)
    assert not desk.directory.is_client(own, "/tmp/python")
    shell = desk.directory.command("Stop", 9, gate=False)
    for text in (shell + "; rm -rf /", "x=1 " + shell, shell + " > /etc/passwd", shell.replace("Stop", "$(id)")):
        assert not desk.directory.is_client(("/bin/sh", "-c", text), "/usr/bin/dash")
