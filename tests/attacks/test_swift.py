"""What is served without Python, in a real session: a thousand ordinary files later a name that tells is still judged.

Each script first makes files of the same kind in the same place, until they are made by the short way, and then tries.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from arena import Arena, Leg, arena

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
WARM = """
import os, stat, sys, threading, time
gone = getattr(os, sys.argv[1])  # by another name: what removes names that are known only now is refused when it starts
def warm(folder, kind="md", count=200):
    os.makedirs(folder, exist_ok=True)
    for n in range(count):
        with open(f"{folder}/warm{n}.{kind}", "w") as file:
            file.write("x")
def clear(folder, kind):
    for n in range(150):
        gone(f"{folder}/warm{n}.{kind}")
def put(path, text="EVIL", flags=os.O_WRONLY | os.O_CREAT):
    fd = os.open(path, flags, 0o666)
    os.write(fd, text.encode())
    os.close(fd)
"""
TRIES = {
    "instructions among notes": "warm('a'); put('a/CLAUDE.md')",
    "instructions by a link": "warm('b'); os.symlink('../CLAUDE.md', 'b/x.md'); put('b/x.md')",
    "a folder exchanged for a link": "warm('c'); os.rename('c', 'c2'); os.symlink('.git/hooks', 'c'); put('c/x.md')",
    "a folder moved away": "warm('d'); os.rename('d', 'd2'); os.makedirs(sys.argv[2]);"
    " os.rename('d2', sys.argv[2] + '/commands'); put(sys.argv[2] + '/commands/x.md')",
    "up and across": "warm('e'); put('e/../.git/hooks/x.md')",
    "a relative name from a protected folder": "warm('f'); os.chdir('.git/hooks'); put('x.md')",
    "a descriptor of a protected folder": "warm('g'); put_at = os.open('.git/hooks', os.O_RDONLY);"
    " os.close(os.open('x.md', os.O_WRONLY | os.O_CREAT, dir_fd=put_at))",
    "settings among objects": "warm('.git/objects/aa', 'pack'); put('.git/config', '[core]\\n fsmonitor=EVIL\\n')",
    "work after what may be removed": "warm('node_modules/q', 'json'); clear('node_modules/q', 'json');"
    " os.chdir('node_modules/q'); gone('../../src/app.py')",
    "work by a folder exchanged": "warm('node_modules/r', 'py'); clear('node_modules/r', 'py');"
    " os.rename('node_modules/r', 'node_modules/r2'); os.symlink('../src', 'node_modules/r');"
    " gone('node_modules/r/app.py')",
    "work by a link beside folders that may be emptied": "warm('node_modules/t/a', 'py');"
    " clear('node_modules/t/a', 'py'); warm('node_modules/t/b', 'py'); clear('node_modules/t/b', 'py');"
    " os.symlink('../../src', 'node_modules/t/c');"
    " gone('node_modules/t/c/app.py')",
    "work in a folder that comes below such a one": "warm('node_modules/u/a', 'py');"
    " clear('node_modules/u/a', 'py');"
    " os.makedirs('node_modules/u/b/c'); os.rmdir('node_modules/u/b/c'); os.rename('src', 'node_modules/u/b/c');"
    " gone('node_modules/u/b/c/app.py')",
    "a hook under a name that was its own": "warm('j', 'o'); os.rename('j/warm0.o', 'j/old.o');"
    " os.symlink('../.git/hooks/post.md', 'j/warm0.o'); put('j/warm0.o')",
    "a hook where a folder of its own was": "warm('m', 'o'); os.rename('m', 'm2'); os.symlink('.git/hooks', 'm');"
    " put('m/warm0.o', flags=os.O_WRONLY | os.O_CREAT | os.O_TRUNC)",
    "a setuid file": "warm('i', 'c'); os.close(os.open('i/x.c', os.O_WRONLY | os.O_CREAT, 0o4755))",
}


@pytest.fixture(scope="module")
def place() -> Iterator[Arena]:
    with arena() as made:
        yield made


BOX = "bwrap --dev-bind / / --unshare-user --unshare-pid --proc /proc --".split()


class Boxed(Leg):
    """Each program in a sandbox of its own, which shows everything by the names that it has."""

    def run(self, argv: list[str], timeout: float = 30, env: dict[str, str] | None = None) -> dict[str, Any]:
        """See Leg."""
        return super().run([*BOX, *argv], timeout, env)


@pytest.fixture(scope="module", params=["strict", "compat", "sandbox"])
def leg(place: Arena, request: pytest.FixtureRequest) -> Iterator[Leg]:
    if request.param == "sandbox" and os.geteuid() == 0:
        pytest.skip("root in a session has no user namespaces for bwrap")
    made = (Boxed if request.param == "sandbox" else Leg)(
        place, ("--guard", request.param.replace("sandbox", "compat"))
    )
    yield made
    made.close()


@pytest.fixture(scope="module")
def outer(place: Arena) -> Iterator[Leg]:
    """Where whoever runs has no sandbox."""
    made = Leg(place, ("--guard", "strict"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def free(place: Arena) -> Iterator[Leg]:
    made = Leg(place, None)
    yield made
    made.close()


def run(leg: Leg, text: str) -> str:
    return str(leg.run(["python3", "-S", "-c", WARM + text, "unlink", ".claude"], 60)["out"])


@pytest.mark.parametrize("name", TRIES)
def test_what_tells_is_judged_after_many_that_do_not(name: str, place: Arena, leg: Leg) -> None:
    place.repair(place.changes())
    work = (place.proj / "src/app.py").read_text()
    out = run(leg, TRIES[name])
    assert "Error" in out, out
    for path in place.proj.rglob("*"):
        if path.is_file() and not path.is_symlink():
            assert b"EVIL" not in path.read_bytes(), path
    assert not list((place.proj / ".git/hooks").glob("*.md"))
    assert not any(path.stat().st_mode & 0o6000 for path in place.proj.rglob("*.c"))
    assert (place.proj / "src/app.py").read_text() == work


@pytest.mark.parametrize("name", TRIES)
def test_each_of_them_works_when_free(name: str, place: Arena, free: Leg) -> None:
    place.repair(place.changes())
    out = run(free, TRIES[name])
    assert "Error" not in out, out


SAME = """
def see(path):
    found = os.lstat(path)
    return f"{oct(found.st_mode)} {found.st_size} {found.st_nlink}"
say = []
os.umask(0o022); warm("s", "txt", 300)
say.append(see("s/warm299.txt"))
os.umask(0o077); warm("s", "h", 20); say.append(see("s/warm19.h"))
os.umask(0o002); os.chdir("s")
for n in range(20): put(f"./n{n}.txt", "abc")
say.append(see("n19.txt"))
try:
    put("n19.txt", flags=os.O_WRONLY | os.O_CREAT | os.O_EXCL)
except FileExistsError as error:
    say.append(str(error.errno))
try:
    gone("none.txt")
except OSError as error:
    say.append(str(error.errno))
at = os.open(".", os.O_RDONLY)
for n in range(20):
    fd = os.open(f"at{n}.txt", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o640, dir_fd=at)
    os.write(fd, b"1"); os.lseek(fd, 0, 0); os.write(fd, b"2"); say.append(os.pread(fd, 9, 0).decode())
    say.append(str(os.get_inheritable(fd))); os.close(fd)
os.chdir("..")
def many(k):
    for n in range(100): put(f"s/t{k}x{n}.txt", str(n))
threads = [threading.Thread(target=many, args=(k,)) for k in range(4)]
for t in threads: t.start()
for t in threads: t.join()
say.append(str(sum(len(open(f"s/t{k}x{n}.txt").read()) for k in range(4) for n in range(100))))
os.makedirs("node_modules/p", exist_ok=True); warm("node_modules/p", "json", 100); os.mkdir("node_modules/p/lib")
warm("node_modules/p/lib", "json", 50); say.append(see("node_modules/p/lib/warm49.json"))
for n in range(50): gone(f"node_modules/p/lib/warm{n}.json")
say.append(str(os.listdir("node_modules/p/lib")))
for wrong in ("node_modules/p/lib/warm3.json", "node_modules/p/lib", "node_modules/p/none/x"):
    try:
        gone(wrong)
    except OSError as error:
        say.append(str(error.errno))
os.rename("s", "s2"); os.mkdir("s"); put("s/new.txt"); say.append(str(sorted(os.listdir("s"))))
say.append(str(len(os.listdir("s2"))))
print("|".join(say))
"""


def test_what_is_made_is_what_would_be_made(place: Arena, leg: Leg, free: Leg) -> None:
    place.repair(place.changes())
    guarded = run(leg, SAME)
    place.repair(place.changes())
    (place.proj / "s").exists()
    for name in ("s", "s2", "node_modules"):
        place.run("rm", "-rf", os.fspath(place.proj / name))
    assert guarded == run(free, SAME)
    assert "|" in guarded
    assert guarded.count("|") > 40


OWN = """
say = []
os.umask(0o027)
for n in range(40): put(f"o{n}.o", "first")
for n in range(40): put(f"o{n}.o", "2", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
say.append(open("o39.o").read() + oct(os.stat("o39.o").st_mode))
fd = os.open("o39.o", os.O_RDWR | os.O_APPEND); os.write(fd, b"3"); say.append(os.pread(fd, 9, 0).decode())
say.append(str(os.get_blocking(fd)))
os.close(fd)
for path, flags in (("o39.o", os.O_CREAT | os.O_EXCL | os.O_WRONLY), ("none.o", os.O_WRONLY), ("o39.o/", os.O_WRONLY)):
    try:
        os.close(os.open(path, flags))
    except OSError as error:
        say.append(str(error.errno))
for n in range(40): gone(f"o{n}.o")
say.append(str([name for name in os.listdir(".") if name.endswith(".o")]))
os.mkfifo("o1.o")
try:
    os.open("o1.o", os.O_WRONLY | os.O_NONBLOCK)
except OSError as error:
    say.append(str(error.errno))
gone("o1.o"); os.mkdir("o1.o")
for act in (lambda: put("o1.o"), lambda: gone("o1.o")):
    try:
        act()
    except OSError as error:
        say.append(str(error.errno in (1, 21)))
os.rmdir("o1.o")
print("|".join(say))
"""
PROBES = """
os.makedirs("p/real", exist_ok=True); os.symlink("real", "p/link"); os.symlink("nowhere", "p/dangling")
os.symlink("/proc/self/fd", "p/fds"); put("p/real/plain", "x"); os.makedirs("p/shut"); os.chmod("p/shut", 0)
here, say = os.getcwd(), []
for way in ("none", "p/none", "p/none/none", "p/real/none", "p/link/none", "p/dangling", "p/real/plain",
            "p/real/plain/x", "p/fds/99", "p/real", "p/real/../none", "p/shut/none", "p/real/./none", "p/real/"):
    for path in (way, here + "/" + way):
        try:
            os.execv(path, ["x"])
        except OSError as error:
            say.append(f"{way} {error.errno}")
os.chmod("p/shut", 0o755)
for n in range(3):
    pid = os.fork()
    if pid == 0:
        for folder in ("/nowhere", here + "/p", here + "/p/real", "/usr/bin"):
            try:
                os.execv(folder + "/true", ["true"])
            except OSError:
                pass
        os._exit(9)
    say.append(str(os.waitpid(pid, 0)[1]))
print("|".join(say))
"""

FOLDERS = """
say, top = [], "node_modules/fold"
def tried(act, *words):
    try:
        act(*words); say.append("0")
    except OSError as error:
        say.append(str(error.errno))
warm(top + "/m"); clear(top + "/m", "md")
for n in range(60):
    one = f"{top}/m/d{n}"
    os.mkdir(one); tried(os.mkdir, one); tried(os.rmdir, one); tried(os.rmdir, one)
    os.mkdir(one); put(one + "/f.js"); tried(os.rmdir, one); tried(os.mkdir, one + "/f.js")
    tried(os.rmdir, one + "/f.js")
    gone(one + "/f.js"); tried(gone, one + "/f.js"); put(one + "/f.js"); gone(one + "/f.js"); tried(gone, one)
    os.symlink(".", one + "/up"); tried(os.rmdir, one + "/up"); gone(one + "/up")
    tried(os.rmdir, one + "/."); tried(os.rmdir, one + "/.."); tried(os.rmdir, one + "/")
say.append(str(sorted(os.listdir(top + "/m"))[:2]))
print("|".join(say))
"""


TREES = """
say, top, shut = [], "node_modules/tree", getattr(os, sys.argv[1].replace("unlink", "rmdir"))
def tried(act, *words):
    try:
        act(*words); say.append("0")
    except OSError as error:
        say.append(str(error.errno))
here = os.getcwd()
for turn in range(3):
    for n in range(12):
        one = f"{here}/{top}/p{n}/lib/deep"
        tried(os.mkdir, one); tried(os.mkdir, one + "/"); tried(os.mkdir, f"{here}/{top}/none{n}/../p{n}")
        os.makedirs(one); tried(os.mkdir, one)
        for name in ("a.js", "b.d.ts", "LICENSE", ".npmrc2"):
            put(f"{one}/{name}", name); put(f"{here}/{top}/p{n}/{name}", name)
        tried(os.mkdir, f"{one}/a.js/x"); tried(os.mkdir, f"{one}/a.js/x/y"); tried(os.mkdir, f"{one}/new{n}/")
        os.symlink("nowhere", f"{one}/hang"); tried(os.mkdir, f"{one}/hang/x"); tried(os.mkdir, f"{one}/hang/x/y")
        os.mkfifo(f"{one}/pipe"); os.symlink("../..", f"{one}/up"); tried(os.mkdir, f"{one}/up/lib/deep/z/z")
    def empty(k):
        for n in range(k, 12, 4):
            for where, folders, names in os.walk(f"{here}/{top}/p{n}", topdown=False):
                for name in names + [f for f in folders if os.path.islink(f"{where}/{f}")]: gone(f"{where}/{name}")
                tried_here.append(len(os.listdir(where)) >= 0)
                for name in os.listdir(where): shut(f"{where}/{name}")
            shut(f"{here}/{top}/p{n}")
    tried_here = []
    threads = [threading.Thread(target=empty, args=(k,)) for k in range(4)]
    for t in threads: t.start()
    for t in threads: t.join()
    say.append(str(os.listdir(f"{here}/{top}")) + str(len(tried_here)))
print("|".join(say))
"""

SHUT = """
say, top, here = [], "node_modules/shut", os.getcwd()
def tried(act, *words):
    try:
        act(*words); say.append("0")
    except OSError as error:
        say.append(str(error.errno))
for n in range(3):
    deep = f"{here}/{top}/a{n}/b/c"
    warm(deep); clear(deep, "md"); warm(deep); os.mkdir(deep + "/d"); os.mkdir(deep + "/e")
    for mode in (0o600, 0o300, 0o500, 0o755):
        os.chmod(f"{here}/{top}/a{n}", mode)
        tried(put, f"{deep}/{mode}.md"); tried(put, f"{deep}/warm4.md"); tried(gone, f"{deep}/warm{mode % 90}.md")
        tried(gone, f"{deep}/none"); tried(os.mkdir, f"{deep}/{mode}"); tried(os.mkdir, f"{deep}/d")
        tried(os.mkdir, f"{deep}/none/x"); tried(os.rmdir, f"{deep}/{'d' if mode < 0o500 else 'e'}")
        tried(os.link, f"{deep}/warm199.md", f"{deep}/second{mode}")
print("|".join(say))
"""

SLASHES = """
say = []
def tried(act, *words):
    try:
        act(*words); say.append("0")
    except OSError as error:
        say.append(str(error.errno))
os.makedirs("p/dir"); put("p/file"); os.symlink("dir", "p/way"); os.symlink("none", "p/hang")
for name in ("none", "file", "dir", "way", "hang", "none/x", "file/x"):
    for end in ("", "/", "//", "/."):
        path = f"p/{name}{end}"
        for flags in (0, os.O_EXCL, os.O_TRUNC):
            if end: tried(put, path, "x", flags | os.O_WRONLY | os.O_CREAT)
        if end: tried(os.symlink, "x", path); tried(os.mkfifo, path); tried(os.link, "p/file", path)
        tried(os.link, path, "p/file"); tried(os.link, "p/none", path)
say.append(str(sorted(os.listdir("p"))))
print("|".join(say))
"""


@pytest.mark.parametrize(
    "script",
    [OWN, PROBES, FOLDERS, TREES, SHUT],
    ids=["own files", "programs that are not there", "folders made and removed", "trees made and removed", "shut"],
)
def test_it_answers_as_the_kernel_would(script: str, place: Arena, leg: Leg, free: Leg) -> None:
    place.repair(place.changes())
    guarded = run(leg, script)
    for name in ("p", "node_modules/fold", "node_modules/tree", "node_modules/shut"):
        place.run("rm", "-rf", os.fspath(place.proj / name))
    assert guarded == run(free, script)
    for name in ("p", "node_modules/fold", "node_modules/tree", "node_modules/shut"):
        place.run("rm", "-rf", os.fspath(place.proj / name))
    assert guarded.count("|") > 8


def test_a_name_that_ends_in_a_slash_is_a_folders(place: Arena, outer: Leg, free: Leg) -> None:
    said = []
    for one in (outer, free):
        place.repair(place.changes())
        said.append(run(one, SLASHES))
        place.run("rm", "-rf", "p")
    assert said[0] == said[1]
    assert said[0].count("|") > 99


RACE = """
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
names = (b"/dev/null\\0", os.fsencode(sys.argv[3]) + b"\\0")
name = ctypes.create_string_buffer(256)
going = True
def turn():
    while going:
        for text in names:
            ctypes.memmove(name, text, len(text))
thread = threading.Thread(target=turn, daemon=True)
thread.start()
opened, end = 0, time.monotonic() + 30
for n in range(int(sys.argv[4])):
    if time.monotonic() > end or not os.stat(sys.argv[3]).st_size:
        break
    for flags in (os.O_TRUNC, os.O_TRUNC | 3, os.O_TRUNC | os.O_WRONLY, os.O_TRUNC | os.O_RDWR):
        fd = libc.open(name, flags)
        if fd >= 0:
            opened += 1
            os.close(fd)
going = False
print(f"opened {opened}")
"""


def test_no_file_is_emptied_by_a_name_that_changes_while_it_is_opened(place: Arena, leg: Leg, free: Leg) -> None:
    place.repair(place.changes())
    victim = place.proj / ".git/config"
    before = victim.read_bytes()
    argv = ["python3", "-S", "-c", WARM + RACE, "unlink", ".claude", os.fspath(victim)]
    out = str(leg.run([*argv, "1500"], 60)["out"])
    assert "opened " in out, out
    assert "opened 0" not in out, "it never opened the other name"
    assert victim.read_bytes() == before
    free.run([*argv, "1000000"], 60)  # until it wins
    assert victim.read_bytes() == b""
    place.repair(place.changes())


def test_what_was_put_aside_is_still_what_it_was(place: Arena, leg: Leg, free: Leg) -> None:
    """Under a name that is made again anyway, beside many that were removed without a word."""
    script = "for n in range(40): put(f'aside/own{n}.o')\nfor n in range(40): gone(f'aside/warm{n}.o')\n"
    script += "os.rename('aside/work', 'aside/work.o')\ngone('aside/work.o')"
    for one in (leg, free):
        place.repair(place.changes())
        lay = "rm -rf aside; mkdir aside; echo mine > aside/work; for n in $(seq 0 50); do : > aside/warm$n.o; done"
        place.run("sh", "-c", lay)
        out = run(one, script)
        assert ("Error" in out) == (one is leg) == (place.proj / "aside/work.o").exists(), out
        assert not (place.proj / "aside/warm39.o").exists(), out
    place.run("rm", "-rf", "aside")


def test_undo_names_what_of_the_persons_went_without_a_word(place: Arena) -> None:
    place.run("sh", "-c", "mkdir -p node_modules/k/a; for n in $(seq 0 20); do : > node_modules/k/a/$n.js; done")
    leg = Leg(place, ("--guard", "strict"))
    try:
        run(leg, "warm('node_modules/k/own', 'js')\nclear('node_modules/k/own', 'js')\n"
            "for n in range(20): gone(f'node_modules/k/a/{n}.js')")  # fmt: skip
    finally:
        leg.close()
    log = max(Path(place.values["state"], "undo").glob("*/log"), key=os.path.getmtime).read_text()
    assert all(f'{{"what":"left","path":"{place.proj}/node_modules/k/a/{n}.js"}}' in log for n in range(20)), log
    assert log.count("/own/") < 3, "what the session made itself is no loss"
    place.run("rm", "-rf", "node_modules/k")


def test_undo_knows_all_of_them(place: Arena) -> None:
    leg = Leg(place, ("--guard", "strict"))
    try:
        run(leg, "warm('kept', 'txt', 400)")
    finally:
        leg.close()
    log = max(Path(place.values["state"], "undo").glob("*/log"), key=os.path.getmtime).read_text()
    assert all(f'kept/warm{n}.txt"' in log for n in range(400))


def test_a_workspace_among_temporary_files_is_none_of_them() -> None:
    """Every name in /tmp may be made and removed; in a workspace that lies there each is judged by what it means."""
    free = "for n in range(9): put(f'/tmp/{name}{n}', 'x'); gone(f'/tmp/{name}{n}')\n"
    free += "os.makedirs(f'/tmp/{name}-y/a/b')\n"
    free += "for n in range(9): put(f'/tmp/{name}-y/a/b/{n}', 'x'); gone(f'/tmp/{name}-y/a/b/{n}')\n"
    free += "os.removedirs(f'/tmp/{name}-y/a/b')\n"
    script = WARM.replace("sys.argv[1]", "'unlink'") + (
        "name = os.path.basename(os.getcwd()); top = os.getcwd()\n" + free + "os.mkdir(f'/tmp/{name}-x/')\n" + free
    )
    for path in ("CLAUDE.md", "src/CLAUDE.md"):
        script += f"try: put(f'{{top}}/{path}')\nexcept OSError: print('refused', flush=True)\n"
    script += (
        "try: gone(f'{top}/src/mine.txt')\nexcept OSError: print('refused', flush=True)\nos.rmdir(f'/tmp/{name}-x')\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as top, tempfile.TemporaryDirectory(dir=Path.home()) as own:
        work = Path(top)
        (work / "src").mkdir()
        (work / "src/mine.txt").write_text("mine")
        (work / "try.py").write_text(script)
        subprocess.run(["git", "init", "-q", top], check=True)
        env = {**os.environ, **{f"LEASH_{n}_DIR": f"{own}/{n}" for n in ("RUNTIME", "STATE", "CONFIG")}}
        start = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--on-ask", "deny", "--guard", "strict"]
        done = subprocess.run(
            [*start, "--", "python3", "try.py"], cwd=work, env=env, capture_output=True, text=True, timeout=60
        )
        assert done.stdout.split() == ["refused"] * 3, done
        assert (work / "src/mine.txt").read_text() == "mine"
        assert not (work / "CLAUDE.md").exists()


def test_leashs_own_folder_among_temporary_files_is_none_of_them() -> None:
    """Without XDG_RUNTIME_DIR it lies in /tmp, in a folder that the person owns."""
    script = WARM.replace("sys.argv[1]", "'unlink'") + (
        "way = sys.argv[1]; own = f'{way}/leashtui'; name = os.path.basename(way)\n"
        "for n in range(99): put(f'/tmp/{name}{n}', 'x'); gone(f'/tmp/{name}{n}')\n"
        "for n in range(99): put(f'{way}/x{n}', 'x'); gone(f'{way}/x{n}')\n"
        "told = f'{own}/session.json'\n"
        "tries = [lambda: put(told), lambda: gone(told), lambda: put(f'{own}/x1'), lambda: os.mkdir(f'{own}/x2'),\n"
        "  lambda: os.link('try.py', f'{own}/x3'), lambda: os.rename(own, f'{way}/x4'),\n"
        "  lambda: os.rename(way, way + '-5')]\n"
        "for act in tries:\n"
        "  try: act(); print('done', flush=True)\n"
        "  except OSError: print('refused', flush=True)\n"
    )
    with tempfile.TemporaryDirectory(dir="/tmp") as top, tempfile.TemporaryDirectory(dir=Path.home()) as own:
        work = Path(own, "work")
        work.mkdir()
        (work / "try.py").write_text(script)
        places = {"RUNTIME": f"{top}/leashtui", "STATE": f"{own}/state", "CONFIG": f"{own}/config"}
        env = {**os.environ, **{f"LEASH_{name}_DIR": place for name, place in places.items()}}
        start = [sys.executable, "-I", "-m", "leashtui", "run", "--headless", "--on-ask", "deny", "--guard", "strict"]
        done = subprocess.run(
            [*start, "--", "python3", "try.py", top], cwd=work, env=env, capture_output=True, text=True, timeout=60
        )
    assert done.stdout.split() == ["refused"] * 7, done.stderr[-2000:]
