"""What leash costs a session, in one run: python tests/bench/bench_main.py [--json] [--rounds N] [--dir DIR].

Ratios are medians of runs with and without leash in turn; the session's start is not in them but a figure of its own.
--dir: where workspace and log lie (a disk, not tmpfs, for fsyncs that mean something). strace is used where it is.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import select
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from judge import time_decisions  # noqa: E402
from ptyprocess import PtyProcess  # noqa: E402
from stage import LEASH, Driver, Stage  # noqa: E402

Figures = dict[str, float]

TRUE_200 = "i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done"
STATUS_20 = "i=0; while [ $i -lt 20 ]; do git status --short >/dev/null; i=$((i+1)); done"
MAKE = "touch *.c && make -s"
_PARTS = 40
_ESCAPES = re.compile(
    rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[P_^X][^\x1b]*\x1b\\|[@-Z\\-_()=>][0-9A-Za-z]?)"
)
_PAINTED = 40
"""Visible characters that make a screen."""


def prepare(stage: Stage) -> str:
    """A project of 40 small C files, all committed; returns how it is built."""
    work = stage.workspace
    for n in range(_PARTS):
        (work / f"part{n}.c").write_text(
            f'#include <stdio.h>\nint part{n}(int x) {{ return printf("%d", x + {n}); }}\n'
        )
    calls = " + ".join(f"part{n}(1)" for n in range(_PARTS))
    declared = "".join(f"int part{n}(int);\n" for n in range(_PARTS))
    (work / "main.c").write_text(f"{declared}int main(void) {{ return ({calls}) == 0; }}\n")
    objects = " ".join([f"part{n}.o" for n in range(_PARTS)] + ["main.o"])
    if shutil.which("cc") and shutil.which("make"):
        (work / "Makefile").write_text(f"program: {objects}\n\tcc -o $@ {objects}\n%.o: %.c\n\tcc -c -o $@ $<\n")
        (work / ".gitignore").write_text("*.o\nprogram\n")
        build = MAKE
    else:
        build = "for f in *.c; do sed s/part/piece/ $f | sort | cksum > $f.sum; cat $f.sum >/dev/null; done"
        (work / ".gitignore").write_text("*.sum\n")
    stage.run("git", "add", ".")
    stage.run("git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "commit", "-qm", "first")
    return build


def in_turn(rounds: int, *works: Callable[[], float]) -> list[float]:
    """The median of each, run in turn, after one round that does not count."""
    for work in works:
        work()
    found: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for times, work in zip(found, works, strict=True):
            times.append(work())
    return [statistics.median(times) for times in found]


def ratios(stage: Stage, rounds: int) -> Figures:
    """Whole commands, timed inside a session that runs already; and what the records say of the decisions."""
    figures: Figures = {}
    build = prepare(stage)
    bare, guarded = Driver(stage, guarded=False), Driver(stage, guarded=True)
    for name, command in (("200 true", TRUE_200), ("make", build), ("20 git status", STATUS_20)):
        without, with_leash = in_turn(
            rounds,
            lambda c=command: bare.time(c),
            lambda c=command: guarded.time(c),  # type: ignore[misc]
        )
        figures[f"{name}, bare ms"] = without * 1000
        figures[f"{name}, leash ms"] = with_leash * 1000
        figures[f"{name}, ratio"] = with_leash / without
    figures |= syncs(guarded, stage.supervisor())
    bare.close()
    guarded.close()
    took = sorted(r["event"].get("us", 0) for r in stage.records() if r["event"]["kind"] == "act.decided")
    figures["decision by the records p50 us"] = took[len(took) // 2]
    figures["decision by the records p99 us"] = took[len(took) * 99 // 100]
    return figures


def syncs(guarded: Driver, supervisor: int) -> Figures:
    """fsyncs of the supervisor for each exec, where strace may look at it (root)."""
    if not shutil.which("strace"):
        return {}
    with tempfile.NamedTemporaryFile("r") as out:
        command = [
            "strace",
            "-qq",
            "-e",
            "trace=fsync,fdatasync",
            "-e",
            "signal=none",
            "-o",
            out.name,
            "-p",
            str(supervisor),
        ]
        tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        time.sleep(0.5)
        if tracer.poll() is not None:
            return {}
        guarded.time(TRUE_200)
        before = len(out.read().splitlines())
        tracer.terminate()
        tracer.wait(10)
        return {"fsyncs an ordinary act": before / 200}


def decisions(place: str, rounds: int) -> Figures:
    """Mediator.submit with a real journal, without kernel and processes."""
    figures: Figures = {}
    for name, distinct in (("repeated", False), ("new", True)):
        with tempfile.TemporaryDirectory(prefix="leash-judge-", dir=place) as root:
            found = time_decisions(Path(root), rounds, distinct=distinct)
        figures[f"submit, {name} commands p50 us"] = found[len(found) // 2]
        figures[f"submit, {name} commands p99 us"] = found[len(found) * 99 // 100]
    return figures


def whole(stage: Stage, command: list[str]) -> float:
    """Seconds of a whole process."""
    before = time.perf_counter()
    stage.run(*command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - before


def first_byte(stage: Stage, command: list[str], wanted: bytes) -> float:
    """Seconds until a pipe brings the agent's own first output."""
    before = time.perf_counter()
    with subprocess.Popen(
        command,
        cwd=stage.workspace,
        env=stage.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        if process.stdout.read(len(wanted)) != wanted:
            raise RuntimeError(f"{command}: something else came first")
        return time.perf_counter() - before


def on_screen(stage: Stage, command: list[str], seen: Callable[[bytes], bool], timeout: float = 30) -> float:
    """Seconds until a terminal of 120x40 shows what is wanted."""
    before = time.perf_counter()
    process = PtyProcess.spawn(command, cwd=str(stage.workspace), env=stage.env, dimensions=(40, 120))
    try:
        text = b""
        while not seen(text):
            left = before + timeout - time.perf_counter()
            if left <= 0 or not select.select([process.fd], [], [], left)[0]:
                raise RuntimeError(f"{command}: not seen in {timeout} s: {text[-300:]!r}")
            try:
                text += os.read(process.fd, 65536)
            except OSError as error:
                raise RuntimeError(f"{command}: ended: {text[-500:]!r}") from error
        return time.perf_counter() - before
    finally:
        stage.run(*LEASH, "kill", "--all", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while process.isalive() and time.monotonic() < deadline:
            if select.select([process.fd], [], [], 0.05)[0]:
                try:
                    os.read(process.fd, 65536)
                except OSError:
                    break
        process.close(force=True)


def painted(text: bytes) -> bool:
    """Whether this output put a screenful of something visible on the terminal."""
    return len(re.sub(rb"\s", b"", _ESCAPES.sub(b"", text))) >= _PAINTED


def starts(stage: Stage, rounds: int) -> Figures:
    """From the shell's prompt to an end, to the agent's first byte, to the first painted screen."""
    figures: Figures = {}
    bare, session = in_turn(rounds, lambda: whole(stage, ["true"]), lambda: whole(stage, stage.leash("true")))
    figures["start and end of a session ms"] = (session - bare) * 1000
    agent = ["sh", "-c", "echo FIRST"]
    bare, headless = in_turn(
        rounds, lambda: first_byte(stage, agent, b"FIRST"), lambda: first_byte(stage, stage.leash(*agent), b"FIRST")
    )
    figures["first byte, bare ms"] = bare * 1000
    figures["first byte, headless ms"] = headless * 1000
    waits = ["sh", "-c", "echo FIR''ST; sleep 60"]
    plain, panel, paint = in_turn(
        rounds,
        lambda: on_screen(stage, [*LEASH, "run", "--plain", "--", *waits], lambda t: b"FIRST" in t),
        lambda: on_screen(stage, [*LEASH, "run", "--", *waits], lambda t: b"FIRST" in t),
        lambda: on_screen(stage, [*LEASH, "run", "--", *waits], painted),
    )
    figures["first byte, plain, in a terminal ms"] = plain * 1000
    figures["first byte, panel, in a terminal ms"] = panel * 1000
    figures["first paint of the panel ms"] = paint * 1000
    return figures


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--decisions", type=int, default=3000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    stage = Stage(args.dir)
    figures: Figures = {}
    try:
        figures |= ratios(stage, args.rounds)
        figures |= decisions(args.dir, args.decisions)
        figures |= starts(stage, args.rounds)
    finally:
        stage.close()
    if args.json:
        print(json.dumps({"host": platform.platform(), "cpus": os.cpu_count(), "figures": figures}))
        return
    for name, figure in figures.items():
        print(f"{name:42} {figure:10.2f}")


if __name__ == "__main__":
    main()
