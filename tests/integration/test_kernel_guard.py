"""What the exec guard reports of each exec, and how it behaves towards programs that do unusual but honest things."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from underguard import python, under_guard

CC = shutil.which("cc")


def test_a_request_is_what_the_kernel_made_of_the_exec(tmp_path: Path) -> None:
    script = tmp_path / "s"
    script.write_text("#!/bin/sh -e\nexit 0\n")
    script.chmod(0o755)
    (tmp_path / "d").mkdir()
    report, _ = under_guard(
        "/bin/bash", "-c", "cd d; LD_BIND_NOT=1 FREE=x BASH_ENV=/e ../s 'a b' '' $'\\xff'; :", cwd=tmp_path, base=False
    )
    first, request = report["requests"][0], report["requests"][-1]
    assert request["exe"] == os.path.realpath("/bin/sh")
    assert request["argv"] == ["/bin/sh", "-e", "../s", "a b", "", "\udcff"]
    assert request["cwd"] == str(tmp_path / "d")
    assert ["BASH_ENV", "/e"] in [list(v) for v in request["env"]]
    assert ["LD_BIND_NOT", "1"] in [list(v) for v in request["env"]]
    assert "FREE" not in [name for name, _ in request["env"]]
    assert [a["pid"] for a in request["ancestry"]] == [first["process"]["pid"]]
    assert request["ancestry"][0]["start"] == first["process"]["start"]


def test_the_persons_own_variables_are_no_news(tmp_path: Path) -> None:
    env = dict(os.environ) | {"BASH_ENV": "/mine"}
    report, _ = under_guard("/bin/bash", "-c", "true; /bin/true; BASH_ENV=/other /bin/true; :", cwd=tmp_path, env=env)
    told = [[list(v) for v in r.get("env", ())] for r in report["requests"]]
    assert ["BASH_ENV", "/mine"] not in [v for variables in told for v in variables]
    assert ["BASH_ENV", "/other"] in told[-1]


def test_execs_of_one_process_are_counted(tmp_path: Path) -> None:
    report, _ = under_guard("/bin/sh", "-c", "exec /bin/sh -c 'exec /bin/sh -c \"exec /bin/true\"'", cwd=tmp_path)
    processes = [r["process"] for r in report["requests"]]
    assert [p["execs"] for p in processes] == [1, 2, 3, 4]
    assert len({(p["pid"], p["start"]) for p in processes}) == 1


@pytest.mark.parametrize("word", ["1", "9" * 120_000])
def test_another_program_is_there_in_place_of_one_and_is_met_like_any_other(tmp_path: Path, word: str) -> None:
    """With the words, variables, folder and open files of the first, which never runs; too many words end it."""
    script = tmp_path / "first"
    script.write_text("#!/bin/sh\ntouch ran\n")
    script.chmod(0o755)
    (tmp_path / "d").mkdir()
    other = ["/bin/sh", "-c", 'printf "%s|" "$@" "$MARK" "$PWD"; cat; echo; exit 7', "other"]
    text = f"exec 2>&-; cd d; echo in | MARK=m ../first 'a b' '' {word}; echo $?; /bin/true first; echo $?"
    (tmp_path / "case").write_text(text)
    rules = {"/first a": other, "true first": ["/nowhere"]}
    report, done = under_guard("/bin/bash", "case", cwd=tmp_path, instead=rules)
    requests = [r["argv"] for r in report["requests"]]
    assert not (tmp_path / "d/ran").exists()
    if len(word) > 1:
        assert done.stdout == f"137\n{128 + signal.SIGSEGV}\n"
        return
    assert [*other, "/bin/sh", "../first", "a b", "", "1"] in requests
    assert done.stdout == f"/bin/sh|../first|a b||1|m|{tmp_path}/d|in\n\n7\n{128 + signal.SIGSEGV}\n"  # no such program


def test_what_cannot_be_compared_with_servers_is_refused_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "case").write_text("/bin/echo odd; echo $?; /bin/echo even")
    report, done = under_guard("/bin/bash", "case", cwd=tmp_path, instead={"echo odd": 5})
    assert done.stdout == "126\neven\n"
    assert "is an MCP server cannot be told" in str(report["unread"])


def test_path_search_goes_on_and_errors_are_the_kernels_own(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "b" / "tool").write_text("not executable")
    argv = python(
        tmp_path,
        "import os\n"
        "def why(path):\n"
        "    try: os.execv(path, [path])\n"
        "    except OSError as error: return error.errno\n"
        "print(why('a/x'), why('b/tool'), why('a'), why('b/tool/x'), why('y' * 5000), flush=True)\n"
        "os.environ['PATH'] = 'a:b:/usr/bin:/bin'\n"
        "pid = os.posix_spawnp('true', ['true'], {}); print(os.waitpid(pid, 0)[1])\n",
    )
    report, done = under_guard(*argv, cwd=tmp_path)
    free = subprocess.run(argv, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == free.stdout == "2 13 13 20 36\n0\n"
    assert [r["argv"] for r in report["requests"][1:]] == [["true"]]


def test_signals_and_stops_reach_a_program_whose_exec_failed(tmp_path: Path) -> None:
    """Such a program is still traced: its signals, stops and death must look to its parent as they always do."""
    argv = python(
        tmp_path,
        "import os, signal, time\n"
        "def fail():\n"
        "    try: os.execv('/nowhere', ['x'])\n"
        "    except OSError: pass\n"
        "hits = []\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.signal(signal.SIGUSR1, lambda *a: os._exit(7))\n"
        "    fail(); os.kill(os.getpid(), signal.SIGUSR1); os._exit(1)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    fail(); os.kill(os.getpid(), signal.SIGSTOP); fail(); os._exit(8)\n"
        "print(os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1]))\n"
        "os.kill(pid, signal.SIGCONT); print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    fail(); time.sleep(60)\n"
        "time.sleep(0.2); os.kill(pid, signal.SIGTERM)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    fail(); start = time.monotonic(); time.sleep(1.5); os._exit(time.monotonic() - start >= 1.5)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n",
    )
    _, done = under_guard(*argv, cwd=tmp_path)
    assert done.stdout.split() == ["7", "True", "8", "-15", "1"], done


def test_many_threads_that_exec_at_once_end_in_one_program_and_do_not_stall_the_guard(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import os, sys, threading\n"
        "gate = threading.Barrier(8)\n"
        "def run(number):\n"
        "    gate.wait()\n"
        "    for _ in range(number):\n"
        "        try: os.execv('/nowhere', ['x'])\n"
        "        except OSError: pass\n"
        "    os.execv('/bin/echo', ['echo', 'one'])\n"
        "for _ in range(12):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        for n in range(8): threading.Thread(target=run, args=(n % 4,)).start()\n"
        "        threading.Event().wait()\n"
        "    os.waitpid(pid, 0)\n"
        "print('end')\n",
    )
    report, done = under_guard(*argv, cwd=tmp_path, timeout=40)
    assert done.stdout.split() == ["one"] * 12 + ["end"]
    assert len(report["requests"]) == 13


def test_a_storm_of_processes_is_seen_whole(tmp_path: Path) -> None:
    rules = "".join(f"t{n}:\n\t@/bin/true {n}\n\t@/bin/echo {n} > o{n}\n" for n in range(60))
    (tmp_path / "m.mk").write_text("all: " + " ".join(f"t{n}" for n in range(60)) + "\n" + rules)
    if shutil.which("make") is None:
        pytest.skip("no make here")
    report, done = under_guard("make", "-j8", "-f", "m.mk", cwd=tmp_path)
    assert report["status"] == 0, done
    trues = [r["argv"][1] for r in report["requests"] if r["argv"][0] == "/bin/true"]
    assert sorted(trues, key=int) == [str(n) for n in range(60)]
    assert all((tmp_path / f"o{n}").exists() for n in range(60))


def test_a_program_nobody_may_read_is_refused_because_nobody_could_judge_it(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    secret = tmp_path / "secret"
    shutil.copy("/usr/bin/touch", secret)
    argv = python(tmp_path, "import subprocess\nprint(subprocess.run(['./secret', 'ran']).returncode)\n")
    secret.chmod(0o755)
    _, done = under_guard(*argv, cwd=tmp_path)
    assert done.stdout == "0\n"
    (tmp_path / "ran").unlink()
    secret.chmod(0o111)
    report, done = under_guard(*argv, cwd=tmp_path)
    assert done.stdout == "-9\n"
    assert not (tmp_path / "ran").exists()
    assert "cannot be read" in report["unread"][0]


@pytest.mark.parametrize("dumpable", [1, 0])
def test_a_process_that_would_hide_its_memory_starts_only_what_is_judged(tmp_path: Path, dumpable: int) -> None:
    """Were it hidden, nobody could read or trace what it starts: it is told that it is, and it is not."""
    text = (
        "import ctypes, os\n"
        f"assert ctypes.CDLL(None).prctl(4, {dumpable}, 0, 0, 0) == 0\n"
        "pid = os.posix_spawn('/usr/bin/touch', ['touch', 'FORBIDDEN'], {})\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))\n"
    )
    report, done = under_guard(*python(tmp_path, text), cwd=tmp_path)
    assert (done.stdout, report["unread"]) == ("0\n", [])
    assert (tmp_path / "FORBIDDEN").exists()
    (tmp_path / "FORBIDDEN").unlink()
    report, done = under_guard(*python(tmp_path, text), cwd=tmp_path, deny=["FORBIDDEN"])
    assert (done.stdout, report["unread"]) == ("126\n", [])
    assert not (tmp_path / "FORBIDDEN").exists()


def test_more_words_than_can_be_read_are_refused_not_cut(tmp_path: Path) -> None:
    """The kernel allows 6 MiB; what is read must reach the end, where the telling word stands."""
    argv = python(
        tmp_path,
        "import resource, subprocess\n"
        "hard = resource.getrlimit(resource.RLIMIT_STACK)[1]\n"
        "resource.setrlimit(resource.RLIMIT_STACK, (hard if hard > 0 and hard < 1 << 26 else 1 << 26, hard))\n"
        "words = ['-' + 'e' * 100_000] * 30\n"
        "print(subprocess.run(['/bin/sh', *words, '-c', 'touch FORBIDDEN'], stderr=subprocess.DEVNULL).returncode)\n",
    )
    _, done = under_guard(*argv, cwd=tmp_path)
    assert done.stdout == "0\n"
    assert (tmp_path / "FORBIDDEN").exists()
    (tmp_path / "FORBIDDEN").unlink()
    report, done = under_guard(*argv, cwd=tmp_path, deny=["FORBIDDEN"])
    assert done.stdout == "126\n"
    assert not (tmp_path / "FORBIDDEN").exists()
    assert len(report["requests"][1]["argv"]) == 33


def _tiny_32_bit_program() -> bytes:
    """exit(7) by int 0x80."""
    code = bytes([0xB8, 1, 0, 0, 0, 0xBB, 7, 0, 0, 0, 0xCD, 0x80])
    base, start = 0x08048000, 52 + 32
    ident = b"\x7fELF\x01\x01\x01" + bytes(9)
    head = ident + struct.pack("<HHIIIIIHHHHHH", 2, 3, 1, base + start, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    return head + struct.pack("<IIIIIIII", 1, 0, base, base, start + len(code), start + len(code), 5, 0x1000) + code


def test_32_bit_programs_are_refused_in_words(tmp_path: Path) -> None:
    program = tmp_path / "old"
    program.write_bytes(_tiny_32_bit_program())
    program.chmod(0o755)
    try:
        free = subprocess.run([program], check=False).returncode
    except OSError:
        free = -1
    if free != 7:
        pytest.skip("this kernel runs no 32-bit programs")
    _, done = under_guard("/bin/sh", "-c", "./old; echo $?", cwd=tmp_path)
    assert done.stdout.strip() in ("126", "137")
    assert "32-bit programs cannot be guarded" in done.stderr


def test_an_ignored_signal_does_not_withdraw_and_one_pending_before_neither(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import os, signal, subprocess, time\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['touch', 'HELD'])\n"
        "time.sleep(0.3); child.send_signal(signal.SIGHUP); print(child.wait())\n"
        "os.unlink('HELD')\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); os.kill(os.getpid(), signal.SIGTERM)\n"
        "    os.execv('/usr/bin/touch', ['touch', 'HELD'])\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), os.path.exists('HELD'))\n",
    )
    report, done = under_guard(*argv, cwd=tmp_path, hold=["touch HELD"], seconds=0.8)
    assert done.stdout.split() == ["0", "0", "True"], done
    assert report["withdrawn"] == []


@pytest.mark.parametrize("beat", [0.0, 0.2])
def test_a_held_program_says_on_its_terminal_that_it_waits(tmp_path: Path, beat: float) -> None:
    report, _ = under_guard(
        "sh", "-c", "touch HELD; echo on", cwd=tmp_path, hold=["HELD"], seconds=1.0, pty=True, beat=beat
    )
    assert ("a person has to answer" in report["screen"]) == bool(beat)
    assert (tmp_path / "HELD").exists()


def test_a_guard_whose_processes_are_all_gone_costs_nothing(tmp_path: Path) -> None:
    report, _ = under_guard("/bin/true", cwd=tmp_path, linger=1.0)
    assert report["idle_cpu"] < 0.5
    assert report["lost"] == []


def test_the_caller_of_a_held_program_goes_on_and_its_other_children_too(tmp_path: Path) -> None:
    argv = python(
        tmp_path,
        "import subprocess\n"
        "held = subprocess.Popen(['touch', 'HELD'])\n"
        "print([subprocess.run(['/bin/true']).returncode for _ in range(5)])\n"
        "print(held.poll(), held.wait())\n",
    )
    _, done = under_guard(*argv, cwd=tmp_path, hold=["HELD"], seconds=4)
    assert done.stdout == "[0, 0, 0, 0, 0]\nNone 0\n"


@pytest.mark.skipif(CC is None, reason="no C compiler here")
def test_static_programs_without_a_loader_are_met_like_any_other(tmp_path: Path) -> None:
    source = tmp_path / "s.c"
    source.write_text(
        "#include <fcntl.h>\nint main(int n, char **v) { return open(v[1], O_CREAT | O_WRONLY, 0600) < 0; }\n"
    )
    built = subprocess.run([str(CC), "-static", "-o", tmp_path / "s", source], capture_output=True, check=False)
    if built.returncode:
        pytest.skip("no static C library here")
    _, done = under_guard("/bin/sh", "-c", "./s FORBIDDEN; echo $?", cwd=tmp_path)
    assert done.stdout == "0\n"
    assert (tmp_path / "FORBIDDEN").exists()
    (tmp_path / "FORBIDDEN").unlink()
    _, done = under_guard("/bin/sh", "-c", "./s FORBIDDEN; echo $?", cwd=tmp_path, deny=["FORBIDDEN"])
    assert done.stdout == "126\n"
    assert not (tmp_path / "FORBIDDEN").exists()


def test_the_probe_shows_the_whole_chain_even_from_a_process_that_hides_itself(tmp_path: Path) -> None:
    text = (
        "import ctypes, sys\n"
        f"sys.path[:0] = {[p for p in sys.path if p]!r}\n"
        "from leashtui.guards.kernel.probe import probe\n"
        "ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)\n"
        "found = probe()\n"
        "print(found.tier.value, [detail for _, ok, detail in found.found if not ok])\n"
    )
    argv = python(tmp_path, text)
    free = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert free.stdout in ("strict []\n", "exec []\n"), free
    _, done = under_guard(*argv, cwd=tmp_path)
    assert done.stdout.startswith("watch ['another listener is above us"), done


def _children() -> set[str]:
    """Process ids of this process's children, dead ones that nobody has waited for included."""
    return {pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()}


def test_leash_does_not_leave_threads_or_children_behind_after_probing() -> None:
    from leashtui.guards.kernel.probe import probe

    threads = threading.active_count()
    children = _children()
    descriptors = set(os.listdir("/proc/self/fd"))
    assert probe().tier in ("strict", "exec")
    assert threading.active_count() == threads
    assert set(os.listdir("/proc/self/fd")) <= descriptors
    assert _children() <= children  # a server that another test keeps running is not probing's
    assert signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL
