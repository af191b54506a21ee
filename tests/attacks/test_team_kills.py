"""kill -9 of the uploader and of the server amid an upload: nothing acknowledged is lost or doubled."""

from __future__ import annotations

import random
import secrets
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_samples import write_log
from postgres import Cluster

from leashtui.audit.verify import verify
from leashtui.stores import sync
from leashtui.stores.journal import read
from leashtui.stores.sync import Sent
from leashtui.stores.team.chains import TeamStore
from leashtui.stores.team.link import TeamError, connect
from leashtui.stores.team.members import enrol, make_team
from leashtui.stores.team.migrate import migrate

DEVICE = "00112233aabbccdd"
SESSIONS = 3
EXTRA = 1500

UPLOADER = """
import sys
from pathlib import Path
from leashtui.stores import sync
from leashtui.stores.team.chains import TeamStore
told = lambda sent: print(sent.session, sent.count, flush=True)
sync.BATCH = 20
uploader = sync.Uploader(TeamStore(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), told)
print("ready", flush=True)
assert all(result.ok for result in uploader.send_all())
"""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    made = Cluster()
    yield made
    made.stop()


def prepare(cluster: Cluster, state: Path) -> str:
    """A store, a login, and three finished logs; the login's address."""
    name = cluster.database()
    admin = cluster.dsn(name)
    login = f"u_{secrets.token_hex(4)}"
    with connect(admin) as connection:
        migrate(connection, admin)
        make_team(connection, admin, "core")
        enrol(connection, admin, "core", login, "device")
        connection.execute(f"GRANT leash_reader TO {login}".encode())
    for number in range(SESSIONS):
        write_log(state / "sessions" / f"s-{number}.db", f"s-{number}", extra=EXTRA)
    return cluster.dsn(name, login)


def check(dsn: str, state: Path, acked: dict[str, int]) -> None:
    """What was acknowledged is there, once, and equal to what lies here."""
    store = TeamStore(dsn)
    for chain in store.chains():
        here = list(read(state / "sessions" / f"{chain.session}.db"))
        there = list(store.rows(chain.chain))[: chain.count]  # the last batch of a killed client may just be ending
        assert len(there) == chain.count >= acked.get(chain.session, 0)
        assert there == here[: chain.count]
        assert verify(there, session=chain.session).head == (chain.head if there else bytes(32))
    store.close()


def upload_killed(dsn: str, state: Path, after: int, acked: dict[str, int]) -> None:
    """Run the uploader, kill -9 it after that many lines, note what it was told."""
    process = subprocess.Popen(
        [sys.executable, "-c", UPLOADER, dsn, DEVICE, str(state)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    for number, line in enumerate(process.stdout):
        words = line.split()
        if len(words) == 2:
            acked[words[0]] = int(words[1])
        if number == after:
            process.kill()
    process.wait()


def test_an_uploader_that_is_killed_again_and_again(cluster: Cluster, tmp_path: Path) -> None:
    dsn = prepare(cluster, tmp_path)
    chance = random.Random(7)
    acked: dict[str, int] = {}
    for _ in range(8):
        upload_killed(dsn, tmp_path, chance.randrange(1, 20), acked)
        check(dsn, tmp_path, acked)
    upload_killed(dsn, tmp_path, 10**6, acked)
    check(dsn, tmp_path, {f"s-{n}": EXTRA + 9 for n in range(SESSIONS)})


class Killer:
    """Kills the server, beside the running upload, once it acknowledged so many batches."""

    def __init__(self, cluster: Cluster, after: int, acked: dict[str, int]) -> None:
        self.thread = threading.Thread(target=cluster.kill)
        self.left = after
        self.acked = acked

    def __call__(self, sent: Sent) -> None:
        self.acked[sent.session] = sent.count
        self.left -= 1
        if self.left == 0:
            self.thread.start()


def test_a_server_that_is_killed_in_the_middle(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "BATCH", 5)
    dsn = prepare(cluster, tmp_path)
    chance = random.Random(11)
    acked: dict[str, int] = {}
    for _ in range(3):
        killer = Killer(cluster, chance.randrange(1, 60), acked)
        with pytest.raises(TeamError) as caught:
            list(sync.Uploader(TeamStore(dsn), DEVICE, tmp_path, killer).send_all())
        assert caught.value.away
        killer.thread.join()
        cluster.start()
        check(dsn, tmp_path, acked)
    assert all(result.ok for result in sync.Uploader(TeamStore(dsn), DEVICE, tmp_path).send_all())
    check(dsn, tmp_path, {f"s-{n}": EXTRA + 9 for n in range(SESSIONS)})
