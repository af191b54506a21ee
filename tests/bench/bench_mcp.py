"""What leash adds to an MCP call: `python tests/bench/bench_mcp.py [--calls N]`. The budget is 2 ms at the median.

One real session; its agent is the official SDK's client with two of the official SDK's servers, one led through leash
and one not, called in turn with arguments that are never the same, so that a busy machine slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

SERVER = Path(__file__).parents[1] / "mcp_peers" / "server.py"


async def measure(calls: int, report: str) -> None:
    """The agent: both legs in turn; milliseconds of each call."""
    import anyio
    from mcp import ClientSession, StdioServerParameters
    from mcp.client.stdio import stdio_client

    plain = [sys.executable, SERVER.name]
    words = {"bare": plain, "leash": [sys.executable, "-m", "leashtui", "mcp", "run", "peer", "--", *plain]}
    took: dict[str, list[float]] = {name: [] for name in words}
    async with AsyncExitStack() as stack:
        sessions = {}
        for name, argv in words.items():
            parameters = StdioServerParameters(command=argv[0], args=argv[1:])
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


def main() -> None:
    """Start the session in a private world, print the figures, exit 1 above the budget."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--inside", default="")
    args = parser.parse_args()
    if args.inside:
        import anyio

        anyio.run(measure, args.calls, args.inside)
        return
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch, "home")
        (home / "proj").mkdir(parents=True)
        report = home / "proj" / "report.json"
        env = {
            **os.environ,
            "HOME": str(home),
            "LEASH_RUNTIME_DIR": f"{scratch}/run",
            "LEASH_STATE_DIR": f"{scratch}/state",
            "LEASH_CONFIG_DIR": f"{scratch}/config",
        }
        for file in (SERVER, Path(__file__)):  # what lies in a temporary folder may not run; the workspace may
            shutil.copy(file, home / "proj")
        inside = [sys.executable, Path(__file__).name, "--calls", str(args.calls), "--inside", str(report)]
        leash = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--", *inside]
        done = subprocess.run(leash, cwd=home / "proj", env=env, capture_output=True, text=True, timeout=600)
        if not report.exists():
            sys.exit(done.stderr)
        took = json.loads(report.read_text())
    middle = {name: statistics.median(times) for name, times in took.items()}
    high = {name: statistics.quantiles(times, n=100)[98] for name, times in took.items()}
    added = middle["leash"] - middle["bare"]
    print(f"bare p50 {middle['bare']:.2f} p99 {high['bare']:.2f} ms, through leash p50 {middle['leash']:.2f}", end=" ")
    print(f"p99 {high['leash']:.2f} ms: added p50 {added:.2f} ms ({args.calls} calls each, in turn)")
    sys.exit(added > 2)


if __name__ == "__main__":
    main()
