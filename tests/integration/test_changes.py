"""Protected files changed behind every guard: the agent stands still, the card shows the diff, deny puts back.

Real sessions in the tiers that see no file acts. The agent writes by itself, so no program start gives it away; it
counts its ticks into a file, so that standing still can be seen.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import World, eventually

TICKS = """
import os, sys, time
def tick(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with open(os.environ["TICKS"], "a") as file:
            file.write("x")
        time.sleep(0.02)
def until(path, text):
    end = time.monotonic() + 30
    while time.monotonic() < end and not (os.path.exists(path) and open(path).read() == text):
        tick(0.05)
"""
BEFORE = "export A=1\n"
AFTER = BEFORE + "export EVIL=1\n"


@pytest.fixture
def place(world: World) -> World:
    """A workspace with protected files."""
    (world.workspace / ".envrc").write_text(BEFORE)
    (world.workspace / ".claude").mkdir()
    (world.workspace / ".claude" / "settings.json").write_text("{}\n")
    world.env["TICKS"] = str(world.root / "ticks")
    return world


def agent(world: World, text: str) -> list[str]:
    """The command line of an agent that does this."""
    return [sys.executable, str(world.script("agent.py", TICKS + text))]


def run(world: World, text: str, *options: str, tier: str = "exec") -> subprocess.CompletedProcess[str]:
    """A session in which nobody can be asked, to its end."""
    return world.leash("run", "--headless", "--guard", tier, *options, "--", *agent(world, text))


def begin(world: World, text: str, *options: str) -> subprocess.Popen[bytes]:
    """A session that waits for answers."""
    return world.start("run", "--headless", "--guard", "exec", "--on-ask", "wait", *options, "--", *agent(world, text))


def ticks(world: World) -> int:
    found = world.root / "ticks"
    return found.stat().st_size if found.exists() else 0


def stands_still(world: World) -> bool:
    """Whether nothing of the agent runs: its ticks do not grow, though it would tick fifty times a second."""
    before = ticks(world)
    time.sleep(0.5)
    return ticks(world) == before


def judged(world: World) -> list[dict[str, Any]]:
    """The acts that the watcher submitted."""
    return [e for e in world.events("act.decided") if e["request"]["layer"] == "watcher"]


CHANGE = f"open('.envrc', 'w').write({AFTER!r})\ntick(0.6)\n"


@pytest.mark.parametrize("tier", ["watch", "exec"])
def test_where_nobody_can_be_asked_it_is_put_back_at_once_and_said(place: World, tier: str) -> None:
    done = run(place, CHANGE + f"until('.envrc', {BEFORE!r})\nprint(open('.envrc').read())", tier=tier)
    assert done.returncode == 0, done.stderr
    assert done.stdout == BEFORE + "\n"
    assert (place.workspace / ".envrc").read_text() == BEFORE
    assert done.stderr.count("leash: PUT BACK: .envrc") == 1
    acts = judged(place)
    assert [(a["request"]["path"], a["verdict"]["ruling"]) for a in acts] == [(str(place.workspace / ".envrc"), "deny")]
    assert "+export EVIL=1" in acts[0]["request"]["diff"]
    kept = Path(place.events("notice")[-1]["hint"].removeprefix("what it was changed to is kept in "))
    assert kept.read_text() == AFTER and kept.stat().st_mode & 0o777 == 0o600
    braked = [e["what"] for e in place.events("session.braked")]
    assert braked == ["freeze", "resume"]


def test_in_strict_the_write_is_decided_before_and_the_watcher_asks_nothing(place: World) -> None:
    done = run(place, "try:\n    open('.envrc', 'a')\nexcept OSError as error:\n    print(error.errno)", tier="strict")
    assert done.stdout == "13\n", done.stderr
    assert (place.workspace / ".envrc").read_text() == BEFORE
    assert judged(place) == []


def test_an_ordinary_file_stops_nobody(place: World) -> None:
    done = run(place, "open('src/app.py', 'w').write('x = 2\\n')\ntick(0.5)")
    assert done.returncode == 0
    assert (place.workspace / "src" / "app.py").read_text() == "x = 2\n"
    assert judged(place) == [] and place.events("session.braked") == []


def test_what_policies_allow_goes_on_quietly(place: World) -> None:
    done = run(place, "open('package-lock.json', 'w').write('{}\\n')\ntick(0.5)")
    assert done.returncode == 0 and "PUT BACK" not in done.stderr
    assert (place.workspace / "package-lock.json").exists()
    assert [a["verdict"]["ruling"] for a in judged(place)] == ["allow"]
    assert place.events("session.braked") == []


@pytest.mark.parametrize("tier", ["exec", "compat"])
def test_what_git_writes_into_its_settings_all_day_stops_nobody(place: World, tier: str) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=place.workspace, check=True)
    follow = "git config branch.x.remote origin && git config branch.x.merge refs/heads/x && git config user.name x"
    place.start("run", "--headless", "--guard", tier, "--on-ask", "wait", "--", *agent(place, "tick(60)"))
    eventually(lambda: ticks(place) > 0)
    subprocess.run(follow, shell=True, cwd=place.workspace, check=True)  # a person's, outside the session
    subprocess.run(["git", "init", "-q", "other"], cwd=place.workspace, check=True)
    time.sleep(1.5)
    asked = [a for a in judged(place) if a["decision"]["outcome"] != "allow"]
    assert asked == [] and place.events("session.braked") == [] and not stands_still(place)
    subprocess.run(["git", "config", "core.fsmonitor", "./evil"], cwd=place.workspace, check=True)
    assert place.one_card()["command"] == str(place.workspace / ".git" / "config")
    place.leash("kill", "--all")


def test_the_agent_stands_still_until_a_no_and_finds_the_file_as_it_was(place: World) -> None:
    session = begin(place, CHANGE + "tick(60)")
    card = place.one_card()
    assert card["undo"] == "a no puts it back as it was, unless it is changed once more"  # not git: it knows none
    assert [o["label"] for o in card["options"]] == ["keep it as it is now", "put it back as it was"]
    assert card["done"] and card["command"] == str(place.workspace / ".envrc")
    assert "+export EVIL=1" in card["diff"] and "or somebody else" in card["consequence"]
    assert stands_still(place)
    assert (place.workspace / ".envrc").read_text() == AFTER
    before = ticks(place)
    assert place.leash("deny", card["id"]).returncode == 0
    eventually(lambda: ticks(place) > before)
    assert (place.workspace / ".envrc").read_text() == BEFORE
    place.leash("kill", "--all")
    _, told = session.communicate(timeout=20)
    assert b"PUT BACK: .envrc" in told


def test_a_yes_lets_it_be_and_makes_it_what_the_next_change_is_compared_with(place: World) -> None:
    again = AFTER + "export MORE=1\n"
    begin(place, CHANGE + f"open('.envrc', 'w').write({again!r})\ntick(60)")
    first = place.one_card()
    assert place.leash("approve", first["id"]).returncode == 0
    second = eventually(lambda: next((c for c in place.approvals() if c["id"] != first["id"]), None))
    assert "+export MORE=1" in second["diff"] and "+export EVIL=1" not in second["diff"]
    assert place.leash("deny", second["id"]).returncode == 0
    eventually(lambda: (place.workspace / ".envrc").read_text() == AFTER)


def test_a_change_in_the_last_moment_is_asked_about_before_the_session_ends(place: World) -> None:
    session = begin(place, f"open('.envrc', 'w').write({AFTER!r})\n")
    card = place.one_card()
    time.sleep(0.5)
    assert session.poll() is None
    assert place.leash("deny", card["id"]).returncode == 0
    assert session.wait(20) == 0
    assert (place.workspace / ".envrc").read_text() == BEFORE


def test_a_session_that_is_ended_answers_no(place: World) -> None:
    session = begin(place, CHANGE + "tick(60)")
    place.one_card()
    assert place.leash("kill", "--all").returncode == 0
    session.wait(20)
    assert (place.workspace / ".envrc").read_text() == BEFORE


def test_what_somebody_wrote_while_it_waited_is_not_overwritten_but_asked_about(place: World) -> None:
    begin(place, CHANGE + "tick(60)")
    first = place.one_card()
    mine = BEFORE + "export MINE=1\n"
    (place.workspace / ".envrc").write_text(mine)
    second = eventually(lambda: next((c for c in place.approvals() if c["id"] != first["id"]), None))
    assert "+export MINE=1" in second["diff"]
    assert place.leash("approve", first["id"]).returncode != 0, "what is no longer there cannot be approved"
    assert stands_still(place)
    assert (place.workspace / ".envrc").read_text() == mine
    assert place.leash("approve", second["id"]).returncode == 0
    eventually(lambda: not stands_still(place))
    assert (place.workspace / ".envrc").read_text() == mine


def test_a_file_that_is_put_back_by_hand_needs_no_answer(place: World) -> None:
    begin(place, CHANGE + "tick(60)")
    place.one_card()
    (place.workspace / ".envrc").write_text(BEFORE)
    eventually(lambda: place.approvals() == [])
    eventually(lambda: not stands_still(place))


def test_an_approved_command_is_not_asked_about_twice(place: World) -> None:
    """Its card named the file; what the agent adds itself afterwards is asked about."""
    own = "open('.envrc', 'a').write('export C=1\\n')\ntick(60)"
    begin(place, f"import subprocess\nsubprocess.run(['sh', '-c', 'echo export B=1 >> .envrc'])\ntick(2)\n{own}")
    card = place.one_card()
    assert place.leash("approve", card["id"]).returncode == 0
    eventually(lambda: "B=1" in (place.workspace / ".envrc").read_text())
    eventually(lambda: ticks(place) > 40)
    assert place.approvals() == [] and judged(place) == []
    second = place.one_card()
    assert "+export C=1" in second["diff"] and "B=1" not in second["diff"].replace(" export B=1", "")


def test_git_may_take_out_what_it_keeps_and_nothing_else(place: World) -> None:
    def git(*words: str) -> None:
        subprocess.run(["git", *words], cwd=place.workspace, env=place.env, check=True, capture_output=True)

    git("add", ".")
    git("commit", "-qm", "second")
    git("checkout", "-q", "-b", "other")
    (place.workspace / ".envrc").write_text(AFTER)
    git("commit", "-qam", "third")
    git("checkout", "-q", "main")
    done = run(place, "import subprocess\nsubprocess.run(['git', 'checkout', '-q', 'other'])\ntick(0.6)")
    assert done.returncode == 0 and "PUT BACK" not in done.stderr, done.stderr
    assert (place.workspace / ".envrc").read_text() == AFTER
    git("checkout", "-q", "main")
    text = "import subprocess\nsubprocess.run(['git', 'checkout', '-q', 'other'])\n"
    own = "open('.envrc', 'a').write('export MORE=1\\n')\ntick(0.6)\n"
    done = run(place, f"{text}{own}until('.envrc', {AFTER!r})")
    assert "PUT BACK: .envrc" in done.stderr
    assert (place.workspace / ".envrc").read_text() in (BEFORE, AFTER)


def watcher_of(world: World) -> int:
    found = subprocess.run(
        ["pgrep", "-f", f"leashtui.guards.watcher.*{world.workspace}"], capture_output=True, text=True
    )
    return int(found.stdout.split()[0])


def test_what_happened_while_events_were_lost_is_found_on_the_disk(place: World) -> None:
    """The watcher is held so that the kernel's queue runs over; only a look at the disk can find the change then."""
    most = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    text = (
        "until('go', '')\n"
        f"for n in range({most // 2 + 2000}):\n"
        "    with open(f'src/{n % 50}.txt', 'w') as file:\n        file.write(str(n))\n"
        f"open('.envrc', 'w').write({AFTER!r})\nopen('done', 'w').close()\nuntil('stop', '')\n"
    )
    session = place.start("run", "--headless", "--guard", "exec", "--", *agent(place, text))
    eventually(lambda: ticks(place) > 0)
    watcher = watcher_of(place)
    os.kill(watcher, signal.SIGSTOP)
    (place.workspace / "go").touch()
    eventually((place.workspace / "done").exists, 60)
    os.kill(watcher, signal.SIGCONT)
    eventually(lambda: any("faster than the kernel could say" in e["text"] for e in place.events("notice")), 60)
    eventually(lambda: (place.workspace / ".envrc").read_text() == BEFORE, 60)
    (place.workspace / "stop").touch()
    session.wait(60)
    assert [a["request"]["path"] for a in judged(place)] == [str(place.workspace / ".envrc")]


def test_a_person_s_brake_holds_after_the_answer_and_cannot_be_let_go_before(place: World) -> None:
    begin(place, CHANGE + "tick(60)")
    card = place.one_card()
    assert place.leash("resume").returncode != 0
    assert stands_still(place)
    assert place.leash("freeze").returncode == 0
    assert place.leash("approve", card["id"]).returncode == 0
    assert stands_still(place)
    assert place.leash("resume").returncode == 0
    eventually(lambda: not stands_still(place))


def test_a_lost_watcher_ends_the_session(place: World) -> None:
    session = begin(place, "tick(60)")
    eventually(lambda: ticks(place) > 0)
    pids = subprocess.run(
        ["pgrep", "-f", f"leashtui.guards.watcher.*{place.workspace}"], capture_output=True, text=True
    )
    os.kill(int(pids.stdout.split()[0]), signal.SIGKILL)
    session.wait(20)
    before = ticks(place)
    time.sleep(0.3)
    assert ticks(place) == before
    assert [e["guard"] for e in place.events("guard.lost")] == ["watcher"]


def test_a_dead_supervisor_leaves_nothing_that_stands_still(place: World) -> None:
    session = begin(place, CHANGE + "tick(60)")
    place.one_card()
    published = next(Path(place.env["LEASH_RUNTIME_DIR"]).rglob("session.json"))
    os.kill(int(json.loads(published.read_text())["pid"]), signal.SIGKILL)
    session.wait(20)
    script = str(place.root / "agent.py")
    eventually(lambda: not subprocess.run(["pgrep", "-f", script], capture_output=True, check=False).stdout)


def test_what_observes_only_stops_nobody(place: World) -> None:
    done = run(place, CHANGE, "--mode", "observe")
    assert done.returncode == 0, done.stderr
    assert (place.workspace / ".envrc").read_text() == AFTER
