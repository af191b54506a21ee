"""What the exec guard alone costs, every exec allowed at once: python tests/bench/bench_exec.py [--rounds N] [--json].

No classifier, policy or journal (bench_main has them). Two workers stay up, one guarded and one free; they do the same
work in turn, so that a noisy host hits both. Prints medians in ms and their ratio.
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
from pathlib import Path

GUARDED = str(Path(__file__).parent.parent / "guarded.py")
WORKER = """
import os, subprocess, sys, time
for line in sys.stdin:
    start = time.perf_counter()
    if line.startswith("probe"):
        for _ in range(500):
            try: os.execv("/nonexistent/program", ["x"])
            except OSError: pass
    else:
        subprocess.run(["/bin/sh", "-c", line], check=True)
    print(time.perf_counter() - start, flush=True)
"""
PARTS = 30


class Worker:
    """A process that runs shell lines and says how long each took."""

    def __init__(self, place: Path, guarded: bool) -> None:
        script = place / "worker.py"
        script.write_text(WORKER)
        argv = [sys.executable, "-S", str(script)]
        if guarded:
            argv = [sys.executable, GUARDED, str(place / "report"), "{}", *argv]
        self._process = subprocess.Popen(argv, cwd=place, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, line: str) -> float:
        """Seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def prepare(place: Path) -> dict[str, str]:
    """The work, by name. Without a compiler the make run copies and counts instead."""
    compiler = "cc -c -o $@ $<" if shutil.which("cc") else "sed s/part/piece/ $< | cksum > $@"
    for n in range(PARTS):
        (place / f"part{n}.c").write_text(f"#include <stdio.h>\nint part{n}(int x) {{ return x + {n}; }}\n")
    objects = " ".join(f"part{n}.o" for n in range(PARTS))
    (place / "Makefile").write_text(f"all: {objects}\n%.o: %.c\n\t{compiler}\n")
    work = {
        "200 x /bin/true": "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done",
        "500 failed execs in one process": "probe",
        "git status x 20": "git init -q .; i=0; while [ $i -lt 20 ]; do git status >/dev/null; i=$((i+1)); done",
    }
    if shutil.which("make"):
        work[f"make, {PARTS} files"] = "touch *.c; make -s"
        work[f"make -j{os.cpu_count() or 1}"] = f"touch *.c; make -s -j{os.cpu_count() or 1}"
    return work


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        work = prepare(place)
        free, guarded = Worker(place, False), Worker(place, True)
        for title, line in work.items():
            pairs = [(free.run(line), guarded.run(line)) for _ in range(options.rounds + 1)][1:]
            without = statistics.median(p[0] for p in pairs) * 1e3
            under = statistics.median(p[1] for p in pairs) * 1e3
            ratio = statistics.median(p[1] / p[0] for p in pairs)
            figures[title] = {"free_ms": round(without, 2), "guarded_ms": round(under, 2), "ratio": round(ratio, 2)}
        free.close()
        guarded.close()
    if options.json:
        print(json.dumps({"when": time.time(), "figures": figures}))
        return
    for title, row in figures.items():
        print(f"{title:32} {row['free_ms']:9.2f} {row['guarded_ms']:9.2f}  x{row['ratio']:.2f}")


if __name__ == "__main__":
    main()
