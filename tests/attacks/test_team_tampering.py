"""Somebody with every right on the database changes the team store: each change is found, by its own message."""

from __future__ import annotations

import secrets
from pathlib import Path

import psycopg
import pytest
from conftest import World
from postgres import Cluster

from leashtui.model.errors import Exit


@pytest.fixture
def synced(world: World, postgres: Cluster) -> tuple[World, str, str]:
    """A machine with two finished sessions that are in a team store: (world, admin's address, reader's address)."""
    name = postgres.database()
    admin = postgres.dsn(name)
    assert world.leash("team", "init", admin).returncode == 0
    device, reader = (f"{kind}_{secrets.token_hex(4)}" for kind in ("dev", "reader"))
    world.leash("team", "invite", device, admin)
    world.leash("team", "invite", reader, admin, "--as", "reader")
    script = world.script("acts.sh", "#!/bin/sh\nls\ngit push --force origin main\nexit 0\n")
    for _ in range(2):
        assert world.leash("run", "--headless", "--", str(script)).returncode == 0
    assert world.leash("team", "join", postgres.dsn(name, device)).returncode == 0
    done = world.leash("sync")
    assert done.returncode == 0, done.stderr
    (world.root / "keys").write_text(world.leash("audit", "key").stdout)
    return world, admin, postgres.dsn(name, reader)


def verify(world: World, dsn: str) -> tuple[int, str]:
    done = world.leash("audit", "verify", dsn, "--pub", str(world.root / "keys"))
    return done.returncode, done.stdout + done.stderr


def test_what_was_sent_proves_itself_there_too(synced: tuple[World, str, str], tmp_path: Path) -> None:
    world, _, reader = synced
    code, text = verify(world, reader)
    assert code == 0, text
    assert text.count("(signed)") == 2
    assert "3 logs proved, 0 broken" in text
    (tmp_path / "keys").write_text("")
    assert "key is not among those you named" in verify(world, reader)[1]


LAST = "(SELECT id FROM leash.chain WHERE session <> 'machine' ORDER BY id LIMIT 1)"
END = f"(SELECT count FROM leash.chain WHERE id = {LAST})"
REMOVE_THE_END = f"""
DELETE FROM leash.event WHERE chain = {LAST} AND seq = {END};
UPDATE leash.chain SET count = count - 1, head = (SELECT hash FROM leash.event e WHERE e.chain = id AND seq = count - 1)
    WHERE id = {LAST};
"""
REWRITE = f"""
DO $$
DECLARE top bytea := decode(repeat('00', 32), 'hex'); one record;
BEGIN
    FOR one IN SELECT seq, body FROM leash.event WHERE chain = {LAST} ORDER BY seq LOOP
        one.body := convert_to(replace(convert_from(one.body, 'UTF8'), 'git push', 'git pull'), 'UTF8');
        top := sha256(top || sha256(one.body));
        UPDATE leash.event SET body = one.body, hash = top WHERE chain = {LAST} AND seq = one.seq;
    END LOOP;
    UPDATE leash.chain SET head = top WHERE id = {LAST};
END $$;
"""


CHANGES = (
    (f"UPDATE leash.event SET body = body || ' ' WHERE chain = {LAST} AND seq = 3", "record 3 does not match its"),
    (f"DELETE FROM leash.event WHERE chain = {LAST} AND seq = 3", "record 3 is missing"),
    (f"DELETE FROM leash.event WHERE chain = {LAST} AND seq = {END}", "the end of the log is missing"),
    (REMOVE_THE_END, "the end of the log is missing"),
    (REWRITE, "log was rewritten"),
    (f"DELETE FROM leash.checkpoint WHERE chain = {LAST}", "its last signature is gone"),
    (f"UPDATE leash.checkpoint SET note = note || 'x' WHERE chain = {LAST}", "does not hold"),
    (f"DELETE FROM leash.checkpoint; DELETE FROM leash.chain WHERE id = {LAST}", "is gone: the machine chain has"),
    (
        f"UPDATE leash.chain SET session = session || 'x' WHERE id = {LAST}",
        "the certificate is of session",
    ),
)


def test_each_change_in_the_database_is_found(synced: tuple[World, str, str], postgres: Cluster) -> None:
    world, admin, reader = synced
    whole = psycopg.conninfo.conninfo_to_dict(admin)["dbname"]
    for statement, text in CHANGES:
        copy = f"t_{secrets.token_hex(4)}"
        with psycopg.connect(postgres.dsn("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {copy} TEMPLATE {whole}".encode())
        with psycopg.connect(postgres.dsn(copy), autocommit=True) as connection:
            connection.execute("SET session_replication_role = replica")  # as superuser: no triggers, no foreign keys
            connection.execute(statement.encode())
        code, found = verify(world, psycopg.conninfo.make_conninfo(reader, dbname=copy))
        assert code == Exit.FINDINGS, statement
        assert text in found, statement
