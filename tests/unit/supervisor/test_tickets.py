"""A late approval is worth one run of exactly what was asked: same words, place, variables, policies and scripts."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from leashtui.agents.registry import adapter_for
from leashtui.model.request import Action, Layer, Request
from leashtui.supervisor.tickets import LIFE, Tickets


def make(now: list[int], bundle: str = "b") -> Tickets:
    return Tickets(lambda: bundle, lambda: now[0], adapter_for("claude").command_of)


def shell(command: str, cwd: str = "/w") -> Request:
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, cwd, ("/bin/bash", "-c", command))


def test_a_pass_is_taken_once() -> None:
    tickets = make([0])
    digest = tickets.digest(shell("rm x"))
    assert tickets.take(digest) == ""
    tickets.leave(digest, "L-1")
    assert tickets.take(digest) == "L-1"
    assert tickets.take(digest) == ""


def test_a_pass_has_an_end_and_is_spent_by_another_run() -> None:
    now = [0]
    tickets = make(now)
    tickets.leave("d", "L-1")
    now[0] = LIFE
    assert tickets.take("d") == ""
    tickets.leave("d", "L-2")
    tickets.spend("L-2")
    assert tickets.take("d") == ""


def test_the_agents_changing_wrapping_does_not_matter() -> None:
    tickets = make([0])
    one = "eval 'rm x' < /dev/null && pwd -P >| /tmp/claude-1111-cwd"
    two = "eval 'rm x' < /dev/null && pwd -P >| /tmp/claude-2222-cwd"
    assert tickets.digest(shell(one)) == tickets.digest(shell(two))


@pytest.mark.parametrize(
    "other",
    [
        shell("rm y"),
        shell("rm x", "/elsewhere"),
        replace(shell("rm x"), env=(("LD_PRELOAD", "x.so"),)),
        replace(shell("rm x"), script="more"),
        Request(Action.FILE_DELETE, Layer.HOOK, "/w", path="/w/x"),
    ],
)
def test_whatever_differs_is_another_act(other: Request) -> None:
    tickets = make([0])
    assert tickets.digest(other) != tickets.digest(shell("rm x"))
    assert make([0], "other policies").digest(shell("rm x")) != tickets.digest(shell("rm x"))


def test_a_changed_script_or_file_is_another_act(tmp_path: Path) -> None:
    script = tmp_path / "tidy.sh"
    script.write_text("rm -rf notes\n")
    tickets = make([0])
    write = Request(Action.FILE_WRITE, Layer.HOOK, str(tmp_path), path=str(script), script="new")
    before = [tickets.digest(shell("bash ./tidy.sh", str(tmp_path))), tickets.digest(write)]
    script.write_text("rm -rf src\n")
    after = [tickets.digest(shell("bash ./tidy.sh", str(tmp_path))), tickets.digest(write)]
    assert not set(before) & set(after)
