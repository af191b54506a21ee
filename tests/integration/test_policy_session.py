"""Policies in a running session: who may start one, what is read from outside, taint, and sets replaced under load."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

USR = (
    '@id("usr") @reason("not /usr") forbid (principal, action, resource) when { context.prefixes.contains("ls /usr") };'
)
ETC = (
    '@id("etc") @reason("not /etc") forbid (principal, action, resource) when { context.prefixes.contains("ls /etc") };'
)


def write(world: World, text: str | bytes, name: str = "mine.cedar") -> Path:
    folder = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder / name


def decided(world: World, command: str) -> list[dict]:
    return [e for e in world.events("act.decided") if e["facts"]["command"] == command]


def start(world: World, *options: str) -> subprocess.Popen[bytes]:
    return world.start("run", "--headless", *options, "--", "bash", stdin=subprocess.PIPE)


def test_sets_replaced_under_load_lose_and_misjudge_nothing(world: World) -> None:
    write(world, USR)
    process, over = start(world), world.root / "over"
    process.stdin.write(f"until [ -e {over} ]; do ls /usr >/dev/null; ls /etc >/dev/null; done\n".encode())
    process.stdin.flush()
    eventually(lambda: decided(world, "ls /usr"))
    for text in (ETC, USR, ETC):
        write(world, text)
        done = world.leash("policy", "reload", "--yes")
        assert done.returncode == 0, done.stderr
        assert "new" in done.stdout and "gone" in done.stdout
        seen_so_far = len(decided(world, "ls /etc"))
        eventually(lambda seen=seen_so_far: len(decided(world, "ls /etc")) > seen + 1)
    over.touch()
    process.stdin.close()
    assert process.wait(90) == 126  # the last word, ls /etc, was refused
    records = world.records()
    events = [r.get("record", r)["event"] for r in records]
    force = next(e["bundle"] for e in events if e["kind"] == "session.started")
    denies = {force: "ls /usr"}
    seen: dict[str, set[str]] = {}
    for event in events:
        if event["kind"] == "policy.reloaded":
            assert event["was"] == force
            force = event["bundle"]
            denies[force] = "ls /etc" if event["added"] == ["user/etc"] else "ls /usr"
        command = event.get("facts", {}).get("command") if event["kind"] == "act.decided" else None
        if command in ("ls /usr", "ls /etc"):
            assert event["decision"]["bundle"] == force
            assert event["decision"]["outcome"] == ("deny" if denies[force] == command else "allow")
            seen.setdefault(force, set()).add(command)
    assert len(decided(world, "ls /usr")) == len(decided(world, "ls /etc")) > 6
    assert len(denies) == 2 and all(len(commands) == 2 for commands in seen.values())


@pytest.mark.parametrize(
    ("hostile", "what"),
    [
        (b"\0" * 64, "hidden character"),
        (b"x" * (10 << 20), "larger than the limit"),
        (
            b'@id("d") permit (principal, action, resource) when { ' + b"(" * 700 + b"true" + b")" * 700 + b" };",
            "nested",
        ),
        ('@id("b\u202e") permit (principal, action, resource);'.encode(), "hidden character"),
        (f"{USR}\n{USR}".encode(), "already used"),
        (b'@id("u") @lockd("true") forbid (principal, action, resource);', "did you mean @locked?"),
        (
            '@id("m") permit (principal, action, resource) when { context.command == "r\u043c" };'.encode(),
            "two scripts",
        ),
        (b"".join(b'@id("n%d") permit (principal, action, resource);' % n for n in range(4090)), "policies together"),
    ],
    ids=["nul", "large", "deep", "bidi", "twice", "annotation", "alike", "many"],
)
def test_a_hostile_file_changes_nothing_and_the_last_good_set_stays(world: World, hostile: bytes, what: str) -> None:
    write(world, USR)
    process = start(world)
    eventually(lambda: world.events("act.decided"))
    bad = write(world, hostile, "bad.cedar")
    done = world.leash("policy", "reload", "--yes")
    assert done.returncode != 0 and what in done.stderr and str(bad) in done.stderr
    assert "stays in force" in done.stderr
    process.stdin.write(b"ls /usr; ls /etc >/dev/null && echo fine\n")
    process.stdin.close()
    assert b"fine" in process.stdout.read()
    (usr,) = decided(world, "ls /usr")
    assert usr["decision"]["outcome"] == "deny"
    (event,) = world.events("policy.reloaded")
    assert event["problem"] and event["bundle"] == event["was"]


def test_starting_a_session_is_a_request_of_its_own(world: World) -> None:
    write(
        world,
        '@id("no-observe") @reason("Nobody only observes here.") forbid (principal, action == Action::"SessionStart", '
        'resource) when { context.posture == "observe" };\n'
        '@id("no-flag") @reason("Not with that flag.") forbid (principal in AgentKind::"true", '
        'action == Action::"SessionStart", resource in Dir::"' + str(world.root / "home") + '")'
        'when { context.flags.contains("--yolo") };',
    )
    assert world.leash("run", "--headless", "--", "true").returncode == 0
    refused = world.leash("run", "--headless", "--", "true", "--yolo=1")
    assert refused.returncode == 126 and "Not with that flag" in refused.stderr
    observed = world.leash("run", "--headless", "--mode", "observe", "--", "true")
    assert observed.returncode == 126 and "Nobody only observes" in observed.stderr
    assert [e["verdict"]["ruling"] for e in world.events("act.decided")] == ["deny"]  # nothing of the agent was judged


def test_a_start_that_is_asked_waits_and_a_person_lets_it_happen(world: World) -> None:
    write(world, '@id("ask") @outcome("ask") forbid (principal, action == Action::"SessionStart", resource);')
    mark = world.root / "ran"
    for answer, code, ran in (("deny", 126, False), ("approve", 0, True)):
        process = world.start("run", "--headless", "--on-ask", "wait", "--", "touch", str(mark))
        card = world.one_card()["id"]
        assert not mark.exists()
        assert world.leash(answer, card).returncode == 0
        assert process.wait(30) == code
        assert mark.exists() is ran


def test_an_agent_cannot_replace_the_policies_and_a_changed_ask_ends_its_grants(world: World) -> None:
    ask = (
        '@id("look") @outcome("ask") forbid (principal, action, resource) when { context.prefixes.contains("ls src") }'
    )
    write(world, f"{ask};")
    process = start(world, "--on-ask", "wait")
    process.stdin.write(b"ls src\n")
    process.stdin.flush()
    assert world.leash("approve", world.one_card()["id"], "--for-session").returncode == 0
    write(world, f"{ask} unless {{ context.network }};")
    inside = world.script("inside", f"#!/bin/sh\nexec {' '.join(world.argv('policy', 'reload', '--yes'))}\n")
    process.stdin.write(f"{inside}\n".encode())
    process.stdin.flush()
    eventually(lambda: [e for e in world.events("act.decided") if str(inside) in e["facts"]["command"]])
    process.stdin.write(b"echo over > done\n")
    process.stdin.flush()
    eventually(lambda: (world.workspace / "done").exists() or world.approvals())
    for card in world.approvals():
        world.leash("deny", card["id"])
    eventually(lambda: (world.workspace / "done").exists())
    assert not world.events("policy.reloaded")
    done = world.leash("policy", "reload", "--yes")
    assert done.returncode == 0, done.stderr
    assert world.events("policy.reloaded")[-1]["revoked"] == ["g1"]
    process.stdin.write(b"ls src\n")
    process.stdin.close()
    assert world.leash("deny", world.one_card()["id"]).returncode == 0
    process.wait(30)


def test_facts_from_outside_are_typed_recorded_and_deny_where_they_are_missing(world: World) -> None:
    state = world.root / "state-of-main"
    state.write_text("true\n")
    world.config(
        f'[facts.frozen]\nfile = "{state}"\nevery = 1\n'
        '[facts.slow]\ncommand = ["/bin/sleep", "9"]\ntimeout = 0.2\n'
        '[facts.wrong]\ncommand = ["/bin/echo", "seven"]\ntype = "number"\n'
        f'[facts.inside]\nfile = "{world.workspace}/src/app.py"\ntype = "string"\n'
    )
    write(
        world,
        '@id("frozen") forbid (principal, action, resource) when '
        '{ context.prefixes.contains("ls /usr") && context.outside.frozen };\n'
        '@id("slow") permit (principal, action, resource) when '
        '{ context.prefixes.contains("ls /etc") && context.outside.slow };',
    )
    process = start(world)
    process.stdin.write(b"ls /usr; ls /etc; ls / >/dev/null && echo fine\n")
    process.stdin.flush()
    eventually(lambda: decided(world, "ls /"))
    state.write_text("false\n")
    eventually(lambda: len(world.events("outside.read")) > 1)
    process.stdin.write(b"ls /usr >/dev/null && echo again\n")
    process.stdin.close()
    assert process.stdout.read() == b"fine\nagain\n"
    first = world.events("outside.read")[0]
    assert first["values"] == [["frozen", True]]
    assert {name: why.split(":")[0] for name, why in first["absent"]} == {
        "inside": f"{world.workspace}/src/app.py lies in the workspace, where the agent can write",
        "slow": "took longer than 0.2 s",
        "wrong": "is no number",
    }
    assert [e["decision"]["outcome"] for e in decided(world, "ls /usr")] == ["deny", "allow"]
    assert decided(world, "ls /etc")[0]["decision"]["errors"]


def test_after_foreign_text_what_goes_out_is_asked_again(world: World) -> None:
    write(world, '@id("topic") permit (principal, action, resource) when { context.verbs.contains("net_get") };')
    process = start(world)
    process.stdin.write(b"git push origin topic\ncurl -sm 1 http://192.0.2.1/\ngit push origin topic\nexit 0\n")
    process.stdin.close()
    process.wait(60)
    before, after = (
        [p["id"] for p in e["decision"]["policies"]]
        for e in world.events("act.decided")
        if e["facts"]["command"] == "git push origin topic"
    )
    assert "builtin/tainted-outward" not in before and "builtin/tainted-outward" in after
    assert world.events("session.tainted")[0]["source"] == "web"


def test_a_small_stack_of_the_shell_changes_no_decision(world: World) -> None:
    """The engine has a stack of its own: on the main thread's it would err here, and an error denies."""
    same = 'ip("::1").isIpv6()'  # not a test the index answers by itself
    deep = "(" * 20 + " && ".join([same] * 30) + ")" * 20
    write(
        world,
        f'@id("deep") permit (principal, action == Action::"ProcessExec", resource) when {{ {deep} }};\n'
        f'@id("usr") forbid (principal, action == Action::"ProcessExec", resource) when {{ {deep} }}'
        ' when { context.prefixes.contains("ls /usr") };',
    )
    line = 'ulimit -s 256; exec "$@"'
    words = ["sh", "-c", line, "sh", *world.argv("run", "--headless", "--", "bash")]
    said = "ls /usr\necho fine\n"
    done = subprocess.run(
        words, cwd=world.workspace, env=world.env, input=said, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "fine\n", done.stderr
    decisions = [e["decision"] for e in world.events("act.decided")]
    assert not any(one.get("errors") for one in decisions)
    assert any("user/deep" in [p["id"] for p in one["policies"]] for one in decisions)
    assert [p["id"] for p in decided(world, "ls /usr")[0]["decision"]["policies"]] == ["user/usr"]


HOOKED = """\
#!{python}
import json, os, subprocess, sys
hooks = json.load(open(sys.argv[sys.argv.index("--settings") + 1]))["hooks"]

def hook(event, **more):
    command = hooks[event][-1]["hooks"][0]["command"]
    said = json.dumps(dict(session_id="s", cwd=os.getcwd(), hook_event_name=event, **more)).encode()
    done = subprocess.run(["/bin/sh", "-c", command], input=said, capture_output=True)
    print(event, done.returncode, done.stderr.decode().partition("[")[2].partition("]")[0], flush=True)

hook("UserPromptSubmit", prompt="tidy up")
hook("UserPromptSubmit", prompt="deploy to production")
tools = dict(WebFetch=dict(url="https://example.com/"), WebSearch=dict(query="x"), Task=dict(prompt="y"))
for name, given in tools.items():
    hook("PreToolUse", tool_name=name, tool_use_id=name, tool_input=given)
"""


def test_prompts_tools_and_sub_agents_can_be_held_and_are_silent_otherwise(world: World) -> None:
    agent = world.root / "bin" / "claude"
    agent.parent.mkdir()
    agent.write_text(HOOKED.format(python=sys.executable))
    agent.chmod(0o755)
    world.env["PATH"] = f"{agent.parent}:{world.env['PATH']}"
    silent = world.leash("run", "--headless", "--guard", "exec", "--", "claude", "go").stdout
    assert silent.splitlines() == [
        *("UserPromptSubmit 0 ", "UserPromptSubmit 0 ", "PreToolUse 0 ", "PreToolUse 0 ", "PreToolUse 0 ")
    ]
    told = [e for e in world.events("act.decided") if e["request"]["action"] in ("PromptSend", "ToolUse")]
    assert len(told) == 4 and not world.events("act.asked")
    assert "WebFetch" in world.leash("log", "--json").stdout
    write(
        world,
        '@id("prod") forbid (principal, action == Action::"PromptSend", resource == Prompt::"person")'
        ' when { context.command like "*production*" };\n'
        '@id("web") forbid (principal, action == Action::"ToolUse", resource == AgentTool::"WebFetch")'
        ' when { context.hosts.contains("example.com") };\n'
        '@id("alone") @outcome("ask") forbid (principal, action == Action::"SubagentSpawn", resource);',
    )
    held = world.leash("run", "--headless", "--guard", "exec", "--", "claude", "go").stdout
    assert held.splitlines() == [
        *("UserPromptSubmit 0 ", "UserPromptSubmit 2 user/prod", "PreToolUse 2 user/web", "PreToolUse 0 "),
        "PreToolUse 2 user/alone",
    ]


def machine(world: World) -> list[dict]:
    """The events of the machine's chain."""
    with sqlite3.connect(Path(world.env["LEASH_STATE_DIR"]) / "machine.db") as chain:
        return [json.loads(body)["event"] for (body,) in chain.execute("SELECT body FROM event ORDER BY seq")]


def test_a_running_session_changes_its_mode_and_both_logs_say_so(world: World) -> None:
    write(
        world,
        ETC.replace('@id("etc")', '@id("etc") @outcome("ask")') + "\n"
        '@id("learning") @reason("Nobody only observes here.") forbid (principal, action == Action::"SessionStart", '
        'resource) when { context.posture == "observe" };',
    )
    process = start(world, "--on-ask", "wait")
    process.stdin.write(b"ls /etc >/dev/null && echo approved\n")
    process.stdin.flush()
    world.one_card()
    assert "in mode guard already" in world.leash("mode", "guard").stderr
    locked = world.leash("mode", "lockdown")
    assert (locked.returncode, locked.stdout.split(": ")[1]) == (0, "mode lockdown\n")
    assert eventually(lambda: world.events("act.answered"))[0]["verdict"]["ruling"] == "deny"  # what waited
    process.stdin.write(b"ls /etc >/dev/null || echo refused\n")
    process.stdin.flush()
    eventually(lambda: len(decided(world, "ls /etc")) == 2)
    looser = world.leash("mode", "observe")
    assert looser.returncode == 1 and "Nobody only observes here. [user/learning]" in looser.stderr
    assert world.leash("mode", "guard").returncode == 0
    process.stdin.write(b"ls /etc >/dev/null && echo approved\n")
    process.stdin.close()
    assert world.leash("approve", world.one_card()["id"]).returncode == 0
    assert process.stdout.read() == b"refused\napproved\n"
    shifts = [("lockdown", "guard"), ("guard", "lockdown")]
    assert [(e["mode"], e["was"]) for e in world.events("session.mode")] == shifts
    assert [(e["mode"], e["was"]) for e in machine(world) if e["kind"] == "session.mode"] == shifts
    lowered = [e for e in machine(world) if e["kind"] == "session.lowered"]
    assert bool(lowered) == (probe().tier is not Tier.STRICT)
    assert world.leash("audit", "verify").returncode == 0


def test_an_agent_cannot_change_the_mode_of_its_session(world: World) -> None:
    assert "DENY" in world.leash("explain", "--", "leash mode observe").stdout


@pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")
def test_a_rehearsal_says_where_a_session_would_answer_otherwise(world: World) -> None:
    def said(command: str) -> tuple[str, str]:
        found = json.loads(world.leash("explain", "--json", "--", command).stdout)
        return found["verdict"], found["session"]["verdict"]

    assert said("python3 -m http.server") == ("ask", "allow")
    assert said("python3 -m http.server -b 0.0.0.0") == ("ask", "ask")
    assert said("ls") == ("allow", "allow")
    line = "in a session here, tier strict"
    assert line in world.leash("explain", "--", "python3 -m http.server").stdout
    assert line not in world.leash("explain", "--", "ls").stdout
    world.config('guard = "exec"\n')
    assert line not in world.leash("explain", "--", "python3 -m http.server").stdout
    ask = "import sys; from leashtui.faces.cli.main import main; sys.exit(main(['mode', sys.argv[1]]))"
    script = world.script("inside", f"#!{sys.executable}\n{ask}\n")
    for mode in ("observe", "lockdown"):
        done = world.leash("run", "--headless", "--guard", "exec", "--", str(script), mode)
        assert done.returncode != 0 and not world.events("session.mode"), done.stderr
    outside = start(world)
    eventually(lambda: world.leash("status").stdout.count("bash"))
    done = subprocess.run([script, "lockdown"], env=world.env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0 and world.events("session.mode"), done.stderr
    outside.stdin.close()


def test_in_tier_watch_tightening_needs_no_code_and_loosening_does(world: World) -> None:
    process = world.start("run", "--headless", "--guard", "watch", "--", "sleep", "30")
    eventually(lambda: world.leash("status").stdout.count("sleep"))
    assert world.leash("mode", "lockdown").returncode == 0
    looser = world.leash("mode", "guard")
    assert looser.returncode != 0 and "code" in looser.stderr
    assert [e["mode"] for e in world.events("session.mode")] == ["lockdown"]
    assert world.leash("kill").returncode == 0
    process.wait(20)


POORER = """
import ctypes, os, struct, sys
program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in (
    (0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7FFF0000))))  # 444: Landlock
class Filter(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("program", ctypes.c_void_p)]
libc = ctypes.CDLL(None)
assert libc.prctl(38, 1, 0, 0, 0) == 0
assert libc.prctl(22, 2, ctypes.byref(Filter(4, ctypes.addressof(program)))) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""


def test_a_host_that_gives_less_than_usual_is_recorded_in_both_logs(world: World) -> None:
    words = world.argv("run", "--headless", "--", "bash", "-c", "echo fine")
    done = subprocess.run(
        [sys.executable, "-c", POORER, *words], cwd=world.workspace, env=world.env, capture_output=True, timeout=60
    )
    assert done.stdout == b"fine\n", done.stderr
    started = world.events("session.started")[0]
    assert started["tier"] in ("compat", "watch")
    for lowered in (world.events("session.lowered"), [e for e in machine(world) if e["kind"] == "session.lowered"]):
        assert [(e["tier"], e["usual"]) for e in lowered] == [(started["tier"], "strict")]
        assert lowered[0]["session"] and lowered[0]["lost"]
    assert f"guard {started['tier']} where strict is usual" in world.leash("log").stdout
    asked = world.leash("run", "--headless", "--guard", started["tier"], "--", "bash", "-c", "true")
    assert asked.returncode == 0 and not world.events("session.lowered")  # what was asked for is no surprise
