"""A storm of execs through the real exec guard and the real decision path, in one process that can be profiled.

    python tests/bench/storm.py [--execs N] [--profile] [--dir DIR]

Prints wall time an exec, and the CPU time of this process (the supervisor's part) an exec.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from judge import profile, room  # noqa: E402

from leashtui.guards.kernel.execguard import ExecGuard  # noqa: E402
from leashtui.guards.kernel.spawn import launch  # noqa: E402

_WALL = 0x40000000


async def storm(place: Path, execs: int) -> int:
    """Run the storm under guard; how many execs were met."""
    loop = asyncio.get_running_loop()
    mediator, stream = room(place)
    argv = ["/bin/sh", "-c", f"i=0; while [ $i -lt {execs} ]; do /bin/true; i=$((i+1)); done"]
    agent = launch(argv, exe="/bin/sh", env=dict(os.environ), cwd=str(place), guarded=True, stdio=(0, 1, 2))
    guard = ExecGuard(agent.listener, mediator.submit, dict(os.environ), print)
    ended: asyncio.Future[int] = loop.create_future()

    def reap() -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | _WALL)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not guard.reaped(pid, status) and pid == agent.pid and not os.WIFSTOPPED(status):
                ended.set_result(os.waitstatus_to_exitcode(status))

    loop.add_signal_handler(signal.SIGCHLD, reap)
    loop.add_reader(guard.fd, guard.readable)
    agent.go()
    await ended
    guard.close()
    stream.close()
    return guard.met


def main() -> None:
    """Measure, or profile."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--execs", type=int, default=2000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    with tempfile.TemporaryDirectory(prefix="leash-storm-", dir=args.dir) as root:
        if args.profile:
            profile(lambda: asyncio.run(storm(Path(root), args.execs)))
            return
        before, cpu = time.perf_counter(), time.process_time()
        met = asyncio.run(storm(Path(root), args.execs))
        wall, used = time.perf_counter() - before, time.process_time() - cpu
        print(f"{met} execs: {wall / met * 1e6:.0f} us wall each, {used / met * 1e6:.0f} us of this process")


if __name__ == "__main__":
    main()
