"""Tier compat: sandboxes that agents bring along run, what they change is judged by our names and changed by theirs.

Each refusal has a control: the same program unguarded, or the same act where nothing is protected. Needs bubblewrap.
Root loses the capability that a user namespace of root's needs, so sandboxes are an ordinary user's here.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe

BEFORE = "export A=1\n"
ORDINARY = pytest.mark.skipif(os.geteuid() == 0, reason="root in a session has no user namespaces for bwrap")
WRITER = """
import sys
import tempfile
try:
    with open(sys.argv[1], "w") as file:
        file.write("evil")
except OSError as error:
    print("refused", error.errno)
"""

LOOK = """
import ctypes, os, sys
key = os.path.join(sys.argv[5], "".join(reversed(sys.argv[1:5])), "id")
ctypes.CDLL(None).umount2(os.fsencode(os.path.dirname(key)), 2)
try:
    print(open(key).read())
except OSError:
    print("refused")
with open(".aws/y", "w") as file:
    print("hidden", file=sys.stdout)
"""

SHELLS = """
import os, pty, subprocess
with open("said.txt", "wb") as said:
    subprocess.run(["find", "src", "-delete"], stderr=said)
pid, fd = pty.fork()
if not pid:
    os.execvp("find", ["find", "src", "-delete"])
heard = b""
try:
    while piece := os.read(fd, 4096):
        heard += piece
except OSError:
    pass
os.waitpid(pid, 0)
print(open("said.txt").read(), heard.decode(), sep="|")
"""


@pytest.fixture
def place(world: World) -> World:
    (world.workspace / ".envrc").write_text(BEFORE)
    (world.workspace / "w.py").write_text(WRITER)
    return world


def compat(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    """A session in tier compat in which nobody can be asked."""
    return world.leash("run", "--headless", "--guard", "compat", "--", *words)


def bwrap(world: World, *words: str) -> list[str]:
    """A sandbox that shows the workspace as /mnt, and programs as they are."""
    flags = "--unshare-user --unshare-pid --unshare-net --ro-bind / / --dev /dev --proc /proc --tmpfs /var/tmp"
    return ["bwrap", *flags.split(), "--bind", str(world.workspace), "/mnt", "--chdir", "/mnt", *words]


@ORDINARY
def test_a_sandbox_runs_here_and_not_in_strict(place: World) -> None:
    assert subprocess.run(bwrap(place, "true"), check=False).returncode == 0
    done = compat(place, *bwrap(place, "true"))
    assert done.returncode == 0, done.stderr
    strict = place.leash("run", "--headless", "--guard", "strict", "--", *bwrap(place, "true"))
    assert strict.returncode != 0
    started = place.events("session.started")
    assert started[0]["tier"] == "strict"


def test_a_refusal_is_said_in_a_file_and_on_a_terminal(place: World) -> None:
    """The program's mounts are its own there: its stderr lies on none of ours."""
    (place.workspace / "s.py").write_text(SHELLS)
    done = compat(place, "python3", "s.py")
    in_file, _, on_terminal = done.stdout.partition("|")
    assert "leash: REFUSED" in in_file, done.stdout
    assert "leash: REFUSED" in on_terminal, done.stdout
    assert (place.workspace / "src" / "app.py").exists()


@ORDINARY
def test_what_the_sandbox_alone_has_is_its_own_and_the_workspace_is_the_workspace(place: World) -> None:
    same = ["--bind", str(place.workspace), str(place.workspace), "--chdir", str(place.workspace)]
    text = "echo x > /var/tmp/y && cat /var/tmp/y && echo hi > src/new.txt"
    done = compat(place, *bwrap(place, *same, "sh", "-c", text))
    assert (done.returncode, done.stdout) == (0, "x\n"), done.stderr
    assert (place.workspace / "src" / "new.txt").read_text() == "hi\n"


@ORDINARY
@pytest.mark.skipif(not probe().covers, reason="this host gives no covers")
def test_a_sandbox_hides_what_it_likes_and_never_shows_a_secret(place: World) -> None:
    """It makes empty folders to hide under (codex does so for .aws); nothing lies below a cover, not even for it."""
    home = place.root / "home"
    (home / ".ssh").mkdir()
    (home / ".ssh" / "id").write_text("SECRET")
    hidden = [
        "--bind",
        str(place.workspace),
        str(place.workspace),
        "--tmpfs",
        str(place.workspace / ".aws"),
        "--chdir",
        str(place.workspace),
    ]
    (place.workspace / "look.py").write_text(LOOK)
    look = [sys.executable, str(place.workspace / "look.py"), *"hss.", str(home)]
    done = compat(place, *bwrap(place, *hidden, *look))
    assert done.stdout == "refused\nhidden\n", done.stderr
    free = subprocess.run(bwrap(place, *hidden, *look), capture_output=True, text=True, check=True)
    assert free.stdout == "SECRET\nhidden\n"
    kept = compat(place, sys.executable, str(place.workspace / "w.py"), ".aws/credentials")
    assert kept.stdout == "refused 13\n", kept.stderr


@ORDINARY
@pytest.mark.parametrize("path", ["/mnt/.envrc", "/mnt/.git/hooks/pre-commit", ".git/hooks/../hooks/post-commit"])
def test_another_name_for_a_protected_file_is_judged_by_ours(place: World, path: str) -> None:
    done = compat(place, *bwrap(place, sys.executable, "/mnt/w.py", path))
    assert (done.returncode, done.stdout) == (0, "refused 13\n"), done.stderr
    assert (place.workspace / ".envrc").read_text() == BEFORE
    assert not (place.workspace / ".git" / "hooks" / "pre-commit").exists()
    denied = [e for e in place.events("act.decided") if e["verdict"]["ruling"] == "deny"]
    assert [e["request"]["layer"] for e in denied] == ["kernel"]
    assert denied[0]["request"]["path"].startswith(str(place.workspace))
    subprocess.run(bwrap(place, sys.executable, "/mnt/w.py", path), check=True)
    assert (place.workspace / path.removeprefix("/mnt/")).read_text() == "evil"


@ORDINARY
def test_a_folder_shown_under_a_harmless_name_is_what_it_is(place: World) -> None:
    hooks = ["--bind", str(place.workspace / ".git" / "hooks"), "/opt"]
    program = bwrap(place, *hooks, sys.executable, "/mnt/w.py", "/opt/pre-commit")
    done = compat(place, *program)
    assert done.stdout == "refused 13\n", done.stderr
    subprocess.run(program, check=True)
    assert (place.workspace / ".git" / "hooks" / "pre-commit").read_text() == "evil"


def test_another_root_is_seen_through(place: World) -> None:
    text = (
        "import ctypes, os\n"
        "libc = ctypes.CDLL(None)\n"
        "assert libc.unshare(0x10000000) == 0\n"
        f"os.chroot({str(place.workspace)!r})\n"
        "for path in ('/src/free', '/.envrc'):\n"
        "    try:\n        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC))\n        print('done')\n"
        "    except OSError as error:\n        print('refused', error.errno)\n"
    )
    done = compat(place, sys.executable, "-S", str(place.script("agent.py", text)))
    assert done.stdout == "done\nrefused 13\n", done.stderr
    assert (place.workspace / ".envrc").read_text() == BEFORE


def test_the_root_of_another_process_is_no_way_round(place: World) -> None:
    program = [sys.executable, str(place.workspace / "w.py"), f"/proc/self/root{place.workspace}/.envrc"]
    link = place.workspace / "r"
    link.symlink_to("/proc/self/root")
    other = [*program[:2], f"r{place.workspace}/.envrc"]
    for words in (program, other):
        done = compat(place, *words)
        assert done.stdout.startswith("refused"), done.stderr
        assert (place.workspace / ".envrc").read_text() == BEFORE
    subprocess.run(other, cwd=place.workspace, check=True)
    assert (place.workspace / ".envrc").read_text() == "evil"


def test_the_new_way_to_mount_does_not_exist_and_the_old_one_works(place: World) -> None:
    text = (
        "import ctypes\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "assert libc.unshare(0x10020000) == 0\n"
        "print(libc.mount(b'none', b'/', None, 1 << 18 | 1 << 14, None))\n"
        "print(libc.mount(b'x', b'/mnt', b'tmpfs', 0, None))\n"
        "for number in (428, 429, 430, 431, 432, 433, 442, 467):\n"
        "    assert (libc.syscall(number, b'tmpfs', 0), ctypes.get_errno()) == (-1, 38), number\n"
    )
    done = compat(place, sys.executable, "-S", str(place.script("agent.py", text)))
    assert (done.returncode, done.stdout) == (0, "0\n0\n"), done.stderr


RACE = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
BEFORE
name = ctypes.create_string_buffer(b'src/a.txt', 16)
stop = time.monotonic() + LONG
def swap():
    while time.monotonic() < stop:
        name.value = b'.envrc'
        name.value = b'src/a.txt'
sys.setswitchinterval(1e-6)
threading.Thread(target=swap, daemon=True).start()
won = False
while time.monotonic() < stop and not won:
    fd = libc.open(name, os.O_WRONLY | os.O_CREAT, 0o644)
    if fd >= 0:
        won = os.readlink(f'/proc/self/fd/{fd}').endswith('.envrc')
        os.write(fd, b'evil')
        os.close(fd)
print('won' if won else 'lost', flush=True)
"""


def test_nobody_wins_a_race_without_a_sandbox(place: World) -> None:
    """What is judged is what is done: the name that is changed meanwhile changes nothing."""
    text = RACE.replace("BEFORE", "").replace("LONG", "3")
    done = compat(place, sys.executable, "-S", str(place.script("agent.py", text)))
    assert done.stdout == "lost\n", done.stderr
    assert (place.workspace / "src/a.txt").read_text().startswith("evil")
    assert (place.workspace / ".envrc").read_text() == BEFORE


@ORDINARY
def test_nobody_wins_a_race_in_a_sandbox_either(place: World) -> None:
    """Leash makes the change by the sandbox's own mounts, and not by memory that does not hold still."""
    text = RACE.replace("BEFORE", "assert libc.unshare(0x10020000) == 0").replace("LONG", "3")
    done = compat(place, sys.executable, "-S", str(place.script("agent.py", text)))
    assert done.stdout == "lost\n", done.stderr
    assert (place.workspace / "src/a.txt").read_text().startswith("evil")
    assert (place.workspace / ".envrc").read_text() == BEFORE


WAYS = """
import ctypes, os, sys, threading, time
libc = ctypes.CDLL(None)
if os.getpid() != os.getsid(0):
    os.setsid()
if sys.argv[1] == "sandbox":
    uid, gid = os.getuid(), os.getgid()
    assert libc.unshare(0x10020000) == 0
    for kind, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{kind}", "w") as file:
            file.write(text)
    assert libc.mount(b"none", b"/", None, 1 << 18 | 1 << 14, None) == 0
    assert libc.mount(b"x", b"/mnt", b"tmpfs", 0, None) == 0
    open("/mnt/own", "w").close()
name = ctypes.create_string_buffer(64)
here = b".envrc"
stop = time.monotonic() + float(sys.argv[3])
def swap():
    while time.monotonic() < stop:
        name.value = here
        name.value = os.fsencode(sys.argv[2])
sys.setswitchinterval(1e-6)
threading.Thread(target=swap, daemon=True).start()
won, opened = False, 0
while time.monotonic() < stop and not won:
    fd = libc.open(name, os.O_WRONLY)
    if fd >= 0:
        opened += 1
        won = os.readlink(f'/proc/self/fd/{fd}').endswith('.envrc')
        os.close(fd)
print('won' if won else 'lost', bool(opened), flush=True)
"""


@ORDINARY
@pytest.mark.parametrize(
    ("where", "way", "opens"),
    [
        ("here", "/proc/self/setgroups", True),
        ("here", "/proc/self/comm", True),
        ("here", "/dev/tty", False),
        ("here", "/dev/null", True),
        ("sandbox", "/mnt/own", True),
        ("sandbox", "/proc/self/uid_map", True),
        ("sandbox", "/dev/null", True),
    ],
)
def test_no_name_that_needs_no_verdict_may_become_another(place: World, where: str, way: str, opens: bool) -> None:
    script = place.script("agent.py", WAYS)
    done = compat(place, sys.executable, "-S", str(script), where, way, "1.5")
    assert done.stdout == f"lost {opens}\n", done.stderr
    won = subprocess.run(
        [sys.executable, "-S", str(script), where, way, "20"], cwd=place.workspace, capture_output=True, text=True
    )
    assert won.stdout.startswith("won"), won


MAPPED = """
import ctypes, os
uid, gid = os.getuid(), os.getgid()
assert ctypes.CDLL(None).unshare(0x10000000) == 0
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
    with open(f"/proc/self/{name}", "w") as file:
        file.write(text)
print(os.getuid(), os.getgid())
again = os.open("/proc/self/uid_map", os.O_WRONLY)
try:
    os.write(again, b"0 0 1")
except OSError as error:
    print(error.errno)
"""


@ORDINARY
def test_a_sandbox_says_who_its_users_are_as_the_kernel_lets_it(place: World) -> None:
    script = place.script("agent.py", MAPPED)
    free = subprocess.run([sys.executable, "-S", str(script)], capture_output=True, text=True, check=True)
    done = compat(place, sys.executable, "-S", str(script))
    assert done.stdout == free.stdout == "0 0\n1\n", done.stderr


@ORDINARY
def test_a_terminal_of_the_sandboxs_own_is_opened_by_the_name_of_all_terminals(place: World) -> None:
    words = bwrap(place, "script", "-qec", "echo here > /dev/tty", "/dev/null")
    free = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    done = compat(place, *words)
    assert free.stdout.strip() == done.stdout.strip() == "here", (free, done)


def test_self_behind_a_link_is_not_the_guard(place: World) -> None:
    """The way is followed by the guard, for whom `self` is itself: who could write there could have it end first."""
    (place.workspace / "r").symlink_to("/proc/self")
    for name in ("oom_score_adj", "comm"):
        done = compat(place, sys.executable, str(place.workspace / "w.py"), f"r/{name}")
        assert done.stdout == "refused 13\n", done.stderr
        assert "reaches into another process" in done.stderr
        own = compat(place, sys.executable, "-c", f"open('/proc/self/{name}', 'w').write('500'); print('done')")
        assert own.stdout == "done\n", own.stderr


INJECTS = """
import os, subprocess, sys, time
victim = subprocess.Popen(["sleep", "60"])
time.sleep(0.3)
for name in ("mem", "attr/exec", "oom_score_adj"):
    try:
        os.close(os.open(f"/proc/{victim.pid}/{name}", os.O_RDWR))
        print(name, "opened")
    except OSError as error:
        print(name, error.errno)
victim.kill()
"""


@ORDINARY
def test_no_program_is_written_into_by_a_proc_of_the_sandboxs_own(place: World) -> None:
    (place.workspace / "i.py").write_text(INJECTS)
    words = bwrap(place, sys.executable, "/mnt/i.py")
    assert "mem opened\n" in subprocess.run(words, capture_output=True, text=True, check=True).stdout
    done = compat(place, *words)
    assert done.stdout == "mem 13\nattr/exec 13\noom_score_adj opened\n", done.stderr


REACHES = """
import os, socket, sys
def reach(kind, address):
    s = socket.socket(kind)
    s.settimeout(5)
    try:
        s.connect(address)
        return "reached"
    except OSError as error:
        return str(error.errno)
own = socket.socket(socket.AF_UNIX); own.bind("own.sock"); own.listen()
mine = socket.socket(socket.AF_UNIX); mine.bind("\\0leash-own-" + sys.argv[1]); mine.listen()
here = socket.create_server(("127.0.0.1", 0))
tries = {
    "theirs": (socket.AF_UNIX, sys.argv[1]), "link": (socket.AF_UNIX, "link.sock"),
    "abstract": (socket.AF_UNIX, "\\0leash-" + sys.argv[1]), "far": (socket.AF_INET, ("198.51.100.7", 4444)),
    "own": (socket.AF_UNIX, "own.sock"), "mine": (socket.AF_UNIX, "\\0leash-own-" + sys.argv[1]),
    "here": (socket.AF_INET, here.getsockname()), "none": (socket.AF_UNIX, "none.sock"),
}
print(*(f"{name} {reach(*way)}" for name, way in tries.items()))
"""


def test_whom_a_socket_may_reach_is_judged_though_the_kernel_does_it(place: World) -> None:
    (place.workspace / "reach.py").write_text(REACHES)
    with tempfile.TemporaryDirectory(dir="/tmp") as folder, contextlib.ExitStack() as servers:
        theirs = f"{folder}/s"
        for name in (theirs, f"\0leash-{theirs}"):
            server = servers.enter_context(socket.socket(socket.AF_UNIX))
            server.bind(name)
            server.listen()
        (place.workspace / "link.sock").symlink_to(theirs)
        words = [sys.executable, str(place.workspace / "reach.py"), theirs]
        done = compat(place, *words)
        refused = "theirs 13 link 13 abstract 13 far 13 own reached mine reached here reached none 2\n"
        assert done.stdout == refused, done
        (place.workspace / "own.sock").unlink()
        free = subprocess.run(words, cwd=place.workspace, capture_output=True, text=True, check=True).stdout
        assert free.startswith("theirs reached link reached abstract reached"), free


LINES = """
import subprocess, sys
for line in sys.argv[1:]:
    print(subprocess.run(["bash", "-c", line], capture_output=True, timeout=30).returncode, flush=True)
"""


def codes(world: World, *lines: str) -> list[int]:
    """How lines end that an agent starts one after the other."""
    (world.workspace / "lines.py").write_text(LINES)
    done = compat(world, sys.executable, str(world.workspace / "lines.py"), *lines)
    assert done.returncode == 0, done.stderr
    return [int(word) for word in done.stdout.split()]


def test_what_the_session_made_it_may_remove(place: World) -> None:
    (place.workspace / "notes.md").write_text("mine")
    (place.workspace / "more.md").write_text("mine")
    lines = (
        "echo x > own.md && rm own.md",
        "echo x > own.md; mkdir d; echo 1 > d/n.md",
        "rm own.md; rm -r d",
        "t=$(mktemp) && mv $t note.md && rm note.md",
        "git init -q c && git -C c status -s && rm -rf c",
    )
    assert codes(place, *lines) == [0] * len(lines)
    asked = (
        "rm notes.md",
        "mv notes.md other.md && rm other.md",
        "mv other.md notes.md; echo x > o.md; mv -f notes.md o.md; rm o.md",
        "mkdir d; mv o.md more.md d; rm -r d",
    )
    assert all(codes(place, *asked))
    kept = [p.read_text() for p in place.workspace.rglob("*.md") if p.name != "README.md"]
    assert kept.count("mine") == 2, kept


@ORDINARY
def test_what_a_sandbox_moves_by_its_own_names_is_the_persons_still(place: World) -> None:
    (place.workspace / "notes.md").write_text("mine")
    (place.workspace / "move.py").write_text("import os; os.rename('notes.md', 'fresh.md')")
    hidden = ["--tmpfs", f"{place.workspace}/hidden"]
    (place.workspace / "hidden").mkdir()
    (place.workspace / "hidden" / "more.md").write_text("mine")
    lines = (
        " ".join(bwrap(place, sys.executable, "move.py")),
        "rm fresh.md",
        " ".join(bwrap(place, *hidden, "touch", f"{place.workspace}/hidden/more.md")),
        "rm hidden/more.md",
    )
    assert [bool(code) for code in codes(place, *lines)] == [False, True, False, True]


@pytest.mark.parametrize("tier", ["compat", "strict"])
def test_a_socket_that_a_dead_server_left_is_nobodys(place: World, tier: str) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(f"{folder}/s")
            dead.listen()
        text = f"import socket; print(socket.socket(socket.AF_UNIX).connect_ex({folder + '/s'!r}))"
        (place.workspace / "knock.py").write_text(text)
        done = place.leash(
            "run", "--headless", "--guard", tier, "--", sys.executable, str(place.workspace / "knock.py")
        )
    assert done.stdout == "111\n", done.stderr


@pytest.mark.parametrize("tier", ["compat", "strict"])
def test_a_server_at_every_address_stays_on_this_machine(place: World, tier: str) -> None:
    text = """
import errno, socket
for host, family in (("0.0.0.0", socket.AF_INET), ("::", socket.AF_INET6), ("127.0.0.2", socket.AF_INET)):
    try:
        with socket.socket(family) as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            s.bind((host, 18791))
            s.listen()
            print(s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\\0").decode() or "free")
    except OSError as error:
        print(errno.errorcode[error.errno])
"""
    (place.workspace / "serve.py").write_text(text)
    said = []
    for config in ('listen = "here"\n', ""):
        place.config(config)
        done = place.leash(
            "run", "--headless", "--guard", tier, "--", sys.executable, str(place.workspace / "serve.py")
        )
        said.append(done.stdout.split())
    assert said == [["lo", "lo", "free"]] * 2


SERVES = """
import socket, sys, time
def opened():
    s = socket.create_server(("0.0.0.0", int(sys.argv[1])))
    print(s.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\\0").decode() or "free", flush=True)
    return s
opened().close()
s = opened()
sys.stdin.readline()
s.close()
s = opened()
"""


@pytest.mark.parametrize("tier", ["compat", "strict"])
@pytest.mark.parametrize("answer", ["approve", "deny"])
def test_a_server_that_stays_is_asked_about_once_and_opened_from_its_next_start_on(
    place: World, tier: str, answer: str
) -> None:
    """One that closes its port at once is no question; meanwhile this machine is served."""
    port = "18793" if tier == "strict" else "18795"
    (place.workspace / "serve.py").write_text(SERVES)
    words = (sys.executable, str(place.workspace / "serve.py"), port)
    leash = place.start("run", "--headless", "--on-ask", "wait", "--guard", tier, "--", *words, stdin=subprocess.PIPE)
    card = place.one_card()
    assert "opens port " + port in str(card)
    with socket.create_connection(("127.0.0.1", int(port)), 5):
        pass
    assert place.leash(answer, card["id"]).returncode == 0
    time.sleep(0.5)
    out, said = leash.communicate(b"\n", timeout=60)
    assert out.split() == [b"lo", b"lo", b"free" if answer == "approve" else b"lo"], said
    assert len(place.events("act.asked")) == 1
