"""kill -9 of the uploader and of PostgreSQL, many times: counts what was acknowledged, lost and doubled.

python tests/bench/bench_team_kills.py [--uploader N] [--server N]
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).resolve().parents[2])]

from attacks.test_team_kills import DEVICE, EXTRA, SESSIONS, Killer, check, prepare, upload_killed  # noqa: E402
from postgres import Cluster  # noqa: E402

from leashtui.stores import sync  # noqa: E402
from leashtui.stores.team.chains import TeamStore  # noqa: E402
from leashtui.stores.team.link import TeamError  # noqa: E402

WHOLE = {f"s-{n}": EXTRA + 9 for n in range(SESSIONS)}


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uploader", type=int, default=30)
    parser.add_argument("--server", type=int, default=5)
    args = parser.parse_args()
    sync.BATCH = 5
    chance = random.Random(5)
    kills = {"uploader": 0, "server": 0}
    while kills["uploader"] < args.uploader or kills["server"] < args.server:
        cluster, place = Cluster(), Path(tempfile.mkdtemp(prefix="bench-kills-", dir="/var/tmp"))
        try:
            dsn, acked = prepare(cluster, place), dict[str, int]()
            for _ in range(10):
                if kills["uploader"] < args.uploader:
                    upload_killed(dsn, place, chance.randrange(1, 15), acked)
                    kills["uploader"] += 1
                    check(dsn, place, acked)
                if kills["server"] < args.server:
                    killer = Killer(cluster, chance.randrange(1, 20), acked)
                    try:
                        list(sync.Uploader(TeamStore(dsn), DEVICE, place, killer).send_all())
                    except TeamError:
                        kills["server"] += 1
                    killer.thread.join()
                    cluster.start()
                    check(dsn, place, acked)
            assert all(result.ok for result in sync.Uploader(TeamStore(dsn), DEVICE, place).send_all())
            check(dsn, place, WHOLE)
        finally:
            cluster.stop()
            shutil.rmtree(place)
        print(
            f"kill -9: uploader {kills['uploader']}, server {kills['server']}: 0 lost, 0 doubled, chains equal",
            flush=True,
        )


if __name__ == "__main__":
    main()
