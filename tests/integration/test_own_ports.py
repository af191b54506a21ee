"""Ports of this machine are policy's too: what a program calls or opens there is decided, recorded and quiet."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
PRELUDE = """
import socket, sys
PORT = int(sys.argv[1])
def tried(act, *words):
    try:
        act(*words); print("done", flush=True)
    except OSError as error:
        print(error.strerror, flush=True)
def call(host, family=socket.AF_INET):
    with socket.socket(family) as one: one.connect((host, PORT))
def opened(host, port):
    one = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.bind((host, port)); one.listen()
    return one
"""
TIERS = ("strict", "compat")


@pytest.fixture
def port() -> Iterator[int]:
    """A server of the person's on this machine."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def run(world: World, tier: str, text: str, port: int) -> list[str]:
    """What an agent's script says, line by line."""
    script = world.script("agent.py", PRELUDE + text)
    done = world.leash("run", "--headless", "--guard", tier, "--", sys.executable, str(script), str(port))
    assert done.returncode == 0, done
    return done.stdout.splitlines()


def policy(world: World, text: str) -> None:
    place = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "mine.cedar").write_text(
        f'@id("mine") @reason("Not this port.") @severity("high") @outcome("deny")\nforbid {text};\n'
    )


def doors(world: World) -> list[tuple[str, str, int, str]]:
    """(action, host, port, ruling) of what was recorded."""
    decided = [e for e in world.events("act.decided") if e["request"]["action"].startswith("Network")]
    return [(r["action"], r["host"], r["port"], e["verdict"]["ruling"]) for e in decided for r in [e["request"]]]


@pytest.mark.parametrize("tier", TIERS)
def test_each_port_is_recorded_once_a_program(world: World, port: int, tier: str) -> None:
    mine = free_port()
    text = f"""
for n in range(5): call("127.0.0.1"); call("0.0.0.0")
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    for n in range(3): one.sendto(b"x", ("127.0.0.1", 8125))
for n in range(2): opened("127.0.0.1", {mine}).close()
chosen = opened("127.0.0.1", 0); unbound = socket.socket(); unbound.listen()
print(chosen.getsockname()[1], unbound.getsockname()[1])
"""
    chosen, unbound = map(int, run(world, tier, text, port)[-1].split())
    assert doors(world) == [
        ("NetworkConnect", "127.0.0.1", port, "allow"),
        ("NetworkConnect", "127.0.0.1", 8125, "allow"),
        ("NetworkBind", "127.0.0.1", mine, "allow"),
        ("NetworkBind", "127.0.0.1", chosen, "allow"),
        ("NetworkBind", "127.0.0.1", unbound, "allow"),
    ]
    assert not world.events("ask.created")


@pytest.mark.parametrize("tier", TIERS)
def test_a_policy_closes_a_port_by_whichever_name_it_is_called(world: World, port: int, tier: str) -> None:
    text = """
tried(call, "127.0.0.1"); tried(call, "0.0.0.0"); tried(call, "::ffff:127.0.0.1", socket.AF_INET6)
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    tried(one.sendto, b"x", ("127.0.0.1", PORT)); tried(one.connect, ("127.0.0.1", PORT))
with socket.socket() as one:
    one.setblocking(False)
    tried(one.connect, ("127.0.0.1", PORT))
"""
    assert run(world, tier, text, port) == ["done"] * 5 + ["Operation now in progress"]
    policy(world, f'(principal, action == Action::"NetworkConnect", resource == Host::"127.0.0.1:{port}")')
    assert run(world, tier, text, port) == ["Permission denied"] * 6
    assert {ruling for *_, ruling in doors(world)} == {"deny"}


@pytest.mark.parametrize("tier", TIERS)
def test_a_policy_closes_a_port_that_the_session_would_open(world: World, tier: str) -> None:
    port = free_port()
    text = """
for host in ("127.0.0.1", "0.0.0.0", "::1", "::"): tried(lambda: opened(host, PORT).close())
"""
    assert run(world, tier, text, port) == ["done"] * 4
    policy(world, f'(principal, action == Action::"NetworkBind", resource) when {{ context.port == "{port}" }}')
    assert run(world, tier, text, port) == ["Permission denied"] * 4


def test_a_policy_about_a_program_holds_after_another_was_let_through(world: World, port: int) -> None:
    program = os.path.basename(os.path.realpath(sys.executable))
    text = """
import subprocess
tried(subprocess.run, ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{PORT} && echo bash"])
tried(call, "127.0.0.1")
"""
    assert run(world, "strict", text, port) == ["bash", "done", "done"]
    policy(
        world, f'(principal, action == Action::"NetworkConnect", resource) when {{ context.exe like "*/{program}" }}'
    )
    assert run(world, "strict", text, port) == ["bash", "done", "Permission denied"]


@pytest.mark.parametrize("tier", TIERS)
def test_a_policy_about_a_port_holds_by_every_name_of_this_machine(world: World, tier: str) -> None:
    """Who listens at every address answers at `::1` and 127.0.0.2 as well."""
    text = """
for host in ("127.0.0.1", "127.0.0.2", "0.0.0.0"): tried(call, host)
for host in ("::1", "::", "::ffff:127.0.0.9"): tried(call, host, socket.AF_INET6)
"""
    with closing(socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)) as server:
        port = server.getsockname()[1]
        assert run(world, tier, text, port) == ["done"] * 6
        for name in (f"127.0.0.1:{port}", f"[::1]:{port}", f"localhost:{port}"):
            policy(world, f'(principal, action == Action::"NetworkConnect", resource == Host::"{name}")')
            assert run(world, tier, text, port) == ["Permission denied"] * 6, name
        policy(world, f'(principal, action == Action::"NetworkConnect", resource == Host::"127.0.0.1:{port + 1}")')
        assert run(world, tier, text, port) == ["done"] * 6


def test_a_policy_about_how_a_program_was_started_holds_for_each_run_of_it(world: World, port: int) -> None:
    text = """
import subprocess
CALL = "import socket, sys\\ntry: socket.create_connection(('127.0.0.1', int(sys.argv[1]))); print('done')\\n"
CALL += "except OSError as error: print(error.strerror)"
for flag in ("--good", "--evil", "--good"):
    subprocess.run([sys.executable, "-c", CALL, str(PORT), flag])
"""
    when = 'when { context.flags.contains("--evil") }'
    policy(world, f'(principal, action == Action::"NetworkConnect", resource == Host::"127.0.0.1:{port}") {when}')
    assert run(world, "strict", text, port) == ["done", "Permission denied", "done"]
