"""Ctrl-Z and fg of the agent itself, and its end, through a real shell, keeper, pump and terminal."""

from __future__ import annotations

import shlex
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
