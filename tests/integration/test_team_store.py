"""The team store against a real PostgreSQL: exactly once, own chains only, and nothing that is there ever changes."""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from log_samples import SESSION, Clock, allowed, tamper, write_log
from postgres import Cluster

from leashtui.audit.chain import GENESIS, link
from leashtui.audit.verify import Fault, verify
from leashtui.model.errors import StoreError
from leashtui.stores.journal import read
from leashtui.stores.machine import Machine
from leashtui.stores.retention import Limits, prune
from leashtui.stores.sync import Uploader
from leashtui.stores.team.chains import TeamStore
from leashtui.stores.team.link import TeamError, connect
from leashtui.stores.team.members import enrol, expel, make_team
from leashtui.stores.team.migrate import migrate, migrations, version

DEVICE = "00112233aabbccdd"


@dataclass
class Team:
    """A migrated store with one team, and logins made as needed."""

    cluster: Cluster
    name: str
    admin: str

    def login(self, what: str = "device", team: str = "core") -> str:
        """A new member; its address."""
        name = f"u_{secrets.token_hex(4)}"
        with connect(self.admin) as connection:
            make_team(connection, self.admin, team)
            enrol(connection, self.admin, team, name, what)
        return self.cluster.dsn(self.name, name)

    def counts(self) -> tuple[int, int]:
        """(rows, distinct rows) of all chains."""
        with connect(self.admin) as connection:
            row = connection.execute("SELECT count(*), count(DISTINCT (chain, seq)) FROM leash.event").fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.fixture
def team(postgres: Cluster) -> Iterator[Team]:
    name = postgres.database()
    dsn = postgres.dsn(name)
    with connect(dsn) as connection:
        migrate(connection, dsn)
    yield Team(postgres, name, dsn)


def chained(*bodies: bytes, head: bytes = GENESIS) -> list[bytes]:
    hashes = []
    for body in bodies:
        head = link(head, body)
        hashes.append(head)
    return hashes


def state_with(path: Path, *sessions: str, extra: int = 0) -> Path:
    """A state directory with finished sessions and their machine chain."""
    names = iter(range(10**6))
    machine = Machine(path / "machine.db", Clock(), lambda: f"M{next(names)}")
    for session in sessions:
        machine.opened(session, agent="bash", log=f"{session}.db")
        stream = write_log(path / "sessions" / f"{session}.db", session, extra=extra)
        machine.closed(session, head=stream.head, count=stream.count)
    return path


# --- schema ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("start", range(len(migrations()) + 1))
def test_migration_goes_forward_from_every_earlier_version(postgres: Cluster, start: int) -> None:
    dsn = postgres.dsn(postgres.database())
    newest = migrations()[-1].version
    with connect(dsn) as connection:
        assert version(connection) == 0
        migrate(connection, dsn, upto=start)
        assert migrate(connection, dsn) == tuple(range(start + 1, newest + 1))
        assert migrate(connection, dsn) == ()
        assert version(connection) == newest


def test_a_store_with_other_steps_is_refused(team: Team) -> None:
    with connect(team.admin) as connection:
        connection.execute("UPDATE leash.migration SET digest = 'x' WHERE version = 1")
        with pytest.raises(StoreError, match="not the one this leash knows"):
            migrate(connection, team.admin)
        connection.execute("UPDATE leash.migration SET digest = %s WHERE version = 1", (migrations()[0].digest,))
        connection.execute("INSERT INTO leash.migration (version, digest) VALUES (99, 'y')")
        with pytest.raises(StoreError, match="newer leash"):
            migrate(connection, team.admin)


# --- ingest ----------------------------------------------------------------------------------------------------------
def test_a_record_counts_once_however_often_it_is_sent(team: Team) -> None:
    store = TeamStore(team.login())
    place = store.open_chain(DEVICE, "s")
    assert (place.count, place.head) == (0, GENESIS)
    bodies = [b"one", b"two", b"three"]
    hashes = chained(*bodies)
    assert store.ingest(place.chain, 1, bodies[:2], hashes[:2]) == (2, hashes[1])
    assert store.ingest(place.chain, 1, bodies[:2], hashes[:2]) == (2, hashes[1])
    assert store.ingest(place.chain, 2, bodies[1:], hashes[1:]) == (3, hashes[2])
    assert store.open_chain(DEVICE, "s") == place.__class__(place.chain, 3, hashes[2])
    assert team.counts() == (3, 3)


def test_what_does_not_fit_is_refused_each_with_its_own_message(team: Team) -> None:
    store = TeamStore(team.login())
    chain = store.open_chain(DEVICE, "s").chain
    bodies = [b"one", b"two", b"three"]
    hashes = chained(*bodies)
    store.ingest(chain, 1, bodies[:2], hashes[:2])
    for first, body, digest, state, text in (
        (4, b"four", bytes(32), "LS004", "records 3 to 3 are missing before record 4"),
        (2, b"TWO", link(hashes[0], b"TWO"), "LS005", "record 2 is another one here: the chain was forked"),
        (2, b"TWO", hashes[1], "LS005", "record 2 is another one here"),
        (3, b"THREE", hashes[2], "LS006", "record 3 does not follow from record 2"),
        (0, b"zero", bytes(32), "LS004", "missing"),
    ):
        with pytest.raises(TeamError, match=text) as caught:
            store.ingest(chain, first, [body], [digest])
        assert caught.value.state == state
    with pytest.raises(TeamError, match="as many hashes"):
        store.ingest(chain, 3, [b"three"], [])
    assert team.counts() == (2, 2)


def test_a_chain_belongs_to_the_login_that_began_it(team: Team) -> None:
    ann, eve = TeamStore(team.login()), TeamStore(team.login())
    chain = ann.open_chain(DEVICE, "s").chain
    with pytest.raises(TeamError, match="belongs to another login"):
        eve.open_chain(DEVICE, "s")
    with pytest.raises(TeamError, match="is not yours"):
        eve.ingest(chain, 1, [b"x"], chained(b"x"))
    with pytest.raises(TeamError, match="is not yours"):
        eve.put_checkpoint(chain, 1, b"x")
    assert eve.my_chains(DEVICE) == {}
    assert ann.my_chains(DEVICE) == {"s": (0, GENESIS)}


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE leash.event SET body = 'x'",
        "DELETE FROM leash.event",
        "TRUNCATE leash.event",
        "TRUNCATE leash.event_default",
        "INSERT INTO leash.event VALUES (1, 9, now(), 1, 'x', sha256('x'))",
        "UPDATE leash.chain SET count = 0",
        "DELETE FROM leash.checkpoint",
        "SELECT * FROM leash.event",
        "DROP TABLE leash.event",
        "ALTER TABLE leash.event DISABLE TRIGGER ALL",
        "SET ROLE leash_owner",
        "SET SESSION AUTHORIZATION leash_admin",
        "CREATE TABLE leash.mine ()",
        "SELECT leash.make_partitions(1)",
        "INSERT INTO leash.member VALUES (session_user, 1)",
    ],
)
def test_a_writer_can_only_append(team: Team, statement: str) -> None:
    dsn = team.login()
    store = TeamStore(dsn)
    store.ingest(store.open_chain(DEVICE, "s").chain, 1, [b"x"], chained(b"x"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        store.connection.execute(statement.encode())


@pytest.mark.parametrize("table", ["event", "checkpoint", "event_default"])
@pytest.mark.parametrize("verb", ["UPDATE {} SET received = now()", "DELETE FROM {}", "TRUNCATE {}"])
def test_not_even_the_owner_changes_records(team: Team, table: str, verb: str) -> None:
    store = TeamStore(team.login())
    chain = store.open_chain(DEVICE, "s").chain
    store.ingest(chain, 1, [b"x"], chained(b"x"))
    store.put_checkpoint(chain, 1, b"note")
    with connect(team.admin) as connection:
        connection.execute("INSERT INTO leash.event VALUES (99, 1, '1999-01-01', 1, 'x', sha256('x'))")
        with pytest.raises(psycopg.Error, match="only grows"):
            connection.execute(verb.format(f"leash.{table}").encode())


def test_a_reader_sees_its_own_team_only(team: Team) -> None:
    ours, theirs = TeamStore(team.login(team="core")), TeamStore(team.login(team="other"))
    for store, body in ((ours, b"ours"), (theirs, b"theirs")):
        store.ingest(store.open_chain(DEVICE, "s").chain, 1, [body], chained(body))
    reader = TeamStore(team.login("reader", "core"))
    assert [chain.session for chain in reader.chains()] == ["s"]
    assert [row.body for chain in range(1, 5) for row in reader.rows(chain)] == [b"ours"]
    with pytest.raises(TeamError, match="permission denied"):
        reader.open_chain(DEVICE, "t")
    login = reader.connection.info.user
    with connect(team.admin) as connection:
        expel(connection, team.admin, login)
    with pytest.raises(TeamError, match="permission denied"):
        reader.chains()


def test_rows_land_in_the_partition_of_their_month(team: Team) -> None:
    store = TeamStore(team.login())
    store.ingest(store.open_chain(DEVICE, "s").chain, 1, [b"x"], chained(b"x"))
    with connect(team.admin) as connection:
        row = connection.execute(
            "SELECT tableoid::regclass::text = to_char(now() AT TIME ZONE 'UTC', '\"leash.event_\"YYYY_MM') "
            "FROM leash.event"
        ).fetchone()
    assert row == (True,)


# --- sync ------------------------------------------------------------------------------------------------------------
def test_every_log_of_a_machine_arrives_and_proves_itself_there(team: Team, tmp_path: Path) -> None:
    state = state_with(tmp_path / "state", "a-1", "a-2", extra=2500)
    told: list[int] = []
    uploader = Uploader(TeamStore(team.login()), DEVICE, state, lambda sent: told.append(sent.sent))
    results = list(uploader.send_all())
    assert [(r.session, r.ok) for r in results] == [("machine", True), ("a-1", True), ("a-2", True)]
    assert len(told) > 4
    assert list(uploader.send_all()) == []
    reader = TeamStore(team.login("reader"))
    for chain in reader.chains():
        path = state / "machine.db" if chain.session == "machine" else state / "sessions" / f"{chain.session}.db"
        rows = list(reader.rows(chain.chain))
        assert rows == list(read(path))
        found = verify(rows, session=chain.session)
        assert (found.count, found.head) == (chain.count, chain.head)


def test_a_log_that_grows_is_sent_from_where_the_server_is(team: Team, tmp_path: Path) -> None:
    from leashtui.audit.mask import Masker
    from leashtui.stores.journal import Journal
    from leashtui.supervisor.stream import Stream

    path = tmp_path / "sessions" / "s.db"
    stream = Stream(Journal.create(path, "s"), Masker({}), "s", Clock())
    dsn = team.login()
    uploader = Uploader(TeamStore(dsn), DEVICE, tmp_path)
    for number in range(1, 6):
        stream.append(allowed("echo", str(number)))
        assert [(r.sent, r.count) for r in uploader.send_all()] == [(1, number)]
    fresh = Uploader(TeamStore(dsn), DEVICE, tmp_path)
    assert [(r.sent, r.count) for r in fresh.send_all()] == [(0, 5)]
    stream.close()


@pytest.mark.parametrize(
    ("statement", "fault", "text"),
    [
        ("DELETE FROM event WHERE seq > 5", Fault.CUT, "was cut here: the team store has 9 records"),
        ("UPDATE event SET hash = randomblob(32) WHERE seq = 9", Fault.FORKED, "record 9 here is not the one"),
        ("INSERT INTO event VALUES (11, x'00', zeroblob(32))", Fault.MISSING, "record 10 is missing"),
        ("INSERT INTO event VALUES (10, x'00', zeroblob(32))", Fault.EDITED, "record 10 does not follow"),
        ("INSERT INTO event VALUES (10, 'text', zeroblob(32))", Fault.TYPE, "record 10 has a wrong type"),
    ],
)
def test_what_was_tampered_with_here_is_named_and_not_sent(
    team: Team, tmp_path: Path, statement: str, fault: Fault, text: str
) -> None:
    state = state_with(tmp_path / "state", SESSION)
    uploader = Uploader(TeamStore(team.login()), DEVICE, state)
    assert all(r.ok for r in uploader.send_all())
    tamper(state / "sessions" / f"{SESSION}.db", statement)
    (result,) = [r for r in uploader.send_all() if not r.ok]
    assert result.fault == fault
    assert text in result.message
    rows, distinct = team.counts()
    assert rows == distinct == 11


def test_a_session_that_vanished_here_is_named(team: Team, tmp_path: Path) -> None:
    state = state_with(tmp_path / "state", "a-1", "a-2")
    uploader = Uploader(TeamStore(team.login()), DEVICE, state)
    list(uploader.send_all())
    os.unlink(state / "sessions" / "a-1.db")
    (result,) = uploader.send_all()
    assert result.fault == Fault.VANISHED
    assert "session a-1 is gone" in result.message


def test_a_session_that_was_pruned_here_is_not_gone(team: Team, tmp_path: Path) -> None:
    state = state_with(tmp_path / "state", "a-1", "a-2")
    uploader = Uploader(TeamStore(team.login()), DEVICE, state)
    list(uploader.send_all())
    machine = Machine(state / "machine.db", Clock(), lambda: "P1")
    sent = {"a-1": 9, "a-2": 9}
    assert [one.reason for one in prune(state, Limits(size=0), machine, who="ann", sent=sent)] == ["", ""]
    assert not list((state / "sessions").iterdir())
    assert [(r.session, r.sent, r.ok) for r in uploader.send_all()] == [("machine", 2, True)]


def test_a_log_rewritten_as_a_whole_is_a_fork(team: Team, tmp_path: Path) -> None:
    path = tmp_path / "sessions" / "s.db"
    write_log(path, "s")
    uploader = Uploader(TeamStore(team.login()), DEVICE, tmp_path)
    assert [r.ok for r in uploader.send_all()] == [True]
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT seq, body FROM event ORDER BY seq").fetchall()
    head = GENESIS
    for seq, body in rows:
        forged = body.replace(b"git", b"got")
        head = link(head, forged)
        connection.execute("UPDATE event SET body = ?, hash = ? WHERE seq = ?", (forged, head, seq))
    connection.commit()
    connection.close()
    assert verify(read(path), session="s").count == len(rows)
    assert [r.fault for r in uploader.send_all()] == [Fault.FORKED]
