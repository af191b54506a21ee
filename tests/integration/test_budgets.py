"""Each budget stands a real session still, names itself where the person looks, and a resume gives as much again."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from conftest import World, eventually

COUNTS = "i=0; while [ $i -lt 40 ]; do {}; i=$((i+1)); echo $i; done"
SENDS = """
import socket, sys, time
line = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
for turn in range(40):
    line.sendall(b"x" * 200_000)
    print(turn, flush=True)
    time.sleep(0.1)
"""
SPENDS = """#!/bin/sh
echo '{"messages": [{"extra": {"timestamp": '$(date +%s)'}}], "info": {"model_stats": {"instance_cost": 0.75}}}' > "$2"
i=0; while [ $i -lt 40 ]; do sleep 0.3; i=$((i+1)); echo $i; done
"""


@pytest.fixture
def sink() -> Iterator[int]:
    """A port on which one connection is read to its end."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drink() -> None:
            connection, _ = server.accept()
            with connection:
                while connection.recv(1 << 16):
                    pass

        thread = threading.Thread(target=drink, daemon=True)
        thread.start()
        yield int(server.getsockname()[1])


def frozen(world: World) -> dict[str, object] | None:
    """The last brake of the session, once it is a freeze."""
    found = world.events("session.braked")
    return found[-1] if found and found[-1]["what"] == "freeze" else None


def stands_still_then_ends(world: World, session: subprocess.Popen[bytes], budget: str) -> None:
    """It froze for this budget and said how it goes on; it does, and does not end before."""
    brake = eventually(lambda: frozen(world))
    assert brake["who"] == f"its budget: {budget}"
    assert "frozen" in world.leash("status").stdout
    assert session.stdout is not None
    os.set_blocking(session.stdout.fileno(), False)
    before = (session.stdout.read() or b"").splitlines()
    assert len(before) < 40
    for _ in range(20):
        world.leash("resume")
        if session.poll() is not None:
            break
        eventually(lambda: session.poll() is not None or frozen(world))
    assert session.wait(60) == 0
    assert len(before + session.stdout.read().splitlines()) == 40
    assert session.stderr is not None
    said = session.stderr.read().decode()
    assert f"leash: frozen: this session has used its budget of {budget}; resume it to give it as much again" in said
    assert ": leash resume " in said


def test_acts(world: World) -> None:
    world.config("budget = { acts = 15 }\n")
    session = world.start("run", "--headless", "--", "sh", "-c", COUNTS.format("/bin/true"))
    stands_still_then_ends(world, session, "15 acts")
    freezes = [e for e in world.events("session.braked") if e["what"] == "freeze"]
    assert len(freezes) == 2  # 41 acts


def test_changed_files(world: World) -> None:
    world.config("budget = { files = 8 }\n")
    session = world.start("run", "--headless", "--", "sh", "-c", COUNTS.format("echo > new$i; sleep 0.1"))
    stands_still_then_ends(world, session, "8 changed files")


def test_bytes_sent(world: World, sink: int) -> None:
    world.config("budget = { megabytes_out = 2 }\n")
    session = world.start("run", "--headless", "--", sys.executable, "-c", SENDS, str(sink))
    stands_still_then_ends(world, session, "2 MB sent")


def test_minutes(world: World) -> None:
    world.config("budget = { minutes = 0.1 }\n")
    session = world.start("run", "--headless", "--", "sh", "-c", COUNTS.format("sleep 0.3"))
    stands_still_then_ends(world, session, "0.1 minutes")


def test_cost(world: World) -> None:
    world.config("budget = { cost = 0.5 }\n")
    agent = world.script("mini", SPENDS)
    session = world.start("run", "--headless", "--", str(agent), "-o", str(world.workspace / "run.json"))
    stands_still_then_ends(world, session, "$0.5")
