"""What a program inside might try against the guard itself: races, foreign calls, its memory, stops and signals."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from conftest import World, eventually
from underguard import python, under_guard

NAIVE = str(Path(__file__).with_name("naive_guard.py"))
EXECS = 150
RACE = f"""
import ctypes, os, sys, threading
good, bad = b"/bin/true", b"./evil..."
buffer = ctypes.create_string_buffer(good)
argv = (ctypes.c_char_p * 2)(b"x", None)
env = (ctypes.c_char_p * 1)(None)
libc = ctypes.CDLL(None)
libc.memcpy.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
address = ctypes.addressof(buffer)
sys.setswitchinterval(1e-6)
def flip():
    while True:
        libc.memcpy(address, bad, 9)
        libc.memcpy(address, good, 9)
for _ in range({EXECS}):
    pid = os.fork()
    if pid == 0:
        threading.Thread(target=flip, daemon=True).start()
        while True:
            libc.syscall(59, ctypes.c_void_p(address), argv, env)
    os.waitpid(pid, 0)
"""


needs_namespaces = pytest.mark.skipif(
    os.geteuid() == 0  # a root without CAP_SETFCAP cannot map itself
    or subprocess.run(["unshare", "-Urpf", "true"], capture_output=True, check=False).returncode != 0,
    reason="no user namespaces here",
)


def race(tmp_path: Path) -> tuple[list[str], Path]:
    """A program that races its own execs, and the file with a line for each race it won."""
    evil, won = tmp_path / "evil...", tmp_path / "won"
    won.touch()
    evil.write_text(f"#!/bin/sh\necho won >> {won}\n")
    evil.chmod(0o755)
    return python(tmp_path, RACE), won


def test_a_racing_thread_beats_a_guard_that_reads_memory(tmp_path: Path) -> None:
    """Control: without this the next test would prove nothing."""
    argv, won = race(tmp_path)
    deadline = time.monotonic() + 60
    while not won.read_text() and time.monotonic() < deadline:
        done = subprocess.run([sys.executable, NAIVE, "evil", *argv], cwd=tmp_path, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) >= EXECS
    assert won.read_text()


def test_a_racing_thread_never_beats_the_guard_that_reads_the_new_image(tmp_path: Path) -> None:
    argv, won = race(tmp_path)
    report, _ = under_guard(*argv, cwd=tmp_path, deny=["evil"], timeout=90)
    named = [" ".join(r["argv"]) for r in report["requests"][1:]]
    assert len(named) >= EXECS
    assert any("evil" in line for line in named), "the race never put the other path there"
    assert won.read_text() == ""


@pytest.mark.parametrize(
    ("call", "free"),
    [
        ("ctypes.CFUNCTYPE(ctypes.c_int)(code(bytes.fromhex('b814000000cd80c3')))()", "int 0x80"),
        ("ctypes.CDLL(None).syscall(0x40000000 | 39)", "x32"),
    ],
    ids=["int 0x80", "x32"],
)
def test_calls_of_another_architecture_kill(tmp_path: Path, call: str, free: str) -> None:
    text = (
        "import ctypes, mmap\n"
        "def code(text):\n"
        "    global page\n"
        "    page = mmap.mmap(-1, 4096, prot=7)\n"
        "    page.write(text)\n"
        "    return ctypes.addressof(ctypes.c_char.from_buffer(page))\n"
        f"{call}\nprint('lived')\n"
    )
    argv = python(tmp_path, text)
    control = subprocess.run(argv, capture_output=True, text=True, check=False)
    report, done = under_guard(*argv, cwd=tmp_path)
    assert control.stdout == "lived\n", (free, control)
    assert done.stdout == ""
    assert report["status"] == -signal.SIGSYS


def test_a_child_born_traced_is_let_go_and_its_exec_is_met(tmp_path: Path) -> None:
    """clone(CLONE_PTRACE) of a process whose exec failed makes the kernel attach the child to the guard as well."""
    argv = python(
        tmp_path,
        "import ctypes, os, sys\n"
        "libc = ctypes.CDLL(None)\n"
        "try: os.execv('/nowhere', ['x'])\n"
        "except OSError: pass\n"
        "pid = libc.syscall(56, 0x2000 | 17, 0, 0, 0, 0)\n"
        "if pid == 0:\n"
        "    os.kill(os.getpid(), 10) if len(sys.argv) > 9 else None\n"
        "    os.execv('/usr/bin/touch', ['touch', 'FORBIDDEN'])\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n",
    )
    _, done = under_guard(*argv, cwd=tmp_path, timeout=20)
    assert done.stdout == "0\n"
    (tmp_path / "FORBIDDEN").unlink()
    _, done = under_guard(*argv, cwd=tmp_path, timeout=20, deny=["FORBIDDEN"])
    assert done.stdout == "126\n"
    assert not (tmp_path / "FORBIDDEN").exists()


def test_a_filter_of_its_own_does_not_take_the_question_away(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import ctypes, os, struct\n"
        "libc = ctypes.CDLL(None)\n"
        "class P(ctypes.Structure): _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.c_void_p)]\n"
        "for answer in (0x7fff0000, 0x7ffc0000, 0x7ff00000):\n"
        "    b = ctypes.create_string_buffer(struct.pack('HBBI', 6, 0, 0, 0x7fff0000)); p = P(1, ctypes.addressof(b))\n"
        "    assert libc.syscall(317, 1, 0, ctypes.byref(p)) == 0\n"
        "os.execv('/usr/bin/touch', ['touch', 'FORBIDDEN'])\n",
    )
    report, _ = under_guard(*argv, cwd=tmp_path)
    assert report["status"] == 0
    (tmp_path / "FORBIDDEN").unlink()
    report, _ = under_guard(*argv, cwd=tmp_path, deny=["FORBIDDEN"])
    assert report["status"] == 126
    assert not (tmp_path / "FORBIDDEN").exists()


def test_a_filter_that_lets_the_end_fail_saves_no_refused_program(tmp_path: Path) -> None:
    """Its exit is put into the new image; where that call fails, what follows must fault, wherever it would lead."""
    argv = python(
        tmp_path,
        "import ctypes, os, struct\n"
        "libc = ctypes.CDLL(None)\n"
        "class P(ctypes.Structure): _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.c_void_p)]\n"
        "rules = ((0x20, 0, 0, 0), (0x15, 0, 1, 231), (6, 0, 0, 0x50000), (6, 0, 0, 0x7fff0000))\n"
        "code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *rule) for rule in rules))\n"
        "assert libc.syscall(317, 1, 0, ctypes.byref(P(4, ctypes.addressof(code)))) == 0\n"
        "os.execv('/usr/bin/touch', ['touch', *['FORBIDDEN'] * 5000])\n",
    )
    report, _ = under_guard(*argv, cwd=tmp_path, deny=["FORBIDDEN"])
    assert report["status"] == -signal.SIGSEGV
    assert not (tmp_path / "FORBIDDEN").exists()


@pytest.mark.parametrize("name", ["mem", "environ", "maps", "fd/0"])
def test_the_guards_own_process_cannot_be_looked_into(tmp_path: Path, name: str) -> None:
    """Control: a sibling outside the leash, same user, may."""
    text = f"import os\nwith open(f'/proc/{{os.getppid()}}/{name}', 'rb'): print('open')\n"
    argv = python(tmp_path, text)
    free = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert free.stdout == "open\n", free
    _, done = under_guard(*argv, cwd=tmp_path)
    assert done.stdout == "", done
    assert "PermissionError" in done.stderr or "ProcessLookupError" in done.stderr, done.stderr


def test_continuing_a_held_program_does_not_start_it(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import os, signal, subprocess, time\n"
        "child = subprocess.Popen(['touch', 'HELD'])\n"
        "for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH) * 3:\n"
        "    time.sleep(0.03); child.send_signal(number)\n"
        "print(os.path.exists('HELD'), child.poll())\n"
        "print(child.wait(10), os.path.exists('HELD'))\n",
    )
    report, done = under_guard(*argv, cwd=tmp_path, hold=["HELD"], seconds=1.5)
    assert done.stdout.split() == ["False", "None", "0", "True"], done
    assert report["withdrawn"] == []


def test_many_programs_held_at_once_are_all_refused_when_time_is_up(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import os, signal, subprocess, time\n"
        "held = [subprocess.Popen(['touch', f'HELD{n}']) for n in range(40)]\n"
        "time.sleep(0.3)\n"
        "for child in held[::2]: child.kill()\n"
        "for child in held[1::2]: child.terminate()\n"
        "print(sorted({child.wait(10) for child in held}))\n",
    )
    report, done = under_guard(*argv, cwd=tmp_path, hold=["HELD"], seconds=30, timeout=30)
    assert done.stdout == "[-15, -9]\n"
    assert len(report["withdrawn"]) == 40
    assert not list(tmp_path.glob("HELD*"))


@needs_namespaces
def test_namespaces_of_its_own_hide_no_exec(tmp_path: Path) -> None:
    script = tmp_path / "s"
    script.write_text("unshare -Urpfm --mount-proc sh -c 'touch FORBIDDEN; echo $?'\n")
    _, done = under_guard("/bin/sh", str(script), cwd=tmp_path)
    assert done.stdout == "0\n", done
    (tmp_path / "FORBIDDEN").unlink()
    script.write_text("unshare -Urpfm --mount-proc sh s2\n")
    (tmp_path / "s2").write_text("touch FORBIDDEN; echo $?; exec touch FORBIDDEN\n")
    report, done = under_guard("/bin/sh", str(script), cwd=tmp_path, deny=["touch FORBIDDEN"])
    assert done.stdout == "126\n", done
    assert report["status"] == 126
    assert not (tmp_path / "FORBIDDEN").exists()


@needs_namespaces
def test_the_init_of_a_pid_namespace_told_to_end_while_held_runs_nothing(tmp_path: Path) -> None:
    """Such a process ignores SIGTERM by default; it must not come to life because its own withdrawal was ignored."""
    argv = python(
        tmp_path,
        "import os, signal, subprocess, time\n"
        "os.symlink('/usr/bin/touch', 'held')\n"
        "parent = subprocess.Popen(['unshare', '-Urpf', 'sh', '-c', 'exec ./h*d HE*LD FORBIDDEN'])\n"
        "time.sleep(0.6)\n"
        "child = int(open(f'/proc/{parent.pid}/task/{parent.pid}/children').read())\n"
        "print(open(f'/proc/{child}/status').read().split('NSpid:')[1].split()[1], flush=True)\n"
        "os.kill(child, signal.SIGTERM); print(parent.wait(10))\n",
    )
    report, done = under_guard(*argv, cwd=tmp_path, hold=["./held"], seconds=1.5)
    assert report["requests"][-1]["argv"][0] == "./held"
    assert done.stdout.split()[0] == "1"
    assert len(report["withdrawn"]) == 1
    assert not (tmp_path / "FORBIDDEN").exists(), done


def test_when_the_guard_dies_mid_storm_no_program_slips_through(tmp_path: Path) -> None:
    """Each child writes a line only from a program the guard was asked about; after its death none is added."""
    import json

    from conftest import eventually
    from underguard import GUARDED

    argv = python(
        tmp_path,
        "import os\n"
        "n = 0\n"
        "while True:\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        try: os.execv('/bin/sh', ['sh', '-c', f'echo {n} >> out'])\n"
        "        finally: os._exit(9)\n"
        "    os.waitpid(pid, 0); n += 1\n",
    )
    command = [sys.executable, GUARDED, str(tmp_path / "report"), json.dumps({}), *argv]
    leash = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.DEVNULL)
    out = tmp_path / "out"
    eventually(lambda: out.exists() and len(out.read_text().split()) > 20)
    os.kill(leash.pid, signal.SIGKILL)
    leash.wait()
    time.sleep(0.2)
    size = out.stat().st_size
    time.sleep(0.3)
    assert out.stat().st_size == size


def test_a_link_to_what_may_not_be_written_is_none_in_any_tier(world: World) -> None:
    """A second name in the workspace would be a way to write the person's file."""
    theirs = world.workspace / ".envrc"
    theirs.write_text("theirs\n")
    (world.workspace / "l.py").write_text(
        "import os, sys\ntry:\n    os.link(sys.argv[1], 'mine')\nexcept OSError as error:\n    print(error.errno)\n"
    )
    for tier in ("compat", "strict"):
        done = world.leash("run", "--headless", "--guard", tier, "--", sys.executable, "l.py", str(theirs))
        assert (done.returncode, done.stdout) == (0, "18\n"), (tier, done.stderr)
        assert not (world.workspace / "mine").exists(), tier
    subprocess.run([sys.executable, "l.py", str(theirs)], cwd=world.workspace, check=True)
    assert (world.workspace / "mine").exists()


TAKES_A_NAME = """
import os, pathlib, socket, sys, time
name = sys.argv[1]
s = socket.socket(socket.AF_UNIX); s.bind(name); s.close(); os.unlink(name)
pathlib.Path("gave-it-back").touch()
while not os.path.exists("taken"): time.sleep(0.02)
s = socket.socket(socket.AF_UNIX)
try:
    s.connect(name); print("reached")
except OSError as error:
    print(error.errno)
"""


@pytest.mark.parametrize("tier", ["strict", "compat"])
def test_a_name_that_the_agent_had_is_no_way_to_who_has_it_later(world: World, tier: str) -> None:
    """The later socket file may even have the number of the former."""
    (world.workspace / "take.py").write_text(TAKES_A_NAME)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, socket.socket(socket.AF_UNIX) as server:

        def serve() -> None:
            eventually((world.workspace / "gave-it-back").exists, 60)
            server.bind(f"{folder}/s")
            server.listen()
            (world.workspace / "taken").touch()

        person = threading.Thread(target=serve)
        person.start()
        done = world.leash(
            "run", "--headless", "--guard", tier, "--on-ask", "deny", "--", sys.executable, "take.py", f"{folder}/s"
        )
        person.join(60)
        assert done.stdout == "13\n", done
