"""MCP over HTTP through the endpoint, with the official SDK's client and server as peers, and servers that mislead."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from leashtui.guards.mcp.endpoint import Endpoint
from leashtui.guards.mcp.guard import McpGuard
from leashtui.guards.mcp.rpc import Message
from leashtui.model.verdict import By, Ruling, Verdict

PEERS = Path(__file__).parents[1] / "mcp_peers"


class Ticket:
    act = "A"

    def __init__(self, house: House) -> None:
        self._house = house

    def withdraw(self, reason: str) -> None:
        self._house.withdrawn.append(reason)


class House:
    """Judges by the tool's name: `touch` is refused, `slow` waits."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.results: list[tuple[str, int]] = []
        self.withdrawn: list[str] = []
        self.waiting: list[Callable[[Verdict], None]] = []

    def admit(self, key: str, words: tuple[str, ...]) -> str:
        return "" if key == "peer" else "no"

    def speaks(self, key: str) -> bool:
        return False

    def answer(self, message: Message) -> bytes:
        return b""

    def judge(self, key: str, tool: str, arguments: str, call: str, reply: Callable[[Verdict], None]) -> Ticket:
        self.calls.append((key, tool, arguments))
        if tool == "touch":
            reply(Verdict(Ruling.DENY, By.POLICY, "leash: REFUSED: not here."))
        elif tool == "slow":
            self.waiting.append(reply)
        else:
            reply(Verdict(Ruling.ALLOW, By.POLICY, act="A"))
        return Ticket(self)

    def listed(self, key: str, tools: list[Any], *, more: bool) -> list[Any] | None:
        return [{**tool, "description": "seen by leash"} for tool in tools]

    def answered(self, key: str, tool: str, act: str, size: int, *, failed: bool) -> None:
        self.results.append((tool, size))

    def asked(self, key: str, method: str) -> None:
        self.calls.append((key, method, ""))


class Counting(McpGuard):
    """met: connections so far."""

    met = 0

    def welcomes(self, line: Any, user: int) -> bool:
        self.met += 1
        return super().welcomes(line, user)


class Room:
    """The guard and its endpoint; `address` leads to `url`."""

    def __init__(self, directory: Path, url: str) -> None:
        self.house = House()
        self.tasks: list[asyncio.Task[None]] = []
        self.guard = Counting(
            directory, self.house, os.getuid(), lambda work: self.tasks.append(asyncio.ensure_future(work))
        )
        self.endpoint = Endpoint(directory)
        self.address = self.endpoint.add("peer", url)
        self.endpoint.start(os.environ)

    def close(self) -> None:
        self.guard.close()
        self.endpoint.close()
        os.waitpid(self.endpoint.pid, 0)


@pytest.fixture
async def rooms(tmp_path: Path) -> AsyncIterator[Callable[[str], Room]]:
    made: list[Room] = []

    def make(url: str) -> Room:
        place = tmp_path / f"room{len(made)}"
        place.mkdir()
        made.append(Room(place, url))
        return made[-1]

    yield make
    for room in made:
        room.close()


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """Start the SDK's server with one of its HTTP transports; its address."""
    running: list[subprocess.Popen[bytes]] = []

    def start(kind: str) -> str:
        port = free_port()
        words = [sys.executable, str(PEERS / "server.py"), f"--{kind}", str(port)]
        running.append(subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.DEVNULL))
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", port)) == 0:
                    return f"http://127.0.0.1:{port}/{'mcp' if kind == 'http' else 'sse'}"
            time.sleep(0.05)
        raise AssertionError("the server never listened")

    yield start
    for process in running:
        process.kill()
        process.wait()


async def client(tmp_path: Path, steps: list[dict[str, Any]]) -> list[Any]:
    """What the SDK's client got, step by step."""
    (tmp_path / "steps.json").write_text(json.dumps(steps))
    report = tmp_path / "report.json"
    words = [sys.executable, str(PEERS / "client.py"), str(tmp_path / "steps.json"), str(report), "--"]
    process = await asyncio.create_subprocess_exec(*words, stderr=asyncio.subprocess.PIPE)
    _, err = await asyncio.wait_for(process.communicate(), 60)
    assert report.exists(), err.decode()
    found: list[Any] = json.loads(report.read_text())
    report.unlink()
    return found


@pytest.mark.parametrize("kind", ["http", "sse"])
async def test_both_transports_pass_and_refuse(
    kind: str, rooms: Callable[[str], Room], serve: Callable[[str], str], tmp_path: Path
) -> None:
    url = serve(kind)
    room = rooms(url)
    made = tmp_path / "made"
    steps: list[dict[str, Any]] = [
        {"list": 1},
        {"call": "echo", "arguments": {"text": "grüße"}},
        {"call": "boom"},
        {"call": "touch", "arguments": {"path": str(made)}},
        {"call": "big", "arguments": {"size": 300_000}},
    ]
    sse = {"sse": kind == "sse"}
    through = await client(tmp_path, [{"url": room.address, **sse}, *steps])
    assert set(through[0].values()) == {"seen by leash"}
    assert through[1] == {"text": "grüße", "failed": False}
    assert through[3] == {"text": "leash: REFUSED: not here.", "failed": True}
    assert not made.exists()
    assert room.house.calls[0] == ("peer", "echo", '{"text": "grüße"}')
    assert ("touch", 0) not in room.house.results
    assert dict(room.house.results)["big"] > 300_000
    direct = await client(tmp_path, [{"url": url, **sse}, *steps])  # the control: the same peers without leash
    assert made.exists()
    assert direct[0]["echo"] == "Says it back."
    assert [direct[n] for n in (1, 2, 4)] == [through[n] for n in (1, 2, 4)]


async def test_a_caller_that_hangs_up_takes_its_question_back(
    rooms: Callable[[str], Room], serve: Callable[[str], str], tmp_path: Path
) -> None:
    room = rooms(serve("http"))
    told = tmp_path / "told"
    steps = [{"url": room.address}, {"cancel": "slow", "arguments": {"path": str(told)}, "after": 1.0}]
    await client(tmp_path, [*steps, {"call": "echo", "arguments": {"text": "after"}}])
    deadline = time.monotonic() + 10
    while not room.house.withdrawn and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
    assert room.house.withdrawn
    assert not told.exists()


def post(address: str, message: dict[str, Any]) -> tuple[int, Any]:
    request = urllib.request.Request(address, json.dumps(message).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"null")


CALL = {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "x"}}}


async def test_an_address_without_the_token_leads_nowhere(rooms: Callable[[str], Room]) -> None:
    room = rooms("http://127.0.0.1:9/mcp")
    port = room.address.split(":")[2].split("/")[0]
    for path in ("", "/peer", "/guess/peer"):
        status, _ = await asyncio.to_thread(post, f"http://127.0.0.1:{port}{path}", CALL)
        assert status == 404
    assert not room.house.calls
    status, said = await asyncio.to_thread(post, room.address, CALL)
    assert status == 502
    assert "cannot be reached" in said["error"]
    assert room.house.calls


async def test_a_redirect_to_another_host_is_not_followed(rooms: Callable[[str], Room]) -> None:
    stranger: list[str] = []

    class Redirects(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/elsewhere":
                stranger.append(self.path)
            here = "http://localhost" if self.path == "/away" else "http://127.0.0.1"
            self.send_response(307 if self.path != "/ok" else 200)
            target = "/ok" if self.path == "/near" else f"{here}:{self.server.server_address[1]}/elsewhere"
            self.send_header("location", target)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Redirects)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_address[1]}"
    away, near = rooms(f"{base}/away"), rooms(f"{base}/near")
    status, said = await asyncio.to_thread(post, away.address, CALL)
    assert status == 502
    assert "redirects to another host" in said["error"]
    assert not stranger
    assert await asyncio.to_thread(post, near.address, CALL) == (200, {})
    server.shutdown()


def answer(server: BaseHTTPRequestHandler, number: int, result: dict[str, str]) -> None:
    """As an MCP server does that has no stream."""
    body = json.dumps({"jsonrpc": "2.0", "id": number, "result": result}).encode()
    server.send_response(200)
    server.send_header("content-type", "application/json")
    server.send_header("content-length", str(len(body)))
    server.end_headers()
    server.wfile.write(body)


async def test_one_connection_to_the_supervisor_serves_many_requests_each_judged_by_itself(
    rooms: Callable[[str], Room],
) -> None:
    reached: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reached.append(asked["params"]["arguments"]["text"])
            answer(self, asked["id"], {"said": reached[-1]})

        def log_message(self, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    room = rooms(f"http://127.0.0.1:{server.server_address[1]}/mcp")
    names = ("echo", "touch", "echo", "touch", "echo") * 4
    for number, name in enumerate(names):
        params = {"name": name, "arguments": {"text": f"{name} {number}"}}
        status, said = await asyncio.to_thread(post, room.address, {**CALL, "params": params})
        assert status == 200
        expected = {"said": f"{name} {number}"} if name == "echo" else None
        assert said["id"] == 3 and ("REFUSED" in json.dumps(said) if expected is None else said["result"] == expected)
    server.shutdown()
    assert reached == [f"echo {number}" for number, name in enumerate(names) if name == "echo"]
    assert [call[1] for call in room.house.calls] == list(names)
    assert room.guard.met < 5  # one that answers while the next one asks already needs a second


async def test_a_call_that_waits_for_a_person_longer_than_its_server_arrives(rooms: Callable[[str], Room]) -> None:
    """The server hangs up on what is idle, and the connection was kept from the call before."""
    reached: list[str] = []

    class Impatient(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 0.5

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            reached.append(asked["params"]["name"])
            answer(self, asked["id"], {})

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Impatient)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    room = rooms(f"http://127.0.0.1:{server.server_address[1]}/mcp")
    await asyncio.to_thread(post, room.address, CALL)
    held = asyncio.create_task(asyncio.to_thread(post, room.address, {**CALL, "params": {"name": "slow"}}))
    while not room.house.waiting:
        await asyncio.sleep(0.05)
    await asyncio.sleep(1.5)
    room.house.waiting.pop()(Verdict(Ruling.ALLOW, By.PERSON, act="A"))
    status, said = await held
    server.shutdown()
    assert (status, said["result"], reached) == (200, {}, ["echo", "slow"])


async def test_only_the_answer_to_its_own_call_goes_on_without_waiting(rooms: Callable[[str], Room]) -> None:
    """A stream in odd pieces and of either line end; what answers another request in it is looked at first."""
    listed = threading.Event()
    tools = {"tools": [{"name": "echo", "description": "the server's words", "inputSchema": {}}]}
    events = "".join(
        f"event: message{end}data: {json.dumps({'jsonrpc': '2.0', **said})}{end}{end}"
        for end, said in (
            ("\r\n", {"id": 7, "result": tools}),
            ("\n", {"method": "notifications/progress", "params": {}}),
            ("\n", {"id": True, "result": {"said": "as id true"}}),
            ("\r\n", {"id": 3, "result": {"said": "done"}}),
        )
    ).encode()

    class Streams(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if asked["method"] == "tools/list":
                listed.set()
                time.sleep(3)
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("transfer-encoding", "chunked")
            self.end_headers()
            for at in range(0, len(events) if asked["id"] == 3 else 0, 13):
                piece = events[at : at + 13]
                self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Streams)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    room = rooms(f"http://127.0.0.1:{server.server_address[1]}/mcp")

    def ask(message: dict[str, Any]) -> bytes:
        kinds = {"content-type": "application/json", "mcp-session-id": "s1"}
        request = urllib.request.Request(room.address, json.dumps(message).encode(), kinds)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.read())

    waiting = asyncio.create_task(asyncio.to_thread(ask, {"jsonrpc": "2.0", "id": 7, "method": "tools/list"}))
    await asyncio.to_thread(listed.wait, 20)
    said = [json.loads(line[5:]) for line in (await asyncio.to_thread(ask, CALL)).splitlines() if line[:5] == b"data:"]
    await waiting
    server.shutdown()
    assert said[0]["result"]["tools"][0]["description"] == "seen by leash"
    assert [message.get("id") for message in said[1:]] == [None, True, 3]
    assert [tool for tool, _ in room.house.results] == ["echo"]


async def test_connections_that_say_nothing_keep_nobody_waiting_and_odd_heads_go_nowhere(
    rooms: Callable[[str], Room],
) -> None:
    room = rooms("http://127.0.0.1:9/mcp")
    address = ("127.0.0.1", int(room.address.split(":")[2].split("/")[0]))
    path, body = "/" + room.address.split("/", 3)[3], json.dumps(CALL).encode()

    def say(head: bytes) -> bytes:
        with socket.create_connection(address, timeout=20) as line:
            size = b"content-length: %d\r\n" % len(body)
            line.sendall(b"POST %s HTTP/1.1\r\nhost: x\r\n%s%s\r\n%s" % (path.encode(), head, size, body))
            return line.recv(12)

    silent = [socket.create_connection(address) for _ in range(40)]
    for head in (b"x: 1\r\n folded: 2\r\n", b"x : 1\r\n", b"x: 1\ry: 2\r\n", b"nothing\r\n", b"x: 1\r\n" * 300):
        assert await asyncio.to_thread(say, head) in (b"HTTP/1.1 431", b"HTTP/1.1 400")
    assert not room.house.calls
    assert await asyncio.to_thread(say, b"x: 1\r\ny:\r\n") == b"HTTP/1.1 502"  # it is judged; nobody is at the server
    assert [call[1] for call in room.house.calls] == ["echo"]
    for line in silent:
        line.close()


async def test_without_the_supervisor_the_answer_is_an_error(
    rooms: Callable[[str], Room], serve: Callable[[str], str]
) -> None:
    room = rooms(serve("http"))
    room.guard.close()
    status, said = await asyncio.to_thread(post, room.address, CALL)
    assert status == 200
    assert said["id"] == 3
    assert "supervisor of this session is gone" in said["error"]["message"]


def test_the_endpoint_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import os, sys, time\nfrom pathlib import Path\nfrom leashtui.guards.mcp.endpoint import Endpoint\n"
        "e = Endpoint(Path(sys.argv[1])); e.add('peer', 'http://127.0.0.1:9/'); e.start(os.environ)\n"
        "print(e.pid, flush=True); time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    os.kill(pid, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and _runs(pid):
        time.sleep(0.1)
    assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return b"gateway.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
