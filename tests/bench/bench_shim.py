"""What a shell start costs through the shim. Run: python tests/bench/bench_shim.py (not part of the suite)."""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shim_desk import shim_desk  # noqa: E402

ROUNDS = 200


def measure(argv: list[str], env: dict[str, str]) -> list[float]:
    """Milliseconds of each of ROUNDS runs, sorted."""
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(argv, env=env, check=True, stdin=subprocess.DEVNULL)
        found.append((time.perf_counter() - began) * 1000)
    return sorted(found)


async def main() -> None:
    """Print p50 and p99 of a shell that runs `true`."""
    with tempfile.TemporaryDirectory() as root:
        async with shim_desk(Path(root)) as desk:
            plain = {"PATH": "/usr/bin:/bin"}
            entry = str(desk.directory / "sh")
            for name, argv, env in (
                ("/bin/sh, no shim", ["/bin/sh", "-c", "true"], plain),
                ("sh by shim", [entry, "-c", "true"], desk.environment),
                ("/bin/bash, no shim", ["/bin/bash", "-c", "true"], plain),
                ("/bin/bash by BASH_ENV", ["/bin/bash", "-c", "true"], desk.environment),
            ):
                found = await asyncio.to_thread(measure, argv, env)
                p99 = found[int(len(found) * 0.99)]
                print(f"{name:24} p50 {statistics.median(found):6.2f} ms   p99 {p99:6.2f} ms")
        (Path(root) / "shim").chmod(0o700)


asyncio.run(main())
