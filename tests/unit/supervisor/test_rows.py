"""Rows that a statement takes away are counted in the real file, or said to be unknown; a number is never made up."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.request import Action, Layer, Mode, Request
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.rows import counted_in, rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    database = sqlite3.connect(tmp_path / "app.db")
    database.execute("create table users(id integer, name text)")
    database.executemany("insert into users values(?, ?)", [(n, "bob" if n % 2 else "eve") for n in range(9)])
    database.commit()
    database.close()
    return tmp_path


def said(root: Path, command: str) -> list[str]:
    request = Request(Action.PROCESS_EXEC, Layer.HOOK, str(root), script=command)
    engine = Engine(Workspace(str(root)), "/home/ada", "ada", Mode.SHIM, RepositoryProbe(str(root)))
    return rows(engine(request))


NOW = "as of now"
UNKNOWN = "number unknown"
HINT = "not counted; this counts them: SELECT count(*) FROM"


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("delete from users where id < 4", f"removes 4 rows of users {NOW}"),
        ("DELETE FROM users WHERE name = 'bob'", f"removes 4 rows of users {NOW}"),
        ('delete from "users"', f"removes 9 rows of users {NOW}"),
        ("drop table users;", f"removes 9 rows of users {NOW}"),
        ("update users set name = 'x' where id = 8", f"changes 1 row of users {NOW}"),
        ("delete from users where load_extension('x')", f"removes rows of users; {UNKNOWN}"),
        ("delete from nothing where id = 1", f"removes rows of nothing; {HINT} nothing WHERE id = 1"),
        ("delete from users where id in (with recursive n(x) as (select 1 union all select x from n) select x from n)",
         f"removes rows of users; {UNKNOWN}"),
    ],
)  # fmt: skip
def test_rows_of_a_file_are_counted_without_touching_it(root: Path, statement: str, sentence: str) -> None:
    before = (root / "app.db").read_bytes()
    quoted = statement.replace('"', '\\"')
    assert said(root, f'sqlite3 app.db "{quoted}"') == [sentence]
    assert (root / "app.db").read_bytes() == before


def test_what_is_not_known_is_said_to_be_unknown(root: Path) -> None:
    assert said(root, "psql -c 'delete from users'") == [f"removes every row of users; {HINT} users"]
    assert said(root, "psql -c 'delete from users where id = 3'") == [
        f"removes rows of users; {HINT} users WHERE id = 3"
    ]
    hostile = "psql -c 'delete from users where pg_terminate_backend(1)'"  # a person is not shown this to run it
    assert said(root, hostile) == [f"removes rows of users; {UNKNOWN}"]
    assert said(root, "mysql -e 'drop table users'")[0].startswith("removes every row of users")
    two = said(root, "sqlite3 app.db 'update users set id = 0; delete from users where id = 0'")
    assert two and not any(NOW in sentence for sentence in two)  # the first changes what the second finds
    assert said(root, "sqlite3 app.db 'select * from users'") == []


def test_a_file_that_is_not_whole_is_not_counted(root: Path) -> None:
    assert counted_in(str(root / "app.db"), "users", "") == 9
    (root / "app.db-wal").write_bytes(b"unfinished")
    assert counted_in(str(root / "app.db"), "users", "") is None
    (root / "app.db-wal").unlink()
    (root / "app.db").write_bytes(b"SQLite format 3\0" + b"\xff" * 4000)
    assert counted_in(str(root / "app.db"), "users", "") is None
