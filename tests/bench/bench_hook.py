"""What a hook call costs above the interpreter's own start: `python tests/bench/bench_hook.py`.

The budget is 10 ms. Both legs run the same number of processes in turn, so that a busy machine slows both.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from leashtui.guards.hook import HookDirectory, HookGuard
from leashtui.model.hook import Reply

ROUNDS = 200


def main() -> None:
    """Print the medians and their difference."""
    with tempfile.TemporaryDirectory() as scratch:
        directory = HookDirectory(Path(scratch) / "hook")
        directory.make()
        loop = asyncio.new_event_loop()
        guard = HookGuard(directory.path, lambda event, data, pid, reply: reply(Reply()), os.getuid(), loop)
        threading.Thread(target=loop.run_forever, daemon=True).start()
        words = directory.words("PreToolUse", 20, gate=True)
        bare = [directory.interpreter, "-IS", "-c", "pass"]
        data = b"{}" * 500
        took: dict[str, list[float]] = {"hook": [], "bare": []}
        for _ in range(ROUNDS):
            for name, argv in (("bare", bare), ("hook", words)):
                began = time.perf_counter()
                subprocess.run(argv, input=data, check=True, stdout=subprocess.DEVNULL)
                took[name].append((time.perf_counter() - began) * 1000)
        loop.call_soon_threadsafe(guard.close)
    hook, plain = (statistics.median(took[name]) for name in ("hook", "bare"))
    print(f"interpreter {plain:.1f} ms, hook {hook:.1f} ms, the hook itself {hook - plain:.1f} ms (median of {ROUNDS})")
    sys.exit(hook - plain > 10)


if __name__ == "__main__":
    main()
