"""Commands from another terminal, doctor, the demo and bad places: one clear message each, and nothing by accident."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

ASKS = "import subprocess, sys\nfor c in sys.argv[1:]: print(subprocess.run(c, shell=True).returncode, flush=True)\n"


def asking(world: World, *commands: str, options: tuple[str, ...] = ()) -> None:
    agent = world.script("asking.py", ASKS)
    world.start("run", "--headless", "--on-ask", "wait", *options, "--", sys.executable, str(agent), *commands)


def test_status_and_approvals_name_what_waits(world: World) -> None:
    (world.workspace / "notes").mkdir()
    asking(world, "rm -rf notes")
    card = world.one_card()
    assert (card["id"], set(card) >= {"session", "act", "since"}) == ("L-1", True)
    (status,) = [json.loads(line) for line in world.leash("status", "--json").stdout.splitlines()]
    assert status["waiting"] == ["L-1"]
    assert status["session"] == card["session"]
    assert status["workspace"] == os.path.realpath(world.workspace)
    assert world.leash("approvals").stdout.startswith("L-1  ")
    assert "rm -rf notes" in world.leash("approvals").stdout
    assert world.leash("approvals", card["session"][-4:], "--json").stdout
    assert world.leash("approvals", "nosuch").returncode == 4


def test_approvals_name_each_effect_and_how_many_wait(world: World) -> None:
    """Who answers from another terminal sees what the panel shows: it said `and 1 more effect`, and not how often."""
    for name in ("one", "two"):
        (world.workspace / name).mkdir()
        (world.workspace / name / "mine").write_text("x")
    flood = "import subprocess\nfor p in [subprocess.Popen(['rm', '-rf', 'one', 'two']) for _ in range(3)]: p.wait()\n"
    world.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(world.script("flood.py", flood)))
    eventually(lambda: (found := world.approvals()) and found[0].get("count") == 3, 30)
    shown = world.leash("approvals").stdout.splitlines()
    assert shown[0].endswith("rm -rf one two  x3")
    assert shown[1] == "    removes one with everything in it, and 1 more effect"
    assert shown.count("    - removes two with everything in it") == 1, shown
    assert not any("removes one" in line for line in shown[2:]), shown
    assert world.leash("deny", "L-1").returncode == 0
    assert (world.workspace / "one" / "mine").exists()


def test_the_same_id_in_two_sessions_needs_a_session(world: World) -> None:
    for name in ("one", "two"):
        (world.workspace / name).mkdir()
        asking(world, f"rm -rf {name}")
    cards = eventually(lambda: (found := world.approvals()) and len(found) == 2 and found)
    ambiguous = world.leash("approve", "L-1")
    assert ambiguous.returncode == 2
    assert all(f"{card['session']}/L-1" in ambiguous.stderr for card in cards)
    first, second = cards
    assert world.leash("deny", f"{first['session']}/L-1").returncode == 0
    assert world.leash("approve", "L-1", "--session", second["session"]).returncode == 0
    kept, gone = ("one", "two") if "one" in first["command"] else ("two", "one")
    eventually(lambda: not (world.workspace / gone).exists())
    assert (world.workspace / kept).exists()


def test_an_answer_to_nothing_is_an_error(world: World) -> None:
    assert world.leash("approve", "L-1").returncode == 4
    agent = world.script("idle.py", "import time\ntime.sleep(600)\n")
    world.start("run", "--headless", "--", sys.executable, str(agent))
    eventually(lambda: world.leash("status", "--json").stdout)
    done = world.leash("approve", "L-7")
    assert done.returncode == 1
    assert "L-7 is not waiting" in done.stderr
    assert world.leash("freeze", "nosuch").returncode == 4
    assert world.leash("kill").returncode == 0


def test_a_forged_session_is_not_believed(world: World) -> None:
    """A session.json with somebody's own socket: the process behind it is not the supervisor it names."""
    name = f"leashtui-test-{os.getpid()}-{world.root.name}"
    with socket.socket(socket.AF_UNIX) as squatter:
        squatter.bind("\0" + name)
        squatter.listen()
        forged = world.root / "run" / "forged"
        forged.mkdir(mode=0o700)
        body = {"session": "forged", "pid": 1, "socket": name, "agent": "x"}
        (forged / "session.json").write_text(json.dumps(body))
        assert world.leash("status").stdout == "no session is running\n"


def test_a_runtime_directory_that_is_not_ours_is_refused(world: World) -> None:
    run = world.root / "run"
    if os.geteuid() == 0:
        os.chown(run, 12345, 12345)
    else:
        world.env["LEASH_RUNTIME_DIR"] = "/proc"
    for words in (["status"], ["run", "--headless", "--", "true"]):
        done = world.leash(*words)
        assert done.returncode in {5, 125}, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("leash: ")


@pytest.mark.parametrize("words", [["run", "--headless", "--", "true"], ["true"]])
def test_a_config_typo_starts_nothing(world: World, words: list[str]) -> None:
    config = world.root / "config"
    config.mkdir(mode=0o700)
    (config / "config.toml").write_text('gaurd = "exec"\n')
    done = world.leash(*words)
    assert done.returncode == 125
    assert f"{config}/config.toml:1" in done.stderr
    assert "'guard'" in done.stderr
    assert world.leash("config", "show").returncode == 2
    assert world.leash("config", "path").stdout == f"{config}/config.toml\n"
    doctor = world.leash("doctor", "--json")
    assert doctor.returncode == 1
    states = {check["name"]: check for check in map(json.loads, doctor.stdout.splitlines())}
    assert states["config"]["state"] == "bad"
    assert "'guard'" in states["config"]["fix"]


def test_home_as_workspace_is_refused(world: World) -> None:
    world.env["HOME"] = str(world.workspace)
    done = world.leash("run", "--headless", "--", "true")
    assert done.returncode == 125
    assert f"--workspace {os.path.realpath(world.workspace)}" in done.stderr
    assert world.leash("run", "--headless", "--workspace", ".", "--", "true").returncode == 0


@pytest.mark.skipif(probe().tier is Tier.STRICT, reason="this host gives everything")
def test_a_minimum_this_host_cannot_give_is_refused(world: World) -> None:
    done = world.leash("run", "--headless", "--guard", "strict", "--", "touch", "made")
    assert done.returncode == 125
    assert "strict" in done.stderr
    assert not (world.workspace / "made").exists()


def test_a_nested_leash_is_refused_unless_it_only_watches(world: World) -> None:
    inner = " ".join(world.argv("run", "--headless", "--", "touch", "inner"))
    done = world.leash("run", "--headless", "--", "sh", "-c", inner)
    assert done.returncode == 125, done.stderr
    assert "already inside leash session" in done.stderr
    assert not (world.workspace / "inner").exists()
    scrubbed = world.leash("run", "--headless", "--", "env", "-u", "LEASH_SESSION", "sh", "-c", inner)
    assert not (world.workspace / "inner").exists() or "watch" in scrubbed.stderr


def test_what_a_nested_leash_advises_is_no_act_that_is_refused(world: World) -> None:
    """One leash is enough, and the program by itself runs: `--guard watch` was advised, and refused as tampering."""
    inner = " ".join(world.argv("run", "--headless", "--", "touch", "inner"))
    done = world.leash("run", "--headless", "--", "sh", "-c", inner)
    assert "one leash is enough: run touch as it is" in done.stderr, done.stderr
    assert "--guard" not in done.stderr
    assert world.leash("run", "--headless", "--", "touch", "inner").returncode == 0
    demo = world.leash("run", "--headless", "--", *world.argv("demo", "--headless"))
    assert demo.returncode == 125
    assert "one leash is enough" in demo.stderr
    assert not world.events("act.asked"), "the demo began, and asked"
    unknown = world.leash("run", "--headless", "--", *world.argv("statsu"))
    assert "did you mean leash status?" in unknown.stderr


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host covers nothing")
@pytest.mark.parametrize("command", ["doctor", "status", "log"])
def test_a_command_that_only_looks_raises_no_alarm_in_a_session(world: World, command: str) -> None:
    """It says that this is inside a session, once; it made as if to make leash's own folders, which is an attack."""
    done = world.leash("run", "--headless", "--", *world.argv(command))
    assert "REFUSED" not in done.stderr, done.stderr
    assert not [event for event in world.events("notice") if event["level"] == "alarm"]
    if command == "doctor":
        assert "the kernel enforces nothing" not in done.stdout
        assert "one leash is enough" in done.stdout
        assert "--guard" not in done.stdout
    else:
        assert "this runs inside leash session" in done.stderr
        assert "in a terminal of their own" in done.stderr


def test_leash_compiles_nothing_of_its_own_inside_a_session(world: World) -> None:
    """A package manager that leaves that to the first start made of it an alarm for each module."""
    words = (sys.executable, "-c", "import leashtui, sys; print(sys.dont_write_bytecode)")
    assert world.leash("run", "--headless", "--", *words).stdout == "True\n"
    free = subprocess.run(words, env=world.env, capture_output=True, text=True, check=False)
    assert free.stdout == "False\n"


def test_doctor_says_each_check_and_the_tier(world: World) -> None:
    done = world.leash("doctor")
    for word in ("python", "guard tier", "runtime dir", "state dir", "config", "policies", "git", "not stopped:"):
        assert word in done.stdout, done.stdout
    found = [json.loads(line) for line in world.leash("doctor", "--json").stdout.splitlines()]
    assert all(check["fix"] for check in found if check["state"] == "bad")
    assert (done.returncode == 1) == any(check["state"] == "bad" for check in found)


def test_doctor_names_a_rival_earlier_on_path(world: World) -> None:
    (world.root / "bin").mkdir()
    rival = world.root / "bin" / "leash"
    rival.write_text("#!/bin/sh\n")
    rival.chmod(0o755)
    world.env["PATH"] = f"{rival.parent}:{world.env['PATH']}"
    assert f"{rival} is another program called leash" in world.leash("doctor").stdout


def test_the_demo_headless_refuses_the_four_risky_steps(world: World) -> None:
    done = world.leash("demo", "--headless", "--pace", "0")
    assert done.returncode == 0, done.stderr
    summary = done.stdout[done.stdout.rindex("What came of") :]
    assert summary.count("stopped") == 4, done.stdout
    assert "went through" not in summary
    assert "Take the discount once" in done.stdout
    assert done.stdout.count("leash: REFUSED") == 4
    session = re.search(r"leash log (\S+);", done.stderr)
    assert session, done.stderr
    assert world.leash("audit", "verify", session[1]).returncode == 0
    assert "force" in world.leash("log", session[1]).stdout
    root = re.search(r"/\S*leash-demo-\w+", done.stdout)
    assert root
    assert not Path(root[0]).exists()


def test_the_demo_goes_on_when_everything_is_approved(world: World) -> None:
    leash = world.start("demo", "--headless", "--on-ask", "wait", "--pace", "0")
    answered: set[str] = set()
    for _ in range(4):
        card = eventually(lambda: next((c for c in world.approvals() if c["id"] not in answered), None))
        answered.add(card["id"])
        assert world.leash("approve", card["id"]).returncode == 0
    out, err = leash.communicate(timeout=60)
    assert leash.returncode == 0, err
    summary = out.decode()[out.decode().rindex("What came of") :]
    assert summary.count("went through") == 4, out.decode()


def test_a_grant_is_listed_and_revoked(world: World) -> None:
    (world.workspace / "notes").mkdir()
    asking(world, "git push origin topic", "rm -rf notes")  # the second keeps the session waiting
    card = world.one_card()
    assert world.leash("approve", card["id"], "--for-session").returncode == 0
    eventually(lambda: [c["id"] for c in world.approvals()] == ["L-2"])
    (grant,) = [json.loads(line) for line in world.leash("grants", "--json").stdout.splitlines()]
    assert grant["session"] == card["session"] and grant["prefix"][:2] == ["git", "push"]
    assert "git push" in world.leash("grants", "--breadth").stdout
    assert world.leash("grants", "--revoke", "g9").returncode == 1
    assert world.leash("grants", "--revoke", grant["grant"]).returncode == 0
    assert world.leash("grants", "--json").stdout == ""
