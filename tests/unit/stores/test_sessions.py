"""The list of sessions: what each log says of itself, and that no log can break the list."""

from __future__ import annotations

from pathlib import Path

import msgspec
from log_samples import SESSION, START, tamper, write_log

from leashtui.stores.journal import Journal
from leashtui.stores.sessions import describe, find_session, list_sessions


def test_a_session_says_when_who_and_how_it_ended(tmp_path: Path) -> None:
    write_log(tmp_path / f"{SESSION}.db")
    (found,) = list_sessions(tmp_path)
    assert (found.id, found.agent, found.workspace, found.tier, found.code) == (
        SESSION,
        "bash",
        "/home/ann/proj",
        "exec",
        0,
    )
    assert found.records == 9
    assert START < found.started < found.ended
    assert found.problem == ""


def test_a_session_cut_off_has_no_end(tmp_path: Path) -> None:
    path = tmp_path / f"{SESSION}.db"
    write_log(path)
    tamper(path, "DELETE FROM event WHERE seq > 5")
    assert (describe(path).ended, describe(path).records) == (0, 5)


def test_logs_that_cannot_be_read_are_listed_with_their_problem(tmp_path: Path) -> None:
    write_log(tmp_path / f"{SESSION}.db")
    (tmp_path / "junk.db").write_bytes(b"junk" * 100)
    Journal.create(tmp_path / "empty.db", "empty").close()
    write_log(tmp_path / "typed.db", "typed")
    tamper(tmp_path / "typed.db", "UPDATE event SET body = 'text' WHERE seq = 1")
    write_log(tmp_path / "noise.db", "noise")
    tamper(tmp_path / "noise.db", "UPDATE event SET body = x'00ff' WHERE seq = 1")
    problems = {s.id: s.problem for s in list_sessions(tmp_path)}
    assert problems.pop(SESSION) == ""
    assert "no SQLite database" in problems["junk"]
    assert problems["empty"] == "it has no records"
    assert "instead of bytes" in problems["typed"]
    assert "not readable" in problems["noise"]


def test_a_session_of_a_newer_leash_is_listed(tmp_path: Path) -> None:
    path = tmp_path / "new.db"
    journal = Journal.create(path, "new")
    event = {"kind": "session.begun", "by": "tomorrow"}
    journal.append(msgspec.json.encode({"v": 9, "id": "x", "t": 1, "session": "new", "event": event}), durable=False)
    journal.close()
    assert (describe(path).problem, describe(path).records) == ("", 1)


def test_nothing_there_is_no_session(tmp_path: Path) -> None:
    assert list_sessions(tmp_path / "none") == []


def test_a_session_is_found_by_its_id_or_an_end_of_it(tmp_path: Path) -> None:
    for name in ("20261121-093015-7f3a", "20261121-101500-beef", "abcd"):
        Journal.create(tmp_path / f"{name}.db", name).close()
    assert find_session(tmp_path, "beef") == tmp_path / "20261121-101500-beef.db"
    assert find_session(tmp_path, "20261121-0930") == tmp_path / "20261121-093015-7f3a.db"
    assert find_session(tmp_path, "20261121") is None
    assert find_session(tmp_path, "abcd") == tmp_path / "abcd.db"
    assert find_session(tmp_path, "eef") is None
