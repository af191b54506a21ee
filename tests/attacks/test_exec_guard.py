"""Every way to start a program that we know, each with a control leg: it works unguarded, and refused it does nothing.

The rule refuses any command line that holds the word FORBIDDEN; the effect of each attack is a file. A case that
cannot make its file without the guard would prove nothing, so that is tested first.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import eventually

GUARDED = str(Path(__file__).parent.parent / "guarded.py")


def guarded(
    rules: dict[str, Any], *argv: str, cwd: Path, **more: Any
) -> tuple[dict[str, Any], subprocess.CompletedProcess[str]]:
    """Run under the guard; what it saw, and the finished process."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place, "report")
        done = subprocess.run(
            [sys.executable, GUARDED, str(report), json.dumps(rules), *argv],
            cwd=cwd, capture_output=True, text=True, timeout=60, check=False, **more,
        )  # fmt: skip
        assert report.exists(), done.stderr
        return json.loads(report.read_text()), done


# each case: a python or shell program in which TOUCH stands for `touch FORBIDDEN` as a word list or a shell line
SHELL = {
    "plain": "touch FORBIDDEN",
    "absolute": "/usr/bin/touch FORBIDDEN",
    "sh -c": "/bin/sh -c 'touch FORBIDDEN'",
    "bash -c": "/bin/bash -c 'touch FORBIDDEN'",
    "bash -lc": "/bin/bash -lc 'touch FORBIDDEN'",
    "dash": "/bin/dash -c 'exec touch FORBIDDEN'",
    "env": "env -i /usr/bin/touch FORBIDDEN",
    "nohup": "nohup touch FORBIDDEN",
    "setsid": "setsid -w touch FORBIDDEN",
    "nice": "nice touch FORBIDDEN",
    "xargs": "echo FORBIDDEN | xargs touch",
    "find": "find . -maxdepth 0 -exec touch FORBIDDEN ';'",
    "ld.so": "/lib64/ld-linux-x86-64.so.2 /usr/bin/touch FORBIDDEN",
    "subshell in background": "(touch FORBIDDEN &) ; sleep 0.5",
    "coproc": "coproc touch FORBIDDEN; wait",
    "trap": "trap 'touch FORBIDDEN' EXIT",
    "function": 'f() { touch "$@"; }; f FORBIDDEN',
    "command substitution": ": $(touch FORBIDDEN)",
    "process substitution": "cat <(touch FORBIDDEN)",
    "timeout": "timeout 5 touch FORBIDDEN",
    "perl": 'perl -e \'exec "touch", "FORBIDDEN"\'',
    "python": 'python3 -c \'import os; os.execvp("touch", ["touch", "FORBIDDEN"])\'',
    "awk": "awk 'BEGIN { system(\"touch FORBIDDEN\") }'",
    "make": "printf 'x:\\n\\ttouch FORBIDDEN\\n' > m.mk; make -s -f m.mk",
    "git alias": "git -c alias.x='!touch FORBIDDEN' x",
    "script file": "printf '#!/bin/sh\\ntouch FORBIDDEN\\n' > s; chmod +x s; ./s",
    "sourced": "printf 'touch FORBIDDEN\\n' > s; . ./s",
    "renamed copy": "cp /usr/bin/touch ./innocent; ./innocent FORBIDDEN",
    "hard link or copy elsewhere": "d=$(mktemp -d); cp /usr/bin/touch $d/x; $d/x FORBIDDEN",
    "argv0": "bash -c 'exec -a ls touch FORBIDDEN'",
}
PYTHON = {
    "double fork daemon": """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.execv("/usr/bin/touch", ["touch", "FORBIDDEN"])
    os._exit(0)
os.wait(); time.sleep(1)
""",
    "posix_spawn": """
import os
os.waitpid(os.posix_spawn("/usr/bin/touch", ["touch", "FORBIDDEN"], {}), 0)
""",
    "thread that is not the leader": """
import os, threading, time
threading.Thread(target=lambda: os.execv("/usr/bin/touch", ["touch", "FORBIDDEN"])).start()
time.sleep(5)
""",
    "memfd by execveat": """
import ctypes, os
fd = os.memfd_create("x", 0)
os.write(fd, open("/usr/bin/touch", "rb").read())
libc = ctypes.CDLL(None)
argv = (ctypes.c_char_p * 3)(b"touch", b"FORBIDDEN", None)
env = (ctypes.c_char_p * 1)(None)
libc.syscall(322, fd, b"", argv, env, 0x1000)
""",
    "fexecve through /proc": """
import os
fd = os.open("/usr/bin/touch", os.O_RDONLY)
os.set_inheritable(fd, True)
os.execv(f"/proc/self/fd/{fd}", ["touch", "FORBIDDEN"])
""",
    "closed standard streams": """
import os, subprocess
subprocess.run("exec 0<&- 1>&- 2>&-; touch FORBIDDEN", shell=True)
""",
    "vfork storm": """
import subprocess
for _ in range(20): subprocess.Popen(["touch", "FORBIDDEN"])
import time; time.sleep(1)
""",
    "blocked signals": """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))
os.execv("/usr/bin/touch", ["touch", "FORBIDDEN"])
""",
    "a pending signal at exec": """
import os, signal
if os.fork() == 0:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.kill(os.getpid(), signal.SIGUSR1)
    os.execv("/usr/bin/touch", ["touch", "FORBIDDEN"])
os.wait()
""",
    "after many failed execs": """
import os
for _ in range(50):
    try: os.execv("/nonexistent", ["x"])
    except OSError: pass
os.execv("/usr/bin/touch", ["touch", "FORBIDDEN"])
""",
}
CASES = {name: ["/bin/bash", "-c", line] for name, line in SHELL.items()} | {
    name: ["/usr/bin/env", "python3", "-c", line] for name, line in PYTHON.items()
}


def _hidden(argv: list[str], cwd: Path) -> list[str]:
    """The case as a file, so that the outer command line does not hold the word itself."""
    place = cwd / "case.txt"
    place.write_text(argv[-1])
    if "python3" in argv:
        return ["/usr/bin/env", "python3", str(place)]
    return [argv[0], str(place)]


@pytest.mark.parametrize("name", CASES)
def test_refused_it_does_nothing_allowed_it_does(name: str, tmp_path: Path) -> None:
    free, tight = tmp_path / "free", tmp_path / "tight"
    for place in (free, tight):
        place.mkdir()
    report, done = guarded({}, *_hidden(CASES[name], free), cwd=free)
    eventually(lambda: (free / "FORBIDDEN").exists(), 10)
    assert any("FORBIDDEN" in word for argv in report["seen"][1:] for word in argv), "the guard did not see it"
    report, done = guarded({"deny": ["FORBIDDEN"]}, *_hidden(CASES[name], tight), cwd=tight)
    assert not (tight / "FORBIDDEN").exists(), done


def test_a_refused_program_says_why_and_exits_126(tmp_path: Path) -> None:
    script = tmp_path / "s"
    script.write_text("touch FORBIDDEN; echo rc=$?; touch FORBIDDEN 2>/dev/null; echo rc=$?")
    _, done = guarded({"deny": ["FORBIDDEN"]}, "/bin/bash", str(script), cwd=tmp_path)
    assert done.stdout == "rc=126\nrc=126\n"
    assert done.stderr == "leash: REFUSED: by the test\n"


def test_a_full_stderr_pipe_does_not_stall_the_guard(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import os, subprocess\n"
        "r, w = os.pipe(); os.set_blocking(w, False)\n"
        "try:\n"
        "    while True: os.write(w, b'x' * 4096)\n"
        "except BlockingIOError: pass\n"
        "os.set_blocking(w, True)\n"
        "print(subprocess.run(['touch', 'FORBIDDEN'], stderr=w).returncode)\n"
    )
    _, done = guarded({"deny": ["FORBIDDEN"]}, "/usr/bin/env", "python3", str(script), cwd=tmp_path)
    assert done.stdout == "126\n"


def test_a_held_program_runs_nothing_until_released_and_its_caller_goes_on(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import subprocess, time\n"
        "start = time.monotonic()\n"
        "child = subprocess.Popen(['touch', 'HELD'])\n"
        "print(time.monotonic() - start < 3.5)\n"
        "import os; print(os.path.exists('HELD'))\n"
        "child.wait(); print(time.monotonic() - start >= 3.9, os.path.exists('HELD'))\n"
    )
    _, done = guarded({"hold": ["HELD"], "seconds": 4}, "/usr/bin/env", "python3", str(script), cwd=tmp_path)
    assert done.stdout.split() == ["True", "False", "True", "True"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGKILL])
def test_a_held_program_that_is_signalled_is_withdrawn_and_never_runs(number: int, tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import subprocess, time, sys\n"
        "child = subprocess.Popen(['touch', 'HELD'])\n"
        f"time.sleep(0.4); child.send_signal({int(number)})\n"
        "print(child.wait(3))\n"
    )
    report, done = guarded({"hold": ["HELD"], "seconds": 30}, "/usr/bin/env", "python3", str(script), cwd=tmp_path)
    assert not (tmp_path / "HELD").exists()
    assert len(report["withdrawn"]) == 1
    assert int(done.stdout) in (-number, 128 + number)


def test_blocking_the_signal_does_not_save_a_held_program(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import os, signal, time\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 64))\n"
        "    os.execv('/usr/bin/touch', ['touch', 'HELD'])\n"
        "time.sleep(0.4); os.kill(pid, signal.SIGTERM)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    report, done = guarded({"hold": ["HELD"], "seconds": 30}, "/usr/bin/env", "python3", str(script), cwd=tmp_path)
    assert not (tmp_path / "HELD").exists()
    assert report["withdrawn"]
    assert int(done.stdout) in (-15, 143)


RACE = """
import ctypes, mmap, os, signal
good, bad = b"/bin/true\\0", b"./evil...\\0"
assert len(good) == len(bad)
shared = mmap.mmap(-1, 4096)
buffer = (ctypes.c_char * 4096).from_buffer(shared)
address = ctypes.addressof(buffer)
flipper = os.fork()
if flipper == 0:
    while True:
        shared[:10] = bad
        shared[:10] = good
libc = ctypes.CDLL(None)
argv = (ctypes.c_char_p * 2)(b"true", None)
env = (ctypes.c_char_p * 1)(None)
for _ in range(300):
    pid = os.fork()
    if pid == 0:
        libc.syscall(59, ctypes.c_void_p(address), argv, env)
        os._exit(1)
    os.waitpid(pid, 0)
os.kill(flipper, signal.SIGKILL)
"""


def test_races_on_the_path_are_lost_because_nothing_is_read_from_the_caller(tmp_path: Path) -> None:
    """The racing thread swaps the path between a harmless and a forbidden program; whatever wins in the kernel is what
    is judged, so every forbidden image that came to be was seen and refused."""
    evil = tmp_path / "evil..."
    evil.write_text("#!/bin/sh\n# FORBIDDEN\necho won >> " + str(tmp_path / "won") + "\n")
    evil.chmod(0o755)
    script = tmp_path / "race.py"
    script.write_text(RACE)
    report, _ = guarded({"deny": ["evil"]}, "/usr/bin/env", "python3", str(script), cwd=tmp_path)
    programs = {argv[0] for argv in report["seen"]}
    assert "true" in programs
    assert any("evil" in word for argv in report["seen"] for word in argv), "the race never put the other path there"
    assert not (tmp_path / "won").exists()


FORBIDDEN_CALLS = {
    "ptrace the guard": "libc.ptrace(16, guard, 0, 0)",
    "ptrace a child of one's own": "libc.ptrace(0, 0, 0, 0)",
    "process_vm_writev": "libc.syscall(311, guard, 0, 0, 0, 0, 0)",
    "pidfd_getfd": "libc.syscall(438, libc.syscall(434, os.getppid(), 0), 0, 0)",
    "io_uring_setup": "libc.syscall(425, 8, ctypes.create_string_buffer(256))",
    "bpf": "libc.syscall(321, 0, 0, 0)",
    "setns": "libc.syscall(308, os.open('/proc/self/ns/uts', 0), 0)",
    "perf_event_open": "libc.syscall(298, 0, 0, 0, 0, 0)",
    "TIOCSTI": "libc.ioctl(0, 0x5412, b'x')",
    "TIOCSTI with high bits": "libc.syscall(16, 0, ctypes.c_ulong(0xdead00005412), b'x')",
    "a second listener": "libc.syscall(317, 1, 8, prog())",
    "kill the guard": "libc.kill(guard, 9)",
    "stop the guard": "libc.kill(guard, 19)",
    "signal it through a pidfd": "libc.syscall(424, libc.syscall(434, guard, 0), 9, 0, 0)",
}
CALL = """
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
guard = os.getppid()
def prog():
    class P(ctypes.Structure): _fields_ = [("n", ctypes.c_ushort), ("f", ctypes.c_void_p)]
    b = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000)); p = P(1, ctypes.addressof(b))
    prog.keep = (b, p)
    return ctypes.byref(p)
result = %s
print(result, os.strerror(ctypes.get_errno()) if result < 0 else "")
"""


@pytest.mark.parametrize("name", FORBIDDEN_CALLS)
def test_calls_that_reach_past_the_filter_fail(name: str, tmp_path: Path) -> None:
    script = tmp_path / "call.py"
    script.write_text(CALL % FORBIDDEN_CALLS[name])
    report, done = guarded({}, sys.executable, str(script), cwd=tmp_path)
    assert done.stdout.startswith("-1 "), done
    assert "permitted" in done.stdout or "not implemented" in done.stdout or "busy" in done.stdout, done.stdout
    assert report["status"] == 0


def test_the_calls_themselves_work_without_the_guard(tmp_path: Path) -> None:
    """Control: at least the ones every kernel gives an ordinary user do not fail by themselves."""
    for name in ("ptrace a child of one's own", "a second listener"):
        script = tmp_path / "call.py"
        script.write_text("import ctypes; ctypes.CDLL(None).prctl(38, 1, 0, 0, 0)\n" + CALL % FORBIDDEN_CALLS[name])
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
        assert not done.stdout.startswith("-1 "), (name, done)


def test_when_the_guard_dies_nothing_more_starts_and_what_is_held_dies(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import os, signal, subprocess, time\n"
        "held = subprocess.Popen(['touch', 'HELD'])\n"
        "open('up', 'w').write(str(os.getpid())); time.sleep(60)\n"
    )
    leash = subprocess.Popen(
        [sys.executable, GUARDED, str(tmp_path / "report"), json.dumps({"hold": ["HELD"], "seconds": 60})]
        + [sys.executable, str(script)],
        cwd=tmp_path, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    pid = int(eventually(lambda: (tmp_path / "up").exists() and (tmp_path / "up").read_text()))
    time.sleep(0.3)
    leash.send_signal(signal.SIGKILL)
    leash.wait()
    eventually(lambda: not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split(), 5)
    assert not (tmp_path / "HELD").exists()


def test_stopping_and_continuing_a_job_still_works(tmp_path: Path) -> None:
    script = tmp_path / "s.py"
    script.write_text(
        "import os, signal, subprocess, time\n"
        "child = subprocess.Popen(['sh', '-c', 'kill -STOP $$; echo continued'])\n"
        "print(os.WIFSTOPPED(os.waitpid(child.pid, os.WUNTRACED)[1]), flush=True)\n"
        "child.send_signal(signal.SIGCONT); print(child.wait(5))\n"
    )
    _, done = guarded({}, "/usr/bin/env", "python3", str(script), cwd=tmp_path)
    assert sorted(done.stdout.split()) == ["0", "True", "continued"]
