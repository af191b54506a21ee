"""docs/verify.py, which shares no code with leash, agrees with leash, and with a ledger kept outside both."""

from __future__ import annotations

import json
import runpy
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
from conftest import World
from log_samples import allowed

VERIFIER = Path(__file__).parents[2] / "docs" / "verify.py"
ACTS = 120


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", str(VERIFIER), *args], capture_output=True, text=True, timeout=60)


def test_it_shares_no_code() -> None:
    assert "leashtui" not in VERIFIER.read_text()
    code = f"import runpy, sys; runpy.run_path({str(VERIFIER)!r}); assert not any('leash' in m for m in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_agrees_with_leash_and_with_an_outside_ledger(world: World) -> None:
    outside = world.root / "outside"
    script = world.script(
        "acts.sh",
        f"""#!/bin/sh
for n in $(seq {ACTS}); do /bin/echo act $n >/dev/null && echo "$n" >>{outside}; done
git push --force origin main && echo pushed >>{outside}
exit 0
""",
    )
    assert world.leash("run", "--headless", "--", str(script)).returncode == 0
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
    ledger = [json.loads(line) for line in run(str(log), "--ledger").stdout.splitlines()]
    echoes = [act for act in ledger if act["resource"].startswith("/bin/echo act ")]
    assert [act["resource"].split()[2] for act in echoes] == outside.read_text().split()
    for act in echoes:
        assert set(act) == {"initiator", "agent", "tool", "resource", "result", "policy", "approver", "layers"}
        assert (act["result"], act["approver"], act["layers"]) == ("allow", "", ["kernel"])
        assert act["tool"].endswith("/echo")
    (push,) = [act for act in ledger if act["resource"].startswith("git push")]
    assert push["result"] == "deny"
    assert push["policy"]


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
