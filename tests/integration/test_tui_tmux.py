"""The panel in a real terminal, around real programs behind a real PTY and pump."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tmux_rig import DeskServer, Tmux, bash_env, face_of, until
from tui_desk import force_push, install

from leashtui.model.card import Choice
from leashtui.model.wire import Answer, Brake, CardGone, CardShown

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
BASH = ["bash", "--norc", "--noprofile", "-i"]
SIZES = [(80, 24), (120, 40)]

NESTED = """
from textual.app import App
from textual.widgets import Footer, Header, Input, Static
class Nested(App):
    TITLE = "nested app"
    BINDINGS = [("ctrl+q", "quit", "leave it"), ("f2", "mark", "mark")]
    def compose(self):
        yield Header()
        yield Static("inner text")
        yield Input()
        yield Footer()
    def action_mark(self):
        self.query_one(Static).update("marked by f2")
Nested().run()
"""


class Scene:
    """A desk, a bash behind it, and the panel in tmux."""

    def __init__(self, root: Path, size: tuple[int, int], agent: list[str], **changes: Any) -> None:
        self.columns, self.rows = size
        self.desk = DeskServer(root, agent, bash_env(root), **changes)
        self.tmux = Tmux(root, face_of(self.desk), *size)
        self.tmux.shows(" leash ")

    def run(self, line: str) -> None:
        self.tmux.type(line)
        self.tmux.keys("Enter")

    def answers(self) -> list[tuple[str, Choice, str]]:
        return [(m.ask, m.choice, m.feedback) for m in self.desk.received if isinstance(m, Answer)]

    def face(self) -> int:
        """The panel's process: tmux starts it without a shell in between."""
        return self.tmux.pid()

    def close(self) -> None:
        self.tmux.close()
        self.desk.close()


@pytest.fixture(params=SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path, request.param, BASH)
    made.tmux.shows("\n$")
    yield made
    made.close()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Scene]:
    made = Scene(tmp_path, (80, 24), BASH)
    made.tmux.shows("\n$")
    yield made
    made.close()


def written(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def agent_size(scene: Scene) -> tuple[int, int]:
    return (scene.columns if scene.columns < 100 else scene.columns - 46, scene.rows - 2)


def test_bash_knows_its_size_and_its_keys(scene: Scene) -> None:
    columns, rows = agent_size(scene)
    scene.run("stty size; echo a''fter")
    scene.tmux.shows("after", f"{rows} {columns}")
    scene.run("echo sleep''ing; sleep 1000")
    scene.tmux.shows("\nsleeping")
    scene.tmux.keys("C-c")
    scene.run("echo st''atus=$?")
    scene.tmux.shows("status=130")
    scene.tmux.type("one two")
    scene.tmux.keys("M-b", "M-d")
    scene.tmux.keys("C-a")
    scene.tmux.type("echo X")
    scene.tmux.keys("Enter")
    scene.tmux.shows("Xone")
    scene.run("sed -u s/he/we/")
    scene.run("heard")
    scene.tmux.shows("weard")  # it runs by now: the terminal knows whom to stop
    scene.tmux.keys("C-z")
    scene.tmux.shows("Stopped")
    scene.run("kill %1; echo grüße 日本 👩")
    scene.tmux.shows("grüße 日本 👩")


def test_vim_edits_a_file(scene: Scene, tmp_path: Path) -> None:
    if shutil.which("vim") is None:
        pytest.skip("needs vim")
    scene.run("vim -u NONE -N -i NONE note.txt")
    scene.tmux.shows("\n~")
    scene.tmux.keys("i")
    scene.tmux.type("first line")
    scene.tmux.keys("Enter")
    scene.tmux.type("second")
    scene.tmux.keys("Escape", "k", "$")
    scene.tmux.type("a!")
    scene.tmux.keys("Escape")
    scene.run(":set number")
    scene.tmux.shows("  1 first line!", "  2 second")
    scene.run(":wq")
    until(lambda: written(tmp_path / "note.txt") == "first line!\nsecond\n", "the file")
    scene.tmux.shows("\n$")


def test_less_pages_and_htop_paints(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "long.txt").write_text("".join(f"line {n} of it\n" for n in range(500)))
    _, rows = agent_size(scene)
    scene.run("less long.txt")
    scene.tmux.shows(f"line {rows - 2} of it")
    scene.tmux.keys("PageDown")
    scene.tmux.shows(f"line {2 * rows - 4} of it")
    scene.tmux.keys("G")
    scene.tmux.shows("line 499 of it")
    scene.tmux.keys("q")
    if shutil.which("htop"):
        scene.run("htop -d 5")
        scene.tmux.shows("F8Nice", "PID", "Mem[")
        scene.tmux.keys("F10")
        until(lambda: "F8Nice" not in scene.tmux.screen(), "the end of htop")


def test_a_nested_textual_program_gets_its_own_keys(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "nested.py").write_text(NESTED)
    scene.run(f"{sys.executable} -I nested.py")
    scene.tmux.shows("inner text", "nested app")
    scene.tmux.type("typed")
    scene.tmux.keys("F2")
    scene.tmux.shows("marked by f2", "typed")
    scene.tmux.keys("C-q")
    scene.tmux.shows("\n$")
    assert " leash " in scene.tmux.screen()


def test_git_commit_opens_its_editor(small: Scene, tmp_path: Path) -> None:
    if shutil.which("vim") is None:
        pytest.skip("needs vim")
    small.run("git init -q . && git config user.email a@example.invalid && git config user.name a && echo rea''dy")
    small.tmux.shows("\nready")
    small.run("GIT_EDITOR='vim -u NONE -N -i NONE' git commit --allow-empty")
    small.tmux.shows("Please enter the commit message")
    small.tmux.keys("i")
    small.tmux.type("made inside")
    small.tmux.keys("Escape")
    small.run(":wq")
    log = ["git", "log", "--format=%s"]
    until(
        lambda: subprocess.run(log, cwd=tmp_path, capture_output=True, text=True).stdout == "made inside\n",
        "the commit",
    )


def test_a_card_waits_beside_the_typing_and_only_the_leader_answers(scene: Scene) -> None:
    scene.tmux.type("echo y")
    scene.desk.say(CardShown(install()))
    scene.tmux.shows("act waits" if scene.columns < 100 else "NEEDS YOU")
    scene.tmux.type("yyysny")
    scene.tmux.keys("Enter")
    scene.tmux.shows("\nyyyysny")
    assert scene.answers() == []
    scene.tmux.keys("C-]")
    scene.tmux.shows(" y  once")
    scene.tmux.keys("y")
    until(scene.answers, "an answer")
    assert scene.answers() == [("L-13", Choice.ONCE, "")]


def test_a_severe_card_needs_two_keys_and_a_denial_may_carry_words(small: Scene) -> None:
    small.desk.say(CardShown(force_push()))
    small.desk.say(CardShown(force_push("L-20")))
    small.tmux.shows("2 acts wait")
    small.tmux.keys("C-]")
    small.tmux.shows(" y  once, then !")
    small.tmux.keys("y")
    small.tmux.shows("press ! to run it once")
    small.tmux.keys("!")
    until(small.answers, "the approval")
    small.tmux.shows("L-12: allowed")
    small.tmux.keys("d")
    small.tmux.type("use a branch, y?")
    small.tmux.shows("use a branch, y?")
    small.tmux.keys("Enter")
    until(lambda: len(small.answers()) == 2, "the denial")
    assert small.answers() == [("L-12", Choice.ONCE, ""), ("L-20", Choice.DENY, "use a branch, y?")]


def waits(pid: int) -> int:
    """How often the threads of a process went to sleep."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    found = [re.search(r"^voluntary_ctxt_switches:\s+(\d+)", (t / "status").read_text(), re.M) for t in tasks]
    return sum(int(one[1]) for one in found if one)


def test_nothing_wakes_a_panel_in_which_nothing_happens(small: Scene) -> None:
    time.sleep(8)  # what was said at the start is gone by then
    before = waits(small.face())
    time.sleep(4)
    assert waits(small.face()) - before < 12
    small.run("echo aw''ake")
    small.tmux.shows("awake")


def click(scene: Scene, words: str) -> None:
    """Where the screen says `words`, as a terminal reports it."""
    lines = scene.tmux.shows(words).split("\n")
    y = next(y for y, line in enumerate(lines) if words in line)
    place = f"0;{lines[y].index(words) + 2};{y + 1}"
    scene.tmux.raw(f"\x1b[<{place}M\x1b[<{place}m".encode())


def test_the_mouse_finds_the_card_and_answers_it(scene: Scene) -> None:
    scene.desk.say(CardShown(force_push()))
    click(scene, "ctrl+] to answer")
    scene.tmux.shows(" n  deny")
    click(scene, "git push --force")
    click(scene, " n  deny")
    until(scene.answers, "an answer")
    assert scene.answers() == [("L-12", Choice.DENY, "")]
    scene.desk.say(CardGone("L-12", "denied", "ada"))
    until(lambda: "git push --force" not in scene.tmux.screen(), "the card to go, which moves what is clicked next")
    click(scene, "ctrl+]  agent")
    scene.tmux.shows("every other key goes to the agent")


def test_freeze_and_kill(small: Scene) -> None:
    small.tmux.keys("C-]", "f", "K")
    small.tmux.shows("press ! to kill the session")
    small.tmux.keys("!")
    until(lambda: Brake("kill") in small.desk.received, "the brake")
    assert small.desk.received == [Brake("freeze"), Brake("kill")]


def test_a_big_paste_arrives_whole(small: Scene, tmp_path: Path) -> None:
    text = "".join(f"{n:07d}\n" for n in range(20_000))
    small.run("printf '\\033[?2004l'; stty -echo -icanon; head -c 160000 > pasted; stty sane; echo do''ne")
    until(lambda: (tmp_path / "pasted").exists(), "the reader")
    small.tmux.paste(text)
    small.tmux.shows("done")
    assert (tmp_path / "pasted").read_text() == text


@pytest.mark.parametrize("bracketed", [True, False], ids=["bracketed", "not"])
def test_a_million_pasted_bytes_arrive_whole(small: Scene, tmp_path: Path, bracketed: bool) -> None:
    text = "".join(f"{n:07d}\n" for n in range(131_072))
    more = 12 if bracketed else 0
    switch = "h" if bracketed else "l"
    reads = f"stty -echo -icanon; head -c {len(text) + more} > pasted; stty sane; touch end"
    small.run(f"printf '\\033[?2004{switch}'; {reads}")
    until(lambda: (tmp_path / "pasted").exists(), "the reader")
    small.tmux.paste(text, bracketed=bracketed)
    until(lambda: (tmp_path / "end").exists(), "the last byte")
    got = (tmp_path / "pasted").read_text()
    assert got == (f"\x1b[200~{text}\x1b[201~" if bracketed else text)
    rss = int(Path(f"/proc/{small.face()}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert rss < 150 << 20


def test_a_paste_is_bracketed_and_cannot_answer(small: Scene) -> None:
    small.desk.say(CardShown(install()))
    small.tmux.shows("1 act waits")
    small.tmux.paste("\x1d\x1d y\n")
    small.tmux.keys("C-u")
    small.run("cat -v")
    small.tmux.raw(b"\x1b[200~in \x1b[31m y\x1b[201~")
    small.tmux.keys("Enter")
    small.tmux.shows("in [31m y")
    assert small.answers() == []


def test_a_flood_does_not_stop_the_panel(small: Scene) -> None:
    small.run("yes 'a line of output'")
    small.tmux.shows("a line of output")
    small.desk.say(CardShown(force_push()))
    small.tmux.shows("1 act waits")
    small.tmux.keys("C-]")
    small.tmux.shows("NEEDS YOU")
    rss = int(Path(f"/proc/{small.face()}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert rss < 120 << 20
    small.tmux.keys("n", "C-]", "C-c")
    small.run("echo still''here")
    small.tmux.shows("stillhere")


def test_a_resize_reaches_the_agent(small: Scene) -> None:
    small.tmux.resize(120, 30)
    small.tmux.shows("timeline")
    small.run("stty size")
    small.tmux.shows("28 74")
    small.tmux.resize(30, 8)
    small.tmux.shows("terminal too small")
    small.tmux.resize(90, 20)
    small.tmux.shows(" leash ")
    small.run("stty size")
    small.tmux.shows("18 90")


def test_a_storm_of_sizes_ends_at_the_last_one(small: Scene, tmp_path: Path) -> None:
    sizes = [(20, 5), (200, 60), (41, 11), (99, 24), (101, 7), (1, 1), (39, 9), (160, 50)] * 5
    small.desk.say(CardShown(install()))
    for columns, rows in sizes:
        small.tmux.resize(columns, rows)
    small.tmux.resize(20, 5)
    small.tmux.shows("too small")
    small.tmux.resize(110, 30)
    small.tmux.shows("NEEDS YOU", "timeline")
    small.run("stty size > size")
    until(lambda: written(tmp_path / "size") == "28 64\n", "the last size")
    assert small.answers() == []


def test_no_colour_means_none(tmp_path: Path) -> None:
    with DeskServer(tmp_path, BASH, bash_env(tmp_path)) as desk:
        desk.say(CardShown(force_push()))
        with Tmux(tmp_path, ["env", "NO_COLOR=1", *face_of(desk)], 120, 40) as tmux:
            tmux.shows("NEEDS YOU")
            drawn = tmux.screen(colours=True)
    assert "\x1b[38" not in drawn
    assert "\x1b[48" not in drawn
    assert not any(f"\x1b[{n}m" in drawn for n in (*range(30, 38), *range(40, 48)))


def test_a_second_face_sees_the_same_and_a_killed_one_harms_nothing(small: Scene, tmp_path: Path) -> None:
    small.run("echo some''thing")
    small.tmux.shows("something")
    (tmp_path / "two").mkdir()
    with Tmux(tmp_path / "two", face_of(small.desk, "--role", "owner"), 80, 24) as second:
        second.shows("something")
        os.kill(small.face(), signal.SIGKILL)
        small.tmux.ended()
        until(lambda: small.desk.faces() == 1, "one face less")
        second.type("echo af''ter")
        second.keys("Enter")
        second.shows("after")
        assert small.desk.agent.poll() is None


def test_it_ends_with_the_session(small: Scene) -> None:
    small.desk.done()
    assert small.tmux.ended() == 0


def test_a_lost_supervisor_is_told_on_the_terminal_as_it_was(tmp_path: Path) -> None:
    with outer_shell(tmp_path) as (desk, tmux):
        desk.vanish()
        screen = tmux.shows("leash: supervisor gone: nothing runs on")
        assert screen.startswith("outer$")
        tmux.type("echo co''de=$?; stty -a | grep -o ' icanon'")
        tmux.keys("Enter")
        assert "code=4" in tmux.shows("\n icanon")
        assert tmux.value("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"


def test_leaving_lets_the_agent_go_on(small: Scene) -> None:
    small.tmux.keys("C-]", "q")
    assert small.tmux.ended() == 10
    assert small.desk.agent.poll() is None
    assert small.tmux.value("#{alternate_on} #{mouse_any_flag}") == "0 0"


def test_it_stops_and_comes_back_like_any_job(tmp_path: Path) -> None:
    with outer_shell(tmp_path) as (_, tmux):
        tmux.type("echo in''side")
        tmux.keys("Enter")
        tmux.shows("inside")
        face = int(Path(f"/proc/{tmux.pid()}/task/{tmux.pid()}/children").read_text().split()[0])
        os.kill(face, signal.SIGTSTP)
        tmux.shows("Stopped")
        assert tmux.value("#{alternate_on} #{mouse_any_flag}") == "0 0"
        tmux.type("stty -a | grep -o ' icanon'")
        tmux.keys("Enter")
        tmux.shows("\n icanon")
        tmux.type("fg")
        tmux.keys("Enter")
        tmux.shows("every other key goes to the agent", " leash ", "inside")
        tmux.type("echo a''gain")
        tmux.keys("Enter")
        tmux.shows("again")


def test_it_stops_in_the_middle_of_a_write_and_reads_keys_once(tmp_path: Path) -> None:
    """A handler that waits for the lock of the write that it interrupted would wait for ever, and whoever is continued
    by the shell and by the keeper would read each key with two threads."""
    with outer_shell(tmp_path) as (_, tmux):
        face = int(Path(f"/proc/{tmux.pid()}/task/{tmux.pid()}/children").read_text().split()[0])
        threads = Path(f"/proc/{face}/task")
        before = len(list(threads.iterdir()))
        tmux.type("until test -e enough; do sleep 0.003; printf '\\033[H%s\\033[K' $RANDOM$RANDOM; done")
        tmux.keys("Enter")
        for _ in range(12):
            time.sleep(0.15)
            os.kill(face, signal.SIGTSTP)
            until(lambda: Path(f"/proc/{face}/stat").read_text().rpartition(")")[2].split()[0] == "T", "stopped", 20)
            os.kill(face, signal.SIGCONT)
            os.kill(face, signal.SIGCONT)
            tmux.keys("f", "g", "Enter")
            tmux.shows("every other key goes to the agent", " leash ")
            os.kill(face, signal.SIGCONT)
        (tmp_path / "enough").touch()
        tmux.type("clear; echo a''gain")
        tmux.keys("Enter")
        tmux.shows("again")
        until(lambda: len(list(threads.iterdir())) <= before, "as many threads as before", 20)


@contextmanager
def outer_shell(root: Path) -> Iterator[tuple[DeskServer, Tmux]]:
    """The panel as a job of an interactive shell."""
    with DeskServer(root, BASH, bash_env(root)) as desk, Tmux(root, BASH, 80, 24, PS1="outer$ ") as tmux:
        tmux.shows("outer$")
        tmux.type(" ".join(face_of(desk)))
        tmux.keys("Enter")
        tmux.shows(" leash ")
        tmux.shows("\n$")
        yield desk, tmux


def test_an_attached_panel_stops_like_any_job_and_tells_of_a_dead_supervisor(tmp_path: Path) -> None:
    running = tmp_path / "run"
    (running / "01K5Q8").mkdir(parents=True)
    running.chmod(0o700)
    outer = {"PS1": "outer$ ", "LEASH_RUNTIME_DIR": str(running), "LEASH_CONFIG_DIR": str(tmp_path / "config")}
    with DeskServer(tmp_path, BASH, bash_env(tmp_path)) as desk, Tmux(tmp_path, BASH, 80, 24, **outer) as tmux:
        found = json.loads((desk.directory / "session.json").read_text()) | {"pid": os.getpid()}
        (running / "01K5Q8" / "session.json").write_text(json.dumps(found))
        tmux.shows("outer$")
        tmux.type(f"{sys.executable} -I -m leashtui attach")
        tmux.keys("Enter")
        tmux.shows(" leash ", "\n$")
        shell = tmux.pid()
        for whole in (True, False):
            job = int(Path(f"/proc/{shell}/task/{shell}/children").read_text().split()[0])
            os.killpg(job, signal.SIGTSTP) if whole else os.kill(job, signal.SIGTSTP)
            tmux.shows("Stopped")
            assert tmux.value("#{alternate_on} #{mouse_any_flag}") == "0 0"
            tmux.type("fg")
            tmux.keys("Enter")
            tmux.shows("every other key goes to the agent", " leash ")
        desk.vanish()
        screen = tmux.shows("leash: supervisor gone: nothing runs on")
        assert "goes on" not in screen
        tmux.type("echo co''de=$?")
        tmux.keys("Enter")
        tmux.shows("code=4")
