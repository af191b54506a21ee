"""A day in minutes: 200,000 acts (execs, opens for writing, connects) in one strict session. Exit 1 when something
grows, is lost, or does not verify.

python tests/bench/soak_acts.py [--acts N] [--dir DIR]

Of ten acts five open files (new ones, rewritten ones, ones put aside and removed), three connect, two start programs;
one open in a thousand is of a file that nobody may change, and must fail.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from soak import descriptors, resident  # noqa: E402
from stage import LEASH, Stage  # noqa: E402

_BATCH = 5000
_MAY_GROW_KB = 4000
"""From a quarter of the way, when what is remembered for speed is full, to the end."""
_AGENT = """
import json, os, socket, sys
server = socket.create_server(("127.0.0.1", 0))
port = server.getsockname()[1]
os.makedirs("src", exist_ok=True)
done = {"open": 0, "connect": 0, "exec": 0, "refused": 0, "wrong": 0}

def write(n):
    path = f"src/file{n % 3000}.py"
    if n % 1000 == 4:
        try:
            os.close(os.open(".git/hooks/pre-commit", os.O_WRONLY | os.O_CREAT))
            done["wrong"] += 1
        except PermissionError:
            done["refused"] += 1
        return
    with open(path, "w") as file:
        file.write(str(n))
    if n % 7 == 0:
        os.rename(path, path + ".old")
        os.unlink(path + ".old")

def connect(n):
    with socket.create_connection(("127.0.0.1", port)):
        server.accept()[0].close()

def start(n):
    pid = os.posix_spawn("/bin/true", ["/bin/true", str(n)], {})
    done["wrong"] += os.waitpid(pid, 0)[1] != 0

for line in sys.stdin:
    first, last = map(int, line.split())
    for n in range(first, last):
        kind = n % 10
        if kind < 5:
            write(n)
            done["open"] += 1
        elif kind < 8:
            connect(n)
            done["connect"] += 1
        else:
            start(n)
            done["exec"] += 1
    print(json.dumps(done), flush=True)
"""


def main() -> int:
    """Run the soak; 1 when something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acts", type=int, default=200_000)
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    stage = Stage(args.dir)
    try:
        return _run(stage, args.acts)
    finally:
        stage.close()


def _run(stage: Stage, acts: int) -> int:
    script = stage.root / "agent.py"
    script.write_text(_AGENT)
    session = subprocess.Popen(
        stage.leash("/usr/bin/env", "python3", "-I", "-S", str(script)),
        cwd=stage.workspace,
        env=stage.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert session.stdin is not None and session.stdout is not None
    seen: list[tuple[int, int]] = []
    report: dict[str, int] = {}
    began = time.monotonic()
    for first in range(0, acts, _BATCH):
        last = min(acts, first + _BATCH)
        session.stdin.write(f"{first} {last}\n")
        session.stdin.flush()
        report = json.loads(session.stdout.readline())
        pid = stage.supervisor()
        if last >= acts // 4:
            seen.append((resident(pid), descriptors(pid)))
        if last % 20_000 == 0 or last == acts:
            figures = f"{last:7} acts {resident(pid):7} kB {descriptors(pid):4} fds"
            print(f"{figures} {time.monotonic() - began:6.0f} s", flush=True)
    session.stdin.close()
    code = session.wait(120)
    grew, opened = seen[-1][0] - seen[0][0], seen[-1][1] - seen[0][1]
    lost = _lost(stage, report)
    verified = subprocess.run([*LEASH, "audit", "verify"], cwd=stage.workspace, env=stage.env, check=False).returncode
    took = time.monotonic() - began
    print(f"{acts} acts in {took:.0f} s: {grew:+} kB, {opened:+} fds, {report}, exit {code}, {lost} lost")
    return int(bool(code or verified or lost or report["wrong"] or opened > 0 or grew > _MAY_GROW_KB))


def _lost(stage: Stage, report: dict[str, int]) -> int:
    """Programs that ran, or files that were refused, without a record; never negative when all is well: 0."""
    records: list[dict[str, Any]] = stage.records()
    decided = [r["event"] for r in records if r["event"]["kind"] == "act.decided"]
    execs = sum(e["request"]["argv"][:1] == ["/bin/true"] for e in decided if e["request"]["action"] == "ProcessExec")
    denied = sum(e["verdict"]["ruling"] == "deny" for e in decided)
    print(f"{len(records)} records: {execs} starts of {report['exec']}, {denied} refusals of {report['refused']}")
    return abs(execs - report["exec"]) + abs(denied - report["refused"])


if __name__ == "__main__":
    sys.exit(main())
