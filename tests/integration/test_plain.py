"""The line face as a person meets it: a real bash behind a real pump, a stand-in desk, a real terminal or a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pexpect
import pytest
from conftest import World
from pump_rig import Rig

from leashtui.guards.pty import control
from leashtui.model import codec
from leashtui.model.card import Card, Choice, Option
from leashtui.model.event import Notice, Record
from leashtui.model.facts import Effect, Severity, Verb
from leashtui.model.verdict import PolicyRef
from leashtui.model.wire import Answer, Brake, CardGone, CardShown, Done, Hello, Recorded, Refused, Terminal, Welcome

CARD = Card(
    id="L-1",
    session="S-1",
    act="01A",
    since=0,
    command="git fetch origin",
    normalised="",
    cwd="/home/p/proj",
    agent="bash",
    severity=Severity.MEDIUM,
    consequence="talks to origin",
    evidence=(Effect(Verb.NET_GET, "origin", sentence="fetches from origin"),),
    why=(PolicyRef("builtin/net", "the network is asked for"),),
    undo="nothing to undo",
    options=(
        Option("y", Choice.ONCE, "allow once"),
        Option("s", Choice.SESSION, "this session: git fetch …"),
        Option("n", Choice.DENY, "deny"),
    ),
    pid=42,
)
SEVERE = msgspec.structs.replace(
    CARD, id="L-2", command="rm -rf notes", consequence="removes notes", severity=Severity.HIGH,
    options=(CARD.options[0], CARD.options[2]), no_wider="it destroys",
)  # fmt: skip


class Desk:
    """A stand-in supervisor: speaks the wire with one face and gives its terminal connection to a real pump."""

    def __init__(self, directory: Path, rig: Rig) -> None:
        self.directory = directory
        self.rig = rig
        self.heard: list[Any] = []
        self.terminals = 0
        self._face: socket.socket | None = None
        name = f"leashtui-test-{secrets.token_hex(8)}"
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind("\0" + name)
        self._listener.listen()
        (directory / "session.json").write_text(json.dumps({"session": "S-1", "socket": name}))
        self._door = threading.Thread(target=self._accept, daemon=True)
        self._door.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        reader = connection.makefile("rb")
        first = codec.decode_face(reader.readline())
        if isinstance(first, Terminal):
            control.hand_over(self.rig.control, connection, first.cols, first.rows)
            self.terminals += 1
            reader.close()
            connection.close()
            return
        assert isinstance(first, Hello)
        self.heard.append(first)
        self._face = connection
        self.tell(
            Welcome("S-1", "bash", ("bash",), "/home/p/proj", "exec", ("what a file holds",), "b", 0, "p", "/x/S-1.db")
        )
        for line in reader:
            self.heard.append(codec.decode_face(line))

    def tell(self, *messages: Any) -> None:
        eventually(lambda: self._face)
        assert self._face is not None
        for message in messages:
            self._face.sendall(codec.encode(message) + b"\n")

    def answers(self, count: int = 1) -> list[Any]:
        """What the face said after its hello, as soon as there are `count`."""
        eventually(lambda: len(self.heard) > count)
        return self.heard[1:]

    def close(self) -> None:
        with contextlib.suppress(OSError):  # a thread left in accept() would answer for the next socket of this number
            self._listener.shutdown(socket.SHUT_RDWR)
        self._door.join(10)
        self._listener.close()
        if self._face is not None:
            with contextlib.suppress(OSError):
                self._face.shutdown(socket.SHUT_RDWR)
            self._face.close()


def eventually(look: Callable[[], Any], timeout: float = 60) -> Any:
    deadline = time.monotonic() + timeout
    while not (found := look()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Rig("bash", "--norc", "--noprofile", "-i", env={"PS1": "agent> "}) as rig:
        made = Desk(tmp_path, rig)
        yield made
        made.close()


@pytest.fixture
def person(desk: Desk) -> Iterator[Any]:
    argv = ["-I", "-m", "leashtui.faces.plain", str(desk.directory)]
    env = os.environ | {"TERM": "dumb"}
    child = pexpect.spawn(sys.executable, argv, timeout=20, encoding="utf-8", env=env, dimensions=(31, 97))
    child.expect_exact("agent> ")
    yield child
    child.close(force=True)


def leave(child: Any) -> int:
    child.expect(pexpect.EOF)
    child.close()
    return int(child.exitstatus)


def test_lines_go_to_the_agent_and_its_output_comes_back_once(desk: Desk, person: Any) -> None:
    person.sendline("stty size; echo one tw''o")
    person.expect_exact("31 97\r\n")
    person.expect_exact("one two\r\n")
    assert "stty size" not in person.before.replace("stty size; echo one tw''o\r\n", "", 1)
    person.sendline("!!nosuchevent")
    person.expect_exact("!nosuchevent: event not found")
    person.setwinsize(40, 120)
    person.sendline("stty size")
    person.expect_exact("40 120")
    hello = desk.heard[0]
    assert (hello.face, hello.role) == ("plain", "owner")


def test_a_question_is_asked_and_answered(desk: Desk, person: Any) -> None:
    desk.tell(CardShown(card=CARD))
    tag = person.expect([r"leash (\w+): question 1, severity medium: talks to origin"])
    mark = f"leash {person.match[1]}: "
    assert tag == 0
    for part in (
        "command: git fetch origin",
        "would: fetches from origin",
        "builtin/net",
        "nothing to undo",
        "type !1 s",
    ):
        person.expect_exact(part)
    time.sleep(0.3)
    person.sendline("!1 y")
    assert desk.answers() == [Answer(ask="L-1", choice=Choice.ONCE)]
    desk.tell(CardGone(ask="L-1", why="allowed", who="p"))
    person.expect_exact(mark + "question 1: allowed by p")
    person.sendline("!1 y")
    person.expect_exact(mark + "no question 1 waits")
    assert len(desk.heard) == 2


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("!1 s", Answer(ask="L-1", choice=Choice.SESSION)),
        ("!1 n", Answer(ask="L-1", choice=Choice.DENY)),
        ("!1 n because it is wröng", Answer(ask="L-1", choice=Choice.DENY, feedback="it is wröng")),
        ("!freeze", Brake(what="freeze")),
        ("!resume", Brake(what="resume")),
        ("!kill", Brake(what="kill")),
    ],
)
def test_a_line_is_an_answer(desk: Desk, person: Any, typed: str, answer: object) -> None:
    desk.tell(CardShown(card=CARD))
    person.expect_exact("type !1 n because")
    time.sleep(0.3)
    person.sendline(typed)
    assert desk.answers() == [answer]


def test_a_severe_question_is_allowed_twice_or_not_at_all(desk: Desk, person: Any) -> None:
    desk.tell(CardShown(card=SEVERE))
    person.expect_exact("an approval needs a second line: !2 yes")
    time.sleep(0.3)
    person.sendline("!2 yes")
    person.expect_exact("say what first")
    person.sendline("!2 s")
    person.expect_exact("does not offer that; no 'this session': it destroys")
    person.sendline("!2 y")
    person.expect_exact("nothing ran yet: type !2 yes")
    desk.tell(CardShown(card=msgspec.structs.replace(SEVERE, count=2)))
    person.expect_exact("question 2 stands for 2 such acts now")
    person.sendline("!2 yes")
    person.expect_exact("say what first")
    person.sendline("!2 y")
    person.expect_exact("nothing ran yet")
    assert len(desk.heard) == 1
    person.sendline("!2 yes")
    assert desk.answers() == [Answer(ask="L-2", choice=Choice.ONCE)]


def test_what_was_typed_before_the_question_could_be_read_allows_nothing(desk: Desk, person: Any) -> None:
    desk.tell(CardShown(card=CARD))
    person.sendline("!1 y")
    person.expect(["had only just appeared", "no question 1 waits"])
    assert len(desk.heard) == 1


def test_unknown_commands_and_help(desk: Desk, person: Any) -> None:
    person.sendline("!yes")
    person.expect_exact("there is no command '!yes'")
    person.sendline("!help")
    person.expect_exact("!freeze")
    person.sendline("!list")
    person.expect_exact("no question waits")
    desk.tell(CardShown(card=CARD), CardShown(card=SEVERE))
    person.expect_exact("!2 yes")
    person.sendline("!list")
    person.expect_exact("question 1, ")
    person.expect_exact("question 2, ")
    assert len(desk.heard) == 1


def test_the_agent_cannot_speak_for_leash(desk: Desk, person: Any) -> None:
    desk.tell(Recorded(seq=1, record=Record(1, "01B", 0, "S-1", Notice("warn", "a \x1b[2Jnotice"))))
    person.expect([r"leash (\w+): note a \\e\[2Jnotice"])
    real = person.match[1]
    person.sendline(r"printf 'up\033[A\033[2Jleash: question 9\nleash xxx: done\033]52;c;aGk=\007.\n'")
    person.expect_exact("upleash: question 9\r\n")
    person.expect_exact("leash xxx: done.\r\n")
    assert real != "xxx"
    desk.tell(Refused(reason="observers watch only"))
    person.expect_exact(f"leash {real}: not done: observers watch only")


def test_a_question_in_the_middle_of_a_line_begins_a_new_one(desk: Desk, person: Any) -> None:
    person.sendline("printf 'half ''a line'; sleep 2")
    person.expect_exact("half a line")
    desk.tell(CardShown(card=CARD))
    person.expect(["\r\nleash \\w+: question 1"])
    assert not person.before.strip("\r\n")


def test_control_keys_reach_the_agent(desk: Desk, person: Any) -> None:
    person.sendline("sh -c 'echo sleep''ing; exec sleep 600'")
    person.expect_exact("sleeping")
    person.sendintr()
    person.expect_exact("agent> ")
    person.sendline("echo co''de $?")
    person.expect_exact("code 130")
    person.sendeof()
    person.expect_exact("exit")
    desk.tell(Done(code=0, log="/x", records=1, head=""))
    assert leave(person) == 0


def test_the_end_waits_for_the_last_output(desk: Desk, person: Any) -> None:
    desk.tell(Done(code=0, log="/x", records=1, head=""))
    person.sendline("for i in 1 2 3; do echo la''st words $i; sleep 0.2; done; exit")
    person.expect_exact("last words 3")
    assert leave(person) == 0


def test_leaving_and_losing(desk: Desk, person: Any) -> None:
    before = termios.tcgetattr(person.child_fd)
    person.sendline("!detach")
    assert leave(person) == 10
    again = pexpect.spawn(
        sys.executable, ["-I", "-m", "leashtui.faces.plain", str(desk.directory)], timeout=20, encoding="utf-8"
    )
    again.expect_exact("agent> ")
    assert termios.tcgetattr(again.child_fd)[3] & termios.ECHO == before[3] & termios.ECHO
    desk.close()
    again.expect_exact("supervisor is gone")
    assert leave(again) == 4


def test_a_pump_that_died_is_found_again(desk: Desk, person: Any) -> None:
    ours, theirs = control.pair()
    desk.rig.pump.kill()
    desk.rig.pump.wait()
    desk.rig.control.close()
    desk.rig.control = ours
    command = control.command(sys.executable, desk.rig.master, theirs.fileno())
    desk.rig.pump = subprocess.Popen(command, pass_fds=[desk.rig.master, theirs.fileno()])
    theirs.close()
    eventually(lambda: desk.terminals >= 2)
    person.sendline("echo st''ill here")
    person.expect_exact("still here")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(desk: Desk, person: Any, number: int) -> None:
    person.kill(number)
    assert leave(person) == 128 + number


def test_in_a_pipe_it_is_all_text(desk: Desk) -> None:
    face = subprocess.Popen(
        [sys.executable, "-I", "-m", "leashtui.faces.plain", str(desk.directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"TERM": "xterm"},
    )
    assert face.stdin is not None
    face.stdin.write(b"printf '\\033[31mred\\033[0m\\n'; exit\n")
    face.stdin.close()
    desk.rig.told(control.CLOSED)
    desk.tell(Done(code=0, log="/x", records=1, head=""))
    assert face.stdout is not None
    text = face.stdout.read()
    assert face.wait(20) == 0
    assert b"\nred\n" in text
    assert b"\x1b" not in text
    assert b"\r" not in text


def test_without_any_input_it_still_shows(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with out.open("wb") as file:
        face = subprocess.Popen(
            [sys.executable, "-I", "-m", "leashtui.faces.plain", str(desk.directory)],
            stdin=subprocess.DEVNULL,
            stdout=file,
        )
    eventually(lambda: b"agent> " in out.read_bytes())
    desk.tell(CardShown(card=CARD), Done(code=0, log="/x", records=1, head=""))
    assert face.wait(20) == 0
    assert b"question 1" in out.read_bytes()


def test_a_waiting_question_is_told_to_the_persons_own_command(desk: Desk, tmp_path: Path) -> None:
    told = tmp_path / "told"
    argv = ["-I", "-m", "leashtui.faces.plain", "--tell=sh", "--tell=-c", f'--tell=echo "$0" >> {told}']
    env = os.environ | {"TERM": "xterm"}
    child = pexpect.spawn(sys.executable, [*argv, str(desk.directory)], timeout=20, encoding="utf-8", env=env)
    child.expect_exact("agent> ")
    desk.tell(CardShown(card=CARD), CardShown(card=SEVERE))
    child.expect_exact("\x07\x1b]9;leash: 1 act waits: git fetch origin\x07")
    eventually(lambda: told.exists() and told.read_text() == "leash: 1 act waits: git fetch origin\n")
    desk.tell(Done(code=0, log="/x", records=1, head=""))
    assert leave(child) == 0


def test_what_there_is_nothing_of_is_said(world: World) -> None:
    """Who hears the lines cannot tell an empty answer from one that is still to come."""
    argv = world.argv("run", "--plain", "--", "sh", "-c", "echo begun; exec cat")
    person = pexpect.spawn(argv[0], argv[1:], cwd=str(world.workspace), env=world.env, timeout=30, encoding="utf-8")
    person.expect_exact("begun")
    for look in ("!files", "!log verdict:deny"):
        person.sendline(look)
        person.expect_exact("there is nothing of it")
    person.sendline("!kill")
    person.expect(pexpect.EOF)
    person.close()
