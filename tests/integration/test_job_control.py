"""Ctrl-Z and fg of the agent itself, and its end, through a real shell, keeper, pump and terminal."""

from __future__ import annotations

import contextlib
import os
import shlex
import time
from pathlib import Path

import pexpect
import pytest
from conftest import World, eventually


def _children_of(word: str) -> list[str]:
    """Command lines of living processes that name `word`."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if word in line:
                found.append(line)
    return found


@pytest.mark.parametrize("guard", ["exec", "watch"])
def test_ctrl_z_stops_the_agent_and_fg_goes_on(world: World, guard: str) -> None:
    """The agent catches nothing: the terminal's own SIGTSTP stops it, though it leads a session of its own."""
    agent = world.script("agent.sh", 'echo rea""dy; read line; echo "got <$line>"\n')
    env = world.env | {"PS1": "outer> ", "TERM": "xterm-256color"}
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], cwd=str(world.workspace), env=env, timeout=30, encoding="utf-8"
    )
    shell.expect_exact("outer> ")
    shell.sendline(shlex.join(world.argv("run", "--guard", guard, "--plain", "--", "sh", str(agent))))
    shell.expect_exact("ready")
    shell.send("\x1a")
    shell.expect_exact("Stopped")
    shell.expect_exact("outer> ")
    shell.sendline("echo is$(stty -a | grep -o ' icanon')")
    shell.expect_exact("is icanon")
    shell.sendline("fg")
    shell.expect_exact("run --guard")
    shell.sendline("hel''lo")
    shell.expect_exact("got <hel''lo>")
    shell.expect_exact("outer> ")
    shell.sendline("echo co''de $?")
    shell.expect_exact("code 0")
    shell.sendline("exit")
    shell.expect(pexpect.EOF)
    shell.close()
    eventually(lambda: not _children_of(str(agent)))
    ends = world.events("session.ended")
    assert [end.get("leftovers", []) for end in ends] == [[]]


def test_what_makes_ctrl_z_work_is_not_the_agents_child_and_ends_with_it(world: World) -> None:
    """The agent waits for its children until none is left: it must meet nobody it did not start."""
    code = "import os, sys\ntry: os.waitpid(-1, os.WNOHANG)\nexcept ChildProcessError: print('no' + ' children')\n"
    agent = world.script("agent.py", code)
    argv = world.argv("run", "--plain", "--", "python3", str(agent))
    leash = pexpect.spawn(argv[0], argv[1:], cwd=str(world.workspace), env=world.env, timeout=30, encoding="utf-8")
    leash.expect_exact("no children")
    leash.expect(pexpect.EOF)
    leash.close()
    assert leash.exitstatus == 0
    assert [end.get("leftovers", []) for end in world.events("session.ended")] == [[]]


def test_what_is_over_at_once_is_still_shown(world: World) -> None:
    """The program ends before its face is there: what it printed waits for the face."""
    argv = world.argv("run", "--plain", "--", "echo", "quick")
    leash = pexpect.spawn(argv[0], argv[1:], cwd=str(world.workspace), env=world.env, timeout=30, encoding="utf-8")
    leash.expect(pexpect.EOF)
    assert "\nquick" in leash.before
    leash.close()
    assert leash.exitstatus == 0


def _faces(keeper: int) -> set[str]:
    """What belongs to the terminal: the keeper and its face, each by its number and start time."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent, *rest = (entry / "stat").read_text().rpartition(")")[2].split()
                words = (entry / "cmdline").read_bytes()
                if state != "Z" and (int(entry.name) == keeper or (int(parent) == keeper and b"faces" in words)):
                    found.add(f"{entry.name} {rest[17]}")
    return found


def _lives(process: str) -> bool:
    number, start = process.split()
    with contextlib.suppress(OSError):
        state, *rest = Path("/proc", number, "stat").read_text().rpartition(")")[2].split()
        return state != "Z" and rest[18] == start
    return False


@pytest.mark.parametrize("face", [[], ["--plain"], ["--layout", "full"]])
def test_no_face_stays_when_its_terminal_is_gone_in_the_middle_of_much(world: World, face: list[str]) -> None:
    """Nobody reads the terminal any more when it goes: whoever writes to it stands, and must go all the same. The
    agent goes on, as after a lost ssh."""
    agent = world.script("agent.sh", 'while :; do echo "fl""ood $RANDOM $RANDOM $RANDOM $RANDOM $RANDOM"; done\n')
    argv = world.argv("run", "--guard", "exec", *face, "--", "bash", str(agent))
    env = world.env | {"TERM": "xterm-256color"}
    person = pexpect.spawn(argv[0], argv[1:], cwd=str(world.workspace), env=env, timeout=60, dimensions=(24, 80))
    try:
        person.expect_exact("flood")
        faces = _faces(person.pid)
        assert len(faces) == 2
        time.sleep(1)  # the terminal's buffer fills, and what stands before it
        os.close(person.child_fd)
        eventually(lambda: not any(map(_lives, faces)))
        assert _children_of(str(agent))
    finally:
        killed = world.leash("kill")  # else it would flood whatever is tested next
    assert killed.returncode == 0
    eventually(lambda: not _children_of(str(agent)))
    person.closed = True
    with contextlib.suppress(ChildProcessError):
        os.waitpid(person.pid, 0)


def test_the_panel_is_drawn_though_stderr_went_elsewhere(world: World) -> None:
    agent = world.script("agent.sh", 'echo rea""dy; read line\n')
    line = shlex.join(world.argv("run", "--", "sh", str(agent))) + " 2>errors"
    shell = pexpect.spawn(
        "sh", ["-c", line], cwd=str(world.workspace), env=world.env | {"TERM": "xterm-256color"}, timeout=60,
        encoding="utf-8", dimensions=(24, 80),
    )  # fmt: skip
    shell.expect_exact("ctrl+]")
    shell.expect_exact("ready")
    shell.send("\r")
    shell.expect(pexpect.EOF)
    assert "needs a terminal" not in (world.workspace / "errors").read_text()
