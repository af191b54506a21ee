"""The main job end to end, headless, with the real program: what is approved happens, what is refused does not."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest
from conftest import World, eventually

AGENT = """
import subprocess, sys
for command in sys.argv[1:]:
    done = subprocess.run(command, shell=True, capture_output=True, text=True)
    print(done.returncode, done.stdout.strip(), done.stderr.strip(), flush=True)
"""


@pytest.fixture
def agent(world: World) -> Path:
    """A small agent: runs each argument as a shell command, as real agents do."""
    return world.script("agent.py", AGENT)


def run(world: World, agent: Path, *commands: str, options: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    return world.leash("run", "--headless", *options, "--", "python3", str(agent), *commands)


def test_harmless_acts_pass_in_silence_and_are_recorded(world: World, agent: Path) -> None:
    done = run(world, agent, "echo hi > out.txt", "ls src", "git status --short")
    assert done.returncode == 0, done.stderr
    assert (world.workspace / "out.txt").read_text() == "hi\n"
    assert "app.py" in done.stdout
    assert "REFUSED" not in done.stdout
    commands = [e["facts"]["command"] for e in world.events("act.decided")]
    assert any("git status" in c for c in commands)
    assert world.leash("audit", "verify").returncode == 0


def test_without_anybody_to_ask_a_risky_act_is_refused_in_words(world: World, agent: Path) -> None:
    (world.workspace / "notes").mkdir()
    (world.workspace / "notes" / "a.txt").write_text("mine")
    done = run(world, agent, "rm -rf notes", "echo still here")
    assert (world.workspace / "notes" / "a.txt").exists()
    assert "126" in done.stdout
    assert "leash: REFUSED" in done.stdout
    assert "builtin/" in done.stdout
    assert "0 still here" in done.stdout
    assert done.returncode == 0


@pytest.mark.parametrize("approve", [True, False], ids=["approved", "denied"])
def test_a_held_act_waits_for_a_person_in_another_terminal(world: World, agent: Path, approve: bool) -> None:
    notes = world.workspace / "notes"
    notes.mkdir()
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", "python3", str(agent), "rm -rf notes", "pwd")
    card = world.one_card()
    assert set(card) >= {"id", "session", "act", "since"}
    assert notes.exists()
    if approve:
        done = world.leash("approve", card["id"])
    else:
        done = world.leash("deny", card["id"], "--because", "keep my notes")
    assert done.returncode == 0, done.stderr
    out, err = leash.communicate(timeout=30)
    assert notes.exists() is not approve
    assert (b"keep my notes" in out) is not approve
    assert leash.returncode == 0
    answered = world.events("act.answered")
    assert [a["verdict"]["ruling"] for a in answered] == ["allow" if approve else "deny"]
    assert world.leash("approve", card["id"]).returncode != 0


def test_one_act_one_card(world: World, agent: Path) -> None:
    (world.workspace / "notes").mkdir()
    leash = world.start(
        "run", "--headless", "--on-ask", "wait", "--", "python3", str(agent), "cd notes && cd .. && rm -rf notes && pwd"
    )
    card = world.one_card()
    world.leash("approve", card["id"])
    out, _ = leash.communicate(timeout=30)
    assert not (world.workspace / "notes").exists()
    assert len(world.events("act.asked")) == 1
    assert out.startswith(b"0 ")


def test_an_ask_whose_program_is_killed_is_withdrawn_not_denied(world: World) -> None:
    agent = world.script(
        "impatient.py",
        "import subprocess\n"
        "try: subprocess.run(['rm', '-rf', 'src'], timeout=2)\n"
        "except subprocess.TimeoutExpired: print('gave up', flush=True)\n",
    )
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", "python3", str(agent))
    world.one_card()
    out, told = leash.communicate(timeout=30)
    assert b"gave up" in out
    assert b"1 asked, 0 refused, 1 withdrawn; log:" in told
    assert (world.workspace / "src").exists()
    assert [a["verdict"]["by"] for a in world.events("act.answered")] == ["withdrawn"]


@pytest.mark.parametrize(("script", "code"), [("exit 7", 7), ("kill -TERM $$", 143), ("true", 0)])
def test_the_exit_code_is_the_agents(world: World, script: str, code: int) -> None:
    assert world.leash("run", "--headless", "--", "sh", "-c", script).returncode == code


def test_first_program_refused_or_missing(world: World) -> None:
    refused = world.leash("run", "--headless", "--", "rm", "-rf", "src")
    assert refused.returncode == 126
    assert "leash: REFUSED" in refused.stderr
    assert (world.workspace / "src").exists()
    missing = world.leash("run", "--headless", "--", "no-such-agent-anywhere")
    assert missing.returncode == 127
    assert "no-such-agent-anywhere" in missing.stderr


def test_stdin_and_stdout_pass_through_headless(world: World) -> None:
    done = world.leash("run", "--headless", "--", "cat", stdin=None, input="über\n" * 1000)
    assert done.stdout == "über\n" * 1000


def test_freeze_resume_and_kill_from_another_terminal(world: World) -> None:
    ticks = world.root / "ticks"
    agent = world.script(
        "ticker.py", f"import time\nwhile True:\n    open({str(ticks)!r}, 'a').write('x'); time.sleep(0.05)\n"
    )
    leash = world.start("run", "--headless", "--", "python3", str(agent))
    eventually(lambda: ticks.exists() and ticks.stat().st_size > 2)
    assert world.leash("freeze").returncode == 0
    size = ticks.stat().st_size
    time.sleep(0.5)
    assert ticks.stat().st_size <= size + 1
    assert world.leash("resume").returncode == 0
    eventually(lambda: ticks.stat().st_size > size + 3)
    assert world.leash("kill").returncode == 0
    leash.wait(20)
    assert leash.returncode == 137
    assert [e["what"] for e in world.events("session.braked")] == ["freeze", "resume", "kill"]


def test_what_waits_when_a_session_is_killed_is_refused_and_the_summary_and_the_log_say_so(world: World) -> None:
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", "sh", "-c", "sleep 1; rm -rf src; sleep 60")
    world.one_card()
    assert world.leash("kill").returncode == 0
    _, told = leash.communicate(timeout=30)
    assert (world.workspace / "src").exists()
    assert b"1 asked, 1 refused; log:" in told
    assert "refused: the session ended" in world.leash("log").stdout


def test_nothing_of_the_agent_outlives_it(world: World) -> None:
    pidfile = world.root / "daemon.pid"
    agent = world.script(
        "daemon.py",
        "import os, time\n"
        "if os.fork(): os.wait(); time.sleep(0.3); raise SystemExit\n"
        "os.setsid()\n"
        "if os.fork(): os._exit(0)\n"
        f"open({str(pidfile)!r}, 'w').write(str(os.getpid()))\n"
        "time.sleep(600)\n",
    )
    assert world.leash("run", "--headless", "--", "python3", str(agent)).returncode == 0
    pid = int(pidfile.read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    (ended,) = world.events("session.ended")
    assert str(pid) in ended["leftovers"][0]


def test_the_third_spelling_is_refused_without_a_card(world: World, agent: Path) -> None:
    leash = world.start(
        "run", "--headless", "--on-ask", "wait", "--",
        "python3", str(agent), "rm -rf src", "rm -r -f ./src", "cd . && rm -fr -- src",
    )  # fmt: skip
    for number in (1, 2):
        card = eventually(lambda: next((c for c in world.approvals() if c["id"] == f"L-{number}"), None))  # noqa: B023
        world.leash("deny", card["id"])
    leash.communicate(timeout=30)
    assert (world.workspace / "src").exists()
    assert len(world.events("act.asked")) == 2
    assert world.events("act.decided")[-1]["verdict"]["by"] == "lock"


def test_a_tampered_log_is_named(world: World, agent: Path) -> None:
    run(world, agent, "ls", "pwd")
    (database,) = (world.root / "state" / "sessions").glob("*.db")
    assert world.leash("audit", "verify").returncode == 0
    with sqlite3.connect(database) as db:
        db.execute("DROP TRIGGER IF EXISTS no_update")
        db.execute("UPDATE event SET body = CAST(replace(CAST(body AS TEXT), 'allow', 'deny!') AS BLOB) WHERE seq = 3")
    done = world.leash("audit", "verify")
    assert done.returncode == 1
    assert "3" in done.stdout + done.stderr


def test_sigterm_to_leash_reaches_the_agent(world: World) -> None:
    agent = world.script("sleeper.py", "import time\nprint('up', flush=True)\ntime.sleep(600)\n")
    leash = world.start("run", "--headless", "--", "python3", str(agent))
    assert leash.stdout is not None
    assert leash.stdout.readline() == b"up\n"
    leash.send_signal(signal.SIGTERM)
    assert leash.wait(20) == 143


def _kernel() -> tuple[int, int]:
    major, minor = os.uname().release.split(".")[:2]
    return int(major), int("".join(c for c in minor if c.isdigit()))


@pytest.mark.skipif(_kernel() < (6, 15), reason="the kernel tells the exit code of other people's children since 6.15")
def test_how_an_approved_act_came_out_is_recorded(world: World, agent: Path) -> None:
    (world.workspace / "notes").mkdir()
    (world.workspace / "notes" / "a.txt").write_text("mine")
    leash = world.start(
        "run", "--headless", "--on-ask", "wait", "--", "python3", str(agent), "rm -rf notes; exit 3", "sleep 1"
    )
    card = world.one_card()
    assert world.leash("approve", card["id"]).returncode == 0
    assert leash.wait(60) == 0
    ended = {r["record"]["parent"]: r["record"]["event"] for r in world.records()
             if r["record"]["event"]["kind"] == "act.ended"}  # fmt: skip
    acts = {r["record"]["id"]: r["record"]["event"] for r in world.records()
            if r["record"]["event"]["kind"] == "act.decided"}  # fmt: skip
    came_out = {acts[act]["facts"]["command"]: event for act, event in ended.items()}
    (approved,) = [event for command, event in came_out.items() if "rm -rf notes" in command]
    assert approved["code"] == 3
    (slept,) = [event for command, event in came_out.items() if "sleep 1" in command]
    assert slept["code"] == 0
    assert slept["us"] >= 900_000
    assert slept["read"] > 0  # it was looked at while it ran


def test_what_a_person_let_start_is_not_asked_again_inside(world: World) -> None:
    """`leash run -- sh -c TEXT`: the text is the agent, and its effects were on the card."""
    for folder in ("notes", "other"):
        (world.workspace / folder).mkdir()
        (world.workspace / folder / "a.txt").write_text("mine")
    leash = world.start(
        "run", "--headless", "--on-ask", "wait", "--", "bash", "-c", "rm -rf notes; d=oth; rm -rf ${d}er; true"
    )
    card = world.one_card()
    assert world.leash("approve", card["id"]).returncode == 0
    assert leash.wait(60) == 0
    assert not (world.workspace / "notes").exists()
    assert len(world.events("act.asked")) == 1


def test_what_was_not_on_the_card_is_asked(world: World) -> None:
    for folder in ("notes", "other"):
        (world.workspace / folder).mkdir()
        (world.workspace / folder / "a.txt").write_text("mine")
    hidden = world.script("hidden.sh", "rm -rf notes other\n")
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", "bash", "-c", f"rm -rf notes; sh {hidden}; true")
    first = world.one_card()
    assert world.leash("approve", first["id"]).returncode == 0
    second = eventually(lambda: next((c for c in world.approvals() if c["id"] != first["id"]), None))
    assert world.leash("deny", second["id"]).returncode == 0
    assert leash.wait(60) == 0
    assert (world.workspace / "other" / "a.txt").exists()


@pytest.mark.parametrize("changed", [True, False], ids=["changed", "as shown"])
def test_a_script_that_changes_while_it_waits_is_not_what_was_approved(
    world: World, agent: Path, changed: bool
) -> None:
    for folder in ("notes", "other"):
        (world.workspace / folder).mkdir()
        (world.workspace / folder / "a.txt").write_text("mine")
    script = world.workspace / "tidy.sh"
    script.write_text("rm -rf notes\n")
    leash = world.start(
        "run", "--headless", "--on-ask", "wait", "--", "python3", str(agent), "git status; exec bash tidy.sh"
    )
    card = world.one_card()
    if changed:
        script.write_text("rm -rf other\n")
    world.leash("approve", card["id"])
    time.sleep(0.5)
    for extra in world.approvals():
        world.leash("deny", extra["id"])
    out, _ = leash.communicate(timeout=60)
    assert (world.workspace / "other").exists()
    assert (world.workspace / "notes").exists() is changed
    assert (b"changed while it waited" in out) is changed
