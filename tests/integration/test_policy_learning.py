"""From what happened to policies: suggestions, grants that outlive a session, learned policies, explained acts."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from conftest import World, eventually

PUSH = "git push origin topic"


def session(world: World, *options: str, commands: str) -> subprocess.Popen[bytes]:
    process = world.start("run", "--headless", *options, "--", "bash", stdin=subprocess.PIPE)
    process.stdin.write(commands.encode())
    process.stdin.close()
    return process


def approve(world: World, times: int) -> None:
    for _ in range(times):
        card = world.one_card()["id"]
        assert world.leash("approve", card).returncode == 0
        eventually(lambda card=card: all(c["id"] != card for c in world.approvals()))


def pushes(world: World) -> list[dict]:
    return [e for e in world.events("act.decided") if e["facts"]["command"] == PUSH]


def test_a_habit_becomes_a_grant_of_the_repository_and_ends(world: World) -> None:
    process = session(world, "--on-ask", "wait", commands=f"{PUSH}\n{PUSH}\n{PUSH}\nexit 0\n")
    approve(world, 3)
    assert process.wait(30) == 0
    shown = world.leash("policy", "suggest", "--json")
    (row,) = [json.loads(line) for line in shown.stdout.splitlines()]
    assert (row["approvals"], row["released"], row["denied"], row["examples"]) == (3, 3, 0, [PUSH])
    assert 'grants("builtin/git-push")' in row["grant"] and 'AgentKind::"bash"' in row["grant"]

    session(world, commands=f"{PUSH}\nexit 0\n").wait(30)
    assert [e["verdict"]["by"] for e in pushes(world)] == ["nobody"]  # a suggestion alone grants nothing
    kept = world.leash("policy", "suggest", "--keep", "1", "--for", "2d")
    assert kept.returncode == 0 and "r1 holds in" in kept.stdout, kept.stderr
    other = "git push origin topic2"
    session(world, commands=f"{PUSH}\n{other}\nexit 0\n").wait(30)
    assert [e["verdict"]["by"] for e in pushes(world)] == ["grant"]
    assert [e["verdict"]["by"] for e in world.events("act.decided") if e["facts"]["command"] == other] == ["nobody"]
    listed = world.leash("grants", "--breadth").stdout
    assert "r1" in listed and "releases builtin/git-push" in listed and "breadth 2" in listed

    assert world.leash("grants", "--revoke", "r1").returncode == 0
    session(world, commands=f"{PUSH}\nexit 0\n").wait(30)
    assert [e["verdict"]["by"] for e in pushes(world)] == ["nobody"]


def test_a_kept_grant_is_for_its_workspace_and_kind_and_nobody_keeps_one_inside(world: World) -> None:
    process = session(world, "--on-ask", "wait", commands=f"{PUSH}\nexit 0\n")
    card = world.one_card()["id"]
    assert world.leash("approve", card, "--for-session").returncode == 0
    assert process.wait(30) == 0
    given = eventually(lambda: world.leash("log", "--sessions").stdout)
    name = re.findall(r"\d{8}-\d{6}-\w{4}", given)[0]
    inside = world.script(
        "keep", f"#!/bin/sh\nexec {' '.join(world.argv('grants', '--session', name, '--keep', 'g1'))}\n"
    )
    world.leash("run", "--headless", "--", str(inside))
    assert "r1" not in world.leash("grants").stdout
    done = world.leash("grants", "--session", name, "--keep", "g1", "--for", "1h")
    assert done.returncode == 0 and "r1 holds in" in done.stdout, done.stderr
    other = world.start("run", "--headless", "--", "sh", stdin=subprocess.PIPE)
    other.stdin.write(f"{PUSH}\n".encode())
    other.stdin.close()
    other.wait(30)
    assert [e["verdict"]["by"] for e in pushes(world)] == ["nobody"]  # another kind of agent


def test_a_policy_is_learned_from_what_was_observed(world: World) -> None:
    hostile = 'ls "a\\");permit(principal,action,resource);//"'
    commands = f"ls src\ncat src/app.py\n{hostile}\n{PUSH}\nexit 0\n"
    assert session(world, "--mode", "observe", commands=commands).wait(30) == 0
    learned = world.leash("learn")
    assert learned.returncode == 0, learned.stderr
    assert f"still ask x1: {PUSH}" in learned.stdout and "builtin/git-push" in learned.stdout
    file = Path(world.env["LEASH_CONFIG_DIR"]) / "policies" / "learned.cedar"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(learned.stdout)
    assert world.leash("policy", "check").returncode == 0
    assert "permit" not in re.sub(r"//.*|@reason\(.*\)", "", learned.stdout)  # nothing was unjudged, so nothing widens
    session(world, commands="ls src\ncat src/app.py\nwc -l src/app.py\nmkdir new\nexit 0\n").wait(30)
    outcomes = {e["facts"]["command"]: e["decision"] for e in world.events("act.decided")}
    assert outcomes["ls src"]["outcome"] == outcomes["cat src/app.py"]["outcome"] == "allow"
    by = {name: [p["id"] for p in outcomes[name]["policies"]] for name in ("wc -l src/app.py", "mkdir new")}
    assert by["wc -l src/app.py"] == ["user/learned-bash-other-programs"]
    assert "user/learned-bash-other-verbs" in by["mkdir new"]


def test_nothing_is_learned_from_what_was_refused(world: World) -> None:
    session(world, commands=f"ls src\n{PUSH}\nrm -rf src\nexit 0\n").wait(30)
    refused = world.leash("learn")
    assert refused.returncode == 0, refused.stderr
    policies = re.sub(r"//.*", "", refused.stdout)
    assert '"ls"' in policies and '"git"' not in policies and "remote_change" not in policies
    assert f"still ask x1: {PUSH}" in refused.stdout
    session(world, "--mode", "observe", commands=f"ls src\n{PUSH}\nexit 0\n").wait(30)
    assert "remote_change" in re.sub(r"//.*", "", world.leash("learn").stdout)


def test_an_act_is_explained_condition_by_condition(world: World) -> None:
    session(world, commands=f"{PUSH}\nls\nexit 0\n").wait(30)
    numbers = {
        json.loads(line)["record"]["event"].get("facts", {}).get("command"): json.loads(line)["seq"]
        for line in world.leash("log", "--json").stdout.splitlines()
    }
    done = world.leash("policy", "explain", str(numbers[PUSH]))
    assert done.returncode == 0, done.stderr
    matched, _, near = done.stdout.partition("one condition away")
    assert "decided: ask" in matched and "builtin/git-push: ask" in matched
    assert 'yes  context.verbs.contains("remote_change")' in matched
    assert "builtin/remote-change" in near and "NO   context.remotes.isEmpty()" in near
    rows = [
        json.loads(line) for line in world.leash("policy", "explain", "--json", str(numbers["ls"])).stdout.splitlines()
    ]
    assert [r["id"] for r in rows if r["matches"]] == ["builtin/allow-ordinary"]
    assert all(r["matches"] is all(held for _, held in r["conditions"]) for r in rows)
    assert world.leash("policy", "explain", "99999").returncode != 0


def test_obligations_keep_what_would_be_lost_and_words_out_of_the_log(world: World) -> None:
    folder = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    folder.mkdir(parents=True)
    (folder / "duty.cedar").write_text(
        '@id("keep") @outcome("oblige") @oblige("snapshot,record:full") forbid (principal, action, resource)'
        ' when { context.changes.contains("notes") };\n'
        '@id("quiet") @outcome("oblige") @oblige("mask:arguments") forbid (principal, action, resource)'
        ' when { context.programs.contains("wc") };\n'
        '@id("notes") permit (principal, action, resource) when { context.changes.contains("notes") };\n'
    )
    notes = world.workspace / "notes"
    (notes / "deep").mkdir(parents=True)
    (notes / "deep" / "a.txt").write_text("precious\n")
    (notes / "big").write_bytes(b"")
    subprocess.run(["git", "add", "."], cwd=world.workspace, env=world.env, check=True)
    subprocess.run(["git", "commit", "-qm", "notes"], cwd=world.workspace, env=world.env, check=True)
    command = "rm -r notes\nwc -l src/app.py my-private-word\nexit 0\n"
    process = session(world, "--guard", "exec", "--on-ask", "wait", commands=command)
    approve(world, 1)
    assert process.wait(30) == 0
    assert not notes.exists(), world.events("act.decided")[-2:]
    assert "my-private-word" not in world.leash("log", "--json").stdout
    (quiet,) = [e for e in world.events("act.decided") if e["facts"]["command"].startswith("wc ")]
    assert quiet["verdict"]["ruling"] == "allow" and quiet["request"]["argv"] == ["wc", "[masked by policy]"]
    assert world.leash("undo").returncode == 0
    assert (notes / "deep" / "a.txt").read_text() == "precious\n"
    with (notes / "big").open("wb") as file:
        file.truncate(300 << 20)
    process = session(world, "--guard", "exec", "--on-ask", "wait", commands="rm -r notes\nexit 0\n")
    approve(world, 1)
    process.wait(30)
    assert notes.exists()
    assert "wants it kept first" in world.events("act.answered")[0]["verdict"]["feedback"]
