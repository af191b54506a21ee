"""Sessions that are started as nobody starts one by hand: streams closed, no home, another home."""

from __future__ import annotations

import os
import pwd
import shlex
import subprocess
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe

TIER = str(probe().tier)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_empty_ones(world: World, closed: str) -> None:
    """As some starters leave them: the program runs, and its exit code is what leash answers with."""
    words = shlex.join(world.argv("run", "--headless", "--", "bash", "-c", "cat; echo on; echo x > ran; exit 7"))
    done = subprocess.run(["bash", "-c", f"{words} {closed}"], cwd=world.workspace, env=world.env, timeout=60)
    assert (done.returncode, (world.workspace / "ran").exists()) == (7, True)


@pytest.mark.parametrize("home", ["", "relative"])
def test_a_home_that_is_none_is_the_account_s(world: World, home: str) -> None:
    """The record says where the person's files are by naming what is outside of the workspace: ~ is theirs."""
    world.env["HOME"] = home
    mine = Path(pwd.getpwuid(os.getuid()).pw_dir)
    world.leash("run", "--headless", "--", "bash", "-c", f"cat {mine}/.ssh/leash-test-no-such-key; true")
    said = [e["sentence"] for d in world.events("act.decided") for e in d["facts"]["effects"]]
    assert any("~/.ssh/leash-test-no-such-key" in sentence for sentence in said), said


@pytest.mark.parametrize("words", [("run", "--headless", "--", "true"), ("explain", "--", "ls")])
def test_a_folder_that_is_gone_is_said_to_be(world: World, words: tuple[str, ...]) -> None:
    line = f"mkdir gone; cd gone; rmdir ../gone; {shlex.join(world.argv(*words))}"
    done = subprocess.run(["bash", "-c", line], cwd=world.workspace, env=world.env, capture_output=True, timeout=60)
    assert (done.returncode, b"the folder you are in is gone" in done.stderr) == (125, True), done


NAMES = [b"sp ace", b"new\nline", b"\xff\xfe", b"quo'te\"$x", b"-dash", b"*", "ümläut".encode()]


@pytest.mark.parametrize("name", NAMES)
def test_a_workspace_may_have_any_name(world: World, name: bytes) -> None:
    """Its session runs, its log can be read and proved, and undo brings back what it lost there."""
    place = Path(os.fsdecode(os.fsencode(world.workspace) + b"/" + name))
    place.mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=place, env=world.env, check=True)
    (place / "kept").write_text("before")

    def leash(*args: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            world.argv(*args), cwd=place, env=world.env, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )

    for _ in range(2):  # what is known of it by the second
        done = leash("run", "--headless", "--guard", TIER, "--", "bash", "-c", "echo after > kept; echo x > new; pwd")
        assert (done.returncode, done.stdout.rstrip(b"\n")) == (0, os.fsencode(place)), done.stderr
    assert leash("audit", "verify").returncode == 0
    assert b"Traceback" not in leash("log").stderr + leash("status").stderr + leash("policy", "check").stderr
    if TIER == "strict":
        sessions = [
            line.split()[0].decode() for line in leash("log", "--sessions").stdout.splitlines() if line[:1] == b"2"
        ]
        for session in reversed(sessions):
            assert leash("undo", session).returncode == 0
        assert sorted(os.listdir(place)) == [".git", "kept"] and (place / "kept").read_text() == "before"
