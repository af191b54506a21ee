"""The agent has the whole terminal: nothing is drawn over it, and nothing of it is lost while the panel is open."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tmux_rig import DeskServer, Tmux, bash_env, until
from tui_desk import install, recorded

from leashtui.faces.full.keys import LeaderFinder
from leashtui.faces.full.screen import HELD, Screen
from leashtui.faces.full.voice import Voice
from leashtui.model.card import Choice
from leashtui.model.event import Braked
from leashtui.model.wire import Answer, CardGone, CardShown

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
BASH = ["bash", "--norc", "--noprofile", "-i"]


class Scene:
    def __init__(self, root: Path) -> None:
        self.desk = DeskServer(root, BASH, bash_env(root))
        self.tmux = Tmux(root, [sys.executable, "-I", "-m", "leashtui.faces.full", str(self.desk.directory)])
        self.tmux.shows("$")
        until(lambda: "ctrl+]" in self.title(), "the leader in the title")

    def title(self) -> str:
        return self.tmux.value("#{pane_title}")

    def run(self, line: str) -> None:
        self.tmux.type(line)
        self.tmux.keys("Enter")

    def close(self) -> None:
        self.tmux.close()
        self.desk.close()


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path)
    yield made
    made.close()


@needs_tmux
def test_the_agent_has_every_cell_and_a_card_is_told_by_the_title(scene: Scene, tmp_path: Path) -> None:
    scene.run("stty size > size")
    until(lambda: (tmp_path / "size").exists() and (tmp_path / "size").read_text() == "24 80\n")
    scene.desk.say(CardShown(install()))
    until(lambda: "1 act waits (ctrl+])" in scene.title(), "a title that tells it")
    assert "NEEDS YOU" not in scene.tmux.screen()
    scene.run("echo y''es")
    scene.tmux.shows("yes")
    assert not [m for m in scene.desk.received if isinstance(m, Answer)]
    scene.desk.say(CardGone("L-13", "withdrawn"))
    until(lambda: "act waits" not in scene.title(), "the title as it was")


@needs_tmux
def test_the_panel_answers_and_what_was_written_meanwhile_follows(scene: Scene, tmp_path: Path) -> None:
    scene.run("until [ -e go ]; do sleep 0.1; done; seq -s, 1 9; touch done")
    scene.desk.say(CardShown(install()))
    scene.tmux.keys("C-]")
    scene.tmux.shows("NEEDS YOU", "n  deny")
    (tmp_path / "go").touch()
    until((tmp_path / "done").exists, "the agent goes on behind the panel")
    scene.tmux.type("n")
    until(lambda: [(m.ask, m.choice) for m in scene.desk.received if isinstance(m, Answer)] == [("L-13", Choice.DENY)])
    scene.tmux.keys("C-]")
    screen = scene.tmux.shows("1,2,3,4,5,6,7,8,9")
    assert screen.count("1,2,3,4,5,6,7,8,9") == 1
    assert "NEEDS YOU" not in screen
    scene.run("echo ag''ain")
    scene.tmux.shows("again")


@needs_tmux
def test_a_freeze_is_told_by_the_title_and_by_the_persons_own_command(tmp_path: Path) -> None:
    told = tmp_path / "told"
    words = ["--notify", "off", "--tell=sh", "--tell=-c", f'--tell=echo "$0" >> {told}']
    with DeskServer(tmp_path, BASH, bash_env(tmp_path)) as desk:
        command = [sys.executable, "-I", "-m", "leashtui.faces.full", *words, str(desk.directory)]
        with Tmux(tmp_path, command) as tmux:
            tmux.shows("$")
            for message in recorded([Braked("freeze", "its budget: 12 acts")]):
                desk.say(message)
            until(lambda: tmux.value("#{pane_title}") == "leash: frozen by its budget: 12 acts (ctrl+])", "the title")
            until(lambda: told.exists() and told.read_text() == "leash: frozen by its budget: 12 acts\n", "the command")
            for message in recorded([Braked("resume", "ada")]):
                desk.say(message)
            until(lambda: "frozen" not in tmux.value("#{pane_title}"), "the title as it was")
            desk.say(CardShown(install()))
            until(lambda: "act waits: npm install" in told.read_text(), "the card is told as well")


@needs_tmux
@pytest.mark.skipif(shutil.which("vim") is None, reason="needs vim")
def test_a_full_screen_program_is_painted_anew(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "text").write_text("\n".join(f"line {n}" for n in range(100)))
    scene.run("vim -u NONE -N -n text")
    scene.tmux.shows("line 20")
    scene.tmux.keys("G")
    before = scene.tmux.shows("line 99").splitlines()[:23]
    scene.tmux.keys("C-]")
    scene.tmux.shows("timeline")
    scene.tmux.keys("C-]")
    until(lambda: scene.tmux.screen().splitlines()[:23] == before, "vim as it was, but for its message")


def test_the_leader_is_found_in_every_form_and_never_in_a_paste() -> None:
    for typed in (b"\x1d", b"\x1b[93;5u", b"\x1b[27;5;93~"):
        assert LeaderFinder("\x1d").feed(b"ab" + typed + b"cd") == [b"ab", None, b"cd"]
    finder = LeaderFinder("\x1d")
    pasted = [*finder.feed(b"\x1b[200~x\x1d"), *finder.feed(b"y\x1d\x1b[201~\x1d")]
    assert b"".join(p for p in pasted if p) == b"\x1b[200~x\x1dy\x1d\x1b[201~"
    assert pasted[-1] is None
    assert pasted.count(None) == 1


def test_nothing_is_lost_on_the_primary_screen_and_the_other_is_painted_anew() -> None:
    screen = Screen()
    assert screen.feed(b"\x1b[?2004hone") == b"\x1b[?2004hone"
    screen.cover()
    assert screen.feed(b"two") == b""
    held, repaint = screen.uncover()
    assert held.startswith(b"two")
    assert held.endswith(b"\x1b[?2004h")
    assert not repaint
    screen.cover()
    screen.feed(b"\x1b[?1049h")
    screen.feed(b"\x1b[?1049l")
    assert screen.uncover()[1]
    screen.cover()
    for _ in range(HELD // 65536 + 2):
        screen.feed(b"x" * 65536)
    assert screen.uncover()[1]


def test_the_title_is_the_agents_again_when_nothing_waits() -> None:
    voice = Voice("ctrl+]", "claude")
    voice.heard(b"\x1b]2;wor")
    voice.heard(b"king\x07 text")
    assert voice.tell(()) == ""
    assert "npm install" in voice.tell((install(),))
    assert voice.tell((install(command="a\x07\x1b]0;evil\x07"),)).count("\x07") == 2
    assert "\x1b]2;working\x07" in voice.tell(())
