"""Tier compat against sandboxes that mount: what is mounted over a name, moved or numbered like something of ours.

Each attack is run free first, where it wins. An ordinary user's only: root has no sandboxes in a session.
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest
from conftest import World

BEFORE = "export A=1\n"
ORDINARY = pytest.mark.skipif(os.geteuid() == 0, reason="root in a session has no user namespaces for sandboxes")
BOX = """
import ctypes, fcntl, os, socket, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def put(path, text):
    with open(path, "w") as file:
        file.write(text)
def mount(what, where, kind=None, flags=0, data=None):
    if libc.mount(what and os.fsencode(what), os.fsencode(where), kind, flags, data):
        raise OSError(ctypes.get_errno(), f"mount {where}")
def bind(what, where, flags=0):
    mount(what, where, None, 4096 | flags)
def box(more=0):
    uid, gid = os.getuid(), os.getgid()
    assert libc.unshare(0x10020000 | more) == 0
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
        put("/proc/self/" + name, text)
    mount("none", "/", None, 1 << 18 | 1 << 14)
    mount("x", "/mnt", b"tmpfs")
def tell(label, act):
    try:
        print(label, act(), flush=True)
    except OSError as error:
        print(label, error.errno, flush=True)
def apart(more=0):
    if pid := os.fork():
        sys.exit(os.waitpid(pid, 0)[1] >> 8)
def terminals(number):
    held = []
    while not held or int.from_bytes(fcntl.ioctl(held[-1], 0x80045430, bytes(4)), "little") < number:
        held.append(os.open(sys.argv[2] + "/ptmx", os.O_RDWR | os.O_NOCTTY))
        fcntl.ioctl(held[-1], 0x40045431, bytes(4))
    return held
"""

ATTRIBUTES = """
box()
put("/mnt/x", ""); bind(".envrc", "/mnt/x")
put("src/a.txt", ""); bind(".envrc", "src/a.txt")
for name in ("/mnt/x", "src/a.txt"):
    tell(name, lambda: os.setxattr(name, b"user.a", b"evil", follow_symlinks=False))
"""

OVER_A_NAME = """
box()
folder, lasts = sys.argv[1], time.monotonic() + 4
put(folder + "/x", ""); put(folder + "/own", "")
inode, won, opened = os.stat(".envrc").st_ino, False, 0
def uncover():
    for _ in range(20):
        libc.umount2(os.fsencode(folder + "/x"), 2)
while time.monotonic() < lasts and not won:
    for _ in range(10):
        bind(".envrc", folder + "/x"); bind(folder + "/own", folder + "/x")
    thread = threading.Thread(target=uncover)
    thread.start()
    while thread.is_alive():
        try:
            fd = os.open(folder + "/x", os.O_WRONLY | os.O_NOFOLLOW)
        except OSError:
            continue
        opened += 1
        won = won or os.fstat(fd).st_ino == inode
        os.close(fd)
print("won" if won else "lost", bool(opened))
"""

INTO_A_PROGRAM = """
box(0x20000000)
apart()
mount("proc", "/proc", b"proc")
victim = subprocess.Popen(["sleep", "20"])
time.sleep(0.3)
os.symlink(f"/proc/{victim.pid}/mem", "/mnt/uid_map")
put("/mnt/comm", ""); bind(f"/proc/{victim.pid}/mem", "/mnt/comm")
for name in ("/mnt/uid_map", "/mnt/comm"):
    tell(name, lambda: os.close(os.open(name, os.O_RDWR)))
tell("own", lambda: os.close(os.open(f"/proc/{victim.pid}/comm", os.O_WRONLY)))
victim.kill()
"""

FOR_READING = """
for name in ("c", "d"):
    put(f"src/{name}", "")
os.makedirs("src/ro")
box()
for name in ("src/c", "src/d", "src/ro"):
    bind(name, name)
    bind(None, name, 32 | 1)
tell("remove", lambda: os.unlink("src/c"))
tell("rename", lambda: os.rename("src/d", "src/e"))
put("src/new", "evil")
tell("replace", lambda: os.rename("src/new", "src/c"))
tell("folder", lambda: os.rename("src/ro", "src/rw"))
tell("write", lambda: put("src/ro/f", ""))
tell("new", lambda: os.unlink("src/new"))
"""

ITS_OWN_WAYS = """
box()
os.umask(0o22)
for folder in ("/mnt", "src"):
    print(oct(os.fstat(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o640)).st_mode))
os.chdir("src")
here = os.open(".", os.O_RDONLY)
tell("cwd", lambda: put("/proc/self/cwd/q1", ""))
tell("fd", lambda: put(f"/dev/fd/{here}/q2", ""))
tell("root", lambda: put("/proc/self/root/mnt/q3", ""))
"""

ROOT_OUT_OF_ANOTHER = """
name = os.path.abspath("src/new")
ours, theirs = socket.socketpair()
if not os.fork():
    box()
    os.mkdir("/mnt/old")
    os.makedirs("/mnt" + os.path.abspath("src"))
    os.chdir("/mnt")
    assert libc.syscall(155, b".", b"old") == 0
    socket.send_fds(ours, [b"x"], [os.open("/", os.O_RDONLY)])
    time.sleep(20)
    os._exit(0)
_, fds, _, _ = socket.recv_fds(theirs, 1, 1)
assert libc.unshare(0x10000000) == 0
os.fchdir(fds[0])
os.chroot(".")
tell("made", lambda: put(name, "x"))
os._exit(0)
"""

CONTROLLING = """
apart()
os.setsid()
box()
mount("devpts", "/mnt", b"devpts", 0, b"newinstance,ptmxmode=0666")
held = terminals(int(sys.argv[1]))
fcntl.ioctl(os.open(f"/mnt/{sys.argv[1]}", os.O_RDWR | os.O_NOCTTY), 0x540E, 0)
tell("tty", lambda: os.write(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY), b"EVIL"))
"""

ITS_NUMBER = """
said, told = os.pipe()
if not os.fork():
    box()
    mount("devpts", "/dev/pts", b"devpts", 0, b"newinstance,ptmxmode=0666")
    held = terminals(int(sys.argv[1]))
    os.write(told, b"x")
    time.sleep(20)
    os._exit(0)
os.read(said, 1)
tell("pts", lambda: os.write(os.open(f"/dev/pts/{sys.argv[1]}", os.O_RDWR | os.O_NOCTTY), b"EVIL"))
os._exit(0)
"""


def run(world: World, text: str, *words: str) -> tuple[str, str]:
    """What the attack says in tier compat, and then free."""
    (world.workspace / ".envrc").write_text(BEFORE)
    line = [sys.executable, "-S", str(world.script("agent.py", BOX + text)), *words]
    guarded = world.leash("run", "--headless", "--guard", "compat", "--", *line)
    assert (world.workspace / ".envrc").read_text() == BEFORE
    assert os.listxattr(world.workspace / ".envrc") == []
    assert not (world.workspace / "src" / "new").exists()
    subprocess.run(["git", "clean", "-qxfd", "src"], cwd=world.workspace, check=True)
    free = subprocess.run(line, cwd=world.workspace, capture_output=True, text=True, check=False)
    return guarded.stdout, free.stdout


@ORDINARY
def test_attributes_are_set_on_what_is_mounted_over_a_name(world: World) -> None:
    guarded, free = run(world, ATTRIBUTES)
    assert free == "/mnt/x None\nsrc/a.txt None\n"
    assert guarded == "/mnt/x 13\nsrc/a.txt 13\n"


@ORDINARY
@pytest.mark.parametrize("folder", ["/mnt", "src"])
def test_a_mount_that_comes_or_goes_meanwhile_wins_nothing(world: World, folder: str) -> None:
    guarded, free = run(world, OVER_A_NAME, folder)
    assert free == "won True\n"
    assert guarded == "lost True\n"


@ORDINARY
def test_a_map_is_what_is_called_so_in_proc(world: World) -> None:
    guarded, free = run(world, INTO_A_PROGRAM)
    assert free == "/mnt/uid_map None\n/mnt/comm None\nown None\n"
    assert guarded == "/mnt/uid_map 13\n/mnt/comm 13\nown None\n"


@ORDINARY
def test_what_a_sandbox_shows_for_reading_only_keeps_its_name(world: World) -> None:
    """Its kernel says so of what is mounted there; leash, to whom nothing is mounted there, must say the same."""
    guarded, free = run(world, FOR_READING)
    assert guarded == free == "remove 16\nrename 16\nreplace 16\nfolder 16\nwrite 30\nnew None\n"


@ORDINARY
def test_a_sandbox_names_its_folders_by_proc_and_files_have_the_mode_they_are_made_with(world: World) -> None:
    guarded, free = run(world, ITS_OWN_WAYS)
    assert guarded == free == "0o100640\n0o100640\ncwd None\nfd None\nroot None\n"


@ORDINARY
def test_a_root_that_came_out_of_a_sandbox_is_not_ours(world: World) -> None:
    """It is called `/` like ours: what is written below it must not land in ours, nor be named by ours."""
    guarded, free = run(world, ROOT_OUT_OF_ANOTHER)
    assert (guarded, free) == ("made 13\n", "made None\n")
    assert not (world.workspace / "src" / "new").exists()


@ORDINARY
@pytest.mark.parametrize(("text", "where"), [(CONTROLLING, "/mnt"), (ITS_NUMBER, "/dev/pts")])
def test_terminals_of_the_same_number_are_not_the_persons(world: World, text: str, where: str) -> None:
    master, slave = pty.openpty()
    try:
        number = os.ttyname(slave).rpartition("/")[2]
        guarded, free = run(world, text, number, where)
        os.set_blocking(master, False)
        assert free.endswith(" 4\n"), free
        heard = os.read(master, 64) if where == "/dev/pts" else b"EVIL"  # free, one's own terminal takes the other
        assert (guarded.split()[1] in ("6", "13"), heard) == (True, b"EVIL"), guarded
    finally:
        os.close(master)
        os.close(slave)


DEVICE = """
import stat
box()
tell("away", lambda: libc.umount2(b"/dev/fuse", 2))
print("device", stat.S_ISCHR(os.stat("/dev/fuse").st_mode))
"""


@ORDINARY
@pytest.mark.skipif(not os.path.exists("/dev/fuse"), reason="this machine's kernel has no FUSE")
def test_no_sandbox_mounts_what_never_answers(world: World) -> None:
    """Who may open the device for reading can mount a file system that keeps whoever looks there waiting, leash too."""
    guarded, free = run(world, DEVICE)
    assert (guarded, free) == ("away -1\ndevice False\n", "away -1\ndevice True\n")
