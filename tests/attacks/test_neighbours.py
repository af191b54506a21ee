"""What other programs of the person use right now: their sockets and their memory below temporary folders.

Emptying a temporary folder is nobody's question, so each attack here was free; its control is the same free, and what
no one uses, or the session made, may go as ever.
"""

# ruff: noqa: E501 - an attack is one line, however long
from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
PRELUDE = """
import os, socket, sys
def bind(path, kind=socket.SOCK_STREAM):
    made = socket.socket(socket.AF_UNIX, kind); made.bind(path)
    if kind != socket.SOCK_DGRAM: made.listen()
    return made
"""
ANSWERS = "s = bind('@there@/s')"
STEALING = {
    "removed": "os.unlink('@there@/s'); " + ANSWERS,
    "removed among many": "for n in range(6):\n    open(f'@there@/{n}.tmp', 'w').close(); os.unlink(f'@there@/{n}.tmp')\nos.unlink('@there@/s'); " + ANSWERS,
    "renamed": "os.rename('@there@/s', '@there@/t'); " + ANSWERS,
    "replaced": "s = bind('@there@/t'); os.rename('@there@/t', '@there@/s')",
    "exchanged": "import ctypes; s = bind('@there@/t'); ctypes.CDLL(None).syscall(316, -100, b'@there@/t', -100, b'@there@/s', 2)",
    "its folder renamed": "os.rename('@there@', '@there@2'); os.mkdir('@there@'); " + ANSWERS,
    "emptied by the shell": "os.system('rm -rf @there@/s'); " + ANSWERS,
}  # fmt: skip


@pytest.fixture
def there() -> Iterator[Path]:
    """A folder in a temporary place, as tmux and ssh-agent make them."""
    with tempfile.TemporaryDirectory(prefix="leash-next-", dir="/tmp") as place:
        yield Path(place, "d")


def attempt(world: World, text: str, there: Path, guard: str) -> str:
    """Run it as an agent in this tier, or `free`; what it said."""
    script = world.script("agent.py", PRELUDE + text.replace("@there@", str(there)) + "\n")
    if guard != "free":
        done = world.leash("run", "--headless", "--guard", guard, "--", sys.executable, str(script))
    else:
        argv = [sys.executable, str(script)]
        done = subprocess.run(argv, cwd=world.workspace, env=world.env, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("guard", ["free", "strict", "compat"])
@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["stream", "datagram"])
@pytest.mark.parametrize("way", STEALING)
def test_a_socket_that_somebody_outside_listens_at_stays(
    world: World, there: Path, way: str, kind: int, guard: str
) -> None:
    there.mkdir()
    with socket.socket(socket.AF_UNIX, kind) as theirs:
        theirs.bind(str(there / "s"))
        if kind == socket.SOCK_STREAM:
            theirs.listen()
        before = (there / "s").stat()
        said = attempt(world, STEALING[way], there, guard)
        place = there / "s"
        stays = place.exists() and place.stat().st_ino == before.st_ino
    assert stays is (guard != "free"), said


@pytest.mark.parametrize("guard", ["strict", "compat"])
def test_a_dead_socket_and_ones_own_may_go(world: World, there: Path, guard: str) -> None:
    there.mkdir()
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(there / "s"))
    text = """
os.unlink('@there@/s')
a = bind('@there@/s'); os.unlink('@there@/s'); b = bind('@there@/s'); os.rename('@there@/s', '@there@/t')
c = bind('@there@/u', socket.SOCK_DGRAM); os.unlink('@there@/u'); os.rename('@there@', '@there@2'); os.unlink('@there@2/t')
print('all')
"""
    assert "all" in attempt(world, text, there, guard)


@pytest.mark.parametrize("guard", ["free", "strict", "compat"])
def test_the_name_without_a_file_that_clients_look_for_first_is_not_taken(
    world: World, there: Path, guard: str
) -> None:
    there.mkdir()
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(there / "s"))
        theirs.listen()
        text = "s = bind('\\0@there@/s'); print('ta' + 'ken')"
        said = attempt(world, text, there, guard)
    assert ("taken" in said) is (guard == "free"), said
    own = "a = bind('@there@/o'); b = bind('\\0@there@/o'); c = bind('\\0leash-next'); print('a' + 'll')"
    assert "all" in attempt(world, own, there, guard)


MEMORY = {
    "written": "fd = os.open('@memory@', os.O_RDWR); os.write(fd, b'EVIL')",
    "emptied": "os.truncate('@memory@', 0)",
    "replaced": "open('@memory@2', 'w').write('EVIL'); os.rename('@memory@2', '@memory@')",
    "removed": "for n in range(6):\n    open(f'@memory@{n}', 'w').close(); os.unlink(f'@memory@{n}')\nos.unlink('@memory@')",
    "written by its descriptor": "fd = os.open('@memory@', os.O_RDONLY); open(f'/proc/self/fd/{fd}', 'r+').write('EVIL')",
}  # fmt: skip


@pytest.mark.parametrize("guard", ["free", "strict", "compat"])
@pytest.mark.parametrize("way", MEMORY)
def test_memory_that_somebody_outside_shares_is_left_alone(world: World, there: Path, way: str, guard: str) -> None:
    memory = Path(f"/dev/shm/leash-next-{os.getpid()}")
    text = MEMORY[way].replace("@memory@", str(memory))
    try:
        with memory.open("w+b") as theirs:
            theirs.write(b"mine")
            theirs.flush()
            said = attempt(world, text, there, guard)
            same = memory.exists() and memory.read_bytes() == b"mine"
    finally:
        for path in memory.parent.glob(f"{memory.name}*"):
            path.unlink()
    assert same is (guard != "free"), said


@pytest.mark.parametrize("guard", ["strict", "compat"])
def test_memory_of_ones_own_and_what_nobody_uses_is_written_as_ever(world: World, there: Path, guard: str) -> None:
    memory = Path(f"/dev/shm/leash-next-{os.getpid()}")
    memory.write_bytes(b"left")
    text = f"""
from multiprocessing import Lock, Process, shared_memory
for n in (1, 2):
    fd = os.open('{memory}', os.O_RDWR); os.write(fd, b'work')
os.unlink('{memory}')
with Lock(): pass
made = shared_memory.SharedMemory(create=True, size=64)
other = shared_memory.SharedMemory(made.name); other.buf[0] = 7
assert made.buf[0] == 7
other.close(); made.close(); made.unlink(); print('all')
"""
    try:
        assert "all" in attempt(world, text, there, guard)
    finally:
        memory.unlink(missing_ok=True)


def calls(port: int, host: str = "127.0.0.1") -> str:
    """A program that calls there."""
    return f"c = socket.create_connection(({host!r}, {port}), 5); c.send(b'EVIL'); c.close(); print('rea' + 'ched')"


def serve(host: str, ports: tuple[int, ...]) -> socket.socket:
    """A server of somebody outside, at the first of these ports that nobody has."""
    for port in ports:
        with contextlib.suppress(OSError):
            return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    raise AssertionError(f"all of {ports} are taken")


@pytest.mark.parametrize("guard", ["free", "strict", "compat"])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::1"])
@pytest.mark.parametrize("ports", [(9222, 9229, *range(5900, 5910)), tuple(range(6010, 6020))], ids=["reins", "screen"])
def test_a_debugger_and_a_screen_of_somebody_outside_are_asked_about(
    world: World, there: Path, ports: tuple[int, ...], host: str, guard: str
) -> None:
    with serve(host, ports) as theirs:
        said = attempt(world, calls(theirs.getsockname()[1], host), there, guard)
    assert ("reached" in said) is (guard == "free"), said


@pytest.mark.parametrize(("guard", "port"), [("strict", 2375), ("compat", 2376)])
def test_other_servers_here_and_ones_own_are_called_as_ever(world: World, there: Path, guard: str, port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        text = f"s = socket.create_server(('127.0.0.1', {port}))\n"
        said = attempt(world, f"{text}{calls(port)}\n{calls(other.getsockname()[1])}", there, guard)
    assert said.count("reached") == 2, said


def test_where_nobody_listens_nobody_is_asked(world: World, there: Path) -> None:
    said = attempt(world, "print(socket.socket().connect_ex(('127.0.0.1', 5037)))", there, "strict")
    assert "111" in said and "REFUSED" not in said
