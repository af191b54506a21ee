"""The warden above stand-in supervisors: whatever they leave behind ends with them, and nothing else ends it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from leashtui.supervisor import warden

SCRIPT = warden.__file__


def eventually(look: Callable[[], object], timeout: float = 60) -> None:
    deadline = time.monotonic() + timeout
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def start(code: str, *args: str, fds: tuple[int, ...] = (), **more: object) -> subprocess.Popen[bytes]:
    """A warden above `python -c code args`."""
    return subprocess.Popen(
        [
            sys.executable, "-I", "-S", SCRIPT, ",".join(map(str, fds)), "--",
            sys.executable, "-I", "-S", "-c", code, *args,
        ],
        pass_fds=fds,
        **more,  # type: ignore[call-overload]
    )  # fmt: skip


def running(mark: str) -> list[int]:
    """Processes with `mark` on their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [pid for pid in found if pid != os.getpid()]


@pytest.mark.parametrize(
    ("code", "wanted"),
    [("raise SystemExit(7)", 7), ("", 0), ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137)],
)
def test_its_code_is_the_supervisors(code: str, wanted: int) -> None:
    assert start(code).wait(20) == wanted


def test_a_parent_that_ignores_its_children_does_not_matter() -> None:
    argv = [sys.executable, "-I", "-S", SCRIPT, "", "--", sys.executable, "-c", "raise SystemExit(6)"]
    code = "import os, signal, sys; signal.signal(signal.SIGCHLD, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    assert subprocess.run([sys.executable, "-c", code, *argv], timeout=20, check=False).returncode == 6


def test_a_supervisor_that_cannot_start_is_said() -> None:
    done = subprocess.run([sys.executable, "-I", "-S", SCRIPT, "", "--", "/no/such"], capture_output=True, timeout=20)
    assert done.returncode == 125
    assert b"cannot start /no/such" in done.stderr


def test_daemons_end_with_the_supervisor(tmp_path: Path) -> None:
    mark = f"daemon-{tmp_path}"
    code = (
        "import os, sys, time\n"
        "for depth in range(3):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        if os.fork(): os._exit(0)\n"
        "        trap = 'trap \"\" TERM HUP INT; sleep 600 & sleep 600 & wait'\n"
        "        os.execv('/bin/sh', ['sh', '-c', trap, sys.argv[1]])\n"
        "time.sleep(0.5)\n"
    )
    assert start(code, mark).wait(20) == 0
    assert running(mark) == []
    eventually(lambda: not running("sleep\x00600\x00" + mark))


@pytest.mark.parametrize("escape", ["pass", "os.setsid()", "os.setpgid(0, 0)"], ids=["group", "sessions", "groups"])
def test_a_storm_of_forks_ends_too(tmp_path: Path, escape: str) -> None:
    mark = f"storm-{tmp_path}"
    code = (
        "import os, sys, time\n"
        "deadline = time.monotonic() + 60\n"
        "for _ in range(20):\n"
        "    if os.fork() == 0:\n"
        "        while time.monotonic() < deadline:\n"
        "            if os.fork(): os._exit(0)\n"
        f"            {escape}\n"
        "        os._exit(0)\n"
        "time.sleep(0.3)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    began = time.monotonic()
    assert start(code, mark).wait(40) == 137
    assert running(mark) == []
    assert time.monotonic() - began < 120


def test_threads_that_outlive_their_leader_end_too(tmp_path: Path) -> None:
    alive = tmp_path / "alive"
    code = (
        "import ctypes, os, sys, threading, time\n"
        "def go_on():\n"
        "    while True:\n"
        "        open(sys.argv[1], 'a').write('x'); time.sleep(0.02)\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    threading.Thread(target=go_on, daemon=True).start()\n"
        "    ctypes.CDLL(None).syscall(60, 0)\n"
        "time.sleep(0.5)\n"
    )
    if os.uname().machine != "x86_64":
        pytest.skip("the number of exit(2) is that of x86-64")
    assert start(code, str(alive)).wait(20) == 0
    size = alive.stat().st_size
    assert size > 2
    time.sleep(0.2)
    assert alive.stat().st_size == size


def test_it_keeps_none_of_the_supervisors_descriptors() -> None:
    ours, theirs = socket.socketpair()
    leaked = os.dup(theirs.fileno())
    os.set_inheritable(leaked, True)
    code = (
        "import os, socket, sys, time; socket.socket(fileno=int(sys.argv[1])).send(b'up'); os.close(0); time.sleep(60)"
    )
    process = start(code, str(theirs.fileno()), fds=(theirs.fileno(),), stdin=subprocess.PIPE)
    theirs.close()
    os.close(leaked)
    ours.settimeout(20)
    assert ours.recv(10) == b"up"
    open_fds = Path(f"/proc/{process.pid}/fd")
    if os.getuid() == 0:
        eventually(lambda: sorted(p.name for p in open_fds.iterdir()) == ["0", "1", "2"])
    assert ours.recv(10) == b"", "closed by the supervisor, yet somebody holds it"
    process.kill()
    process.wait(20)


def test_hang_up_and_ctrl_c_end_nothing_and_sigterm_is_the_supervisors() -> None:
    code = (
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))\n"
        "print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)\n"
        "while True: time.sleep(0.05)"  # a signal that comes just before a long sleep would be heard after it
    )
    process = start(code, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"True\n"
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP):
        process.send_signal(number)
    assert os.getsid(process.pid) == process.pid
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 42


def test_the_death_of_its_parent_ends_nothing(tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    code = "import sys, time; time.sleep(0.5); open(sys.argv[1], 'w').write('went on')"
    parent = (
        "import os, subprocess, sys, time\n"
        f"command = [sys.executable, '-I', '-S', {SCRIPT!r}, '', '--', sys.executable, '-c', {code!r}, sys.argv[1]]\n"
        "subprocess.Popen(command)\n"
        "time.sleep(0.2); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", parent, str(heard)], timeout=20, check=False)
    eventually(lambda: heard.exists() and heard.read_text() == "went on")
