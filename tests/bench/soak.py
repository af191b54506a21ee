"""A long session: 20,000 execs, and the supervisor's memory and descriptors on the way. Exit 1 when they grow.

python tests/bench/soak.py [--execs N] [--dir DIR]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from stage import Driver, Stage  # noqa: E402

_BATCH = 500
_SETTLED = 4000
_MAY_GROW_KB = 3000
"""From the first 4,000 execs (caches fill) to the end."""


def resident(pid: int) -> int:
    """Resident kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def descriptors(pid: int) -> int:
    """Open descriptors; 0 where we may not look (the supervisor is not dumpable; root may)."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except PermissionError:
        return 0


def main() -> int:
    """Run the soak; 1 when something grew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--execs", type=int, default=20_000)
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    stage = Stage(args.dir)
    try:
        driver = Driver(stage, guarded=True)
        pid = stage.supervisor()
        began, done, seen = time.monotonic(), 0, []
        while done < args.execs:
            # every other program has words of its own, so that no cache can hold them all
            half = _BATCH // 2
            driver.time(f"i=0; while [ $i -lt {half} ]; do /bin/true; /bin/true {done}-$i; i=$((i+1)); done")
            done += _BATCH
            if done >= min(_SETTLED, args.execs // 2):
                seen.append((resident(pid), descriptors(pid)))
            if done % 2000 == 0:
                print(f"{done:6} execs {resident(pid):7} kB {descriptors(pid):4} fds", flush=True)
        took = time.monotonic() - began
        driver.close()
        grew, opened = seen[-1][0] - seen[0][0], seen[-1][1] - seen[0][1]
        print(f"{done} execs in {took:.0f} s ({took / done * 1000:.2f} ms each): {grew:+} kB, {opened:+} fds")
        return int(grew > _MAY_GROW_KB or opened > 0)
    finally:
        stage.close()


if __name__ == "__main__":
    sys.exit(main())
