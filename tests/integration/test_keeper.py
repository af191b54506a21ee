"""The keeper between stand-in supervisors and faces, in real terminals: the person's shell is never left odd."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pexpect
import pytest

KEEPER = """
import json, sys
from leashtui.faces.facing import Face
from leashtui.faces.keeper import Keeper
spec = json.load(open(sys.argv[1]))
panel = lambda directory: [sys.executable, "-I", "-c", spec["face"], directory, spec["tmp"]]
waits = ([sys.executable, "-I", "-c", spec["waits"], spec["tmp"]], ["--leader", "x"]) if spec["waits"] else ()
face = Face(panel, True, ('safe',), waits) if spec["face"] else None
supervisor = [sys.executable, "-I", "-c", spec["supervisor"], spec["tmp"]]
sys.exit(Keeper(supervisor=supervisor, start=spec["start"], face=face).run())
"""

SUPERVISOR = """
import json, os, signal, socket, subprocess, sys, time
tmp = sys.argv[1]
signal.signal(signal.SIGTERM, signal.SIG_IGN)
line = socket.socket(fileno=int(sys.argv[2]))
line.set_inheritable(False)
file = line.makefile("rwb", 0)
def tell(**message): file.write(json.dumps(message).encode() + b"\\n")
def hear():
    text = file.readline()
    return json.loads(text) if text else None
def note(text):
    with open(tmp + "/notes", "a") as notes: notes.write(f"{text}\\n")
start = hear()["start"]
"""

PANEL = """
import os, signal, sys, termios, time, tty
directory, tmp = sys.argv[1:3]
old = termios.tcgetattr(0)
tty.setraw(0)
def write(text): os.write(1, text)
def leave(code):
    write(b"\\x1b[?1049l")
    termios.tcsetattr(0, termios.TCSANOW, old)
    sys.exit(code)
def suspend(*_):
    write(b"\\x1b[?1049l")
    termios.tcsetattr(0, termios.TCSANOW, old)
    os.kill(os.getpid(), signal.SIGSTOP)
    tty.setraw(0)
    write(b"\\x1b[?1049h<panel again>")
signal.signal(signal.SIGTSTP, suspend)
with open(tmp + "/face.pid", "w") as file: file.write(str(os.getpid()))
write(b"\\x1b[?1049h\\x1b[?1000h\\x1b[?25l<panel " + directory.encode() + b">")
"""


WAITING = (
    PANEL.partition("directory, tmp")[0]
    + """
import json, socket
tmp = sys.argv[1]
old = termios.tcgetattr(0)
door = socket.socket(fileno=int(sys.argv[3])).makefile("rb", 0)
def hear():
    text = door.readline()
    return json.loads(text) if text else None
first = hear()
tty.setraw(0)
def write(text): os.write(1, text)
def note(text):
    with open(tmp + "/notes", "a") as notes: notes.write(f"{text}\\n")
def leave(code):
    write(b"\\x1b[?1049l")
    termios.tcsetattr(0, termios.TCSANOW, old)
    sys.exit(code)
write(b"\\x1b[?1049h<waits>")
note(first)
"""
)


class World:
    """Starts keepers and looks at what their peers noted."""

    def __init__(self, tmp: Path) -> None:
        self.tmp = tmp
        self.spawned: list[Any] = []

    def argv(self, supervisor: str, face: str = "", start: object = None, waits: str = "") -> list[str]:
        spec = {
            "waits": WAITING + waits if waits else "",
            "supervisor": SUPERVISOR + supervisor,
            "face": PANEL + face if face else "",
            "tmp": str(self.tmp),
            "start": start or {},
        }
        (self.tmp / "spec").write_text(json.dumps(spec))
        return [sys.executable, "-I", "-c", KEEPER, str(self.tmp / "spec")]

    def headless(self, supervisor: str, start: object = None, **more: Any) -> subprocess.Popen[bytes]:
        more = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
        process = subprocess.Popen(self.argv(supervisor, start=start), **more)
        self.spawned.append(process)
        return process

    def terminal(self, supervisor: str, face: str = "time.sleep(600)", waits: str = "") -> Any:
        command, *args = self.argv(supervisor, face, waits=waits)
        child = pexpect.spawn(command, args, timeout=20, encoding="utf-8", env=os.environ | {"TERM": "xterm"})
        self.spawned.append(child)
        return child

    def notes(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self.tmp / "notes").read_text().splitlines()
        return []

    def face(self, other_than: int = 0) -> int:
        """The pid of the face that runs now."""

        def look() -> int:
            with contextlib.suppress(FileNotFoundError, ValueError):
                pid = int((self.tmp / "face.pid").read_text())
                return pid if pid != other_than else 0
            return 0

        return eventually(look)


def eventually(look: Callable[[], Any], timeout: float = 60) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True


def settings(child: Any) -> list[Any]:
    return termios.tcgetattr(child.child_fd)[:4]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path)
    yield made
    (tmp_path / "end").touch()
    for process in made.spawned:
        if isinstance(process, subprocess.Popen):
            process.kill()
            process.wait()
        else:
            process.close(force=True)
    for note in made.notes():
        if note.startswith("pid "):
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(note[4:]), signal.SIGKILL)


# headless ---------------------------------------------------------------------------------------------------------
def test_standard_streams_and_the_exit_code_are_the_agents(world: World) -> None:
    keeper = world.headless(
        "fds = start['stdio']\n"
        "code = subprocess.run(['sh', '-c', 'cat; echo to stderr >&2; exit 7'],"
        " stdin=fds[0], stdout=fds[1], stderr=fds[2]).returncode\n"
        "tell(done=code, log='/x/y.db', records=3, summary='2 acts')",
        stdin=subprocess.PIPE,
    )
    text = bytes(range(256)) * 400
    out, err = keeper.communicate(text, timeout=20)
    assert out == text
    assert err == b"to stderr\nleash: 2 acts; log: leash log SESSION; verify: leash audit verify SESSION\n"
    assert keeper.returncode == 7


def test_the_start_message_arrives_as_it_was_given(world: World) -> None:
    start = {"argv": ["a", os.fsdecode(b"\xff\xfe"), "ü"], "env": {"BIG": "x" * 300000}}
    keeper = world.headless("note(ascii(start['argv']) + str(len(start['env']['BIG'])))\ntell(done=0)", start=start)
    assert keeper.wait(20) == 0
    assert world.notes() == [r"['a', '\udcff\udcfe', '\xfc']300000"]


def test_closed_standard_streams_do_not_matter(world: World) -> None:
    command = world.argv("note([os.fstat(fd).st_mode > 0 for fd in start['stdio']])\ntell(done=3)")
    shell = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", *command]
    assert subprocess.run(shell, timeout=20, check=False).returncode == 3
    assert world.notes() == ["[True, True, True]"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signals_go_to_the_supervisor(world: World, number: int) -> None:
    keeper = world.headless("note('up')\nheard = hear()\nnote(heard)\ntell(done=128 + heard['signal'])")
    eventually(world.notes)
    keeper.send_signal(number)
    assert keeper.wait(20) == 128 + number
    assert world.notes()[1] == str({"signal": number.value})


def test_an_error_is_said_with_its_hint(world: World) -> None:
    keeper = world.headless("tell(error='no such agent: foo', hint='see `leash doctor`', code=127)")
    assert keeper.wait(20) == 127
    assert keeper.stderr is not None
    assert keeper.stderr.read() == b"leash: no such agent: foo\nleash: see `leash doctor`\n"


@pytest.mark.parametrize("how", ["raise RuntimeError('a bug')", "os.kill(os.getpid(), 9)"], ids=["bug", "killed"])
def test_a_dead_supervisor_ends_everything_and_is_said(world: World, how: str) -> None:
    keeper = world.headless(
        "child = subprocess.Popen(['setsid', 'sleep', '600'])\nnote(f'pid {child.pid}')\nchild.returncode = 0\n" + how
    )
    assert keeper.wait(20) == 125
    assert keeper.stderr is not None
    said = keeper.stderr.read().decode()
    assert "the supervisor died" in said
    assert "leash log" in said
    assert ("its last words: RuntimeError: a bug" in said) is how.startswith("raise")
    assert gone(int(world.notes()[0][4:]))


def test_supervisor_and_warden_dead_leave_nothing_either(world: World) -> None:
    keeper = world.headless(
        "child = subprocess.Popen(['setsid', 'sleep', '600'])\n"
        "note(f'pid {child.pid}')\nchild.returncode = 0\n"
        "os.kill(os.getppid(), 9)\nos.kill(os.getpid(), 9)"
    )
    assert keeper.wait(20) == 125
    assert gone(int(world.notes()[0][4:]))


def test_a_dead_warden_alone_ends_nothing(world: World) -> None:
    keeper = world.headless("os.kill(os.getppid(), 9)\ntime.sleep(0.3)\nnote(os.getppid())\ntell(done=5)")
    assert keeper.wait(20) == 5
    assert world.notes() == [str(keeper.pid)]


def test_the_keepers_death_ends_nothing(world: World) -> None:
    keeper = world.headless("note('up')\nnote(hear())\ntime.sleep(0.2)\nnote('went on')")
    eventually(world.notes)
    keeper.kill()
    eventually(lambda: world.notes() == ["up", "None", "went on"])


# with a face --------------------------------------------------------------------------------------------------------
END = "tell(ready='/run/S-1')\nwhile not os.path.exists(tmp + '/end'): time.sleep(0.02)\n"
DONE = END + "tell(done=9, log='/x/y.db', summary='4 acts')\n"
WAITS = "while not os.path.exists(tmp + '/end'): time.sleep(0.02)\n"


def test_a_face_is_shown_and_leaves_at_the_end(world: World) -> None:
    child = world.terminal(DONE, WAITS + "leave(0)")
    before = settings(child)
    child.expect_exact("<panel /run/S-1>")
    assert settings(child) != before
    (world.tmp / "end").touch()
    child.expect_exact("leash: 4 acts; log: leash log S-1; verify: leash audit verify S-1")
    child.expect(pexpect.EOF)
    assert settings(child) == before
    child.close()
    assert child.exitstatus == 9


def test_the_code_reaches_the_face_and_the_person_but_no_command_line(world: World) -> None:
    child = world.terminal(
        "tell(ready='/run/S-1', code='123456')\nwhile 'gone' != hear().get('face'): pass\ntell(done=0)",
        "write(repr([a for a in sys.argv if '123456' in a]).encode() + os.read(int(sys.argv[4]), 99))\nleave(0)",
    )
    child.expect_exact("other terminals is 123456")
    child.expect_exact("[]123456")
    child.expect(pexpect.EOF)


def test_a_killed_face_is_cleaned_up_after_and_shown_again_once(world: World) -> None:
    child = world.terminal(END + "for _ in range(4): note(hear())\ntell(done=9, summary='bye')")
    before = settings(child)
    child.expect_exact("<panel /run/S-1>")
    os.kill(first := world.face(), signal.SIGKILL)
    child.expect_exact("\x1b[?1049l")
    child.expect_exact("\x1b[?1000l")
    child.expect_exact("\x1b[?2004l")
    child.expect_exact("\x1b[?25h")
    child.expect_exact("<panel /run/S-1>")
    os.kill(world.face(first), signal.SIGKILL)
    child.expect_exact("\x1b[?25h")
    child.expect_exact("leash attach S-1")
    assert settings(child) == before
    (world.tmp / "end").touch()
    child.expect_exact("leash: bye")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 9
    assert world.notes() == [str({"face": word}) for word in ("here", "gone") * 2]


def test_a_face_that_crashes_twice_is_shown_once_more_in_its_safe_form(world: World) -> None:
    crash = "if 'safe' in sys.argv: write(b'<drawn safely>'); leave(10)\nos.kill(os.getpid(), signal.SIGSEGV)"
    child = world.terminal(END + "for _ in range(6): note(hear())\ntell(done=9, summary='bye')", crash)
    child.expect_exact("<panel /run/S-1>")
    child.expect_exact("<panel /run/S-1>")
    child.expect_exact("<drawn safely>")
    child.expect_exact("leash attach S-1")


NOTED = "while not os.path.exists(tmp + '/notes'): time.sleep(0.02)\n"


def test_a_face_is_there_before_the_session_and_told_where_it_is(world: World) -> None:
    child = world.terminal(
        NOTED + "tell(say='news')\ntell(ready='/run/S-1', code='1234')\nnote(hear())\n"
        "while 'gone' != hear().get('face'): pass\ntell(done=9, summary='bye')",
        waits="note(hear())\nleave(0)",
    )
    before = settings(child)
    child.expect_exact("<waits>")
    child.expect_exact("\x1b[?1049l")
    child.expect_exact("leash: news")  # what is said meanwhile is said when the screen is the person's again
    child.expect_exact("other terminals is 1234")
    child.expect_exact("leash: bye")
    child.expect(pexpect.EOF)
    assert settings(child) == before
    child.close()
    assert child.exitstatus == 9
    assert world.notes()[0] == str({"argv": ["--leader", "x"], "agent": "", "workspace": ""})
    assert set(world.notes()[1:]) == {str({"face": "here"}), str({"directory": "/run/S-1", "code": "1234"})}


def test_a_session_that_cannot_be_built_is_said_on_the_persons_own_screen(world: World) -> None:
    child = world.terminal(NOTED + "tell(error='no such policy', hint='add one', code=125)", waits="hear(); leave(0)")
    before = settings(child)
    child.expect_exact("<waits>")
    child.expect_exact("\x1b[?1049l")
    child.expect_exact("leash: no such policy")
    child.expect(pexpect.EOF)
    assert settings(child) == before
    child.close()
    assert child.exitstatus == 125


def test_a_supervisor_that_dies_before_its_session_is_there_takes_the_waiting_face_along(world: World) -> None:
    child = world.terminal(NOTED + "os.kill(os.getpid(), 9)", waits="hear(); leave(0)")
    child.expect_exact("<waits>")
    child.expect_exact("leash: the supervisor died")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 125


def test_who_does_not_wait_leaves_nothing_behind(world: World) -> None:
    child = world.terminal(
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\nnote(f'pid {os.getpid()}')\ntime.sleep(600)",
        waits="\nwhile 'pid' not in open(tmp + '/notes').read(): time.sleep(0.02)\nleave(130)",
    )
    child.expect_exact("leash: given up before the agent was started")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    assert all(gone(int(note[4:])) for note in world.notes() if note.startswith("pid "))


def test_a_waiting_face_that_died_is_replaced_when_the_session_is_there(world: World) -> None:
    child = world.terminal(NOTED + "time.sleep(0.3)\n" + DONE, WAITS + "leave(0)", waits="sys.exit(3)")
    child.expect_exact("<waits>")
    child.expect_exact("<panel /run/S-1>")
    (world.tmp / "end").touch()
    child.expect_exact("leash: 4 acts")
    child.expect(pexpect.EOF)


def test_ctrl_c_reaches_the_agent_when_the_face_is_gone(world: World) -> None:
    child = world.terminal(
        "tell(ready='/run/S-1')\nwhile 'signal' not in (heard := hear()): pass\ntell(done=130)", "sys.exit(3)"
    )
    child.expect_exact("leash attach S-1")
    child.sendintr()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130


def test_a_face_that_leaves_without_news_is_a_dead_face(world: World) -> None:
    child = world.terminal(DONE, "leave(0)")
    child.expect_exact("<panel /run/S-1>")
    child.expect_exact("<panel /run/S-1>")
    child.expect_exact("leash attach S-1")
    (world.tmp / "end").touch()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 9


def test_detaching_leaves_the_session_running(world: World) -> None:
    child = world.terminal(END + "note('ended later')", "time.sleep(0.1); leave(10)")
    before = settings(child)
    child.expect_exact("leash: detached")
    child.expect_exact("leash attach S-1")
    child.expect(pexpect.EOF)
    assert settings(child) == before
    child.close()
    assert child.exitstatus == 0
    (world.tmp / "end").touch()
    eventually(lambda: world.notes() == ["ended later"])


def test_a_dead_supervisor_takes_the_face_along(world: World) -> None:
    child = world.terminal(
        END + "os.kill(os.getpid(), 9)", "signal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(600)"
    )
    before = settings(child)
    child.expect_exact("<panel /run/S-1>")
    face = world.face()
    (world.tmp / "end").touch()
    child.expect_exact("leash: the supervisor died")
    child.expect(pexpect.EOF)
    assert settings(child) == before
    assert gone(face)
    child.close()
    assert child.exitstatus == 125


def test_a_hang_up_leaves_the_session_running(world: World) -> None:
    child = world.terminal(END + "note('ended later')")
    child.expect_exact("<panel /run/S-1>")
    face = world.face()
    child.close()
    eventually(lambda: gone(face))
    (world.tmp / "end").touch()
    eventually(lambda: world.notes() == ["ended later"])


def test_the_face_does_not_outlive_the_keeper(world: World) -> None:
    child = world.terminal(END)
    child.expect_exact("<panel /run/S-1>")
    face = world.face()
    os.kill(child.pid, signal.SIGKILL)
    eventually(lambda: gone(face))
    (world.tmp / "end").touch()


STOPS = "tell(ready='/run/S-1')\nwhile not os.path.exists(tmp + '/end'): time.sleep(0.02)\ntell(stopped=True)\n"


def test_ctrl_z_gives_the_shell_its_prompt_and_fg_brings_all_back(world: World) -> None:
    command = world.argv(STOPS + "while 'cont' not in hear(): pass\nnote('continued')\ntell(done=0)", "time.sleep(600)")
    (world.tmp / "run.sh").write_text(f"exec {shlex.join(command)}")
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], timeout=20, encoding="utf-8", env=os.environ | {"PS1": "ready> "}
    )
    world.spawned.append(shell)
    shell.expect_exact("ready> ")
    shell.sendline(f"sh {world.tmp}/run.sh")
    shell.expect_exact("<panel /run/S-1>")
    (world.tmp / "end").touch()
    shell.expect_exact("\x1b[?1049l")
    shell.expect_exact("Stopped")
    shell.expect_exact("ready> ")
    assert world.notes() == []
    shell.sendline("echo is$(stty -a | grep -o ' icanon')")
    shell.expect_exact("is icanon")
    shell.sendline("fg")
    shell.expect_exact("<panel again>")
    eventually(lambda: world.notes() == ["continued"])
    os.kill(world.face(), signal.SIGTERM)
    shell.expect_exact("ready> ")
    shell.sendline("echo co''de $?")
    shell.expect_exact("code 0")


SLOW = "def slowly(*_):\n    time.sleep(0.15)\n    suspend()\nsignal.signal(signal.SIGTSTP, slowly)\ntime.sleep(600)"


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "keeper"])
def test_a_job_that_somebody_stops_gives_the_terminal_back_before_the_shell_has_it(world: World, whole: bool) -> None:
    command = world.argv("tell(ready='/run/S-1')\nwhile not os.path.exists(tmp + '/end'): time.sleep(0.02)", SLOW)
    (world.tmp / "run.sh").write_text(f"exec {shlex.join(command)}")
    shell = pexpect.spawn(
        "bash", ["--norc", "--noprofile", "-i"], timeout=20, encoding="utf-8", env=os.environ | {"PS1": "ready> "}
    )
    world.spawned.append(shell)
    shell.expect_exact("ready> ")
    shell.sendline(f"sh {world.tmp}/run.sh")
    shell.expect_exact("<panel /run/S-1>")
    for _ in range(2):
        keeper = os.getpgid(world.face())
        os.killpg(keeper, signal.SIGTSTP) if whole else os.kill(keeper, signal.SIGTSTP)
        shell.expect_exact("Stopped")
        assert "\x1b[?1049l" in shell.before
        shell.expect_exact("ready> ")
        shell.sendline("echo is$(stty -a | grep -o ' icanon')")
        shell.expect_exact("is icanon")
        shell.sendline("fg")
        shell.expect_exact("<panel again>")


def test_ctrl_z_where_no_shell_could_continue_us_passes_on(world: World) -> None:
    child = world.terminal(
        STOPS + "while 'cont' not in hear(): pass\ntell(done=4)", WAITS + "time.sleep(0.5); leave(0)"
    )
    child.expect_exact("<panel /run/S-1>")
    (world.tmp / "end").touch()
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 4


def test_it_loads_nothing_but_the_standard_library() -> None:
    code = (
        "import sys; before = set(sys.modules); import leashtui.faces.keeper\n"
        "print({m.partition('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names) - {'leashtui'})"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == "set()\n"
