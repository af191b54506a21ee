"""docs/verify.py, which shares no code with leash, agrees with leash, and with a ledger kept outside both."""

from __future__ import annotations

import json
import os
import pwd
import runpy
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
from conftest import World, eventually
from log_samples import allowed

VERIFIER = Path(__file__).parents[2] / "docs" / "verify.py"
ACTS = int(os.environ.get("LEASH_ACTS", "100"))
"""How many acts the outside ledger has."""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", str(VERIFIER), *args], capture_output=True, text=True, timeout=60)


def test_it_shares_no_code() -> None:
    assert "leashtui" not in VERIFIER.read_text()
    code = f"import runpy, sys; runpy.run_path({str(VERIFIER)!r}); assert not any('leash' in m for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


POLICIES = """
@id("echoes") permit (principal, action, resource) when { context.programs.contains("echo") };
@id("no-touching") @reason("nothing is touched here")
forbid (principal, action, resource) when { context.programs.contains("touch") };
@id("links-are-asked") @reason("a person looks at links") @outcome("ask")
forbid (principal, action, resource) when { context.programs.contains("ln") };
"""
AGENT = r"""
import json, os, random, shlex, shutil, subprocess, sys
chance, ledger = random.Random(int(sys.argv[2])), open(sys.argv[3], "w")
for n in range(int(sys.argv[1])):
    what = "ln" if n % 20 == 7 else chance.choice(["echo", "echo", "touch"])
    argv = {"echo": ["/bin/echo", "act", str(n), chance.choice(["plain", "two words", "$HOME", "über"])],
            "touch": ["touch", f"touched{n}"], "ln": ["ln", "-s", "/etc/hostname", f"link{n}"]}[what]
    code = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
    made = what == "echo" and code == 0 or os.path.lexists(argv[-1])
    tool = os.path.realpath(shutil.which(argv[0]))
    print(json.dumps([what, tool, shlex.join(argv), "allow" if made else "deny", code]), file=ledger, flush=True)
"""
OF = {"echo": ["user/echoes"], "touch": ["user/no-touching"], "ln": ["user/links-are-asked"]}


def test_it_agrees_with_leash_and_with_an_outside_ledger(world: World) -> None:
    """Eight fields of each act, as the driver knows them: who started what, what it saw happen, whom it had answer."""
    folder = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    folder.mkdir(parents=True)
    (folder / "driver.cedar").write_text(POLICIES)
    outside, agent = world.root / "outside", world.script("acts.py", AGENT)
    seed = str(time.time_ns() % 10**6)
    words = (sys.executable, str(agent), str(ACTS), seed, str(outside))
    session = world.start("run", "--headless", "--on-ask", "wait", "--", *words, stderr=subprocess.DEVNULL)
    answers: list[str] = []
    asked = len(range(7, ACTS, 20))
    for number in range(asked):
        card = world.one_card()
        verb = "approve" if number % 2 else "deny"
        assert world.leash(verb, card["id"]).returncode == 0
        answers.append("allow" if verb == "approve" else "deny")
        eventually(lambda gone=card["id"]: all(one["id"] != gone for one in world.approvals()))
    assert session.wait(60 + ACTS) == 0
    (log,) = Path(world.env["LEASH_STATE_DIR"]).glob("sessions/*.db")
    keys = world.root / "keys"
    keys.write_text("# of this machine\n" + world.leash("audit", "key").stdout)
    done = run(str(log), "--pub", str(keys))
    assert done.returncode == 0, done.stdout
    (proof,) = [
        value
        for value in map(json.loads, world.leash("audit", "verify", "--json").stdout.splitlines())
        if value["session"] == log.stem
    ]
    assert done.stdout == f"ok: {proof['records']} records, {proof['signed']} signed, leash/{proof['by']}/{log.stem}\n"
    me = pwd.getpwuid(os.getuid()).pw_name
    answered = iter(answers)
    expected = []
    for what, tool, resource, result, code in map(json.loads, outside.read_text().splitlines()):
        assert code == (126 if result == "deny" else 0), f"seed {seed}"
        if what == "ln":
            assert result == next(answered), f"seed {seed}: what was answered is what happened"
        fields = {"initiator": me, "agent": os.path.basename(sys.executable), "tool": tool, "resource": resource}
        fields |= {"result": result, "policy": OF[what], "approver": me if what == "ln" else "", "layers": ["kernel"]}
        expected.append(fields)
    assert len(expected) == ACTS
    found = [json.loads(line) for line in run(str(log), "--ledger").stdout.splitlines()]
    tools = {fields["tool"] for fields in expected}
    links = {str(world.workspace / link.name) for link in world.workspace.glob("link*")}
    made = [act for act in found if act["resource"] in links]  # tier strict sees what a program does, too
    assert {act["result"] for act in made} <= {"allow"}
    assert len(links) == answers.count("allow")
    ours = [act for act in found if act["tool"] in tools and act not in made]
    for act in ours:
        act["policy"] = [name for name in act["policy"] if name.startswith("user/")]
    assert ours == expected, f"seed {seed}"


def test_an_act_that_several_guards_saw_names_them_all() -> None:
    def act(name: str, layer: str, parent: str = "") -> dict[str, Any]:
        event = msgspec.to_builtins(allowed("git", "status"))
        event["request"]["layer"] = layer
        return {"id": name, "parent": parent, "event": event}

    start = {"id": "S", "event": {"kind": "session.started", "agent": "claude", "user": "ann"}}
    told = [start, act("A", "hook"), act("B", "kernel", "A"), act("C", "kernel")]
    lines = list(runpy.run_path(str(VERIFIER))["ledger"](told))
    assert [line["layers"] for line in lines] == [["hook", "kernel"], ["kernel"], ["kernel"]]


def test_it_finds_what_leash_finds(world: World) -> None:
    assert world.leash("run", "--headless", "--", "sh", "-c", "ls; ls; ls").returncode == 0
    (log,) = Path(world.env["LEASH_STATE_DIR"]).glob("sessions/*.db")
    whole = log.read_bytes()
    for statement, text in (
        ("UPDATE event SET body = replace(body, 'ls', 'lS') WHERE seq = 2", "record 2"),
        ("DELETE FROM event WHERE seq = 2", "record 2 is missing"),
        ("DELETE FROM event WHERE seq = (SELECT max(seq) FROM event)", "the session signed"),
        ("DELETE FROM checkpoint", "nothing after record 0 is signed"),
        ("UPDATE checkpoint SET note = replace(note, 'time 1', 'time 2')", "a signature of"),
        ("UPDATE event SET seq = seq + 100", "record 1 is missing"),
        ("INSERT INTO event VALUES (0, x'7b7d', zeroblob(32))", "record 1 is missing"),
        ("UPDATE event SET body = CAST(body AS TEXT) WHERE seq = 3", "record 3 has a wrong type"),
        ("UPDATE checkpoint SET note = CAST(note AS TEXT)", "a checkpoint has a wrong type"),
        ("DROP TABLE checkpoint", "its signatures were taken out"),
        ("UPDATE event SET body = body || x'0a' WHERE seq = 2", "record 2"),
    ):
        log.write_bytes(whole)
        connection = sqlite3.connect(log)
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute(statement.replace("replace(body, 'ls', 'lS')", "CAST(replace(body, 'ls', 'lS') AS BLOB)")
                           .replace("replace(note, 'time 1', 'time 2')",
                                    "CAST(replace(note, 'time 1', 'time 2') AS BLOB)"))  # fmt: skip
        connection.commit()
        connection.close()
        done = run(str(log))
        assert done.returncode == 1
        assert text in done.stdout
        assert world.leash("audit", "verify").returncode == 1
    log.write_bytes(whole)
    assert run(str(log)).returncode == 0
    stranger = world.root / "keys"
    stranger.write_text(subprocess.run(
        world.argv("audit", "key"), env=world.env | {"LEASH_STATE_DIR": str(world.root / "other")},
        capture_output=True, text=True, check=True, cwd=world.workspace,
    ).stdout)  # fmt: skip
    assert "its key is not among those given" in run(str(log), "--pub", str(stranger)).stdout
