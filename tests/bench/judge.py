"""The decision path of a session without kernel and processes: classifier, policy, acts, stream and a real journal.

`python tests/bench/judge.py [--rounds N] [--profile] [--distinct]` times Mediator.submit, or says where its time goes.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from leashtui.audit.mask import Masker
from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.event import GrantAdded
from leashtui.model.facts import Mode
from leashtui.model.request import Action, Layer, ProcessRef, Request, Tier
from leashtui.model.verdict import Verdict
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.stores.journal import Journal
from leashtui.supervisor import layers
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.breaker import Breaker
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.mediator import Mediator
from leashtui.supervisor.recall import Recall, Witness
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.stream import Stream
from leashtui.supervisor.tree import alive

SHAPES: tuple[tuple[str, ...], ...] = (
    ("/bin/true",),
    ("git", "status", "--short"),
    ("/bin/sh", "-c", "make -s -j2 && ls -l build | head -5"),
    ("gcc", "-O2", "-c", "-o", "build/part.o", "part.c"),
    ("sed", "-n", "1,120p", "src/app.py"),
    ("pytest", "-q", "tests/unit"),
)
"""What agents start all day."""


def now() -> int:
    """Microseconds since the epoch."""
    return time.time_ns() // 1000


def _no_grant(*_: object) -> GrantAdded:
    raise AssertionError("nobody is asked here")


def room(place: Path) -> tuple[Mediator, Stream]:
    """A mediator as supervisor.assembly builds it, its log in `place`, with no face attached."""
    session = "20260101-000000-" + secrets.token_hex(2)
    bundle = layers.load(place / "config").bundle
    pdp = PDP(bundle, Principal(session, "demo", "demo", "dev"), tier=Tier.EXEC, clock=now)
    stream = Stream(Journal.create(place / f"{session}.db", session), Masker({}), session, now)
    desk = Desk(session, "demo", now, lambda message: None)
    witness = Witness(RepositoryProbe(str(place)))
    engine = Engine(Workspace(str(place), ()), str(place.parent), "dev", Mode.KERNEL, witness)
    return Mediator(
        classify=Recall(engine, witness),
        decider=pdp,
        desk=desk,
        stream=stream,
        acts=Acts(alive),
        breaker=Breaker(),
        grant=_no_grant,
        can_ask=lambda: False,
        clock=now,
        timer=lambda: time.perf_counter_ns() // 1000,
        broken=lambda why: print("BROKEN", why, file=sys.stderr),
    ), stream


def request(place: Path, argv: tuple[str, ...], pid: int) -> Request:
    """An exec below an agent, as the kernel guard reports it."""
    me = ProcessRef(1_000_000 + pid, pid, 1)
    return Request(
        Action.PROCESS_EXEC,
        Layer.KERNEL,
        str(place),
        argv,
        exe=argv[0] if argv[0].startswith("/") else f"/usr/bin/{argv[0]}",
        process=me,
        ancestry=(ProcessRef(999_999, 1),),
    )


def time_decisions(place: Path, rounds: int, *, distinct: bool) -> list[float]:
    """Microseconds of each of `rounds` submissions, sorted. distinct: every command line is a new one."""
    mediator, stream = room(place)
    verdicts: list[Verdict] = []
    times = []
    for number in range(rounds):
        argv = SHAPES[number % len(SHAPES)]
        asked = request(place, (*argv, f"x{number}") if distinct else argv, number)
        before = time.perf_counter_ns()
        mediator.submit(asked, verdicts.append)
        times.append((time.perf_counter_ns() - before) / 1000)
    assert len(verdicts) == rounds
    stream.close()
    return sorted(times)


def profile(work: Callable[[], object]) -> None:
    """Print where the time of `work` goes."""
    profiler = cProfile.Profile()
    profiler.runcall(work)
    pstats.Stats(profiler).sort_stats("tottime").print_stats(35)


def main() -> None:
    """Time or profile the decision path."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--distinct", action="store_true")
    parser.add_argument("--dir", default="/var/tmp")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leash-judge-", dir=args.dir) as root:
        place = Path(root)
        if args.profile:
            profile(lambda: time_decisions(place, args.rounds, distinct=args.distinct))
            return
        for distinct in (False, True):
            found = time_decisions(place, args.rounds, distinct=distinct)
            name = "every command line new" if distinct else "six command lines repeated"
            print(f"{name:28} p50 {found[len(found) // 2]:7.0f} us  p99 {found[len(found) * 99 // 100]:7.0f} us")


if __name__ == "__main__":
    main()
