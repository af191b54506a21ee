"""What recording costs: append NORMAL and FULL, the whole stream, masking, fsyncs an act, verify and query rates.

    python tests/bench/bench_journal.py [--acts N] [--rows N] [--kills N] [--dir DIR]

--dir: where the logs go (a disk, not tmpfs, for figures that mean something). --kills: rounds of kill -9 of a writer.
"""

from __future__ import annotations

import argparse
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

import msgspec  # noqa: E402
from log_samples import allowed, asked  # noqa: E402

from leashtui.audit.mask import Masker  # noqa: E402
from leashtui.audit.query import parse  # noqa: E402
from leashtui.audit.verify import verify  # noqa: E402
from leashtui.model import codec  # noqa: E402
from leashtui.model.event import ActEnded, FileChanged, Record  # noqa: E402
from leashtui.stores.index import search, shelf_of  # noqa: E402
from leashtui.stores.journal import Journal, read  # noqa: E402
from leashtui.supervisor.stream import Stream  # noqa: E402

SECRETS = {f"SERVICE_{n}_TOKEN": f"v4lue-{n}-of/a+token={n * 7919}" for n in range(5)}

EVENT = asked()


def now() -> int:
    return time.time_ns() // 1000


def spread(name: str, act: Callable[[], object], count: int) -> None:
    """Print median, p99 and rate of `count` calls (microseconds)."""
    times = []
    for _ in range(count):
        began = time.perf_counter_ns()
        act()
        times.append(time.perf_counter_ns() - began)
    times.sort()
    p50, p99 = times[count // 2] / 1000, times[count * 99 // 100] / 1000
    print(f"{name:<34} p50 {p50:8.1f} us  p99 {p99:9.1f} us  {count / (sum(times) / 1e9):9.0f}/s")


def bench_appends(place: Path, acts: int) -> None:
    """Journal and stream, at both strengths."""
    body = codec.encode(allowed("git", "status"))
    for durable in (False, True):
        journal = Journal.create(place / f"journal-{durable}.db", "s")
        strength = "FULL" if durable else "NORMAL"
        spread(f"journal append {strength}", lambda j=journal, d=durable: j.append(body, durable=d), acts)  # type: ignore[misc]
        journal.close()
        stream = Stream(
            Journal.create(place / f"stream-{durable}.db", "s"), Masker(SECRETS), "s", now, None, lambda f: None
        )
        spread(f"stream append {strength}", lambda s=stream, d=durable: s.append(EVENT, durable=d), acts)  # type: ignore[misc]
        if not durable:
            spread("stream append, riding", lambda s=stream: s.append(ActEnded(0)), acts)  # type: ignore[misc]
        stream.close()


def bench_mask(acts: int) -> None:
    """Masking a typical record, and ones that have something to mask."""
    masker = Masker(SECRETS)
    plain, hit = asked(), allowed("curl", "-H", f"X-Token: {SECRETS['SERVICE_3_TOKEN']}", "https://example.org")
    diff = FileChanged("x", "modified", "source", False, "+some ordinary line of code\n" * 2000)
    spread("mask, nothing there", lambda: masker.mask_event(plain), acts)
    spread("mask, a token and a URL there", lambda: masker.mask_event(hit), acts)
    spread("mask, a diff of 56 kB", lambda: masker.mask_event(diff), max(acts // 20, 20))


def bench_reading(place: Path, rows: int) -> None:
    """Rates over a long log."""
    path = place / "long.db"
    stream = Stream(Journal.create(path, "s"), Masker({}), "s", now, None, lambda f: None)
    for number in range(rows):
        stream.append(ActEnded(number) if number % 4 else asked())
    stream.close()
    print(f"{'log':<34} {rows} records, {path.stat().st_size / 1e6:.0f} MB")
    began = time.perf_counter()
    assert verify(read(path), session="s").count == rows
    took = time.perf_counter() - began
    print(f"{'verify':<34} {took:8.2f} s   {rows / took:9.0f}/s")
    query = parse("verdict:ask policy:git", now=now())
    began = time.perf_counter()
    found = sum(query.match(msgspec.json.decode(bytes(row.body))) for row in read(path))  # type: ignore[arg-type]
    took = time.perf_counter() - began
    print(f"{'query, by scanning':<34} {took:8.2f} s   {rows / took:9.0f}/s  ({found} found)")


def bench_query(place: Path, rows: int) -> None:
    """Queries by the index, over a log of many programs, files and arguments; the index is made first, once."""
    path, chance = place / "sessions" / "varied.db", random.Random(1)
    journal = Journal.create(path, "varied")
    for number in range(rows):
        event = (
            allowed(chance.choice(["git", "npm", "make"]), f"arg{number}", f"src/m{chance.randrange(5000)}/x.py")
            if chance.random() < 0.6
            else FileChanged(
                f"{chance.choice(['infra'] + 99 * ['src'])}/m{number % 9973}.tf", "modified", "source", False
            )
        )
        if chance.random() < 0.01:
            event = asked()
        journal.ride(codec.encode(Record(1, f"01J{number:023}", now(), "varied", event)))
    journal.close()
    shelf = shelf_of(path, "claude")
    began = time.perf_counter()
    list(search(place, shelf, parse("verdict:deny", now=now())))
    print(f"{'make the index':<34} {time.perf_counter() - began:8.2f} s   ({rows} records)")
    for text in (
        "agent:claude verdict:deny path:infra/ since:7d",
        "path:infra/ since:7d",
        "arg99999",
        "path:src/*/m77.tf",
    ):
        times, found = [], 0
        for _ in range(5):
            began = time.perf_counter()
            found = sum(1 for _ in search(place, shelf, parse(text, now=now())))
            times.append(time.perf_counter() - began)
        print(f"{'query ' + text:<50} {sorted(times)[2] * 1e3:6.0f} ms  ({found} found, median of 5)")


ACTS = """
import sys, time; sys.path[:0] = [sys.argv[2], sys.argv[3]]
from pathlib import Path
from log_samples import *
from leashtui.model.event import ActEnded
stream = Stream(Journal.create(Path(sys.argv[1]), "s"), Masker({}), "s", Clock(), later=lambda f: None)
print("ready", file=sys.stderr, flush=True)
durable = sys.argv[4] == "FULL"
for n in range(300):
    act = stream.append(allowed("echo", str(n)), durable=durable)
    stream.append(ActEnded(0), act.id)
import os; os._exit(0)
"""


def bench_fsyncs(place: Path) -> None:
    """fsyncs an act (a decision and an outcome), counted by strace."""
    if not shutil.which("strace"):
        print("fsyncs an act: no strace here")
        return
    for strength in ("NORMAL", "FULL"):
        code = [sys.executable, "-c", ACTS, str(place / f"sync-{strength}.db"), *sys.path[:2], strength]
        done = subprocess.run(
            ["strace", "-f", "-e", "trace=fsync,fdatasync,write", *code], capture_output=True, text=True
        )
        after = done.stderr.partition('write(2, "ready')[2]
        syncs = len(re.findall(r"^(?:\[pid +\d+\] )?f(?:data)?sync\(", after, re.MULTILINE))
        if done.returncode or not after:
            print(f"fsyncs an act: strace does not work here: {done.stderr.strip().splitlines()[-1:]}")
            return
        print(f"{f'fsyncs an act, {strength}':<34} {syncs / 300:8.3f}    ({syncs} in 300 acts)")


def bench_kills(place: Path, rounds: int) -> None:
    """kill -9 of a writer at random moments; every acknowledged record must be there."""
    from integration.test_journal_killed import WRITER

    chance = random.Random(1)
    total = 0
    for number in range(rounds):
        path = place / f"kill-{number}" / "s.db"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        told = writer.stdout.read(chance.randrange(1, 60_000))
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.read()
        writer.wait()
        acknowledged = told.count(b"\n")
        rows = list(read(path))
        assert verify(rows, session="s").count >= acknowledged, "LOST"
        last = told.split(b"\n")[acknowledged - 1].split()
        assert bytes(rows[acknowledged - 1].hash).hex() == last[1].decode(), "LOST"  # type: ignore[arg-type]
        total += acknowledged
        shutil.rmtree(path.parent)
    print(f"{'kill -9 of the writer':<34} {rounds} rounds, {total} acknowledged records, 0 lost")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acts", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="bench-journal-", dir=args.dir))
    try:
        bench_appends(place, args.acts)
        bench_mask(args.acts)
        bench_fsyncs(place)
        bench_reading(place, args.rows)
        bench_query(place, args.rows)
        bench_kills(place, args.kills)
    finally:
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
