"""Who may run a temporary file: who made it out of nothing from elsewhere, and what runs that very file already."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from judge import CWD, HOME
from msgspec.structs import replace
from own_repository import Repository

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Effect, Facts, Place, Severity, Verb
from leashtui.model.request import Action, Layer, Mode, ProcessRef, Request
from leashtui.supervisor.origins import Origins


@pytest.fixture
def running(tmp_path: Path) -> Iterator[tuple[ProcessRef, str]]:
    """A process, and the file that it runs."""
    program = str(tmp_path / "program")
    shutil.copy("/bin/sleep", program)
    process = subprocess.Popen([program, "60"])
    try:
        yield ProcessRef(process.pid, 0), program
    finally:
        process.kill()
        process.wait()


def runs(*paths: str, place: Place = Place.TEMP, verb: Verb = Verb.EXEC) -> Facts:
    effects = tuple(Effect(verb, path, place, severity=Severity.HIGH) for path in paths)
    return replace(Engine(Workspace(CWD), HOME, "dev", Mode.KERNEL, Repository()).text("true", CWD), effects=effects)


def test_what_runs_a_file_already_may_start_it_again(running: tuple[ProcessRef, str], tmp_path: Path) -> None:
    process, program = running
    origins = Origins(lambda path: 0)
    assert origins.are_of(process, runs(program))
    os.link(program, tmp_path / "name")
    assert origins.are_of(process, runs(str(tmp_path / "name")))
    origins.reached(Request(Action.NET_CONNECT, Layer.KERNEL, "/", ancestry=(process,)))
    assert origins.are_of(process, runs(program))


def test_nothing_else_is_started_with_it(running: tuple[ProcessRef, str], tmp_path: Path) -> None:
    process, program = running
    origins = Origins(lambda path: 0)
    other = tmp_path / "other"
    shutil.copy(program, other)
    for facts in (
        runs(str(other)), runs(program, str(other)), runs(program, place=Place.SOURCE), runs(program, verb=Verb.DELETE),
        runs(), runs(str(tmp_path / "gone")),
    ):  # fmt: skip
        assert not origins.are_of(process, facts)
    assert not origins.are_of(ProcessRef(os.getpid(), 0), runs(program))
    os.rename(other, program)  # another file bears its name now
    assert not origins.are_of(process, runs(program))


def test_what_was_fetched_is_not_what_it_made(tmp_path: Path) -> None:
    process = ProcessRef(os.getpid(), 0)
    made = runs(str(tmp_path / "x"))
    origins = Origins(lambda path: os.getpid())
    assert origins.are_of(process, made)
    origins.reached(Request(Action.NET_CONNECT, Layer.KERNEL, "/", ancestry=(process,)))
    assert not origins.are_of(process, made)
