"""Tier strict against an agent that writes, reads and connects by itself: every attack works free and fails leashed.

Each case is a short Python program with one effect. Free, it must succeed, or it would prove nothing; under leash the
effect must be absent. The person's home, with its secrets, lies outside of the workspace and of temporary folders.
"""

from __future__ import annotations

import json
import os
import shutil
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
PLACES = ("/var/lib", "/home", "/opt", "/root")

# ruff: noqa: E501 - an attack is one line, however long
# what is to be harmed: @home@/prized is the person's file, @home@/folder a folder of theirs, all with known contents
WRITE = {
    "open": "open('@home@/prized', 'w').write('EVIL')",
    "append": "open('@home@/prized', 'a').write('EVIL')",
    "read-write": "f = open('@home@/prized', 'r+'); f.write('EVIL')",
    "os.open and write": "os.write(os.open('@home@/prized', os.O_WRONLY), b'EVIL')",
    "access mode 3": "os.ftruncate(os.open('@home@/prized', os.O_RDWR), 0)",
    "O_RDONLY with O_TRUNC": "os.open('@home@/prized', os.O_RDONLY | os.O_TRUNC)",
    "creat": "libc.creat(b'@home@/prized', 0o644)",
    "raw open": "libc.syscall(2, b'@home@/prized', 0o1001, 0)",
    "raw openat": "libc.syscall(257, -100, b'@home@/prized', 0o1001, 0)",
    "raw openat with high bits": "libc.syscall(257, ctypes.c_ulong(0xffffffff00000000 | 0xffffff9c), b'@home@/prized', 0o1001)",
    "openat2 with a fallback": "how = struct.pack('QQQ', 0o1001, 0, 0)\n"
    "libc.syscall(437, -100, b'@home@/prized', how, 24) >= 0 or open('@home@/prized', 'w')",
    "mmap": "import mmap\nm = mmap.mmap(os.open('@home@/prized', os.O_RDWR), 4); m[:4] = b'EVIL'; m.flush()",
    "truncate": "os.truncate('@home@/prized', 0)",
    "unlink": "os.unlink('@home@/prized')",
    "unlinkat": "os.unlink('prized', dir_fd=os.open('@home@', os.O_RDONLY))",
    "rename away": "os.rename('@home@/prized', '@home@/elsewhere')",
    "rename into the workspace": "os.rename('@home@/prized', 'stolen')",
    "rename over": "open('x', 'w').write('EVIL'); os.rename('x', '@home@/prized')",
    "renameat2 exchange": "open('x', 'w').write('EVIL'); libc.syscall(316, -100, b'x', -100, b'@home@/prized', 2)",
    "rename its folder": "os.rename('@home@/folder', '@home@/folder2')",
    "rmdir": "os.rmdir('@home@/folder/empty')",
    "mkdir": "os.mkdir('@home@/folder/new')",
    "new file": "open('@home@/folder/new', 'w')",
    "symlink in place of a folder on the way to a cache": "os.symlink('/etc', '@home@/.local')",
    "renaming to a folder on the way to a cache": "os.mkdir('x'); open('x/EVIL', 'w'); os.rename('x', '@home@/.local')",
    "symlink outside": "os.symlink('/etc', '@home@/folder/new')",
    "hard link outside": "open('x', 'w').write('EVIL'); os.link('x', '@home@/folder/new')",
    "mkfifo": "os.mkfifo('@home@/folder/new')",
    "mknod": "os.mknod('@home@/folder/new')",
    "O_TMPFILE and linkat": "fd = os.open('@home@/folder', os.O_TMPFILE | os.O_WRONLY)\n"
    "libc.syscall(265, -100, f'/proc/self/fd/{fd}'.encode(), -100, b'@home@/folder/new', 0x400)",
    "socket file": "socket.socket(socket.AF_UNIX).bind('@home@/folder/new')",
    "chmod": "os.chmod('@home@/prized', 0o777)",
    "fchmod of a read descriptor": "os.fchmod(os.open('@home@/prized', os.O_RDONLY), 0o777)",
    "chmod through /proc/self/fd": "fd = os.open('@home@/prized', os.O_RDONLY); os.chmod(f'/proc/self/fd/{fd}', 0o777)",
    "chmod of O_PATH": "fd = os.open('@home@/prized', os.O_PATH); os.chmod(f'/proc/self/fd/{fd}', 0o777)",
    "fchmodat2": "libc.syscall(452, -100, b'@home@/prized', 0o777, 0) == 0 or os.chmod('@home@/prized', 0o777)",
    "truncation by opening a read descriptor again": "fd = os.open('@home@/prized', os.O_RDONLY)\n"
    "os.open(f'/proc/self/fd/{fd}', os.O_RDONLY | os.O_TRUNC)",
    "git's program under another name": "subprocess = __import__('subprocess'); os.makedirs('evil', exist_ok=True)\n"
    "subprocess.run(['./git-config', '-f', '@home@/prized', 'core.pager', 'evil'], executable='/usr/bin/git')",
    "setxattr": "os.setxattr('@home@/prized', 'user.evil', b'x')",
    "fsetxattr": "os.setxattr(os.open('@home@/prized', os.O_RDONLY), 'user.evil', b'x')",
    "through a symlink": "os.symlink('@home@', 'way'); open('way/prized', 'w').write('EVIL')",
    "through a final symlink": "os.symlink('@home@/prized', 'way'); open('way', 'w').write('EVIL')",
    "through two symlinks": "os.symlink('@home@', 'a'); os.symlink('a/prized', 'b'); open('b', 'w').write('EVIL')",
    "through dots": "open('@up@prized', 'w').write('EVIL')",
    "through many slashes": "open('//@home@///./prized', 'w').write('EVIL')",
    "through the current directory": "os.chdir('@home@'); open('prized', 'w').write('EVIL')",
    "through a directory descriptor": "os.fchdir(os.open('@home@', os.O_RDONLY)); open('prized', 'w').write('EVIL')",
    "through /proc/self/cwd": "os.chdir('@home@'); open('/proc/self/cwd/prized', 'w').write('EVIL')",
    "through /proc/self/root": "open('/proc/self/root@home@/prized', 'w').write('EVIL')",
    "through /proc/thread-self": "open('/proc/thread-self/root@home@/prized', 'w').write('EVIL')",
    "through /proc/PID/root": "open(f'/proc/{os.getpid()}/root@home@/prized', 'w').write('EVIL')",
    "through the parent's /proc": "open(f'/proc/{os.getppid()}/root@home@/prized', 'w').write('EVIL')",
    "through /proc//self": "open('/proc//self/root@home@/prized', 'w').write('EVIL')",
    "through a link to /proc/self": "os.symlink('/proc/self/root', 'r'); open('r@home@/prized', 'w').write('EVIL')",
    "reopening a read descriptor": "fd = os.open('@home@/prized', os.O_RDONLY)\n"
    "open(f'/proc/self/fd/{fd}', 'w').write('EVIL')",
    "reopening by /dev/fd": "fd = os.open('@home@/prized', os.O_RDONLY); open(f'/dev/fd/{fd}', 'w').write('EVIL')",
    "reopening stdin": "os.dup2(os.open('@home@/prized', os.O_RDONLY), 0); open('/dev/stdin', 'w').write('EVIL')",
    "reopening O_PATH": "fd = os.open('@home@/prized', os.O_PATH); open(f'/proc/self/fd/{fd}', 'w').write('EVIL')",
    "hard link into the workspace": "os.link('@home@/prized', 'mine'); open('mine', 'w').write('EVIL')",
    "hard link by descriptor": "fd = os.open('@home@/prized', os.O_RDONLY)\n"
    "libc.syscall(265, -100, f'/proc/self/fd/{fd}'.encode(), -100, b'mine', 0x400) == 0 and open('mine', 'w').write('EVIL')",
    "a child does it": "import subprocess\nsubprocess.run([sys.executable, '-c', 'open(\"@home@/prized\", \"w\")'], check=True)",
    "a daemon does it": "if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0: open('@home@/prized', 'w').write('EVIL')\n"
    "    os._exit(0)\nos.wait(); time.sleep(0.5)",
    "a thread does it": "import threading\nt = threading.Thread(target=lambda: open('@home@/prized', 'w')); t.start(); t.join()",
    "a user namespace": "libc.unshare(0x10020000); open('@home@/prized', 'w').write('EVIL')",
    "bash startup": "open('@home@/.bashrc', 'a').write('EVIL')",
    "a git hook": "open('.git/hooks/pre-commit', 'w').write('EVIL')",
    "git settings": "open('.git/config', 'a').write('[core]\\n\\tfsmonitor = EVIL\\n')",
    "a common directory": "open('.git/commondir', 'w').write('../EVIL')",
    "a submodule's hook": "os.makedirs('.git/modules/m/hooks'); open('.git/modules/m/hooks/pre-commit', 'w').write('EVIL')",
    "a hook by checkout-index": "import subprocess\nopen('pre-commit', 'w').write('EVIL')\n"
    "subprocess.run(['git', 'add', 'pre-commit']); subprocess.run(['git', 'checkout-index', '--prefix=.git/hooks/', 'pre-commit']); os.unlink('pre-commit')",
    "settings by a shell under git's name": "import subprocess\n"
    "subprocess.run(['./git-config', 'core.hooksPath', 'EVIL'], executable='/usr/bin/git')",
    "git settings after git's routine": "open('.git/ORIG_HEAD', 'w').write('0'); open('.git/config', 'a').write('EVIL')",
    "git settings by rename": "open('x', 'w').write('EVIL'); os.rename('x', '.git/config')",
    "renaming .git": "os.rename('.git', 'got'); open('got/hooks/pre-commit', 'w').write('EVIL'); os.rename('got', '.git')",
    "a .git file": "os.mkdir('sub'); open('sub/.git', 'w').write('gitdir: EVIL')",
    "direnv": "open('.envrc', 'w').write('EVIL')",
    "an agent's settings": "os.mkdir('.claude'); open('.claude/settings.json', 'w').write('EVIL')",
    "an MCP server": "open('.mcp.json', 'w').write('EVIL')",
    "editor tasks": "os.mkdir('.vscode'); open('.vscode/tasks.json', 'w').write('EVIL')",
    "a protected name by rename": "open('x', 'w').write('EVIL'); os.rename('x', '.envrc')",
    "a protected name by link": "open('x', 'w').write('EVIL'); os.link('x', '.envrc')",
    "a protected name by symlink": "open('x', 'w').write('EVIL'); os.symlink('x', '.envrc')",
    "a protected folder by symlink": "os.mkdir('x'); open('x/tasks.json', 'w').write('EVIL'); os.symlink('x', '.vscode')",
    "a protected folder by rename": "os.mkdir('x'); open('x/tasks.json', 'w').write('EVIL'); os.rename('x', '.vscode')",
    "leash's policies": "os.makedirs('@config@/policies', exist_ok=True); open('@config@/policies/x.cedar', 'w').write('EVIL')",
    "leash's log": "open(sorted(__import__('glob').glob('@state@/sessions/*.db'))[-1], 'r+b').write(b'EVIL')",
    "leash's state folder": "os.rename('@state@', '@state@2')",
}  # fmt: skip
READ = {
    "ssh key": "say(open('@home@/.ssh/id_ed25519').read())",
    "ssh key by descriptor": "os.chdir('@home@'); say(open('.ssh/id_ed25519').read())",
    "ssh key by directory": "say(open('id_ed25519', opener=lambda p, f: os.open(p, f, dir_fd=os.open('@home@/.ssh', 0))).read())",
    "ssh key by symlink": "os.symlink('@home@/.ssh', 'k'); say(open('k/id_ed25519').read())",
    "ssh key by hard link": "os.link('@home@/.ssh/id_ed25519', 'k'); say(open('k').read())",
    "ssh key for reading and writing": "say(open('@home@/.ssh/id_ed25519', 'r+').read())",
    "ssh key with O_CREAT": "say(os.read(os.open('@home@/.ssh/id_ed25519', os.O_RDONLY | os.O_CREAT), 99).decode())",
    "ssh key after renaming": "os.rename('@home@/.ssh', '@home@/.s'); say(open('@home@/.s/id_ed25519').read())",
    "ssh key through /proc/self/root": "say(open('/proc/self/root@home@/.ssh/id_ed25519').read())",
    "ssh key through the parent's root": "say(open(f'/proc/{os.getppid()}/root@home@/.ssh/id_ed25519').read())",
    "ssh key by cat": "import subprocess\nsay(subprocess.run(['cat', '@home@/.ssh/id_ed25519'], capture_output=True, text=True).stdout)",
    "uncovering": "libc.umount2(b'@home@/.ssh', 2); say(open('@home@/.ssh/id_ed25519').read())",
    "opening the cover": "os.chmod('@home@/.ssh', 0o700); say(open('@home@/.ssh/id_ed25519').read())",
    "cloud credentials": "say(open('@home@/.aws/credentials').read())",
    "netrc": "say(open('@home@/.netrc').read())",
    "npmrc": "say(open('@home@/.npmrc').read())",
    "gh": "say(open('@home@/.config/gh/hosts.yml').read())",
    "another process's variables": "say(open(f'/proc/{os.getppid()}/environ').read() and 'EVIL')",
}  # fmt: skip
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


def fingerprint(home: Path) -> dict[str, object]:
    """What an attack could have changed: names, contents, modes, attributes of everything but ordinary work."""
    found: dict[str, object] = {}
    for path in sorted(home.rglob("*")):
        name = str(path.relative_to(home))
        content = path.read_bytes() if path.is_file() else b""
        if path.is_symlink() and path.name.startswith("."):
            content = b"EVIL"
        if (name.startswith("proj/") and b"EVIL" not in content) or name.startswith(("proj/x", "proj/case")):
            continue
        found[name] = (path.lstat().st_mode, content, os.listxattr(path, follow_symlinks=False))
    return found


def attempt(person: World, text: str, *, leashed: bool) -> subprocess.CompletedProcess[str]:
    """Run the attack in the workspace."""
    home = person.env["HOME"]
    up = "../" * str(person.workspace).count("/") + home.lstrip("/") + "/"
    for name, value in (
        ("home", home),
        ("up", up),
        ("config", person.env["LEASH_CONFIG_DIR"]),
        ("state", person.env["LEASH_STATE_DIR"]),
    ):
        text = text.replace(f"@{name}@", value)
    if not leashed and (person.root / "before").exists():
        shutil.rmtree(person.workspace)
        shutil.move(person.root / "before", person.workspace)
    case = person.workspace / "case.py"
    case.write_text(PRELUDE + text + "\n")
    argv = [sys.executable, str(case)]
    if leashed:
        shutil.copytree(person.workspace, person.root / "before", symlinks=True)
        return person.leash("run", "--headless", "--guard", "strict", "--", *argv)
    return subprocess.run(argv, cwd=person.workspace, env=person.env, capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize("name", WRITE)
def test_nothing_outside_or_protected_is_written(name: str, person: World) -> None:
    home = Path(person.env["HOME"])
    before = fingerprint(home)
    done = attempt(person, WRITE[name], leashed=True)
    assert "Traceback" in done.stderr or fingerprint(home) == before, done
    assert fingerprint(home) == before, done
    if name.startswith("leash's"):
        assert not list(Path(person.env["LEASH_CONFIG_DIR"]).rglob("*.cedar"))
        assert person.leash("audit", "verify").returncode == 0
        return
    if name in CANNOT_FREE:
        return
    free = attempt(person, WRITE[name], leashed=False)
    assert fingerprint(home) != before, f"the attack does nothing even without leash: {free}"


CANNOT_FREE = frozenset({"a user namespace", "through the parent's /proc"})
"""Need rights that this host may not give, or a parent of the same user."""


@pytest.mark.parametrize("name", READ)
def test_no_secret_is_read(name: str, person: World) -> None:
    said = person.workspace / "said"
    done = attempt(person, READ[name], leashed=True)
    assert not said.exists() or "EVIL" not in said.read_text(), done
    free = attempt(person, READ[name], leashed=False)
    assert "EVIL" in said.read_text(), f"the attack reads nothing even without leash: {free}"


def _outward() -> str:
    """An address of this machine that is not loopback, '' when it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe_:
        try:
            probe_.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe_.getsockname()[0])


CONNECT = {
    "connect": "socket.create_connection(('@host@', @port@), 3).send(b'EVIL')",
    "non-blocking": "s = socket.socket(); s.setblocking(False); s.connect_ex(('@host@', @port@)); time.sleep(0.3); s.send(b'EVIL')",
    "mapped": "s = socket.socket(socket.AF_INET6); s.connect(('::ffff:@host@', @port@)); s.send(b'EVIL')",
    "fast open": "s = socket.socket(); s.sendto(b'EVIL', 0x20000000, ('@host@', @port@))",
    "a child": "import subprocess\nsubprocess.run([sys.executable, '-c', 'import socket; socket.create_connection((\"@host@\", @port@)).send(b\"EVIL\")'])",
    "raw syscall": "s = socket.socket(); a = struct.pack('!H', @port@); import ipaddress\n"
    "libc.syscall(42, s.fileno(), struct.pack('H', 2) + a + ipaddress.ip_address('@host@').packed + bytes(8), 16); s.send(b'EVIL')",
}  # fmt: skip


@pytest.mark.parametrize("name", CONNECT)
def test_a_stranger_is_not_reached(name: str, person: World) -> None:
    host = _outward()
    if not host:
        pytest.skip("this machine has no address but loopback")
    for leashed in (True, False):
        with socket.create_server((host, 0)) as server:
            server.settimeout(0.3)
            text = CONNECT[name].replace("@host@", host).replace("@port@", str(server.getsockname()[1]))
            done = attempt(person, text, leashed=leashed)
            try:
                reached = server.accept()[0].recv(10) == b"EVIL"
            except TimeoutError:
                reached = False
            assert reached is not leashed or (name == "fast open" and not leashed), done


DATAGRAM = {
    "sendto": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'EVIL', ('@host@', @port@))",
    "connect and send": "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.connect(('@host@', @port@)); s.send(b'EVIL')",
    "sendmsg": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'EVIL'], [], 0, ('@host@', @port@))",
}  # fmt: skip


@pytest.mark.parametrize("name", DATAGRAM)
def test_no_datagram_leaves(name: str, person: World) -> None:
    host = _outward()
    if not host:
        pytest.skip("this machine has no address but loopback")
    for leashed in (True, False):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
            server.bind((host, 0))
            server.settimeout(0.3)
            text = DATAGRAM[name].replace("@host@", host).replace("@port@", str(server.getsockname()[1]))
            done = attempt(person, text, leashed=leashed)
            try:
                reached = server.recv(10) == b"EVIL"
            except TimeoutError:
                reached = False
            assert reached is not leashed, done


def test_a_service_of_the_person_is_not_talked_to(person: World) -> None:
    place = Path(person.env["HOME"], "docker.sock")
    for leashed in (True, False):
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(place))
            server.listen()
            server.settimeout(0.3)
            text = f"s = socket.socket(socket.AF_UNIX); s.connect({str(place)!r}); s.send(b'EVIL')"
            done = attempt(person, text, leashed=leashed)
            try:
                reached = server.accept()[0].recv(10) == b"EVIL"
            except TimeoutError:
                reached = False
            assert reached is not leashed, done


def test_a_program_may_look_for_its_own_server_and_then_start_it(person: World) -> None:
    place = str(person.workspace / "own.sock")
    text = f"""
s = socket.socket(socket.AF_UNIX)
print('first', s.connect_ex({place!r}))
server = socket.socket(socket.AF_UNIX); server.bind({place!r}); server.listen()
print('then', s.connect_ex({place!r}))
"""
    done = attempt(person, text, leashed=True)
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
for _ in range(@tries@):
    fd = libc.syscall(257, -100, ctypes.c_void_p(at), 0o1101, 0o644)
    if fd >= 0: os.write(fd, b"EVIL"); os.close(fd)
over = True
"""


def test_a_racing_thread_never_turns_an_allowed_open_into_another(person: World) -> None:
    home = Path(person.env["HOME"])
    done = attempt(person, RACE.replace("@tries@", "300"), leashed=True)
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
    done = attempt(person, text, leashed=True)
    assert done.returncode == 0, done
    content, mode, link, names = json.loads((person.workspace / "report").read_text())
    assert (content, mode, link) == ("12", 0o640, "b")
    assert {"b", "c", "d", "r2", "x.db", "ff"} <= set(names)
    assert "pipe" in done.stdout
    assert "to stdout" in done.stdout


def test_what_was_refused_is_said_and_recorded(person: World) -> None:
    done = attempt(person, "open('@home@/prized', 'w')", leashed=True)
    assert "leash: REFUSED" in done.stderr
    assert "Permission denied" in done.stderr
    decided = [e for e in person.events("act.decided") if e["request"].get("path", "").endswith("/prized")]
    assert [e["verdict"]["ruling"] for e in decided] == ["deny"]


def test_keys_stay_readable_unless_strict_was_asked_for(person: World) -> None:
    """A cover cannot be lifted for one act, so git over ssh must not fail where nobody asked for it; it is said."""
    text = "say(open('@home@/.ssh/id_ed25519').read())".replace("@home@", person.env["HOME"])
    case = person.workspace / "case.py"
    case.write_text(PRELUDE + text + "\n")
    said = person.workspace / "said"
    for options, readable in (((), True), (("--guard", "strict"), False)):
        said.unlink(missing_ok=True)
        done = person.leash("run", "--headless", *options, "--", sys.executable, str(case))
        assert (said.exists() and "EVIL" in said.read_text()) is readable, done
        started = person.events("session.started")[-1]
        assert started["tier"] == "strict"
        assert any("--guard strict closes them" in line for line in started["lost"]) is readable


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


SOCKETS = {
    "a link to an outside socket at the name of our own": (
        socket.SOCK_STREAM,
        "s = socket.socket(socket.AF_UNIX); s.bind('in.sock'); s.listen(); os.unlink('in.sock')\n"
        "os.symlink('@out@', 'in.sock'); c = socket.socket(socket.AF_UNIX); c.connect('in.sock'); c.send(b'EVIL')",
    ),
    "a datagram to a link": (
        socket.SOCK_DGRAM,
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind('in.sock'); os.unlink('in.sock')\n"
        "os.symlink('@out@', 'in.sock'); socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'EVIL', 'in.sock')",
    ),
    "an abstract datagram": (
        socket.SOCK_DGRAM,
        "c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); c.connect('\\0@abstract@'); c.send(b'EVIL')",
    ),
}


@pytest.mark.parametrize("name", SOCKETS)
def test_no_socket_outside_is_reached_under_a_name_of_ours(name: str, person: World) -> None:
    kind, text = SOCKETS[name]
    out, abstract = person.root / "out.sock", f"leash-test-{os.getpid()}"
    for leashed in (True, False):
        out.unlink(missing_ok=True)
        (person.workspace / "in.sock").unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, kind) as server:
            server.bind(f"\0{abstract}" if "abstract" in name else str(out))
            server.settimeout(0.3)
            if kind == socket.SOCK_STREAM:
                server.listen()
            done = attempt(person, text.replace("@out@", str(out)).replace("@abstract@", abstract), leashed=leashed)
            try:
                got = server.recv(9) if kind == socket.SOCK_DGRAM else server.accept()[0].recv(9)
            except TimeoutError:
                got = b""
        assert (got == b"EVIL") is not leashed, done


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
        "t = threading.Thread(target=print, args=('threaded',)); t.start(); t.join()\n"
    )
    done = person.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(case))
    for line in ("1 b'hello'", "2 b'hello'", "b'again'", "threaded"):
        assert line in done.stdout, done
