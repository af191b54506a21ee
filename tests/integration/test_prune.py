"""Old sessions go, what is left proves itself, and a deletion is not a pruning."""

from __future__ import annotations

import os
import shutil
import time
from itertools import count
from pathlib import Path

import pytest
from conftest import World, eventually
from log_samples import Clock, tamper, write_log

from leashtui.model.errors import Exit
from leashtui.stores.enrolment import Enrolment, Progress, enrol, note_progress
from leashtui.stores.machine import Machine


@pytest.fixture
def logged(world: World) -> World:
    """Three finished sessions; their records say November 2026."""
    state = Path(world.env["LEASH_STATE_DIR"])
    numbers = count(1)
    machine = Machine(state / "machine.db", Clock(), lambda: f"M{next(numbers)}")
    for name in ("s-1", "s-2", "s-3"):
        machine.opened(name, log=f"{name}.db")
        stream = write_log(state / "sessions" / f"{name}.db", name, extra=200)
        machine.closed(name, head=stream.head, count=stream.count)
    return world


def names(world: World) -> list[str]:
    return sorted(p.name for p in (Path(world.env["LEASH_STATE_DIR"]) / "sessions").iterdir())


def test_the_oldest_go_until_the_rest_fits_and_all_proves_itself(logged: World) -> None:
    size = (Path(logged.env["LEASH_STATE_DIR"]) / "sessions" / "s-1.db").stat().st_size
    done = logged.leash("audit", "prune", "--size", str(size * 2), "--dry-run")
    assert "would go s-1" in done.stdout
    assert names(logged) == ["s-1.db", "s-2.db", "s-3.db"]
    done = logged.leash("audit", "prune", "--size", str(size * 2))
    assert done.returncode == 0, done.stderr
    assert "gone     s-1" in done.stdout
    assert names(logged) == ["s-2.db", "s-3.db"]
    done = logged.leash("audit", "verify")
    assert done.returncode == 0, done.stdout
    assert "3 logs proved, 0 broken" in done.stdout
    assert "0 sessions" in logged.leash("audit", "prune", "--size", str(size * 2)).stdout


def test_the_configuration_prunes_as_a_session_ends_and_all_that_was_kept_of_one_goes(logged: World) -> None:
    state = Path(logged.env["LEASH_STATE_DIR"])
    (state / "sessions" / "s-1.cast").write_text("what its terminal showed")
    (state / "undo" / "s-1").mkdir(parents=True)
    (state / "undo" / "s-1" / "kept").write_text("what it overwrote")
    logged.config('retention = { days = 3650, size = "1K" }')
    assert logged.leash("run", "--headless", "--", "true").returncode == 0
    eventually(lambda: not any((state / "sessions").glob("s-*")))
    assert not (state / "undo" / "s-1").exists()
    done = logged.leash("audit", "verify")
    assert done.returncode == 0, done.stdout
    logged.config('retention = { size = "2 GB" }')
    assert "retention.size" in logged.leash("run", "--headless", "--", "true").stderr


def test_a_session_whose_supervisor_was_killed_goes_too_once_it_runs_no_more(logged: World) -> None:
    state = Path(logged.env["LEASH_STATE_DIR"])
    machine = Machine(state / "machine.db", Clock(), lambda: "M99")
    machine.opened("s-0", log="s-0.db")
    stream = write_log(state / "sessions" / "s-0.db", "s-0", extra=20)
    tamper(state / "sessions" / "s-0.db", f"DELETE FROM event WHERE seq = {stream.count}")
    done = logged.leash("audit", "prune", "--size", "0")
    assert "gone     s-0" in done.stdout, done.stdout
    assert logged.leash("audit", "verify").returncode == 0


def test_what_was_deleted_without_a_tombstone_still_vanished(logged: World) -> None:
    os.unlink(Path(logged.env["LEASH_STATE_DIR"]) / "sessions" / "s-2.db")
    logged.leash("audit", "prune", "--size", "1")
    done = logged.leash("audit", "verify")
    assert done.returncode == Exit.FINDINGS
    assert "session s-2 is gone" in done.stdout
    assert "s-1" not in done.stdout


def test_what_does_not_prove_itself_runs_or_was_not_sent_stays(logged: World) -> None:
    state = Path(logged.env["LEASH_STATE_DIR"])
    tamper(state / "sessions" / "s-1.db", "DELETE FROM event WHERE seq = 4")
    shutil.copy(state / "sessions" / "s-2.db", state / "sessions" / "s-9.db")
    tamper(state / "sessions" / "s-9.db", "DELETE FROM event")
    enrol(Path(logged.env["LEASH_CONFIG_DIR"]), Enrolment("host=/nowhere"))
    note_progress(state, Progress(time.time_ns() // 1000, {"s-2": 209, "s-3": 100}))
    done = logged.leash("audit", "prune", "--size", "0")
    assert "stays    s-1" in done.stdout
    assert "it does not prove itself" in done.stdout
    assert "gone     s-2" in done.stdout
    assert "stays    s-3" in done.stdout
    assert "the team store has only 100 of its 209 records" in done.stdout
    assert names(logged) == ["s-1.db", "s-3.db", "s-9.db"]


def test_words_that_cannot_be_meant(logged: World) -> None:
    for words in ((), ("--older", "soon"), ("--size", "big")):
        assert logged.leash("audit", "prune", *words).returncode == Exit.USAGE
    assert "0 sessions" in logged.leash("audit", "prune", "--older", "9999d").stdout
