"""The relay as a process: a supervisor that dies, servers that end, lines in any number and size."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from leashtui.guards.mcp.guard import McpGuard
from leashtui.guards.mcp.rpc import Message
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.mcparming import relay_words

SERVER = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": {"size": len(line)}}) + "\\n")
        sys.stdout.flush()
sys.exit(7)
"""


class Ticket:
    act = "A"

    def withdraw(self, reason: str) -> None:
        return


class House:
    """Everything passes but `held`, which waits."""

    def admit(self, key: str, words: tuple[str, ...]) -> str:
        return "" if key == "peer" else "leash: REFUSED: not in this session."

    def speaks(self, key: str) -> bool:
        return False

    def answer(self, message: Message) -> bytes:
        return b""

    def judge(self, key: str, tool: str, arguments: str, call: str, reply: Callable[[Verdict], None]) -> Ticket:
        if tool != "held":
            reply(Verdict(Ruling.ALLOW, By.POLICY, act="A"))
        return Ticket()

    def listed(self, key: str, tools: list[Any], *, more: bool) -> list[Any] | None:
        return None

    def answered(self, key: str, tool: str, act: str, size: int, *, failed: bool) -> None:
        return

    def asked(self, key: str, method: str) -> None:
        return


class Client:
    """The agent's side of one relay."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None
        self.process, self._in, self._out = process, process.stdin, process.stdout

    async def say(self, **document: Any) -> None:
        self._in.write(json.dumps({"jsonrpc": "2.0", **document}).encode() + b"\n")
        await self._in.drain()

    async def call(self, number: int, name: str, **arguments: Any) -> None:
        await self.say(id=number, method="tools/call", params={"name": name, "arguments": arguments})

    async def hear(self) -> Any:
        return json.loads(await asyncio.wait_for(self._out.readline(), 20))

    async def end(self) -> int:
        self._in.close()
        return await asyncio.wait_for(self.process.wait(), 20)


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    """Starts the relay before SERVER; also gives the guard to end."""
    tasks: list[asyncio.Task[None]] = []
    guard = McpGuard(tmp_path, House(), os.getuid(), lambda work: tasks.append(asyncio.ensure_future(work)))
    (tmp_path / "server.py").write_text(SERVER)
    clients: list[Client] = []

    async def go(key: str = "peer", *words: str) -> tuple[Client, McpGuard]:
        server = words or (sys.executable, str(tmp_path / "server.py"))
        process = await asyncio.create_subprocess_exec(
            *relay_words(str(tmp_path), key),
            "--",
            *server,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 26,
        )
        clients.append(Client(process))
        return clients[-1], guard

    yield go
    guard.close()
    for client in clients:
        if client.process.returncode is None:
            client.process.kill()
            await client.process.wait()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def gone(pid: int) -> bool:
    for _ in range(200):
        if not is_alive(pid):
            return True
        await asyncio.sleep(0.05)
    return False


async def test_lines_of_any_size_and_number_pass_and_the_exit_code_too(start: Callable[..., Any]) -> None:
    client, _ = await start()
    for number in range(300):
        await client.call(number, "echo")
    assert [(await client.hear())["id"] for _ in range(300)] == list(range(300))
    await client.call(1, "echo", text="x" * 5_000_000)
    assert (await client.hear())["result"]["size"] > 5_000_000
    await client.say(method="notifications/initialized")
    assert await client.end() == 7


async def test_a_dead_supervisor_is_an_error_for_what_waits_and_what_comes(start: Callable[..., Any]) -> None:
    client, guard = await start()
    await client.call(1, "echo")
    assert (await client.hear())["result"]
    (server,) = children(client.process.pid)
    await client.call(2, "held")
    await client.say(method="notifications/progress")
    await asyncio.sleep(0.5)
    guard.close()
    waited = await client.hear()
    assert waited["id"] == 2
    assert "supervisor of this session is gone" in waited["error"]["message"]
    await client.call(3, "echo")
    late = await client.hear()
    assert late["id"] == 3
    assert "start it again with leash" in late["error"]["message"]
    assert await gone(server)
    assert await client.end() == 1


async def test_a_server_that_is_not_of_the_session_is_not_started(start: Callable[..., Any], tmp_path: Path) -> None:
    made = tmp_path / "made"
    client, _ = await start("stranger", "touch", str(made))
    await client.call(1, "echo")
    assert "error" in await client.hear()
    assert await client.end() == 1
    assert not made.exists()


async def test_a_server_that_cannot_be_started_or_ends_is_the_end(start: Callable[..., Any]) -> None:
    client, _ = await start("peer", "/nonexistent/server")
    await client.call(1, "echo")
    assert "error" in await client.hear()
    assert await client.end() == 1
    client, _ = await start("peer", "sh", "-c", "exit 3")
    assert await asyncio.wait_for(client.process.wait(), 20) == 3


async def test_a_signal_ends_the_server_as_well(start: Callable[..., Any]) -> None:
    client, _ = await start()
    await client.call(1, "echo")
    await client.hear()
    (server,) = children(client.process.pid)
    client.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(client.process.wait(), 20) != 0
    assert await gone(server)


async def test_a_killed_relay_takes_its_question_and_its_server_along(start: Callable[..., Any]) -> None:
    client, _ = await start()
    await client.call(1, "echo")
    await client.hear()
    (server,) = children(client.process.pid)
    await client.call(2, "held")
    client.process.kill()
    assert await gone(server)  # its input ended
