"""Tier strict from inside: what a day's work does goes on, and the few attacks that need a session of their own.

The attacks that can share one are in `tests/arsenal`. The person's home lies outside of the workspace and of temporary
folders.
"""

from __future__ import annotations

import json
import os
import shutil
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
PLACES = ("/var/lib", "/home", "/opt", "/root")

PRELUDE = """
import ctypes, os, socket, struct, sys, time
libc = ctypes.CDLL(None, use_errno=True)
said = os.path.abspath("said")
def say(text):
    open(said, "w").write(text)
"""


@pytest.fixture
def person(world: World) -> Iterator[World]:
    """A world whose home lies where a home lies, outside of temporary folders."""
    base = next(
        (p for p in (os.path.expanduser("~"), *PLACES) if os.access(p, os.W_OK) and not p.startswith("/tmp")), ""
    )
    if not base:
        pytest.skip("nowhere to put a home")
    with tempfile.TemporaryDirectory(prefix="leash-home-", dir=base) as place:
        home = Path(place, "home")
        shutil.copytree(world.workspace, home / "proj")
        (home / "prized").write_text("mine")
        (home / "prized").chmod(0o644)
        (home / ".bashrc").write_text("mine")
        (home / "folder" / "empty").mkdir(parents=True)
        for secret in (".ssh/id_ed25519", ".aws/credentials", ".netrc", ".npmrc", ".config/gh/hosts.yml"):
            (home / secret).parent.mkdir(parents=True, exist_ok=True)
            (home / secret).write_text("EVIL secret")
        world.env["HOME"] = str(home)
        world.workspace = home / "proj"
        yield world


def attempt(person: World, text: str) -> subprocess.CompletedProcess[str]:
    """Run a program in the workspace, in tier strict."""
    case = person.workspace / "case.py"
    case.write_text(PRELUDE + text.replace("@home@", person.env["HOME"]) + "\n")
    return person.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(case))


def test_a_program_may_look_for_its_own_server_and_then_start_it(person: World) -> None:
    place = str(person.workspace / "own.sock")
    text = f"""
s = socket.socket(socket.AF_UNIX)
print('first', s.connect_ex({place!r}))
server = socket.socket(socket.AF_UNIX); server.bind({place!r}); server.listen()
print('then', s.connect_ex({place!r}))
"""
    done = attempt(person, text)
    assert "first 2" in done.stdout, done.stdout + done.stderr
    assert "then 0" in done.stdout, done.stdout + done.stderr


RACE = """
import threading, mmap
good, bad = b"./harmless", b"@home@/prized"
bad += b"\\0"; good += b"\\0" * (len(bad) - len(good))
buffer = ctypes.create_string_buffer(bad, len(bad)); at = ctypes.addressof(buffer)
libc.memcpy.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
sys.setswitchinterval(1e-6)
over = False
def flip():
    while not over:
        libc.memcpy(at, bad, len(bad)); libc.memcpy(at, good, len(good))
threading.Thread(target=flip, daemon=True).start()
end = time.monotonic() + @lasts@
while time.monotonic() < end:
    fd = libc.syscall(257, -100, ctypes.c_void_p(at), 0o1101, 0o644)
    if fd >= 0: os.write(fd, b"EVIL"); os.close(fd)
over = True
"""


def test_a_racing_thread_never_turns_an_allowed_open_into_another(person: World) -> None:
    home = Path(person.env["HOME"])
    done = attempt(person, RACE.replace("@lasts@", "3"))
    assert (home / "prized").read_text() == "mine", done
    assert (person.workspace / "harmless").exists(), done


def test_work_goes_on_as_if_nobody_watched(person: World) -> None:
    """Control of the other kind: what a day's work does is done, with contents, modes and links as they should be."""
    text = """
import json, multiprocessing, shutil, sqlite3, stat, subprocess, tempfile, venv
os.umask(0o027)
open("a", "w").write("1"); open("a", "a").write("2"); os.rename("a", "b"); os.link("b", "c"); os.symlink("b", "d")
os.makedirs("p/q"); shutil.copy("b", "p/q"); os.chmod("p/q/b", 0o755); shutil.rmtree("p")
with tempfile.TemporaryFile() as f: f.write(b"x")
with tempfile.NamedTemporaryFile() as f: f.write(b"x")
db = sqlite3.connect("x.db"); db.execute("create table t(x)"); db.commit(); db.close()
open("/dev/null", "w").write("x"); print("to stdout", file=open("/dev/stdout", "w"))
server = socket.create_server(("127.0.0.1", 0)); socket.create_connection(server.getsockname()).close()
one = socket.socket(socket.AF_UNIX); one.bind("s"); one.listen()
socket.socket(socket.AF_UNIX).connect("s")
git = ["init -q r", "-C r config user.name t", "-C r config user.email t@x", "-C r commit -q --allow-empty -m x"]
for line in (*git, "clone -q r r2"):
    subprocess.run(["git", *line.split()], check=True)
assert multiprocessing.Pool(2).map(len, ["a", "bb"]) == [1, 2]
os.mkfifo("ff"); child = os.fork()
if child == 0: time.sleep(0.2); print(open("ff").read(), flush=True); os._exit(0)
open("ff", "w").write("pipe"); os.waitpid(child, 0)
os.makedirs("packed/in"); os.chmod("packed/in", 0o750)
subprocess.run("tar cf t.tar packed && mkdir out && tar xpf t.tar -C out", shell=True, check=True)
fd = os.open("out", os.O_PATH); os.chmod(f"/proc/self/fd/{fd}", 0o711)
os.setxattr(f"/proc/self/fd/{fd}", "user.x", b"1")
try: os.fchmod(fd, 0o700); raise AssertionError("a descriptor of O_PATH changes nothing by itself")
except OSError: pass
assert [stat.S_IMODE(os.stat(n).st_mode) for n in ("out", "out/packed/in")] == [0o711, 0o750]
mode = stat.S_IMODE(os.stat("c").st_mode)
json.dump([open("b").read(), mode, os.readlink("d"), sorted(os.listdir("."))], open("report", "w"))
"""
    done = attempt(person, text)
    assert done.returncode == 0, done
    content, mode, link, names = json.loads((person.workspace / "report").read_text())
    assert (content, mode, link) == ("12", 0o640, "b")
    assert {"b", "c", "d", "r2", "x.db", "ff"} <= set(names)
    assert "pipe" in done.stdout
    assert "to stdout" in done.stdout


def test_what_was_refused_is_said_and_recorded(person: World) -> None:
    done = attempt(person, "open('@home@/prized', 'w')")
    assert "leash: REFUSED" in done.stderr
    assert "Permission denied" in done.stderr
    decided = [e for e in person.events("act.decided") if e["request"].get("path", "").endswith("/prized")]
    assert [e["verdict"]["ruling"] for e in decided] == ["deny"]


def test_keys_are_closed_whoever_asked_for_strict_or_nobody(person: World) -> None:
    text = "say(open('@home@/.ssh/id_ed25519').read())".replace("@home@", person.env["HOME"])
    case = person.workspace / "case.py"
    case.write_text(PRELUDE + text + "\n")
    said = person.workspace / "said"
    for options, readable in ((("--guard", "exec"), True), ((), False), (("--guard", "strict"), False)):
        said.unlink(missing_ok=True)
        done = person.leash("run", "--headless", *options, "--", sys.executable, str(case))
        assert (said.exists() and "EVIL" in said.read_text()) is readable, done


def test_the_senders_descriptors_are_the_callers_own(person: World) -> None:
    """sendmsg on a datagram socket is carried out by the guard: what it passes on is what the caller holds."""
    case = person.workspace / "case.py"
    case.write_text(
        "import array, os, socket\n"
        "a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
        "mine = os.open('mine', os.O_RDWR | os.O_CREAT)\n"
        "def passed(number):\n"
        "    try:\n"
        "        a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [number]))])\n"
        "        rights = b.recvmsg(9, 64)[1]\n"
        "        return os.readlink('/proc/self/fd/%d' % array.array('i', rights[0][2][:4])[0])\n"
        "    except OSError as error:\n"
        "        return type(error).__name__\n"
        "print('own', passed(mine))\n"
        "print('foreign', {passed(n) for n in range(20, 90)})\n"
        "try:\n"
        "    a.sendmsg([b'x'], [(socket.SOL_SOCKET, 2, bytes(12))]); print('posed')\n"
        "except OSError as error: print('refused', error.errno)\n"
    )
    done = person.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(case))
    assert f"own {person.workspace}/mine" in done.stdout, done
    assert "foreign {'OSError'}" in done.stdout, done
    assert "refused 1" in done.stdout, done


def test_a_child_cannot_pass_for_its_parent_nor_limit_others(person: World) -> None:
    case = person.workspace / "case.py"
    case.write_text(
        PRELUDE
        + "import resource\n"
        + "print('clone', libc.syscall(56, 0x8000 | 17, 0, 0, 0, 0))\n"
        + "print('files', libc.unshare(0x400))\n"
        + "resource.setrlimit(resource.RLIMIT_CORE, (0, 0)); print('own limit set')\n"
        + "try: resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (9999, 9999)); print('limited')\n"
        + "except OSError as error: print('limit', error.errno)\n"
    )
    done = person.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(case))
    for line in ("clone -1", "files -1", "own limit set", "limit 1"):
        assert line in done.stdout, done


def test_git_stash_and_worktrees_go_on_working(person: World) -> None:
    case = person.workspace / "case.sh"
    (person.workspace / "kept.txt").write_text("one")
    case.write_text(
        "echo two > kept.txt\n"
        "git -c user.name=a -c user.email=a@b stash && cat kept.txt && git stash pop && cat kept.txt\n"
    )
    for words in (["add", "kept.txt"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "one"]):
        subprocess.run(["git", *words], cwd=person.workspace, env=person.env, check=True)
    done = person.leash("run", "--headless", "--guard", "strict", "--", "bash", str(case))
    assert "REFUSED" not in done.stderr + done.stdout, done
    assert (person.workspace / "kept.txt").read_text() == "two\n", done


def test_sockets_of_the_session_reach_each_other(person: World) -> None:
    case = person.workspace / "case.py"
    case.write_text(
        "import socket, threading\n"
        "for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):\n"
        "    s = socket.socket(socket.AF_UNIX, kind); name = 'own%d.sock' % kind; s.bind(name)\n"
        "    c = socket.socket(socket.AF_UNIX, kind)\n"
        "    if kind == socket.SOCK_STREAM: s.listen()\n"
        "    c.connect(name); c.send(b'hello')\n"
        "    print(kind, (s.accept()[0] if kind == socket.SOCK_STREAM else s).recv(9))\n"
        "d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); d.sendto(b'again', 'own2.sock'); print(s.recv(9))\n"
        "a = socket.socket(socket.AF_UNIX); a.bind('\\0' + __file__); a.listen()\n"
        "b = socket.socket(socket.AF_UNIX); b.connect('\\0' + __file__); b.send(b'no file')\n"
        "print(a.accept()[0].recv(9))\n"
        "t = threading.Thread(target=print, args=('threaded',)); t.start(); t.join()\n"
    )
    done = person.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(case))
    for line in ("1 b'hello'", "2 b'hello'", "b'again'", "b'no file'", "threaded"):
        assert line in done.stdout, done


WAITS = """
import resource, threading
resource.setrlimit(resource.RLIMIT_NOFILE, (2000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
full = socket.create_server(("127.0.0.1", 0), backlog=0)
threading.stack_size(1 << 16)
failed = []
def wait():
    one = socket.socket()
    try: one.connect(full.getsockname())
    except OSError as error: failed.append(error.errno)
    time.sleep(60)
for _ in range(@many@): threading.Thread(target=wait, daemon=True).start()
until = time.monotonic() + 20
while len(failed) < @many@ - 405 and time.monotonic() < until: time.sleep(0.01)
open("made", "w").close()
print(sorted(set(failed)), flush=True)
os._exit(0)
"""


@pytest.mark.parametrize(("many", "errors"), [(200, "[]"), (900, "[11]")])
def test_whoever_waits_for_others_leaves_leash_room_to_work(person: World, many: int, errors: str) -> None:
    done = attempt(person, WAITS.replace("@many@", str(many)))
    assert done.stdout == f"{errors}\n", done
    assert (person.workspace / "made").exists()


def test_a_terminal_server_of_its_own_may_be_ended_and_nobody_elses(person: World) -> None:
    own, other = f"own-{os.getpid()}", f"other-{os.getpid()}"
    env = {key: value for key, value in person.env.items() if not key.startswith("TMUX")}
    tmux = ["tmux", "-f", "/dev/null", "-L"]
    subprocess.run([*tmux, other, "new", "-d", "sleep", "120"], env=env, check=True)
    try:
        steps = [[*tmux, own, "new", "-d", "sleep", "120"], [*tmux, own, "kill-server"], [*tmux, other, "kill-server"]]
        case = person.workspace / "case.py"
        case.write_text(
            "import json, subprocess, sys\n"
            "for line in sys.stdin:\n"
            "    print(subprocess.run(json.loads(line), stdin=subprocess.DEVNULL).returncode, flush=True)\n"
        )
        todo = person.workspace / "todo"
        todo.write_text("".join(json.dumps(step) + "\n" for step in steps))
        with todo.open() as lines:
            argv = ("run", "--headless", "--guard", "strict", "--", sys.executable, str(case))
            done = person.leash(*argv, stdin=lines)
        assert done.stdout.split() == ["0", "0", "1"], done
        assert "REFUSED: tmux talks to a terminal multiplexer of the person" in done.stderr
        assert subprocess.run([*tmux, other, "ls"], env=env, capture_output=True, check=False).returncode == 0
    finally:
        ended = subprocess.run([*tmux, other, "kill-server"], env=env, capture_output=True, check=False)
    assert ended.returncode == 0


POURS = """
import array, os, socket, threading
a, b = socket.socketpair()
many = os.urandom(1 << 20) * 3 + b"end"
pipe = os.pipe()
def pour():
    print(a.sendmsg([many[:7], many[7:]], [(1, 1, array.array("i", [pipe[1]]))]), flush=True)
    read.wait()
    b.close()
    try:
        a.sendmsg([b"x"])
    except OSError as error:
        print(error.errno)
read = threading.Event()
thread = threading.Thread(target=pour)
thread.start()
first, rights, _, _ = b.recvmsg(1 << 16, 64)
got = first
while len(got) < len(many):
    got += b.recv(1 << 16)
read.set()
fds = array.array("i")
fds.frombytes(rights[0][2][:4])
os.write(fds[0], b"through")
thread.join()
print(got == many, os.read(pipe[0], 9).decode())
"""


def test_a_stream_of_a_program_with_threads_carries_all_of_it(person: World) -> None:
    """It is written to in its owner's stead: no thread can put a datagram socket in its place meanwhile."""
    done = attempt(person, POURS)
    assert done.stdout == "3145731\n32\nTrue through\n", done.stderr
