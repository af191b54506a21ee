"""Whose a database server is, with real ones: a Redis where there is one, and programs that only bear such a name."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from leashtui.supervisor.services import Services

SERVE = """
import os, socket, sys
kind, where, folder = sys.argv[1:]
os.chdir(folder)
s = socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)
s.bind(where if kind == "unix" else ("127.0.0.1", int(where)))
s.listen()
print("up", flush=True)
sys.stdin.read()
"""


class Place:
    """A folder, the servers that were started, and what counts as the session's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.own: set[str] = set()
        self.running: list[subprocess.Popen[str]] = []
        self.services = Services(self.own.__contains__, lambda: [p.pid for p in self.running])

    def start(self, name: str, kind: str, where: str, folder: Path, *, inside: bool = True) -> subprocess.Popen[str]:
        program = self.root / "bin" / name
        program.parent.mkdir(exist_ok=True)
        if not program.exists():
            shutil.copy(os.path.realpath(sys.executable), program)
        env = os.environ | {"PYTHONHOME": sys.base_prefix}
        words, pipe = [program, "-c", SERVE, kind, where, folder], subprocess.PIPE
        process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=env)
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        self.running.append(process) if inside else self.others.append(process)
        return process

    others: list[subprocess.Popen[str]] = []


@pytest.fixture
def place() -> Iterator[Place]:
    with tempfile.TemporaryDirectory() as name:
        made = Place(Path(name).resolve())
        yield made
        for process in (*made.running, *made.others):
            process.kill()
            process.communicate()
        made.others.clear()


def free() -> str:
    with socket.create_server(("127.0.0.1", 0)) as made:
        return str(made.getsockname()[1])


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_server_on_data_of_its_own_is_the_sessions(place: Place, kind: str) -> None:
    data = place.root / "data"
    data.mkdir()
    where = free() if kind == "tcp" else str(place.root / "s")
    assert place.services.serves(f"{kind}:{where}") is None
    place.start("postgres", kind, where, data)
    assert place.services.serves(f"{kind}:{where}") is False  # no data of a server lies there
    (data / "PG_VERSION").touch()
    assert place.services.serves(f"{kind}:{where}") is False
    place.own.add(str(data))
    assert place.services.serves(f"{kind}:{where}") is True
    assert place.services.serves(f"{kind}:{where}0") is not True


def test_what_only_passes_calls_on_is_no_server(place: Place) -> None:
    port = free()
    place.own.add(str(place.root))
    (place.root / "PG_VERSION").touch()
    place.start("ssh", "tcp", port, place.root)
    assert place.services.serves(f"tcp:{port}") is False


def test_a_server_of_somebody_outside_is_theirs(place: Place) -> None:
    port = free()
    place.own.add(str(place.root))
    (place.root / "PG_VERSION").touch()
    place.start("postgres", "tcp", port, place.root, inside=False)
    assert place.services.serves(f"tcp:{port}") is False


def test_redis_is_the_sessions_where_no_dump_of_others_lies(place: Place) -> None:
    port = free()
    place.start("redis-server", "tcp", port, place.root)
    assert place.services.serves(f"tcp:{port}") is True
    for name, text in (("dump.rdb", "x"), ("odd", "REDIS0011")):
        (place.root / name).write_text(text)
        assert place.services.serves(f"tcp:{port}") is False
        place.own.add(str(place.root / name))
        assert place.services.serves(f"tcp:{port}") is True


def test_a_program_that_the_session_made_is_no_server_by_its_name(place: Place) -> None:
    data = place.root / "data"
    data.mkdir()
    (data / "PG_VERSION").touch()
    place.own.add(str(data))
    where = free()
    place.start("postgres", "tcp", where, data)
    assert place.services.serves(f"tcp:{where}") is True
    place.own.add(str(place.root / "bin" / "postgres"))
    assert place.services.serves(f"tcp:{where}") is False
