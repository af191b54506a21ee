"""Secret watch: reads of named files are asked, whoever reads; what is not known by its name meets a closed file."""

from __future__ import annotations

import sys

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT or not probe().covers, reason="needs tier strict")
READ = """import sys
for name in sys.argv[1:]:
    try: print(open(name).read().strip(), flush=True)
    except OSError as error: print(error.strerror, flush=True)
"""
RACE = """import os, threading
names = ["plain", ".env"]
word = bytearray(b"plain\\0")
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
buffer = ctypes.create_string_buffer(b"./////////plain", 16)
over = True
def swap():
    while over:
        ctypes.memmove(buffer, b"./////////.env\\0", 16)
        ctypes.memmove(buffer, b"./////////plain", 16)
threading.Thread(target=swap, daemon=True).start()
won = 0
for _ in range(2000):
    fd = libc.open(buffer, 0)
    if fd >= 0:
        won += b"hunter2" in os.read(fd, 100)
        os.close(fd)
over = False
print("won", won)
"""


@pytest.fixture
def watched(world: World) -> World:
    """A project with secrets of its own."""
    world.config('[secrets]\nwatch = [".env", ".env.*", "settings.mine"]\n')
    (world.workspace / ".env").write_text("PASSWORD=hunter2\n")
    (world.workspace / "app").mkdir()
    (world.workspace / "app" / ".env.local").write_text("OTHER=hunter3\n")
    (world.workspace / ".env.example").write_text("PASSWORD=\n")
    (world.workspace / "plain").write_text("plain\n")
    return world


def reader(world: World, *names: str) -> list[str]:
    """A program whose command line does not say that it reads secrets."""
    script = world.script("reader.py", READ.replace("sys.argv[1:]", repr(list(names))))
    return ["run", "--headless", "--on-ask", "wait", "--", sys.executable, str(script)]


def test_a_program_that_reads_one_by_itself_is_held(watched: World) -> None:
    process = watched.start(*reader(watched, "plain", ".env", ".env"))
    card = watched.one_card(30)
    assert card["command"].endswith("/.env")
    assert watched.leash("approve", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["plain", "PASSWORD=hunter2", "PASSWORD=hunter2"], err
    assert len(watched.events("act.asked")) == 1


def test_refused_it_is_told_why(watched: World) -> None:
    process = watched.start(*reader(watched, "app/.env.local", "plain"))
    card = watched.one_card(30)
    assert watched.leash("deny", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out.decode().splitlines() == ["Permission denied", "plain"]
    assert b"leash: REFUSED" in err


def test_examples_and_what_the_session_made_are_free(watched: World) -> None:
    script = watched.script("make.py", "open('settings.mine','w').write('x=1')\nprint(open('settings.mine').read())\n")
    made = watched.leash("run", "--headless", "--", sys.executable, str(script))
    assert made.stdout == "x=1\n", made.stderr
    assert watched.leash("run", "--headless", "--", "cat", ".env.example").stdout == "PASSWORD=\n"


def test_a_name_that_tells_nothing_is_asked_too(watched: World) -> None:
    (watched.workspace / "settings.mine").write_text("mine\n")
    process = watched.start(*reader(watched, "settings.mine"))
    card = watched.one_card(30)
    assert "secret watch" in card["consequence"]
    assert watched.leash("approve", card["id"]).returncode == 0
    assert process.communicate(timeout=60)[0] == b"mine\n"


def test_without_the_watch_reading_is_free_and_with_it_only_there(watched: World) -> None:
    argv = reader(watched, ".env", "../.env")
    (watched.root / "home" / ".env").write_text("elsewhere\n")
    argv[3] = "deny"
    held = watched.leash(*argv)
    assert held.stdout.splitlines() == ["Permission denied", "elsewhere"]
    watched.config("")
    assert watched.leash(*argv).stdout.splitlines() == ["PASSWORD=hunter2", "elsewhere"]


def test_an_allowed_command_that_names_it_reads_it(watched: World) -> None:
    process = watched.start("run", "--headless", "--on-ask", "wait", "--", "sh", "-c", "true; cat .env")
    card = watched.one_card(30)
    assert watched.leash("approve", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out == b"PASSWORD=hunter2\n", err
    assert len(watched.events("act.asked")) == 1


def test_for_the_session_it_is_asked_once(watched: World) -> None:
    reader(watched, ".env", "app/.env.local")
    (watched.root / "reader.py").rename(watched.workspace / "reader.py")
    script = watched.script("twice.sh", "python3 reader.py; python3 reader.py\n")
    process = watched.start("run", "--headless", "--on-ask", "wait", "--", "sh", str(script))
    for name in (".env", "app/.env.local"):  # each file is granted by itself
        card = eventually(lambda: next((c for c in watched.approvals() if c["command"].endswith("/" + name)), None), 30)  # noqa: B023
        assert watched.leash("approve", "--for-session", card["id"]).returncode == 0
    out, err = process.communicate(timeout=60)
    assert out == b"PASSWORD=hunter2\nOTHER=hunter3\n" * 2, err
    assert len(watched.events("act.asked")) == 2


@pytest.mark.parametrize("way", ["os.symlink('.env', 'x')", "os.link('.env', 'x')", "os.rename('.env', 'x')"])
def test_another_name_does_not_help(watched: World, way: str) -> None:
    script = watched.script(
        "way.py", f"import os\ntry: {way}\nexcept OSError: pass\ntry: print(open('x').read())\nexcept OSError: pass\n"
    )
    done = watched.leash("run", "--headless", "--", sys.executable, str(script))
    assert "hunter2" not in done.stdout
    watched.config("")
    free = watched.leash(
        "run", "--headless", "--", sys.executable, str(watched.script("free.py", "print(open('.env').read())"))
    )
    assert "hunter2" in free.stdout


def test_a_name_that_is_swapped_meanwhile_wins_nothing(watched: World) -> None:
    script = watched.script("race.py", RACE)
    held = watched.leash("run", "--headless", "--", sys.executable, str(script))
    assert held.stdout == "won 0\n", held.stderr
    watched.config("")
    argv = ("run", "--headless", "--", sys.executable, str(script))
    eventually(lambda: int(watched.leash(*argv).stdout.split()[1]), 120)  # a busy machine may not let it win at once


def test_the_card_goes_when_the_program_ends(watched: World) -> None:
    script = watched.script(
        "both.py",
        "import subprocess, sys\n"
        + "try: subprocess.run([sys.executable, sys.argv[1]], timeout=3)\nexcept subprocess.TimeoutExpired: pass\n",
    )
    process = watched.start(
        *reader(watched, ".env")[:4], "--", sys.executable, str(script), reader(watched, ".env")[-1]
    )
    watched.one_card(30)
    process.communicate(timeout=60)
    eventually(lambda: [e["verdict"]["by"] for e in watched.events("act.answered")] == ["withdrawn"])
