"""A day's work in tier strict, line by line, beside the same free: nothing is asked, and everything ends as it would.

Controls: what the person made is still asked about, in the same session.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from arena import Arena, Leg, arena
from everyday import FETCHED, WORK, of_its_own

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
SERVE = """
import socket, threading
for family, host, to in ((socket.AF_INET, "0.0.0.0", "127.0.0.1"), (socket.AF_INET6, "::", "127.0.0.1"),
                         (socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET, "", "localhost")):
    server = socket.create_server((host, 0), family=family, dualstack_ipv6=family == socket.AF_INET6)
    server.listen(5)
    client = socket.create_connection((to, server.getsockname()[1]), 5)
    server.accept()[0].send(b"ok")
    print(client.recv(9).decode())
own = socket.socket(socket.AF_UNIX); own.bind("\\0arena-own-" + str(id(own))); own.listen()
one = socket.socket(socket.AF_UNIX); one.connect(own.getsockname()); print("ok")
"""


SAME = """
import errno, os, shutil, subprocess, tempfile
top = tempfile.mkdtemp(dir=".")
os.chdir(top)
def said(act, *words):
    try:
        return act(*words) or 0
    except OSError as error:
        return errno.errorcode[error.errno]
def write(path, flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC):
    os.close(os.open(path, flags, 0o644))
out = []
for n in range(4):
    for base in ("src", "node_modules/p", "tmp"):
        os.makedirs(f"{base}/{n}/a/b", exist_ok=True)
        os.makedirs(f"{base}/{n}/c", exist_ok=True)
        for name in ("a/x.txt", "a/x.o", "a/b/y.txt", "c/x.txt", "c/x.o", "c/z.o"):
            out.append(said(write, f"{base}/{n}/{name}"))
        here = f"{base}/{n}"
        os.symlink("nowhere", f"{here}/lost"), os.symlink("a", f"{here}/way")
        for name in ("a", "a/b", "a/x.txt", "lost", "way", "way/b", "a/.", "a/..", "none/x", "a/x.txt/x", "new"):
            out.append(said(os.mkdir, f"{here}/{name}"))
        for name in ("a", "a/b", "a/x.txt", "lost", "way", "none", "new/.", "new", "new", "a/x.txt/x", "c/."):
            out.append(said(os.rmdir, f"{here}/{name}"))
        for name in ("a/x.o", "a/x.o", "c/x.o", "c", "c/.", "way/y.o", "lost", "way", "a/x.txt/z.o"):
            out.append(said(os.unlink, f"{here}/{name}"))
        out.append(sorted(os.path.relpath(os.path.join(d, f), here) for d, _, fs in os.walk(here) for f in fs))
        shutil.rmtree(f"{here}/a")
        out.append(sorted(os.listdir(here)))
git = ["git", "-c", "user.name=x", "-c", "user.email=x@example.invalid"]
for word in (["init", "-q", "r"], ["-C", "r", "add", "."], ["-C", "r", "commit", "-qm", "x", "--allow-empty"]):
    if word[-1] == ".":
        for n in range(40):
            os.makedirs(f"r/d{n}", exist_ok=True)
            write(f"r/d{n}/f.txt")
            open(f"r/d{n}/g.txt", "w").write(str(n))
    subprocess.run([*git, *word], check=True)
for n in range(2):
    subprocess.run([*git, "clone", "-q", "r", f"c{n}"], check=True)
    out.append(subprocess.run([*git, "-C", f"c{n}", "fsck"], capture_output=True).returncode)
    out.append(subprocess.run([*git, "-C", f"c{n}", "status", "--short"], capture_output=True, text=True).stdout)
    out.append(len(os.listdir(f"c{n}/.git/objects")) == len(os.listdir("r/.git/objects")))
os.chdir("..")
shutil.rmtree(top)
print(out)
"""


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        yield made


@pytest.fixture(scope="module")
def leg(place: Arena) -> Iterator[Leg]:
    made = Leg(place, ("--guard", "strict"))
    yield made
    made.close()


@pytest.mark.parametrize("line", WORK)
def test_work_is_not_asked_about(line: str, leg: Leg) -> None:
    done = leg.run(["bash", "-c", of_its_own(line)], 60)
    assert "REFUSED" not in done["out"], done
    assert done["code"] == 0, done


def test_fetching_programs_and_sources_is_not_asked_about(place: Arena, leg: Leg) -> None:
    script = place.proj / "fetches.py"
    script.write_text(FETCHED)
    done = leg.run([sys.executable, "-S", str(script)], 60)
    assert done["out"] == "all done\n", done


BUILDS = """
import os, subprocess, sys, tempfile
top = tempfile.mkdtemp(dir="/tmp")
program = top + "/x.test"
def run(*words):
    try:
        return subprocess.run(words, capture_output=True).returncode
    except PermissionError:
        return 126
def build(tool):
    if tool == "self":
        with open(program, "wb") as out, open("/bin/true", "rb") as found:
            out.write(found.read() + b"built")
        os.chmod(program, 0o755)
    elif tool == "fetch":
        run("curl", "-s", "--max-time", "1", "http://192.0.2.1:9/x", "-o", top + "/y")
        build("self")
    else:
        open(top + "/x.c", "w").write("int main() { return 0; }")
        run("cc", top + "/x.c", "-o", program)
build(sys.argv[1])
print(run("sh", "-c", program + " one") if sys.argv[2:] else run(program, "one"), run("true"), program)
"""


def build(leg: Leg, *words: str) -> tuple[list[str], str]:
    """Exit codes of what was built and of a program of the system, and where it was built."""
    said = leg.run(["python3", "-c", BUILDS, *words], 60)["out"].split()
    assert len(said) == 3, said
    return said[:2], said[2]


def clear(program: str) -> None:
    shutil.rmtree(os.path.dirname(program))


@pytest.mark.parametrize("words", [("self",), ("cc",)])
def test_what_a_program_built_in_a_folder_of_its_own_it_may_run(words: tuple[str, ...], leg: Leg) -> None:
    """As `go test` does; compilers have make run what they wrote for it."""
    codes, program = build(leg, *words)
    clear(program)
    assert codes == ["0", "0"]


@pytest.mark.parametrize("words", [("fetch",), ("self", "by a shell")])
def test_what_it_fetched_or_hands_to_another_is_asked_about(words: tuple[str, ...], leg: Leg) -> None:
    codes, program = build(leg, *words)
    clear(program)
    assert codes == ["126", "0"]


def test_what_one_command_leaves_in_a_temporary_folder_the_next_may_not_run_unasked(leg: Leg) -> None:
    codes, program = build(leg, "self")
    done = leg.run([program, "one"], 30)
    clear(program)
    assert codes == ["0", "0"]
    assert "run-from-temp" in done["out"], done


def test_servers_of_the_session_are_reached_from_this_machine(leg: Leg) -> None:
    done = leg.run(["python3", "-c", SERVE.replace("\n\n", "\n")], 30)
    assert done["out"].split() == ["ok"] * 5, done


@pytest.mark.parametrize(
    "call", ["ptrace(0, 0, 0, 0)", "ptrace(0x4206, os.getppid(), 0, 0)", "syscall(310, os.getppid(), 0, 0, 0, 0, 0)"]
)
def test_a_debugger_is_told_why_it_cannot_work(call: str, leg: Leg) -> None:
    lines = f"import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); libc.{call}; print(ctypes.get_errno())"
    done = leg.run(["python3", "-c", lines], 20)
    assert "REFUSED: looks into a running program" in done["out"], done
    assert done["out"].split()[-1] == "1", done


def test_a_program_that_looks_for_leaks_is_told_how_to_run(leg: Leg) -> None:
    lines = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); libc.syscall(56, 0x411, 0, 0, 0, 0)"
    done = leg.run(["python3", "-c", f"{lines}; print(ctypes.get_errno())"], 20)
    assert "LSAN_OPTIONS=detect_leaks=0" in done["out"], done
    assert done["out"].split()[-1] == "1", done


def test_a_call_for_sockets_on_a_pipe_leaves_the_pipe_alone(leg: Leg) -> None:
    """The guard looks at a duplicate of the descriptor; the reader must still see the end of the pipe."""
    calls = "libc.connect(1, bytes(16), 16); libc.bind(1, bytes(16), 16); libc.listen(1, 1)"
    started = time.monotonic()
    done = leg.run(["python3", "-c", f"import ctypes; libc = ctypes.CDLL(None); {calls}; print('ok')"], 20)
    assert done["out"].strip() == "ok", done
    assert time.monotonic() - started < 20


def test_a_program_that_tries_one_datagram_port_after_the_other_is_asked_about_once(leg: Leg) -> None:
    """As browsers do for each look-up; the kernel's choice is free, and no other program pays for it."""
    lines = (
        "import errno, socket",
        "def bound(port):",
        "    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:",
        "        try: line.bind(('0.0.0.0', port))",
        "        except OSError as error: return errno.errorcode[error.errno]",
        "        return 'bound'",
        "print([bound(port) for port in (21531, 21532, 21533, 0)])",
    )
    for _ in range(2):
        done = leg.run(["python3", "-c", "\n".join(lines)], 30)
        assert "['EACCES', 'EADDRINUSE', 'EADDRINUSE', 'bound']" in done["out"], done


def test_a_browser_that_rolls_dice_for_its_port_is_not_asked_about(leg: Leg) -> None:
    """Nor where it asks for a way to IPv6, and sends nothing. Control: the same by another name."""
    lines = (
        "import errno, socket",
        "def said(act, to, family=socket.AF_INET):",
        "    with socket.socket(family, socket.SOCK_DGRAM) as line:",
        "        try: getattr(line, act)(to)",
        "        except OSError as error: return errno.errorcode[error.errno]",
        "        return 'done'",
        "print(said('bind', ('0.0.0.0', 21541)), said('bind', ('0.0.0.0', 0)),"
        " said('connect', ('2001:4860:4860::8888', 443), socket.AF_INET6))",
    )
    code = "\n".join(lines)
    python = os.path.realpath("/usr/bin/python3")
    told = "EADDRINUSE done ENETUNREACH\n"
    done = leg.run(["sh", "-c", 'mkdir -p b && cp "$0" b/chromium && exec b/chromium -c "$1"', python, code], 30)
    assert done["out"] == told, done
    done = leg.run([python, "-c", code], 30)
    assert "REFUSED" in done["out"] and "EACCES done ENETUNREACH" in done["out"], done
    leg.run(["rm", "-r", "b"], 30)


@pytest.mark.parametrize(
    "line",
    [
        "git checkout -q .",
        "git branch -D kept",
        "git commit -q --amend -m x",
        "git branch -m kept other; git branch -D other",
        "git reset -q --hard",
        "git reset -q --hard HEAD~1",
        "git rebase -q HEAD~2",
        "git commit -q --allow-empty -m own && git rebase -q -x true HEAD~1",
        "git clean -fdq",
        "git clean -fdxq build",
        "git worktree add -q tree && git -C tree branch -D main",
        "git init -q n && git -C n config core.worktree .. && git -C n clean -fdq",
        "git init -q n; cd n && GIT_WORK_TREE=.. git clean -fdq",
        'git init -q n; python3 -c \'import os; os.chdir("n"); os.putenv("GIT_DIR", "../.git");'
        ' os.system("git branch -D kept; exit")\'',
        'python3 -c \'import os; os.putenv("GIT_INDEX_FILE", "/tmp/none"); os.execlp("git", "git", "clean", "-fdq")\'',
        "cd src && git clean -fdq :/",
    ],
)
def test_what_git_kept_or_did_not_before_is_still_asked_about(line: str, leg: Leg, place: Arena) -> None:
    place.run("sh", "-c", "git branch -f kept $(git commit-tree -m kept -p HEAD HEAD^{tree})")
    place.run(
        "sh",
        "-c",
        "echo 1 > theirs.txt; git add theirs.txt; git commit -qm theirs; echo 2 > theirs.txt; echo 3 > new.txt",
    )
    place.git("commit", "-q", "--allow-empty", "-m", "theirs")
    done = leg.run(["bash", "-c", line], 60)
    assert "REFUSED" in done["out"], done
    assert place.run("cat", "theirs.txt", "new.txt").stdout.split() == ["2", "3"]


@pytest.mark.parametrize(
    "line",
    [
        "rm src/app.py",
        "rm -rf src",
        "rm $(printf src/app.py | cat)",
        "python3 -c 'import os, sys; os.remove(sys.argv[1])' src/app.py",
        "python3 -c 'import shutil, sys; shutil.rmtree(sys.argv[1])' src",
        "node -e 'require(\"fs\").unlinkSync(process.argv[1])' src/app.py",
        "mv src build/src",
        "mv src y && rm -rf y",
    ],
)
def test_the_persons_work_is_still_asked_about(line: str, leg: Leg, place: Arena) -> None:
    done = leg.run(["bash", "-c", line], 60)
    assert "REFUSED" in done["out"], done
    assert not place.changes().get("lost work"), done


def test_a_process_of_the_persons_is_out_of_reach(leg: Leg) -> None:
    """Ending processes is not asked about because of this."""
    with subprocess.Popen(["sleep", "70125"]) as theirs:
        for line in ("pkill -9 -f 'sleep 7012[5]'", f"kill -9 {theirs.pid}", f"kill -9 -{theirs.pid}"):
            done = leg.run(["bash", "-c", line], 30)
            assert done["code"] != 0, done
            assert "REFUSED" not in done["out"], done
        alive = theirs.poll() is None
        theirs.kill()
    assert alive


def test_what_is_answered_without_python_is_what_the_kernel_says(tmp_path: Path) -> None:
    """Each thing is done several times, so that all but the first is answered by what was learned."""
    script = tmp_path / "agent.py"
    script.write_text(SAME)
    env = os.environ | {f"LEASH_{name}_DIR": str(tmp_path / name) for name in ("RUNTIME", "STATE", "CONFIG")}
    said = []
    for words in ([], [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--guard", "strict", "--"]):
        work = tmp_path / f"work{len(words)}"
        work.mkdir()
        argv = [*words, sys.executable, str(script)]
        done = subprocess.run(argv, cwd=work, env=env, stdout=subprocess.PIPE, text=True, check=True, timeout=200)
        said.append(done.stdout.strip())
    assert said[0].count("EEXIST") > 30
    assert said[0].count("ENOTEMPTY") > 10
    assert said[0] == said[1]
