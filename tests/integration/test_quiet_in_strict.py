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

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
WORK = (
    "mkdir f && for i in 1 2 3; do echo $i > f/$i; done",
    "rm f/1",
    "rm -r f",
    'python3 -c \'import os; os.makedirs("g/a"); open("g/a/b", "w").write("1")\'',
    "rm -rf g",
    "mkdir t && echo 1 > t/a && tar cf t.tar t && tar xf t.tar && tar xf t.tar && rm -rf t t.tar",
    "tar cf e.tar notes.md && tar xf e.tar && rm e.tar",
    "cp notes.md copy.md && install -m 644 copy.md notes.md && rm copy.md",
    "stdbuf -oL echo hi",
    "echo 'int f() { return 0; }' > f.c && echo 'int f(); int main() { return f(); }' > m.c"
    " && cc -O2 -flto=2 -c f.c m.c && cc -O2 -flto=2 f.o m.o -o m && ./m && rm f.c m.c f.o m.o m",
    "mkdir -p ~/.cache/uv/sdists && touch ~/.cache/uv/sdists/.git && touch ~/.cache/uv/sdists/.git",
    "mkdir -p ~/.cache/cc/tmp && echo 'int x;' > x.c && cc -E x.c -o ~/.cache/cc/tmp/x.i && rm -r ~/.cache/cc x.c",
    "git stash -q && git stash pop -q",
    "cp -r src src2 && mv src2 src3 && rm -rf src3",
    "git checkout -q -b feature && git commit -q --allow-empty -m x && git checkout -q main",
    "sed -i 's/mine/mine/' src/dirty.py",
    "d=$(mktemp -d) && echo x > $d/y && rm -rf $d",
    "mv notes.md notes2.md && mv notes2.md notes.md",
    "mv notes.md notes.md.bak && mv notes.md.bak notes.md && sed -i.bak s/a/a/ notes.md && rm notes.md.bak",
    "ln -s src/app.py way && rm way",
    "git clone -q . clone && rm -rf clone",
    "git clone -q . c1 && mv c1 c2 && rm -rf c2",
    "git worktree add -q tree && git worktree remove tree",
    "git commit -q --allow-empty -m x && git commit -q --allow-empty -m y && git bisect start HEAD HEAD~2 > log"
    " && git bisect run test -f notes.md > log; r=$?; git bisect reset > log 2>&1; rm log; exit $r",
    "git worktree add -q --detach tree HEAD && git worktree remove tree",
    "printf 'install:\\n\\tinstall -D notes.md $(P)/x/n.md\\n' > m.mk; make -f m.mk install P=x; rm -r x m.mk",
    "echo x >> src/app.py && git checkout -q src/app.py && git diff --quiet src/app.py",
    "git commit -q --allow-empty -m x && git commit -q --amend --no-edit --allow-empty && git tag x && git tag -d x",
    "git switch -q -c x && git commit -q --allow-empty -m x && git switch -q main && git branch -q -D x",
    "git init -q n && cd n && echo 1 > a && git add a && git commit -qm a && echo 2 > a && git reset -q --hard"
    " && echo 3 > b && git clean -fdxq && git commit -q --allow-empty -m b && git reset -q --hard HEAD~1"
    " && git gc -q --prune=now && cd .. && rm -rf n",
    "mkdir left && echo 1 > left/x && git clean -fdq left && test ! -e left",
    "git stash -q && git commit -q --allow-empty -m x && git commit -q --allow-empty -m y && git rebase -q HEAD~1"
    " && echo x >> src/app.py; git reset -q --hard; git reset -q --hard HEAD~2; r=$?; git stash pop -q && exit $r",
    "git branch old && git branch -m old new && git branch -D new",
    "git stash -q; git switch -q -c f1 && echo 1 > r1 && git add r1 && git commit -qm 1 && git switch -q main"
    " && echo 2 > r2 && git add r2 && git commit -qm 2 && git switch -q f1 && git rebase -q main && git switch -q main"
    " && git reset -q --hard HEAD~1 && git branch -D f1; r=$?; git stash pop -q; test ! -e r2 -a ! -e r1 && exit $r",
    "perl -pi -e s/unsaved/unsaved/ notes.md",
    "touch -d yesterday src/app.py && chmod 644 src/app.py",
    "python3 - <<'E'\nimport os, socket, tempfile\np = tempfile.mkdtemp() + '/s'\n"
    "s = socket.socket(socket.AF_UNIX)\ns.bind(p)\ns.listen()\nc = socket.socket(s.family); c.connect(p)"
    "\nc.send(b'x'); os.remove(p)"
    "\nos.rmdir(os.path.dirname(p))\nE",
    "echo x > d.txt && echo d.txt > list && rm $(cat list) list",
    "python3 - <<'E'\nimport sqlite3, os\nc = sqlite3.connect('x.db'); c.execute('create table t(i)')\n"
    "c.execute('drop table t')\nc.close(); os.remove('x.db')\nE",
    "python3 -c 'import os, time; p = os.fork() or time.sleep(60); os.kill(p, 9); os.wait()'",
    "echo A=1 > .env.test && cat .env.test && rm .env.test",
    "ssh-keygen -q -t ed25519 -N '' -f id_x && rm id_x id_x.pub",
    "d=$(mktemp -d) && cd $d && python3 -m venv --without-pip v && ./v/bin/python -c 1 && . v/bin/activate && rm -r $d",
    "gzip -k notes.md && gunzip -c notes.md.gz > /dev/null && rm notes.md.gz",
    "script -qec 'echo hi' /dev/null",
    "flock lock echo x && rm lock",
    "mkdir build/out && echo x > build/out/x && mv build/out build/in && rm -rf build/in",
    "mkdir -p node_modules/.x/.github && echo x > node_modules/.x/.github/f.yml && mv node_modules/.x node_modules/x",
    "rm -rf node_modules",
    "mkdir '文書 ü' && echo x > '文書 ü/日本.tmp' && mv '文書 ü/日本.tmp' '文書 ü/ï.c' && mv '文書 ü' й && rm -rf й",
    "printf x > $(printf '\\377.o') && mv $(printf '\\377.o') $(printf '\\376.o') && rm $(printf '\\376.o')",
    "mkdir -p node_modules/y && python3 -c 'import ctypes, mmap, os; libc = ctypes.CDLL(None); m = mmap.mmap(-1, 8192);"
    ' a = ctypes.addressof(ctypes.c_char.from_buffer(m)); names = [b"node_modules/y/f%04d.js" % n for n in range(40)];'
    " [(m.seek(4076 + n), m.write(s + bytes(1)), os.close(libc.open(ctypes.c_void_p(a + 4076 + n), 65, 0o644)))"
    ' for n, s in enumerate(names)]; assert sorted(map(os.fsencode, os.listdir("node_modules/y"))) =='
    " [s[15:] for s in names]' && rm -r node_modules",
    "n=7012; sleep ${n}3 & sleep ${n}4 & sleep .3; pkill -f sleep.${n}3; pgrep -f sleep.${n}4 | xargs kill -9; wait",
    "tmux -L q new -d 'sleep 60' && tmux -L q send-keys -t 0 x && tmux -L q kill-server",
    "d=/tmp/quiet-$$; mkdir $d; printf 'echo hi\\n' > $d/x.sh; chmod +x $d/x.sh; $d/x.sh; sh $d/x.sh; rm -r $d",
    "mkdir /tmp/quiet; cat > /tmp/quiet/x.py <<'EOF'\nprint(1)\nEOF\npython3 /tmp/quiet/x.py && rm -r /tmp/quiet",
    "d=/tmp/quiet && mkdir $d; echo 'int main() { return 0; }' > $d/x.c && cc $d/x.c -o $d/x && $d/x && rm -r $d",
    "python3 -m http.server -b 127.0.0.1 18761 > log 2>&1 & sleep 2; curl -sf localhost:18761 > x; r=$?; kill %1;"
    " rm x log; exit $r",
    'node -e \'const s = require("http").createServer((q, r) => r.end()).listen(18762, "localhost", () =>'
    ' require("http").get({port: 18762, host: "localhost"}, () => process.exit()))\'',
    "git add -A && git commit -q -m all && git gc -q",
    "git rm -q --cached notes.md && git add notes.md",
    "printf 'exit\\n' | script -qec 'bash --norc -i' /dev/null",
    'python3 -c \'import os, socket; os.mkdir("st"); s = socket.socket(socket.AF_UNIX); s.bind("st/s"); s.listen()\''
    " && mv st st2 && python3 -c 'import socket; print(socket.socket(socket.AF_UNIX).connect_ex(\"st2/s\"))' | grep 111"
    " && rm -rf st2",
    'python3 -c \'import ctypes, os; t = os.open(".", os.O_TMPFILE | os.O_RDWR);'
    ' exit(ctypes.CDLL(None).linkat(-100, b"/proc/self/fd/%d" % t, -100, b"tmp-linked", 0x400))\' && rm tmp-linked',
    'python3 -c \'import os; c = os.path.expanduser("~/.bun/install/cache"); os.makedirs(c, exist_ok=True);'
    " os.open(c, os.O_TMPFILE | os.O_RDWR)'",
)
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
    done = leg.run(["bash", "-c", line], 60)
    assert "REFUSED" not in done["out"], done
    assert done["code"] == 0, done


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
