"""What leash adds to an MCP call: `python tests/bench/bench_mcp.py [--http] [--calls N]`. The budget: 2 ms, the median.

One real session; its agent is the official SDK's client with two ways to the official SDK's server, one led through
leash and one not, called in turn with arguments that are never the same, so that a busy machine slows both. --http: a
server behind an address, which the agent is armed with by the name of a known one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

SERVER = Path(__file__).parents[1] / "mcp_peers" / "server.py"


async def measure(calls: int, report: str, url: str, config: str) -> None:
    """The agent: both legs in turn; milliseconds of each call. url: of the server, '' for one that is a program."""
    import anyio
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client
    from mcp.client.streamable_http import streamable_http_client

    plain = [sys.executable, SERVER.name]
    ways: dict[str, Any] = {
        "bare": plain,
        "leash": [sys.executable, "-m", "leashtui", "mcp", "run", "peer", "--", *plain],
    }
    if url:
        ways = {"bare": url, "leash": json.loads(await anyio.Path(config).read_text())["mcpServers"]["peer"]["url"]}
    took: dict[str, list[float]] = {name: [] for name in ways}
    async with AsyncExitStack() as stack:
        sessions = {}
        for name, way in ways.items():
            if url:
                streams = await stack.enter_async_context(streamable_http_client(way))
            else:
                parameters = StdioServerParameters(command=way[0], args=way[1:])
                streams = await stack.enter_async_context(stdio_client(parameters))
            sessions[name] = await stack.enter_async_context(ClientSession(streams[0], streams[1]))
            await sessions[name].initialize()
            await sessions[name].list_tools()
        for number in range(calls + 20):
            for name in sorted(sessions, reverse=bool(number % 2)):
                began = time.perf_counter()
                await sessions[name].call_tool("echo", {"text": f"call {number} of {name}"})
                if number >= 20:
                    took[name].append((time.perf_counter() - began) * 1000)
    await anyio.Path(report).write_text(json.dumps(took))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The server behind an address of this machine."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port = line.getsockname()[1]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = subprocess.Popen([sys.executable, SERVER.name, "--http", str(port)], cwd=folder, **quiet)
    try:
        for _ in range(600):
            with socket.socket() as line:
                if line.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        server.kill()
        server.wait()


def session(scratch: str, calls: int, url: str) -> dict[str, list[float]]:
    """One session in a private world; what its agent measured."""
    home = Path(scratch, "home")
    report = home / "proj" / "report.json"
    env = {
        **os.environ,
        "HOME": str(home),
        "LEASH_RUNTIME_DIR": f"{scratch}/run",
        "LEASH_STATE_DIR": f"{scratch}/state",
        "LEASH_CONFIG_DIR": f"{scratch}/config",
    }
    inside = ["--calls", str(calls), "--inside", str(report)]
    words = [sys.executable, Path(__file__).name, *inside]
    if url:
        (home / ".claude.json").write_text(json.dumps({"mcpServers": {"peer": {"type": "http", "url": url}}}))
        agent = home / "proj" / "claude"
        again = str(agent.parent / Path(__file__).name)
        agent.write_text(f"#!{sys.executable}\nimport runpy\nrunpy.run_path({again!r}, run_name='__main__')\n")
        agent.chmod(0o755)
        words = ["./claude", *inside, "--url", url]
    leash = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--", *words]
    done = subprocess.run(leash, cwd=home / "proj", env=env, capture_output=True, text=True, timeout=600)
    if not report.exists():
        sys.exit(done.stderr)
    found: dict[str, list[float]] = json.loads(report.read_text())
    return found


def main() -> None:
    """Print the figures, exit 1 above the budget."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--http", action="store_true")
    for name in ("inside", "url", "mcp-config", "settings"):  # as the session's agent is started
        parser.add_argument(f"--{name}", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.inside:
        import anyio

        anyio.run(measure, args.calls, args.inside, args.url, args.mcp_config)
        return
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch, "home", "proj")
        place.mkdir(parents=True)
        for file in (SERVER, Path(__file__)):  # what lies in a temporary folder may not run; the workspace may
            shutil.copy(file, place)
        if args.http:
            with served(place) as url:
                took = session(scratch, args.calls, url)
        else:
            took = session(scratch, args.calls, "")
    middle = {name: statistics.median(times) for name, times in took.items()}
    high = {name: statistics.quantiles(times, n=100)[98] for name, times in took.items()}
    added = middle["leash"] - middle["bare"]
    print(f"bare p50 {middle['bare']:.2f} p99 {high['bare']:.2f} ms, through leash p50 {middle['leash']:.2f}", end=" ")
    print(f"p99 {high['leash']:.2f} ms: added p50 {added:.2f} ms ({args.calls} calls each, in turn)")
    sys.exit(added > 2)


if __name__ == "__main__":
    main()
