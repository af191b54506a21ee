"""What the team store and signing cost: verified ingest, verification of a signed log, approvals there and back.

    python tests/bench/bench_team.py [--writers N] [--records N] [--rows N] [--approvals N]

Starts a PostgreSQL of its own (fsync on). --rows: records of the signed log that is verified. A bad line, as root:

    unshare -n sh -c 'ip link set lo up && tc qdisc add dev lo root netem delay 40ms loss 1% &&
        python tests/bench/bench_team.py --tcp --records 0 --rows 0'
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from log_samples import SESSION, allowed  # noqa: E402
from postgres import Cluster  # noqa: E402

from leashtui.audit.chain import GENESIS, Row, link  # noqa: E402
from leashtui.audit.checkpoint import LIFE, Certificate, Checkpoint, origin  # noqa: E402
from leashtui.audit.merkle import Tree  # noqa: E402
from leashtui.audit.note import Signer  # noqa: E402
from leashtui.model import codec  # noqa: E402
from leashtui.model.event import ActEnded, Event, Record, SessionEnded, SessionStarted  # noqa: E402
from leashtui.stores.journal import Journal, read  # noqa: E402
from leashtui.stores.keys import Device  # noqa: E402
from leashtui.stores.proof import Trust, Witness, file_source, prove_log  # noqa: E402
from leashtui.stores.team.asks import Asks  # noqa: E402
from leashtui.stores.team.chains import BATCH, TeamStore  # noqa: E402
from leashtui.stores.team.link import connect  # noqa: E402
from leashtui.stores.team.members import enrol, make_team  # noqa: E402
from leashtui.stores.team.migrate import migrate  # noqa: E402

T = 1_795_253_415_000_000
DEVICE = "00112233aabbccdd"


def rows(count: int) -> list[Row]:
    """A chain of typical records (some 360 bytes)."""
    head, made = GENESIS, []
    for seq in range(1, count + 1):
        event: Event = ActEnded(seq) if seq % 2 else allowed("git", "status")
        body = codec.encode(Record(1, f"01J{seq:023}", T + seq, SESSION, event))
        head = link(head, body)
        made.append(Row(seq, body, head))
    return made


def _write(dsn: str, number: int, chain: list[Row], begin: object) -> None:
    store = TeamStore(dsn)
    place = store.open_chain(DEVICE, f"s-{number}")
    begin.wait()  # type: ignore[attr-defined]
    for at in range(0, len(chain), BATCH):
        part = chain[at : at + BATCH]
        store.ingest(place.chain, at + 1, [r.body for r in part], [r.hash for r in part])  # type: ignore[misc]


def bench_ingest(dsn: str, writers: int, records: int) -> None:
    """Verified ingest by so many writers, each its own chain."""
    chain = rows(records // writers)
    begin = multiprocessing.Barrier(writers + 1)
    running = [multiprocessing.Process(target=_write, args=(dsn, n, chain, begin)) for n in range(writers)]
    for process in running:
        process.start()
    begin.wait()
    began = time.perf_counter()
    for process in running:
        process.join()
    took = time.perf_counter() - began
    total = writers * len(chain)
    store = TeamStore(dsn)
    assert sum(count for count, _ in store.my_chains(DEVICE).values()) == total
    assert {head for _, head in store.my_chains(DEVICE).values()} == {chain[-1].hash}
    size = sum(len(r.body) for r in chain) / len(chain)  # type: ignore[arg-type]
    print(f"{'verified ingest':<34} {total / took:9.0f}/s   ({writers} writers, {total} records of {size:.0f} bytes)")


def bench_verify(place: Path, count: int) -> None:
    """A signed log, checkpoint every 256 records, written once and verified whole."""
    device = Device(place / "state")
    signer = Signer(origin(device.id, SESSION), bytes(range(32)))
    about = Certificate(SESSION, signer.key.raw, device.id, "ann", "bash", "", "b", T, T + LIFE)
    start = SessionStarted("bash", ("bash",), "/w", "exec", "b", "wait", "0", device=device.key.text(),
                           certificate=device.certify(about).decode())  # fmt: skip
    path = place / "long.db"
    journal, tree = Journal.create(path, SESSION), Tree()
    signing = 0.0
    from hashlib import sha256

    for seq in range(1, count + 1):
        event: Event = start if seq == 1 else SessionEnded(0, "x") if seq == count else allowed("git", "status")
        body = codec.encode(Record(1, f"01J{seq:023}", T + seq, SESSION, event))
        _, head = journal.ride(body)
        tree.add(sha256(body).digest())
        if seq % 256 == 0 or seq == count:
            journal.flush()
            began = time.perf_counter()
            note = signer.sign(Checkpoint(device.id, SESSION, seq, tree.root(), head, T + seq).text())
            journal.note(seq, note)
            signing += time.perf_counter() - began
    journal.close()
    print(f"{'sign and keep a checkpoint':<34} {signing / (count / 256) * 1e6:9.0f} us")
    for _ in read(path):
        pass  # the file is in the page cache from here on
    began, cpu = time.perf_counter(), time.process_time()
    proof = prove_log(file_source(path, SESSION), Witness(), Trust((device.key,), demanded=True))
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    assert proof.ok, proof
    assert proof.signed == count
    print(f"{'verify, chain and signatures':<34} {took:9.2f} s   {cpu:.2f} s of CPU  ({count} records)")


def bench_approvals(device_dsn: str, reviewer_dsn: str, count: int) -> None:
    """Offered here, seen there, answered there, seen here: the store's part of an approval."""
    ours, theirs = Asks(device_dsn), Asks(reviewer_dsn)
    ours.listen("leash_answer")
    theirs.listen("leash_ask")

    def review() -> None:
        done: set[int] = set()
        while len(done) < count:
            for one in theirs.waiting():
                if one.id not in done:
                    done.add(one.id)
                    theirs.decide(one.id, "allow", b"statement", b"signature")
            theirs.woken(1.0)

    reviewer = threading.Thread(target=review)
    reviewer.start()
    times = []
    for number in range(count):
        began = time.perf_counter()
        ask = ours.offer(DEVICE, "s", f"L-{number}", seq=number + 1, body=b"x" * 900, bundle="b", needed=1)
        while not any(reply.ask == ask for reply in ours.answers(DEVICE)):
            ours.woken(1.0)
        times.append(time.perf_counter() - began)
        ours.close_ask(ask, "allowed")
    reviewer.join()
    times.sort()
    p50, p99 = times[count // 2] * 1e3, times[count * 99 // 100] * 1e3
    print(f"{'approval, there and back':<34} p50 {p50:6.1f} ms  p99 {p99:6.1f} ms  ({count})")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--writers", type=int, default=16)
    parser.add_argument("--records", type=int, default=160_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--approvals", type=int, default=300)
    parser.add_argument("--tcp", action="store_true", help="approvals over loopback TCP, for a namespace with netem")
    args = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="bench-team-", dir="/var/tmp"))
    cluster = Cluster()
    try:
        cluster.kill()
        cluster.start("fsync=on", "shared_buffers=256MB")
        name = cluster.database()
        admin = cluster.dsn(name)
        with connect(admin) as connection:
            migrate(connection, admin)
            make_team(connection, admin, "core")
            enrol(connection, admin, "core", f"bench_d{os.getpid()}", "device", "secret")
            enrol(connection, admin, "core", f"bench_r{os.getpid()}", "reviewer", "secret")
        device, reviewer = cluster.dsn(name, f"bench_d{os.getpid()}"), cluster.dsn(name, f"bench_r{os.getpid()}")
        if args.tcp:
            device = cluster.tcp(name, f"bench_d{os.getpid()}", "secret")
            reviewer = cluster.tcp(name, f"bench_r{os.getpid()}", "secret")
        if args.records:
            bench_ingest(device, args.writers, args.records)
        if args.approvals:
            bench_approvals(device, reviewer, args.approvals)
        if args.rows:
            bench_verify(place, args.rows)
    finally:
        cluster.stop()
        shutil.rmtree(place)


if __name__ == "__main__":
    main()
