"""Sockets that a session has to leave open, flooded by a process inside: leash keeps its memory, and refuses.

Each speaks the real socket from another thread than its guard's, and sends what no client of ours would.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from leashtui.agents.registry import adapter_for
from leashtui.guards.hook import HookDirectory, HookGuard
from leashtui.guards.hook.guard import ROOM, VERSION
from leashtui.guards.mcp.guard import SOCKET, McpGuard
from leashtui.guards.mcp.rpc import LIMIT
from leashtui.model.hook import Reply
from leashtui.supervisor.hooks import Hooks

PIECE = 12 << 20
LINES = 40


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever, daemon=True)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join(5)


def on(loop: asyncio.AbstractEventLoop, work: Callable[[], object]) -> None:
    done = threading.Event()
    loop.call_soon_threadsafe(lambda: (work(), done.set()))
    assert done.wait(5)


def connected(path: Path) -> socket.socket:
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(5)
    line.connect(str(path))
    return line


def flooded(path: Path, size: int, start: bytes) -> list[socket.socket]:
    """Lines that all began one long message, and whoever was not hung up on before the end."""
    kept = []
    for _ in range(LINES):
        line = connected(path)
        try:
            line.sendall(struct.pack(">I", size) + start + bytes(PIECE))
        except OSError:
            line.close()
        else:
            kept.append(line)
    return kept


def is_open(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return bool(line.recv(1))
    except BlockingIOError:
        return True
    except OSError:
        return False


def test_unfinished_questions_of_hooks_do_not_take_the_memory(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    directory = HookDirectory(tmp_path / "hook")
    directory.make()
    made: list[HookGuard] = []
    on(
        loop,
        lambda: made.append(
            HookGuard(directory.path, lambda event, data, pid, reply: reply(Reply(2, b"", data)), os.getuid(), loop)
        ),
    )
    lines = flooded(directory.path / "ask.sock", 16 << 20, b"")
    time.sleep(0.3)
    held = sum(PIECE for line in lines if is_open(line))
    assert 0 < held <= ROOM + PIECE, f"{held >> 20} MiB of {LINES * PIECE >> 20} are held"
    for line in lines:
        line.close()
    time.sleep(0.3)
    line = connected(directory.path / "ask.sock")
    payload = bytes(16) + VERSION + b"\0Stop\0{}"
    line.sendall(struct.pack(">I", len(payload)) + payload)
    assert line.recv(4096).endswith(b"{}"), "a whole question is answered afterwards"
    on(loop, made[0].close)


def test_unfinished_messages_of_mcp_do_not_take_the_memory(tmp_path: Path, loop: asyncio.AbstractEventLoop) -> None:
    tasks: list[object] = []
    made: list[McpGuard] = []
    spawn = lambda work: tasks.append(loop.create_task(work))  # noqa: E731
    on(loop, lambda: made.append(McpGuard(tmp_path, SimpleNamespace(), os.getuid(), spawn)))  # type: ignore[arg-type]
    lines = flooded(tmp_path / SOCKET, LIMIT, b"x" + bytes(4))
    time.sleep(0.3)
    held = sum(PIECE for line in lines if is_open(line))
    assert 0 < held <= 4 * LIMIT + PIECE, f"{held >> 20} MiB of {LINES * PIECE >> 20} are held"
    on(loop, made[0].close)


@pytest.mark.parametrize("kind", ["claude", "codex", "gemini", "qwen"])
@pytest.mark.parametrize("shape", ["lists", "objects"])
def test_what_nests_too_deeply_is_refused(kind: str, shape: str) -> None:
    data = b"[" * 200_000 + b"]" * 200_000 if shape == "lists" else b'{"a":' * 200_000 + b"1" + b"}" * 200_000
    told: list[str] = []
    replies: list[Reply] = []
    forgets = SimpleNamespace(forget=lambda call: None, end_turn=lambda: None)
    hooks = Hooks(
        adapter_for(kind), lambda request, reply: pytest.fail("judged"), told.append, forgets,  # type: ignore[arg-type]
        lambda level, text, hint: told.append(text),
    )  # fmt: skip
    hooks.hear("BeforeTool" if kind == "gemini" else "PreToolUse", data, 1, replies.append)
    assert [reply.code for reply in replies] == [2]
    assert "could not be read" in replies[0].stderr.decode()
