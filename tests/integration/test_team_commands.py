"""`leash team` and `leash sync` as people use them, against a real PostgreSQL, with its passwords and its TLS."""

from __future__ import annotations

import json
import re
import secrets
import select
import shlex
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest
from certificates import certify
from conftest import World, eventually
from log_samples import write_log
from postgres import ADMIN, Cluster

from leashtui.model.errors import Exit, LeashError
from leashtui.stores.team.line import Line
from leashtui.stores.team.link import address, safe


def record(world: World, session: str, extra: int = 0) -> Path:
    path = Path(world.env["LEASH_STATE_DIR"]) / "sessions" / f"{session}.db"
    write_log(path, session, extra=extra)
    return path


def pasted(done: subprocess.CompletedProcess[str]) -> str:
    """The address in the line an invitation prints."""
    assert done.returncode == 0, done.stderr
    found = re.search(r"leash team (?:join|status) '(.*)'", done.stdout)
    assert found is not None, done.stdout
    return found[1]


def test_from_an_empty_database_to_a_synced_machine(world: World, postgres: Cluster) -> None:
    name = postgres.database()
    admin = postgres.dsn(name)
    assert world.leash("sync").returncode == Exit.USAGE
    done = world.leash("team", "init", admin, "--team", "core")
    assert done.returncode == 0, done.stderr
    assert "the team store is ready (steps applied: 1" in done.stdout
    assert "it was up to date" in world.leash("team", "init", admin, "--team", "core").stdout
    login = f"dev_{secrets.token_hex(3)}"
    with_password = pasted(world.leash("team", "invite", login, admin, "--team", "core"))
    over_tcp = with_password.replace(str(postgres.root), "127.0.0.1")
    wrong = world.leash("team", "join", re.sub(r"password=\S+", "password=wrong", over_tcp))
    assert wrong.returncode == Exit.STORE
    assert "does not let you in" in wrong.stderr
    done = world.leash("team", "join", over_tcp)
    assert done.returncode == 0, done.stderr
    enrolment = Path(world.env["LEASH_CONFIG_DIR"]) / "team.json"
    assert enrolment.stat().st_mode & 0o777 == 0o600
    secret = re.search(r"password=(\S+)", over_tcp)
    assert secret is not None
    assert secret[1] not in done.stdout + done.stderr
    path = record(world, "20261121-093015-aaaa", extra=1200)
    record(world, "20261121-093016-bbbb")
    assert "1,219 records" in world.leash("sync", "status").stdout  # that it joined is in the machine's log
    done = world.leash("sync")
    assert done.returncode == 0, done.stderr
    assert "sent 1,219 records of 3 logs" in done.stdout
    assert "1,219 of 1,219 records are in the team store; 0 wait" in world.leash("sync", "status").stdout
    assert world.leash("sync").stdout == ""
    assert "3 chains of this machine, 1,219 records" in world.leash("team", "status").stdout
    reader = pasted(world.leash("team", "invite", f"{login}_r", admin, "--team", "core", "--as", "reader"))
    lines = [json.loads(line) for line in world.leash("team", "status", reader, "--json").stdout.splitlines()]
    assert [(line["session"], line["count"]) for line in lines] == [
        ("machine", 1),
        ("20261121-093015-aaaa", 1209),
        ("20261121-093016-bbbb", 9),
    ]
    for query in ("verdict:ask,deny", "path:infra/ -kind:act", "agent:bash kind:session.ended", "nothing-like-this"):
        everywhere = [world.leash("log", *where, "--json", query) for where in (["--all"], ["--store", reader])]
        here, there = (sorted(done.stdout.splitlines()) for done in everywhere)
        assert here == there
        assert bool(here) == (query != "nothing-like-this")
    assert "may not do that" in world.leash("log", "--team", "verdict:ask").stderr  # a device's login writes only
    path.unlink()
    done = world.leash("sync")
    assert done.returncode == Exit.FINDINGS
    assert "session 20261121-093015-aaaa is gone" in done.stderr
    assert world.leash("team", "expel", login, admin).returncode == 0
    assert "refuses" in world.leash("sync").stderr


def test_a_machine_that_is_offline_for_long_goes_on_when_the_store_is_back(world: World, postgres: Cluster) -> None:
    name = postgres.database()
    admin = postgres.dsn(name)
    world.leash("team", "init", admin)
    login = f"dev_{secrets.token_hex(3)}"
    assert world.leash("team", "join", pasted(world.leash("team", "invite", login, admin))).returncode == 0
    enrolment = Path(world.env["LEASH_CONFIG_DIR"]) / "team.json"
    there = enrolment.read_text()
    enrolment.write_text(there.replace(str(postgres.root), "/nowhere"))
    record(world, "s-1", extra=50)
    done = world.leash("sync")
    assert done.returncode == Exit.STORE
    assert "cannot be reached" in done.stderr
    assert "60 wait" in world.leash("sync", "status").stdout
    assert "the last try failed" in world.leash("sync", "status").stdout
    follower = world.start("sync", "--follow")
    assert follower.stderr is not None
    assert b"trying again in 2 s" in follower.stderr.readline()
    second = world.leash("sync")
    assert "another leash sync is sending already" in second.stderr
    follower.kill()
    follower.wait()
    enrolment.write_text(there)
    follower = world.start("sync", "--follow")
    eventually(lambda: "0 wait" in world.leash("sync", "status").stdout)
    record(world, "s-2")
    eventually(lambda: "69 of 69 records" in world.leash("sync", "status").stdout)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgresql://ann@db.example.org/leash", "verify-full"),
        ("host=db.example.org sslmode=require", "require"),
        ("host=db.example.org sslmode=verify-full sslrootcert=/ca.pem", "/ca.pem"),
    ],
)
def test_an_address_elsewhere_needs_tls(given: str, wanted: str) -> None:
    assert wanted in address(given)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer"])
def test_clear_text_is_refused(mode: str) -> None:
    with pytest.raises(LeashError, match="clear text"):
        address(f"host=db.example.org sslmode={mode}")
    assert address(f"host=127.0.0.1 sslmode={mode}")


def test_an_address_is_shown_without_its_password() -> None:
    assert "hunter2" not in safe("postgresql://ann:hunter2@db/leash")
    assert "hunter2" not in safe("hunter2 is no address")


def test_tls_with_a_ca_of_ones_own_and_client_certificates(tmp_path: Path) -> None:
    cluster = Cluster()
    try:
        issuer, key = certify(tmp_path, "ca", None, None)
        certify(tmp_path, "server", issuer, key)
        certify(tmp_path, ADMIN, issuer, key)
        certify(tmp_path, "stranger", None, None)
        for name in ("ca.crt", "server.crt", "server.key"):
            shutil.copy(tmp_path / name, cluster.data / name)
            if cluster.user:
                shutil.chown(cluster.data / name, cluster.user)
        (cluster.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 127.0.0.1/32 cert\n")
        cluster.kill()
        cluster.start("ssl=on", "ssl_cert_file=server.crt", "ssl_key_file=server.key", "ssl_ca_file=ca.crt")
        base = f"host=127.0.0.1 port={cluster.port} dbname=postgres user={ADMIN} sslmode=verify-full"
        ours = f"sslcert={tmp_path}/{ADMIN}.crt sslkey={tmp_path}/{ADMIN}.key"
        from leashtui.stores.team.link import TeamError, connect

        with connect(f"{base} sslrootcert={tmp_path}/ca.crt {ours}") as connection:
            assert connection.pgconn.ssl_in_use
        line, got = Line(f"{base} sslrootcert={tmp_path}/ca.crt {ours}"), list[int]()
        line.listen("news")
        line.ask("SELECT repeat('x', $1)", (300_000,), lambda rows: got.append(len(rows[0][0] or "")))
        line.ask("SELECT 1/$1::int", (0,), lambda rows: got.append(-1), lambda error: got.append(0))
        line.ask("SELECT pg_notify('news', $1)", ("x",), lambda rows: got.append(1))
        assert eventually(lambda: select.select([line], [], [], 1) and line.turn())
        assert got == [300_000, 0, 1]
        line.close()
        with pytest.raises(TeamError, match="certificate is not trusted"):
            connect(f"{base} sslrootcert={tmp_path}/stranger.crt {ours}")
        with pytest.raises(TeamError, match="certificate"):
            connect(f"{base} sslrootcert={tmp_path}/ca.crt")
    finally:
        cluster.stop()


def test_a_store_to_try_takes_one_command_and_leaves_nothing(world: World, postgres: Cluster) -> None:
    """`postgres` is only asked for so that a machine without a server's programs is said to have none."""
    state = Path(world.env["LEASH_STATE_DIR"])
    done = world.leash("team", "try")
    try:
        assert done.returncode == 0, done.stderr
        assert "this machine joined it" in done.stdout
        (root,) = re.findall(r"runs in (\S+);", done.stdout)
        assert world.leash("run", "--headless", "--", "true").returncode == 0
        assert "sent " in world.leash("sync").stdout
        owner = shlex.split(next(line for line in done.stdout.splitlines() if "team status" in line))[-1]
        assert "this_machine" in world.leash("team", "status", owner).stdout
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(re.sub(r"password=\S+", "password=guessed", owner))
        assert world.leash("team", "try", "--stop").stdout == "it is stopped\n"
        assert world.leash("sync").returncode != 0
    finally:
        assert world.leash("team", "try", "--remove").stdout == "it is gone\n"
    assert not Path(root).exists()
    assert not (state / "trial.json").exists()
    assert "belongs to no team store" in world.leash("sync").stderr
