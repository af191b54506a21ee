"""Ask-to-exec across machines: an act is held here, approved with an SSH signature there, and runs here.

    python tests/bench/bench_review.py [--acts N] [--delay MS] [--loss PERCENT] [--cuts N]

Everything is real: a session under the kernel guard, the courier that comes with it, PostgreSQL over TCP with passwords
and fsync, a reviewer's `leash review -f` that signs with ssh-keygen. Both sides reach the store through a relay
(tests/slow_line.py) that adds --delay to every round trip, and to --loss percent of its pieces what TCP takes to send
them again: netem needs a kernel that has it. --cuts: so many times in between every connection is cut.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from conftest import World, eventually  # noqa: E402
from postgres import Cluster  # noqa: E402
from slow_line import SlowLine  # noqa: E402

AGENT = """
import os, subprocess, sys, time
for number in range(int(sys.argv[1])):
    os.makedirs(f"kept{number}/x")
    began = time.time_ns()
    subprocess.run(["rm", "-rf", f"kept{number}"], check=True)
    with open(sys.argv[2], "a") as file:
        file.write(f"{time.time_ns() - began}\\n")
"""
POLICY = """
@id("removals-are-reviewed") @reason("what goes is looked at by the team") @outcome("ask") @offer("team")
forbid (principal, action, resource) when { context.programs.contains("rm") };
"""


def review(reviewer: subprocess.Popen[str], said: list[str]) -> None:
    """Say yes to whatever is shown, as fast as a program can."""
    assert reviewer.stdout is not None
    assert reviewer.stdin is not None
    for line in reviewer.stdout:
        heard = json.loads(line)
        if "card" in heard:
            reviewer.stdin.write(f"y {heard['ask']}\n")
            reviewer.stdin.flush()
        elif "outcome" in heard:
            said.append(heard["outcome"])


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acts", type=int, default=100)
    parser.add_argument("--delay", type=float, default=80.0, help="milliseconds of a round trip")
    parser.add_argument("--loss", type=float, default=1.0, help="percent")
    parser.add_argument("--cuts", type=int, default=0)
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="bench-review-", dir="/var/tmp"))
    env = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "USER", "LOGNAME")} | {
        "HOME": str(place), "LEASH_RUNTIME_DIR": str(place / "run"), "LEASH_STATE_DIR": str(place / "state"),
        "LEASH_CONFIG_DIR": str(place / "config"),
    }  # fmt: skip
    (place / "run").mkdir(mode=0o700)
    (place / "work").mkdir()
    world = World(place, place / "work", env)
    there = World(place, place / "work", env | {"LEASH_CONFIG_DIR": str(place / "there")})
    cluster = Cluster()
    line: SlowLine | None = None
    try:
        cluster.kill()
        cluster.start("fsync=on")
        line = SlowLine(cluster.port, args.delay / 1000, args.loss / 100)
        admin = cluster.dsn(cluster.database())
        device, key = f"dev_{secrets.token_hex(3)}", place / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        world.leash("team", "init", admin)
        joins = world.leash("team", "invite", device, admin).stdout.split("'")[1]
        who = f"bob{secrets.token_hex(2)}@example.org"
        invited = world.leash("invite", who, f"{key}.pub", admin).stdout.split("'")[1]
        ours, theirs = (
            dsn.replace(f"host={cluster.root}", "host=127.0.0.1").replace(f"port={cluster.port}", f"port={line.port}")
            for dsn in (joins, invited)
        )
        assert world.leash("team", "join", ours).returncode == 0
        assert there.leash("review", "join", theirs, "--as", who, "--key", str(key)).returncode == 0
        (place / "config" / "policies").mkdir()
        (place / "config" / "policies" / "team.cedar").write_text(POLICY)
        reviewer = subprocess.Popen(
            there.argv("review", "-f", "--json"), env=there.env, cwd=place, text=True, bufsize=1,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        there.running.append(reviewer)  # type: ignore[arg-type]
        said: list[str] = []
        threading.Thread(target=review, args=(reviewer, said), daemon=True).start()
        agent, ledger = world.script("agent.py", AGENT), place / "work" / "ledger"
        run = ("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(agent), str(args.acts), str(ledger))
        began = time.monotonic()
        session = world.start(*run)
        for number in range(args.cuts):
            wanted = (number + 1) * args.acts // (args.cuts + 1)
            eventually(lambda w=wanted: ledger.exists() and len(ledger.read_text().split()) >= w, 60 + args.acts)
            line.cut()
        output = session.communicate(timeout=60 + 3 * args.acts)[1].decode()
        assert session.returncode == 0, output
        times = sorted(int(word) / 1e6 for word in ledger.read_text().split())
        assert len(times) == args.acts
        assert not any((place / "work").glob("kept*"))
        eventually(lambda: len(said) >= args.acts - 1, 10)
        p50, p99 = times[len(times) // 2], times[len(times) * 99 // 100]
        what = f"{len(times)} acts in {time.monotonic() - began:.0f} s, {args.delay:.0f} ms round trip"
        print(f"{'ask to exec, across machines':<34} p50 {p50:6.0f} ms  p99 {p99:6.0f} ms  longest {times[-1]:.0f} ms")
        print(f"  ({what}, {line.lost} of {line.pieces} pieces late, {line.cuts} connections cut)")
    finally:
        world.leash("kill", "--all")
        for process in (*world.running, *there.running):
            process.kill()
        if line is not None:
            line.stop()
        cluster.stop()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
