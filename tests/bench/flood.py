"""A flood: thousands of the same act wait behind one card, and a person answers it.

    python tests/bench/flood.py [--held N] [--kind threads|execs|both] [--dir DIR]

Prints how long it took until all waited, the supervisor's memory then, how long `leash approvals` takes meanwhile, how
long from the answer to the last that went on, and whether anything of the machine's own (a shell command outside) was
slower. Exit 1 where there was more than one card, or one that was held did not go on.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from soak import resident  # noqa: E402
from stage import LEASH, Stage  # noqa: E402

_AGENTS = {
    "threads": """
import os, sys, threading, time
threading.stack_size(65536)
done = []
def act():
    try: os.unlink("work/notes")
    except FileNotFoundError: pass
    except PermissionError: done.append("refused"); return
    done.append("ok")
threads = [threading.Thread(target=act) for _ in range(int(sys.argv[1]))]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(done.count("ok"), done.count("refused"), flush=True)
""",
    "execs": """
import os, sys
ran = [os.posix_spawn("/bin/rm", ["rm", "-rf", "work"], {}) for _ in range(int(sys.argv[1]))]
codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in ran]
print(codes.count(0), len(codes) - codes.count(0), flush=True)
""",
}


def outside() -> float:
    """Seconds that a program of the person's own takes."""
    before = time.perf_counter()
    subprocess.run(["/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9; do /bin/true; done"], check=True)
    return time.perf_counter() - before


def flood(place: str, kind: str, held: int) -> bool:
    """One flood; whether all was as it should be."""
    stage = Stage(place)
    try:
        (stage.workspace / "work").mkdir()
        (stage.workspace / "work" / "notes").write_text("mine\n")
        agent = stage.root / "agent.py"
        agent.write_text(_AGENTS[kind])
        argv = [*LEASH, "run", "--headless", "--guard", "strict", "--on-ask", "wait", "--", sys.executable, str(agent)]
        calm = outside()
        began = time.monotonic()
        session = subprocess.Popen([*argv, str(held)], cwd=stage.workspace, env=stage.env, stdout=subprocess.PIPE)
        waits, looks, busy, shown, still = 0, [], [], "", 0
        while waits < held and still < 40 and session.poll() is None:
            time.sleep(0.5)
            before = time.perf_counter()
            shown = subprocess.run(
                [*LEASH, "approvals", "--json"], env=stage.env, capture_output=True, text=True
            ).stdout
            looks.append(time.perf_counter() - before)
            busy.append(outside())
            count = sum(int(n) for n in re.findall(r'"count": ?(\d+)', shown))
            still = still + 1 if count == waits else 0
            waits = count
        took = time.monotonic() - began
        cards = re.findall(r'"(L-\d+)"', shown)
        memory = resident(stage.supervisor()) // 1024
        before = time.monotonic()
        subprocess.run([*LEASH, "approve", cards[0]], env=stage.env, check=True, stdout=subprocess.DEVNULL)
        accepted = time.monotonic() - before
        said, _ = session.communicate(timeout=600)
        last = time.monotonic() - before
        went, refused = map(int, said.split())
        records = len(stage.records())
        print(
            f"{kind}: {waits} waited behind {len(set(cards))} card after {took:.1f} s, {memory} MB;"
            f" approvals {max(looks):.2f} s at most;"
            f" a shell loop outside {calm * 1000:.0f} ms, {max(busy) * 1000:.0f} ms meanwhile;"
            f" answer accepted in {accepted:.2f} s, the last went on after {last:.1f} s;"
            f" {went} went, {refused} did not; {records} records"
        )
        return waits == held == went and len(set(cards)) == 1
    finally:
        stage.close()


def main() -> int:
    """Run; 1 when it is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held", type=int, default=10_000)
    parser.add_argument("--kind", choices=("threads", "execs", "both"), default="both")
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    kinds = ("threads", "execs") if args.kind == "both" else (args.kind,)
    return int(sum(not flood(args.dir, kind, args.held) for kind in kinds) > 0)


if __name__ == "__main__":
    sys.exit(main())
