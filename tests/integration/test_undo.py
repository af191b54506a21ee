"""What a session in tier strict loses in the workspace comes back, and what the person changed since stays."""

from __future__ import annotations

import json
import mmap
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import World

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier
from leashtui.stores import undo
from leashtui.stores.settling import at_rest, sign_of
from leashtui.stores.undo import Keeping
from leashtui.stores.undoing import Kept

strict = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")

AGENT = """
import ctypes, os
open("src/app.py", "w").write("overwritten")
open("notes", "a").write(" and more")
os.chmod("tool", 0o600)
os.truncate("long", 1)
open("new", "w").write("x")
os.mkdir("fresh"); open("fresh/file", "w").write("x")
os.rename("moved", "away"); open("away", "a").write("tail")
os.rename("new", "over")
os.replace("link", "link2")
ctypes.CDLL(None).renameat2(-100, b"one", -100, b"two", 2)
open("sparse", "r+b").truncate(1)
open("node_modules/made", "w").write("again")
"""


def prepare(place: Path) -> None:
    for name, text in {"notes": "mine", "tool": "#!", "long": "x" * 9000, "moved": "m", "over": "old"}.items():
        (place / name).write_text(text)
    (place / "tool").chmod(0o755)
    (place / "link").symlink_to("notes")
    (place / "one").write_text("1")
    (place / "two").write_text("2")
    (place / "node_modules").mkdir()
    (place / "node_modules" / "made").write_text("before")
    with (place / "sparse").open("wb") as file:
        file.truncate(8 << 20)
        file.write(b"start")


def picture(place: Path) -> dict[str, tuple[int, str]]:
    found = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        if not name.startswith((".git", "node_modules")):
            content = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
            found[name] = (stat.S_IMODE(path.lstat().st_mode), content)
    return found


def run(world: World) -> None:
    agent = world.script("agent.py", AGENT)
    done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(agent))
    assert done.returncode == 0, done


@strict
def test_a_file_is_listed_once_with_what_becomes_of_it(world: World) -> None:
    """Each of several edits was a line and a difference of its own, and a changed mode a line that said nothing."""
    (world.workspace / "notes").write_text("mine\n")
    (world.workspace / "tool").write_text("#!")
    (world.workspace / "tool").chmod(0o755)
    words = "echo one > notes; echo two > notes; chmod 600 notes tool; chmod 644 notes"
    (world.workspace / "notes").chmod(0o640)
    assert world.leash("run", "--headless", "--guard", "strict", "--", "sh", "-c", words).returncode == 0
    notes, tool = (str(world.workspace / name) for name in ("notes", "tool"))
    lines = [f"restore: {tool} (its mode from 600 to 755)", f"restore: {notes} (its mode from 644 to 640)"]
    shown = world.leash("undo", "--dry-run").stdout.splitlines()
    assert sorted(line for line in shown if not line.startswith(" ")) == sorted(lines)
    assert [line.strip() for line in shown if line.strip()[:1] in "+-"] == ["--- now", "+++ before", "-two", "+mine"]
    assert sorted(world.leash("undo").stdout.splitlines()) == sorted(lines)
    assert (world.workspace / "notes").read_text() == "mine\n"
    assert stat.S_IMODE((world.workspace / "notes").stat().st_mode) == 0o640
    assert stat.S_IMODE((world.workspace / "tool").stat().st_mode) == 0o755


@strict
def test_everything_comes_back_contents_modes_names_and_links(world: World) -> None:
    prepare(world.workspace)
    before = picture(world.workspace)
    run(world)
    after = picture(world.workspace)
    assert after != before
    shown = world.leash("undo", "--dry-run")
    assert shown.returncode == 0, shown
    assert "restore: " in shown.stdout and "+    print" not in shown.stdout
    assert "-overwritten" in shown.stdout
    assert picture(world.workspace) == after
    done = world.leash("undo")
    assert done.returncode == 0, done
    assert picture(world.workspace) == before
    assert (world.workspace / "sparse").stat().st_blocks < 1000
    left = str(world.workspace / "node_modules" / "made")
    assert f"not kept, because git ignores it or it is made again: {left}\n" in done.stdout
    again = world.leash("undo")
    assert again.returncode == 0 and again.stdout.endswith("nothing to undo\n"), again


@strict
def test_what_the_person_changed_since_is_not_overwritten_unless_forced(world: World) -> None:
    prepare(world.workspace)
    before = picture(world.workspace)
    run(world)
    (world.workspace / "notes").write_text("the person's own, later")
    done = world.leash("undo")
    assert done.returncode == 1
    assert "notes" in done.stderr
    assert "look with leash undo --dry-run" in done.stderr
    looked = world.leash("undo", "--dry-run").stderr
    assert "overwrite with --force" in looked and "--dry-run" not in looked
    assert (world.workspace / "src" / "app.py").read_text() == "overwritten"
    session = next((Path(world.env["LEASH_STATE_DIR"]) / "undo").iterdir()).name
    assert world.leash("undo", session, "src").returncode == 0
    assert (world.workspace / "src" / "app.py").read_text() == "print('app')\n"
    assert (world.workspace / "notes").read_text() == "the person's own, later"
    assert world.leash("undo", "--force", "notes").returncode == 0
    assert picture(world.workspace)["notes"] == before["notes"]


PAIR = """
import os, sys, time
def wait(name):
    while not os.path.exists(name):
        time.sleep(0.02)
for name in ("third", "notes", "other", "fresh"):
    open(name, "w").write("agent")
held = open("held", "w"); held.write("agent"); held.flush()
os.mkdir("folder"); open("folder/in", "w").write("agent"); os.rename("folder", "away")
os.rename("src/app.py", "src/renamed.py")
print("done", flush=True)
wait("again")
open("third", "w").write("more"); print("more", flush=True)
wait("go")
open("other", "a").write(" again"); open("fresh", "a").write(" again")
"""


def settled(world: World, *names: str) -> None:
    """Wait until the session has left these files, by its log."""
    folder = next((Path(world.env["LEASH_STATE_DIR"]) / "undo").iterdir())
    for _ in range(200):
        lines = [json.loads(line) for line in (folder / "log").read_bytes().splitlines()]
        last = {line["path"]: line["what"] for line in lines}
        if all(last.get(str(world.workspace / name)) == "settled" for name in names):
            return
        time.sleep(0.05)
    raise AssertionError(lines)


@strict
@pytest.mark.parametrize("tier", ["strict", "compat"])
@pytest.mark.parametrize("end", ["runs", "ends", "killed"])
def test_what_the_person_writes_while_the_session_runs_stays(world: World, end: str, tier: str) -> None:
    place = world.workspace
    for name in ("notes", "other", "held", "third"):
        (place / name).write_text("before")
    agent = world.script("agent.py", PAIR)
    leash = world.start("run", "--headless", "--guard", tier, "--", "python3", str(agent))
    assert leash.stdout is not None and leash.stdout.readline() == b"done\n"
    settled(world, "third", "notes", "other", "fresh", "src/renamed.py")
    (place / "again").touch()
    assert leash.stdout.readline() == b"more\n"
    assert world.leash("undo", "--dry-run").returncode == 0, "what the session wrote is its own"
    (place / "notes").write_text("person")
    (place / "other").write_text("person")
    if end == "killed":
        published = next(Path(world.env["LEASH_RUNTIME_DIR"]).rglob("session.json"))
        os.kill(int(json.loads(published.read_text())["pid"]), signal.SIGKILL)
        leash.communicate(timeout=30)
    elif end == "ends":
        (place / "go").touch()
        leash.communicate(timeout=30)
    before = picture(place)
    refused = world.leash("undo")
    assert refused.returncode == 1 and "changed since" in refused.stderr, refused
    assert f"{place}/notes" in refused.stderr and f"{place}/other" in refused.stderr, refused
    assert "fresh" not in refused.stderr and "src" not in refused.stderr and "held" not in refused.stderr, refused
    assert picture(place) == before
    assert world.leash("undo", str(place / "fresh")).returncode == 0
    assert not (place / "fresh").exists()
    assert world.leash("undo", str(place / "src")).returncode == 0
    assert (place / "src" / "app.py").exists()
    assert world.leash("undo", "--force", "notes", "other").returncode == 0
    assert [(place / name).read_text() for name in ("notes", "other")] == ["before", "before"]
    if end == "runs":
        (place / "go").touch()
        leash.communicate(timeout=30)
        assert (place / "other").read_text() == "before again"
        assert world.leash("undo", "other").returncode == 0  # that an undo wrote it is not the work of somebody else
        assert (place / "other").read_text() == "before"


@strict
def test_what_is_still_being_written_is_said_before_an_undo(world: World) -> None:
    (world.workspace / "held").write_text("before")
    agent = world.script("agent.py", PAIR)
    leash = world.start("run", "--headless", "--guard", "strict", "--", "python3", str(agent))
    assert leash.stdout is not None and leash.stdout.readline() == b"done\n"
    settled(world, "fresh")
    shown = world.leash("undo", "--dry-run").stdout
    assert f"cannot be told: {world.workspace}/held\n" in shown, shown
    for name in ("again", "go"):
        (world.workspace / name).touch()
    leash.communicate(timeout=30)
    shown = world.leash("undo", "--dry-run").stdout
    assert "held" in shown and "cannot be told" not in shown, shown


def test_nothing_rests_that_somebody_may_still_write_to(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("text")
    assert at_rest(str(path)) == sign_of(str(path))
    with path.open("r+b") as file:
        assert at_rest(str(path)) is None
        mapped = mmap.mmap(file.fileno(), 4)
    assert at_rest(str(path)) is None  # closed, and written to still
    mapped.close()
    assert at_rest(str(path)) == sign_of(str(path))
    assert at_rest(str(tmp_path / "none")) == (0, 0, 0)
    os.mkfifo(tmp_path / "pipe")
    assert at_rest(str(tmp_path / "pipe")) is not None  # and nobody waited for another end


@strict
def test_a_folder_of_the_sessions_own_is_one_line(world: World) -> None:
    code = (
        "import os\nos.makedirs('one/two')\nfor n in range(30): open(f'one/two/{n}', 'w').write('x')\nopen('z', 'w')\n"
    )
    agent = world.script("agent.py", code)
    assert world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(agent)).returncode == 0
    place = world.workspace
    listed = [f"remove: {place}/one and what the session made in it (31)", f"remove: {place}/z"]
    assert sorted(world.leash("undo", "--dry-run").stdout.splitlines()) == listed
    assert sorted(world.leash("undo").stdout.splitlines()) == listed
    assert not (place / "one").exists() and not (place / "z").exists()


@strict
def test_what_an_approved_command_removed_comes_back(world: World) -> None:
    folder = world.workspace / "work" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.txt").write_text("mine")
    agent = world.script("agent.py", "import subprocess\nsubprocess.run(['rm', '-rf', 'work'])\n")
    leash = world.start("run", "--headless", "--on-ask", "wait", "--guard", "strict", "--", "python3", str(agent))
    assert world.leash("approve", world.one_card()["id"]).returncode == 0
    leash.communicate(timeout=30)
    assert not (world.workspace / "work").exists()
    assert world.leash("undo").returncode == 0
    assert (folder / "a.txt").read_text() == "mine"


@strict
def test_only_what_worked_here_last_is_undone_unasked(world: World, tmp_path: Path) -> None:
    """A session that changed nothing must not have an older one, or another project's, undone in its stead."""
    prepare(world.workspace)
    run(world)
    after = picture(world.workspace)
    done = world.leash("run", "--headless", "--guard", "strict", "--", "true")
    assert done.returncode == 0, done
    session = next((Path(world.env["LEASH_STATE_DIR"]) / "undo").iterdir()).name
    done = world.leash("undo")
    assert done.returncode != 0 and session in done.stderr, done
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    argv = [sys.executable, "-I", "-m", "leashtui", "undo"]
    apart = subprocess.run(argv, cwd=elsewhere, env=world.env, capture_output=True, text=True, check=False)
    assert apart.returncode != 0 and "no session worked here" in apart.stderr, apart
    assert picture(world.workspace) == after
    assert world.leash("undo", session).returncode == 0
    assert picture(world.workspace) != after


@strict
def test_other_names_of_a_file_get_its_content_back_too(world: World) -> None:
    (world.workspace / "one").write_text("mine\n")
    (world.workspace / "other").hardlink_to(world.workspace / "one")
    agent = world.script("agent.py", 'open("one", "a").write("more")\n')
    done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(agent))
    assert done.returncode == 0, done
    assert (world.workspace / "other").read_text() == "mine\nmore"
    assert world.leash("undo").returncode == 0
    assert (world.workspace / "other").read_text() == "mine\n"
    assert (world.workspace / "one").samefile(world.workspace / "other")


def test_another_file_that_bears_the_name_now_keeps_what_it_has_under_its_other_names(tmp_path: Path) -> None:
    (tmp_path / "one").write_text("mine")
    (tmp_path / "other").hardlink_to(tmp_path / "one")
    (tmp_path / "keep").write_text("kept")
    folder = os.open(tmp_path, os.O_PATH)
    keeping = Keeping(tmp_path / "undo", lambda path: False)
    keeping.before("changed", folder, b"one", str(tmp_path / "one"))
    keeping.close()
    os.close(folder)
    (tmp_path / "one").unlink()
    (tmp_path / "one").hardlink_to(tmp_path / "keep")
    kept = Kept(tmp_path / "undo")
    assert [why for _, why in kept.take(kept.chosen(()))] == [""]
    assert (tmp_path / "one").read_text() == "mine"
    assert (tmp_path / "keep").read_text() == "kept"


def test_without_a_session_there_is_nothing_to_undo(world: World) -> None:
    done = world.leash("undo")
    assert done.returncode == 5
    assert "nothing" in done.stderr or "no session" in done.stderr


@strict
def test_a_mistyped_word_is_no_path_without_changes(world: World) -> None:
    (world.workspace / "still").write_text("mine\n")
    assert world.leash("run", "--headless", "--", "sh", "-c", "mkdir d; echo made > d/one").returncode == 0
    for words in (["nosuchsession"], ["--dry-run", "d/one", "nosuch/file"]):
        done = world.leash("undo", *words)
        assert done.returncode == 2, done.stdout + done.stderr
        assert f"{words[-1]} is no session, no act and no file" in done.stderr
        assert (world.workspace / "d/one").exists()
    assert world.leash("undo", "still").returncode == 0
    assert world.leash("undo", "d/one").returncode == 0
    assert not (world.workspace / "d/one").exists()


def test_a_name_that_is_no_text_is_kept_and_brought_back(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path / "work")
    os.mkdir(place)
    name = b"caf\xe9\n"
    with open(place + b"/" + name, "wb") as file:
        file.write(b"mine")
    keeping = Keeping(tmp_path / "undo", lambda path: False)
    folder = os.open(place, os.O_PATH)
    keeping.before("gone", folder, name, os.fsdecode(place + b"/" + name))
    os.unlink(place + b"/" + name)
    keeping.close()
    os.close(folder)
    kept = Kept(tmp_path / "undo")
    assert [why for _, why in kept.take(kept.chosen(()))] == [""]
    assert Path(os.fsdecode(place + b"/" + name)).read_bytes() == b"mine"


def test_a_store_that_cannot_be_written_never_fails_a_deed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    folder = os.open(tmp_path, os.O_PATH)
    (tmp_path / "undo").write_text("in the way")
    keeping = Keeping(tmp_path / "undo", lambda path: False)
    assert keeping.before("gone", folder, b"file", str(tmp_path / "file"))
    keeping.close()
    os.close(folder)
    assert subprocess.run(["cat", tmp_path / "file"], capture_output=True, check=True).stdout == b"x"


def test_a_store_on_a_full_disk_stays_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept before comes back, and who must not lose anything is told of what was not."""
    for name in ("one", "two"):
        (tmp_path / name).write_text("before")
    folder = os.open(tmp_path, os.O_PATH)
    keeping = Keeping(tmp_path / "undo", lambda path: False)
    write = os.write

    def may(name: str) -> bool:
        return keeping.before("changed", folder, name.encode(), str(tmp_path / name), lossy=False)

    assert may("one")
    monkeypatch.setattr(undo.os, "write", lambda fd, data: write(fd, data[:9]))
    assert not may("two")
    monkeypatch.undo()
    os.close(folder)
    monkeypatch.setattr(Path, "write_bytes", lambda place, data: place.open("wb").close() or no_room())
    keeping.close()
    monkeypatch.undo()
    (tmp_path / "one").write_text("after")
    for spoiled in (b"", b'{"what":"cha'):
        with (tmp_path / "undo" / undo.LOG).open("ab") as log:
            log.write(spoiled)
        kept = Kept(tmp_path / "undo")
        assert [step.path for step in kept.steps] == [str(tmp_path / "one")]
    (tmp_path / "undo" / undo.AFTER).touch()
    kept = Kept(tmp_path / "undo")
    assert not [why for _, why in kept.take(kept.chosen(())) if why]
    assert (tmp_path / "one").read_text() == "before"


def no_room() -> int:
    raise OSError(28, "No space left on device")


def test_a_store_that_cannot_keep_says_so_to_who_must_not_lose_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text("x" * 10)
    folder = os.open(tmp_path, os.O_PATH)
    monkeypatch.setattr(undo, "CAP", 15)
    keeping = Keeping(tmp_path / "undo", lambda path: path.endswith("skipped"))

    def may(name: str, kind: str = "changed") -> bool:
        return keeping.before(kind, folder, name.encode(), str(tmp_path / name), lossy=False)

    assert may("one")
    assert may("one")  # once is enough
    assert not may("two")  # no room
    assert not may("two", "gone")
    assert may("new", "made")
    keeping.close()
    (tmp_path / "file").write_text("in the way")
    broken = Keeping(tmp_path / "file", lambda path: path.endswith("skipped"))
    assert not broken.before("changed", folder, b"one", str(tmp_path / "one"), lossy=False)
    assert not broken.before("changed", folder, b"two", str(tmp_path / "two"), lossy=False)  # nor ever after
    assert broken.before("changed", folder, b"two", str(tmp_path / "skipped"), lossy=False)
    os.close(folder)


@strict
def test_work_that_was_put_aside_for_other_and_then_removed_comes_back(world: World) -> None:
    (world.workspace / "notes").write_text("mine")
    lines = "import os\nos.rename('notes', 'notes.bak'); open('notes', 'w').write('other'); os.unlink('notes.bak')\n"
    agent = world.script("agent.py", lines)
    done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(agent))
    assert done.returncode == 0, done
    assert (world.workspace / "notes").read_text() == "other"
    assert not (world.workspace / "notes.bak").exists()
    world.leash("undo")
    assert (world.workspace / "notes").read_text() == "mine"


@strict
@pytest.mark.parametrize("tier", ["strict", "compat"])
def test_what_was_changed_by_a_descriptor_comes_back_too(world: World, tier: str) -> None:
    for name in ("written", "cut", "closed"):
        (world.workspace / name).write_text("mine")
        (world.workspace / name).chmod(0o644)
    before = picture(world.workspace)
    agent = world.root / "agent.py"
    agent.write_text(
        "import os\nway = lambda name: f'/proc/self/fd/{os.open(name, os.O_RDONLY)}'\n"
        "open(way('written'), 'w').write('x'); os.truncate(way('cut'), 1)\n"
        "os.fchmod(os.open('closed', os.O_RDONLY), 0)\n"
    )
    done = world.leash("run", "--headless", "--guard", tier, "--", sys.executable, str(agent))
    assert done.returncode == 0, done
    assert (world.workspace / "written").read_text() == "x"
    assert (world.workspace / "cut").read_text() == "m"
    assert (world.workspace / "closed").stat().st_mode & 0o777 == 0
    done = world.leash("undo")
    assert picture(world.workspace) == before, done


@strict
@pytest.mark.parametrize(
    "command", ["rm -rf notes", "git checkout -- .", "git clean -fdq", "git reset -q --hard", "truncate -s0 notes/a"]
)
def test_what_the_card_says_about_undoing_is_true(world: World, command: str) -> None:
    (world.workspace / "notes").mkdir()
    (world.workspace / "notes" / "a").write_text("mine")
    (world.workspace / "src" / "app.py").write_text("edited")
    before = picture(world.workspace)
    process = world.start("run", "--headless", "--on-ask", "wait", "--", "sh", "-c", f"{command}; true")
    card = world.one_card(30)
    assert card["undo"].startswith("leash undo"), card
    assert world.leash("approve", card["id"]).returncode == 0
    process.communicate(timeout=60)
    assert picture(world.workspace) != before
    done = world.leash("undo")
    assert done.returncode == 0, done
    assert picture(world.workspace) == before


def test_where_nothing_is_kept_the_card_does_not_promise_it(world: World) -> None:
    (world.workspace / "notes").mkdir()
    process = world.start("run", "--headless", "--on-ask", "wait", "--guard", "exec", "--", "sh", "-c", "rm -rf notes")
    assert world.one_card(30)["undo"] == "cannot be undone"
    world.leash("kill", "--all")
    process.communicate(timeout=60)


ACTS = """
import os, subprocess
run = lambda words: subprocess.run(["sh", "-c", words], check=True)
run("echo first >> notes; echo made > made; mkdir box; echo in > box/in")
run("echo second >> notes; echo other > other")
open("long", "w").write("by nobody but the agent itself")
run("sleep 0.1; cat made > copy; echo more >> copy; mv copy moved2")
"""


def acts_of(world: World) -> list[str]:
    """The ids of the three shell commands."""
    found = []
    for line in world.leash("log", "--json").stdout.splitlines():
        record = json.loads(line)["record"]
        event = record["event"]
        asked = event.get("request", {})
        if asked.get("action") == "ProcessExec" and asked["argv"][:2] == ["sh", "-c"]:
            found.append(record["id"])
    return found


@strict
def test_a_file_that_was_saved_by_rename_comes_back_alone(world: World) -> None:
    (world.workspace / "mine").write_text("m")
    before = picture(world.workspace)
    words = "sed -i s/app/APP/ src/app.py; mv mine src/app.py; echo n > new; mv new other"
    done = world.leash("run", "--headless", "--guard", "strict", "--", "bash", "-c", words)
    assert done.returncode == 0, done
    assert world.leash("undo", "src/app.py").returncode == 0
    assert picture(world.workspace) == before | {"other": (0o644, "n\n")}  # no draft of sed's, and its own `mine` again
    assert world.leash("undo", "other").returncode == 0
    assert picture(world.workspace) == before | {"new": (0o644, "n\n")}  # replaced nothing: it has its name again


@strict
def test_one_act_is_undone_by_itself_and_nothing_else_with_it(world: World) -> None:
    prepare(world.workspace)
    before = picture(world.workspace)
    agent = world.script("agent.py", ACTS)
    done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(agent))
    assert done.returncode == 0, done
    first, second, third = acts_of(world)
    shown = world.leash("undo", "--dry-run", "--act", third)
    assert shown.returncode == 0, shown
    assert {line.rpartition("/")[2] for line in shown.stdout.splitlines()} <= {"copy", "moved2"}, shown
    assert world.leash("undo", third).returncode == 0
    nobodys = world.leash("undo", "01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert nobodys.returncode == 2 and "has no act" in nobodys.stderr, nobodys
    after = picture(world.workspace)
    assert "moved2" not in after and "copy" not in after
    assert (
        after["other"][1] == "other\n" and after["notes"][1] == "minefirst\nsecond\n" and after["made"][1] == "made\n"
    )
    early = world.leash("undo", "--act", first)  # the second one wrote over what the first one left
    assert early.returncode == 1 and "changed since the act" in early.stderr and "notes" in early.stderr
    assert picture(world.workspace) == after
    assert world.leash("undo", "--act", second).returncode == 0
    between = picture(world.workspace)
    assert between["notes"][1] == "minefirst\n" and "other" not in between and between["made"][1] == "made\n"
    done = world.leash("undo", "--act", first)
    assert done.returncode == 0, done
    left = picture(world.workspace)
    assert left.pop("long")[1] == "by nobody but the agent itself"
    before.pop("long")
    assert left == before
    assert world.leash("undo").returncode in (0, 1)
    assert picture(world.workspace)["long"][1] == "x" * 9000
    wrong = world.leash("undo", "--act", "L-99")
    assert wrong.returncode == 2 and "no act L-99" in wrong.stderr


@strict
def test_what_git_takes_back_unasked_comes_back(world: World) -> None:
    """Edits that the person did not commit lie below those of the session."""
    place = world.workspace
    git = ["git", "-C", str(place), "-c", "user.name=x", "-c", "user.email=x@example.invalid"]
    (place / "kept.md").write_text("committed\n")
    for words in (["add", "kept.md"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    (place / "kept.md").write_text("unsaved\n")
    script = world.root / "agent.py"
    lines = ("git checkout -q kept.md", "echo x >> kept.md; git checkout -q kept.md")
    runs = "; ".join(f"print(subprocess.run(['bash', '-c', {line!r}]).returncode)" for line in lines)
    script.write_text(f"import subprocess; {runs}")
    done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(script))
    assert done.stdout == "126\n0\n", done.stderr
    assert (place / "kept.md").read_text() == "committed\n"
    world.leash("undo")
    assert (place / "kept.md").read_text() == "unsaved\n"


ODD = """
import ctypes, os, subprocess
exchange = lambda one, other: ctypes.CDLL(None).renameat2(-100, one, -100, other, 2)
def fails(*names):
    try: os.rename(*names)
    except OSError: return
    raise SystemExit(f"done: {names}")
fails("empty", "notes"); fails("notes", "empty"); fails("src", "src/within")
os.rename("notes", "notes"); os.rename("twin", "long"); exchange(b"one", b"one")
os.rename("node_modules/made", "came")
os.rename("src", "old"); os.mkdir("src"); open("src/made.o", "w").write("built")
open("draft", "w").write("1"); os.rename("draft", "node_modules/new"); os.remove("node_modules/new")
open("node_modules/gen", "w").write("2"); os.rename("node_modules/gen", "over")
open("node_modules/gen", "w").write("3"); os.rename("node_modules/gen", "over")
"""


@strict
def test_renames_that_did_not_happen_or_led_to_where_nothing_is_kept(world: World) -> None:
    """One that failed, or of a file to itself, once stood in the way of all that was done to these names before."""
    prepare(world.workspace)
    (world.workspace / "empty").mkdir()
    os.link(world.workspace / "long", world.workspace / "twin")
    before = picture(world.workspace)
    agent = world.script("agent.py", ODD)
    done = world.leash("run", "--headless", "--guard", "strict", "--", sys.executable, str(agent))
    assert done.returncode == 0, done
    done = world.leash("undo")
    place = world.workspace
    after = picture(place)
    assert {name: what for name, what in after.items() if name in before} == before
    assert sorted(after.keys() - before) == ["src.leash-left", "src.leash-left/made.o"]
    assert (place / "node_modules" / "made").read_text() == "before"
    assert done.returncode == 1 and done.stdout.count("NOT ") == 1, done
    assert f"NOT remove: {place}/src (not empty" in done.stdout and "it is src.leash-left now)" in done.stdout
