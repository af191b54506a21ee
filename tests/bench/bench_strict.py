"""What a guard costs whole programs, journal included: python tests/bench/bench_strict.py [--rounds N] [--json].

--tier: strict, compat or exec. --only: words that the title of what is measured begins with. --place: a folder to work
in; the home.
Two workers stay up, one in a real session in that tier, one free; they do the same work in turn, so that a noisy host
hits both. Half way they change folders: where ext4 has put one makes a difference of a quarter, and more where many
files were removed a moment ago (12 us for a new file in one, 500 in another, nobody guarded). Prints medians in ms and
the median of the ratios; last, microseconds of one notified open, and of one program from its start to its end.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

WORKER = """
import os, subprocess, sys, time
for line in sys.stdin:
    start = time.perf_counter()
    if line.startswith(("opens", "execs")):
        times = []
        for _ in range(2000):
            before = time.perf_counter_ns()
            if line.startswith("opens"):
                os.close(os.open("opened", os.O_WRONLY | os.O_CREAT, 0o644))
            else:
                os.waitpid(os.posix_spawn("/bin/true", ["true"], os.environ), 0)
            times.append(time.perf_counter_ns() - before)
        times.sort()
        print(times[1000] / 1e9, times[1980] / 1e9, flush=True)
        continue
    subprocess.run(["/bin/sh", "-c", line], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    print(time.perf_counter() - start, flush=True)
"""
FILES = 3000
WORK = {
    "make, 30 C files": "touch c/*.c; make -s -C c",
    "make, 30 files of one line": "touch *.c; make -s",
    "git status x 20": "i=0; while [ $i -lt 20 ]; do git -C big status >/dev/null; i=$((i+1)); done",
    "git clone, 3000 files": "git clone -q big $(mktemp -d -p .)/clone",
    "git clone, 3000 files and 3000 loose objects": "git clone -q loose $(mktemp -d -p .)/clone",
    "tar x, 3000 files": "tar xf big.tar -C $(mktemp -d -p .)",
    "npm ci, 40 packages": "npm ci --prefix npm --offline --no-audit --no-fund --ignore-scripts --cache npm-cache",
    "pytest, 200 tests": f"{sys.executable} -m pytest -q -p no:cacheprovider tests",
}


class Worker:
    """A process that runs shell lines and says how long each took."""

    def __init__(self, place: Path, tier: str) -> None:
        script = place / "worker.py"
        script.write_text(WORKER)
        argv = [sys.executable, "-S", str(script)]
        env = dict(os.environ)
        if tier:
            argv = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--guard", tier, "--", *argv]
            env |= {f"LEASH_{n}_DIR": str(place.parent / n) for n in ("RUNTIME", "STATE", "CONFIG")}
        self._process = subprocess.Popen(
            argv, cwd=place, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def run(self, line: str) -> list[float]:
        """Seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return [float(word) for word in self._process.stdout.readline().split()]

    def close(self) -> None:
        """Let it end."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def prepare(place: Path) -> None:
    """A workspace with all that the work needs."""
    place.mkdir()
    for n in range(30):
        (place / f"part{n}.c").write_text(f"#include <stdio.h>\nint part{n}(int x) {{ return x + {n}; }}\n")
    objects = " ".join(f"part{n}.o" for n in range(30))
    (place / "Makefile").write_text(f"all: {objects}\n%.o: %.c\n\tcc -c -o $@ $<\n")
    prepare_sources(place / "c")
    (place / "tests").mkdir()
    (place / "tests" / "test_all.py").write_text("".join(f"def test_{n}(): assert {n} == {n}\n" for n in range(200)))
    big = place / "big"
    for n in range(FILES):
        path = big / f"d{n % 100}" / f"f{n}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{n}\n" * 20)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-C", str(big)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        subprocess.run([*git, *words], check=True)
    shutil.copytree(big, place / "loose")
    for words in (["repack", "-adq"], ["prune-packed", "-q"]):  # as what comes from a server
        subprocess.run([*git, *words], check=True)
    subprocess.run(["tar", "cf", str(place / "big.tar"), "--exclude=.git", "-C", str(big), "."], check=True)


def prepare_sources(place: Path) -> None:
    """Thirty C files of some 500 lines: a compiler takes about a tenth of a second each, as for Lua's or zlib's."""
    place.mkdir()
    for n in range(30):
        parts = "".join(
            f"static int f{k}(const char *text, int size) {{\n    int sum = {k};\n"
            f"    for (int i = 0; i < size; i++) {{\n        switch (text[i] % {k % 7 + 2}) {{\n"
            f"        case 0: sum += text[i] * {k + 3}; break;\n        case 1: sum ^= (int)strlen(text) + i; break;\n"
            f"        default: sum -= i << {k % 5};\n        }}\n    }}\n    return sum;\n}}\n"
            for k in range(40)
        )
        calls = " + ".join(f"f{k}(text, size)" for k in range(40))
        includes = "#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n"
        (place / f"part{n}.c").write_text(
            f"{includes}{parts}int part{n}(const char *text, int size) {{ return {calls}; }}\n"
        )
    objects = " ".join(f"part{n}.o" for n in range(30))
    (place / "Makefile").write_text(f"all: {objects}\n%.o: %.c\n\tcc -O2 -c -o $@ $<\n")


def prepare_npm(place: Path) -> None:
    """A project of forty packages of fifty files each, which lie beside it as archives."""
    project = place / "npm"
    project.mkdir()
    wanted = {}
    for n in range(40):
        files = {"package.json": json.dumps({"name": f"p{n}", "version": "1.0.0"})}
        files |= {f"lib/m{k % 5}/f{k}.js": f"module.exports = {k};\n" * 30 for k in range(49)}
        with tarfile.open(project / f"p{n}.tgz", "w:gz") as archive:
            for name, text in files.items():
                entry = tarfile.TarInfo(f"package/{name}")
                entry.size = len(text)
                archive.addfile(entry, io.BytesIO(text.encode()))
        wanted[f"p{n}"] = f"file:p{n}.tgz"
    (project / "package.json").write_text(json.dumps({"name": "x", "version": "1.0.0", "dependencies": wanted}))
    lock = ["npm", "install", "--package-lock-only", "--offline", "--no-audit", "--no-fund", "--cache", "../npm-cache"]
    subprocess.run(lock, cwd=project, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tier", choices=("strict", "compat", "exec"), default="strict")
    parser.add_argument("--only", default="")
    parser.add_argument("--place", default=os.path.expanduser("~"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="leash-bench-", dir=options.place) as name:
        places = [Path(name, "free"), Path(name, "work")]  # a watcher asks about what others do in its workspace
        for place in places:
            prepare(place)
            if shutil.which("npm") and "npm".startswith(options.only[:3]):
                prepare_npm(place)
        pairs: dict[str, list[tuple[float, float]]] = {}
        singles: dict[str, list[float]] = {}
        for first, second in (places, places[::-1]):
            free, guarded = Worker(first, ""), Worker(second, options.tier)
            for title, line in WORK.items():
                if not title.startswith(options.only):
                    continue
                if line.split()[0] in ("git", "npm") and not shutil.which(line.split()[0]):
                    continue
                rounds = (options.rounds + 1) // 2
                pairs.setdefault(title, []).extend(
                    [(free.run(line)[0], guarded.run(line)[0]) for _ in range(rounds + 1)][1:]
                )
            for what in ("opens", "execs"):
                singles |= {f"{what} free": free.run(what), f"{what} guarded": guarded.run(what)}
            free.close()
            guarded.close()
    for title, found in pairs.items():
        ratio = statistics.median(b / a for a, b in found)
        one, two = (statistics.median(column) * 1e3 for column in zip(*found, strict=True))
        figures[title] = {"free_ms": round(one, 1), "guarded_ms": round(two, 1), "ratio": round(ratio, 2)}
    if options.json:
        print(json.dumps({"figures": figures, "single_us": {k: [x * 1e6 for x in v] for k, v in singles.items()}}))
        return
    for title, row in figures.items():
        print(f"{title:26} {row['free_ms']:9.1f} {row['guarded_ms']:9.1f}  x{row['ratio']:.2f}")
    for what, (middle, late) in singles.items():
        print(f"{what:26} p50 {middle * 1e6:7.1f} us  p99 {late * 1e6:7.1f} us")


if __name__ == "__main__":
    main()
