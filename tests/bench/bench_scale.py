"""A small simulation of many developers, and what it comes to for 10,000 of them with 50,000 events a day each.

    python tests/bench/bench_scale.py [--machines N] [--records N] [--acts N]

One real session under the guard gives the records (--acts programs of many kinds). Their bodies, with sessions and ids
of their own, become the logs of --machines machines with --records records each: sent to a PostgreSQL (fsync on) by 16
writers, each machine a connection that hangs up. The real session is sealed, a long one for the rates, and both are
verified. Prints what was measured and what follows from it.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from conftest import World  # noqa: E402
from postgres import Cluster  # noqa: E402

from leashtui.audit.chain import GENESIS, link  # noqa: E402
from leashtui.stores import segments  # noqa: E402
from leashtui.stores.journal import Journal, read  # noqa: E402
from leashtui.stores.team.chains import BATCH, TeamStore  # noqa: E402
from leashtui.stores.team.link import connect  # noqa: E402
from leashtui.stores.team.members import enrol, make_team  # noqa: E402
from leashtui.stores.team.migrate import migrate  # noqa: E402

WRITERS = 16
DEVELOPERS, EVENTS = 10_000, 50_000
AGENT = r"""
import random, subprocess, sys
chance, words = random.Random(3), open("/usr/share/common-licenses/GPL-3").read().split()
for n in range(int(sys.argv[1])):
    name = f"{chance.choice(words)[:12].strip('/.,:;()')}{n}.txt"
    command = chance.choice([["echo", *chance.sample(words, 5)], ["touch", name], ["git", "status", "--short"],
        ["grep", "-c", chance.choice(words), "src/app.py"], ["sh", "-c", f"wc -l src/*.py > {name}; cat {name}"],
        ["mv", name, f"x{n}"], ["python3", "-c", f"print({n})"], ["git", "log", "-1", "--format=%H"], ["ls", "-l"]])
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""


def real_records(world: World, acts: int) -> tuple[list[bytes], str]:
    """The bodies of a real session, and its name."""
    agent = world.script("agent.py", AGENT)
    done = world.leash("run", "--headless", "--", sys.executable, str(agent), str(acts), timeout=600)
    assert done.returncode == 0, done.stderr
    (log,) = Path(world.env["LEASH_STATE_DIR"]).glob("sessions/*.db")
    return [row.body for row in read(log) if isinstance(row.body, bytes)], log.stem


def log_of(machine: int, bodies: list[bytes], name: str, count: int) -> list[tuple[bytes, bytes]]:
    """A machine's records: those of the session in order, round and round, ids and times its own."""
    chance, mine, head, made = random.Random(machine), f"{name[:15]}-{machine:04x}".encode(), GENESIS, []
    for at in range(count):
        body = bodies[at % len(bodies)].replace(name.encode(), mine)
        fresh = f"{chance.getrandbits(80):016X}".encode()[:16]
        body = body[:19] + fresh + body[35:] if body[12:18] == b'"id":"' else body
        head = link(head, body)
        made.append((body, head))
    return made


def _work(dsn: str, machines: list[int], bodies: list[bytes], name: str, count: int, ready: object) -> None:
    logs = {machine: log_of(machine, bodies, name, count) for machine in machines}
    ready.wait()  # type: ignore[attr-defined]
    for machine, log in logs.items():
        store = TeamStore(dsn)
        chain = store.open_chain(f"{machine:016x}", f"s-{machine}").chain
        for at in range(0, count, BATCH):
            part = log[at : at + BATCH]
            store.ingest(chain, at + 1, [body for body, _ in part], [digest for _, digest in part])
        store.close()


def ingest(cluster: Cluster, machines: int, bodies: list[bytes], name: str, count: int) -> tuple[float, float, float]:
    """(records a second, bytes a record in tables and indexes, bytes a record of WAL)."""
    database = cluster.database()
    admin, login = cluster.dsn(database), f"scale_{os.getpid()}"
    with connect(admin) as connection:
        migrate(connection, admin)
        make_team(connection, admin, "core")
        enrol(connection, admin, "core", login, "device")
        ready = multiprocessing.Barrier(WRITERS + 1)
        shares = [list(range(n, machines, WRITERS)) for n in range(WRITERS)]
        dsn = cluster.dsn(database, login)
        running = [multiprocessing.Process(target=_work, args=(dsn, s, bodies, name, count, ready)) for s in shares]
        for process in running:
            process.start()
        ready.wait()
        before = connection.execute("SELECT pg_current_wal_lsn()").fetchone()
        began = time.perf_counter()
        for process in running:
            process.join()
        took = time.perf_counter() - began
        row = connection.execute(
            "SELECT (SELECT count(*) FROM leash.event), pg_wal_lsn_diff(pg_current_wal_lsn(), %s)::float8, "
            "(SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits "
            "WHERE inhparent = 'leash.event'::regclass)::float8",
            before,
        ).fetchone()
    assert row is not None
    assert row[0] == machines * count
    return row[0] / took, row[2] / row[0], row[1] / row[0]


def sealed(world: World, place: Path, bodies: list[bytes], name: str) -> tuple[float, float, float, float]:
    """(bytes a record on disk and in a segment, of the real session; records sealed and verified a second)."""
    path, logs = place / "long.db", log_of(0, bodies[1:], name, 50_000)
    journal = Journal.create(path, name)
    for body, _ in logs:
        journal.ride(body)
    journal.close()
    assert world.leash("audit", "seal", str(place / "real"), timeout=300).returncode == 0
    (real,) = segments.listed(place / "real")
    assert [proof.ok for proof in segments.prove_segments(place / "real", None)] == [True]
    began = time.perf_counter()
    cold = place / f"{name[:15]}-0000{segments.SUFFIX}"
    segments.press(path, cold)
    pressing = time.perf_counter() - began
    began = time.perf_counter()
    (proof,) = segments.prove_segments(cold, None)
    proving = time.perf_counter() - began
    assert proof.records == len(logs), proof
    return real.raw / real.records, real.size / real.records, len(logs) / pressing, len(logs) / proving


def main() -> None:
    """Measure, then multiply."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machines", type=int, default=200)
    parser.add_argument("--records", type=int, default=1000)
    parser.add_argument("--acts", type=int, default=400)
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="bench-scale-", dir="/var/tmp"))
    keep = {k: v for k, v in os.environ.items() if k in ("PATH", "LANG", "USER", "LOGNAME")}
    env = keep | {"HOME": str(place)} | {
        f"LEASH_{what.upper()}_DIR": str(place / what) for what in ("runtime", "state", "config")
    }  # fmt: skip
    (place / "runtime").mkdir(mode=0o700)
    (place / "work" / "src").mkdir(parents=True)
    (place / "work" / "src" / "app.py").write_text("print('app')\n")
    cluster, world = Cluster(), World(place, place / "work", env)
    try:
        cluster.kill()
        cluster.start("fsync=on", "shared_buffers=256MB")
        bodies, name = real_records(world, args.acts)
        weight = sum(map(len, bodies)) / len(bodies)
        rate, table, wal = ingest(cluster, args.machines, bodies, name, args.records)
        local, cold, sealing, proving = sealed(world, place, bodies, name)
    finally:
        cluster.stop()
        shutil.rmtree(place)
    print(f"{len(bodies)} real records of {weight:.0f} bytes; {args.machines} machines x {args.records}")
    print(f"{'ingest, verified':<26} {rate:9.0f} records/s")
    print(f"{'in tables and indexes':<26} {table:9.0f} bytes a record;  WAL {wal:.0f}")
    print(f"{'in a local log':<26} {local:9.0f} bytes a record")
    print(f"{'in a sealed segment':<26} {cold:9.0f} bytes a record;  sealed {sealing:.0f}/s, verified {proving:.0f}/s")
    day = DEVELOPERS * EVENTS
    print(f"\n{DEVELOPERS:,} developers x {EVENTS:,} events: {day / 1e6:.0f} million a day, {day / 86400:.0f}/s")
    print(f"  a fifth of them in one hour: {day / 5 / 3600:.0f}/s, {day / 5 / 3600 / rate:.2f} of what was measured")
    print(f"  all hot: {day * table / 1e9:.0f} GB a day; a twentieth hot: {day * table / 20e9:.0f} GB a day")
    print(f"  all cold: {day * cold / 1e9:.0f} GB a day; a year {day * cold * 365 / 1e12:.1f} TB")
    print(f"  on a developer's machine: {EVENTS * local / 1e6:.0f} MB a day, sealed in {EVENTS / sealing:.1f} s")


if __name__ == "__main__":
    main()
