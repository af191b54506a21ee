"""An agent with hooks in tier strict: its hook is heard behind the covers, and an edit approved there is one act.

The agent is a script by the name of a known one, so that it is armed as that one is; it reads its settings and runs its
hooks by the shell, as the real one does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import World, eventually

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict")

AGENT = """\
#!{python}
import json, os, subprocess, sys
settings = sys.argv[sys.argv.index("--settings") + 1]
hooks = json.load(open(settings))["hooks"]
home, session = os.environ["HOME"], os.path.dirname(os.path.dirname(settings))

def hook(event, **more):
    question = dict(session_id="s", cwd=os.getcwd(), hook_event_name=event, **more)
    command = hooks[event][-1]["hooks"][0]["command"]
    return subprocess.run(["/bin/sh", "-c", command], input=json.dumps(question).encode(), capture_output=True)

def read(event, call, path):
    return hook(event, tool_name="Read", tool_use_id=call, tool_input=dict(file_path=path))

def show(path):
    print(open(path).read())

def edit(event, call, path, text):
    return hook(event, tool_name="Write", tool_use_id=call, tool_input=dict(file_path=path, content=text))

def write(path, text):
    made = path + ".tmp.7.ab12"
    with open(made, "w") as file:
        file.write(text)
    os.rename(made, path)

def attempt(work, *args):
    try:
        work(*args)
    except OSError as error:
        return error.strerror
    return "done"

"""


def _run(world: World, body: str, *answers: str, guard: str = "strict") -> str:
    """What the agent printed. answers: to the cards in their order; without any, nobody can be asked."""
    bin_dir = world.root / "bin"
    bin_dir.mkdir()
    agent = bin_dir / "claude"
    agent.write_text(AGENT.format(python=sys.executable) + body)
    agent.chmod(0o755)
    world.env["PATH"] = f"{bin_dir}:{world.env['PATH']}"
    on_ask = "wait" if answers else "deny"
    leash = world.start("run", "--headless", "--guard", guard, "--on-ask", on_ask, "--", "claude", "go")
    for nth, answer in enumerate(answers, 1):
        eventually(lambda name=f"L-{nth}": [card for card in world.approvals() if card["id"] == name])
        assert world.leash(answer, f"L-{nth}").returncode == 0
    out, err = leash.communicate(timeout=60)
    left = [place for place in Path(world.env["LEASH_RUNTIME_DIR"]).iterdir() if place.is_dir()]
    assert not left, left
    return (out + err).decode()


def test_the_hook_is_heard_and_its_refusal_reaches_the_agent(world: World) -> None:
    out = _run(
        world,
        'done = edit("PreToolUse", "t1", home + "/.bashrc", "evil")\nprint(done.returncode, done.stderr.decode())',
    )
    assert "REFUSED" in out
    (asked,) = [e for e in world.events("act.decided") if e["request"]["layer"] == "hook"]
    assert asked["request"]["path"] == f"{world.env['HOME']}/.bashrc"
    assert not [e for e in world.events("act.decided") if e["verdict"]["ruling"] == "deny" and e is not asked][1:]


def test_an_edit_approved_in_the_hook_is_made_without_a_second_card_and_once(world: World) -> None:
    out = _run(
        world,
        'rc = home + "/.bashrc"\n'
        'print("hook", edit("PreToolUse", "t1", rc, "mine").returncode)\n'
        'print("first", attempt(write, rc, "mine"))\n'
        'edit("PostToolUse", "t1", rc, "mine")\n'
        'print("second", attempt(write, rc, "evil"))\n',
        "approve",
        "deny",
    )
    assert "hook 0" in out
    assert "first done" in out, out
    assert "second Permission denied" in out, out
    assert Path(world.env["HOME"], ".bashrc").read_text() == "mine"


def test_an_edit_that_its_hook_never_asked_about_is_asked_by_the_kernel(world: World) -> None:
    out = _run(world, 'print("edit", attempt(write, home + "/.bashrc", "evil"))')
    assert "edit Permission denied" in out


def test_an_edit_that_was_refused_in_the_hook_is_not_made(world: World) -> None:
    out = _run(
        world,
        'rc = home + "/.bashrc"\nprint("hook", edit("PreToolUse", "t1", rc, "evil").stdout.decode())\n'
        'print("edit", attempt(write, rc, "evil"))',
    )
    assert "edit Permission denied" in out


def test_behind_the_covers_there_is_the_hook_and_nothing_else(world: World) -> None:
    if not probe().covers:
        pytest.skip("this host gives no covers")
    out = _run(
        world,
        "import shutil\n"
        "hook_dir = os.path.dirname(settings)\n"
        'seen = [n for n in ("session.json", "veil", "../watch") if os.path.exists(session + "/" + n)]\n'
        'print("seen", seen, os.path.exists(hook_dir + "/ask.sock"))\n'
        "for path in (session, os.path.dirname(session)):\n"
        '    names = attempt(lambda: print("names", sorted(os.listdir(path))))\n'
        'for deed in (lambda: open(settings, "w"), lambda: os.unlink(hook_dir + "/ask.sock"),\n'
        '             lambda: os.rename(hook_dir, hook_dir + "2"), lambda: os.mkdir(session + "/x"),\n'
        '             lambda: open(hook_dir + "/hook", "a"), lambda: os.chmod(hook_dir, 0o777)):\n'
        '    print("deed", attempt(deed))\n',
    )
    assert "seen [] True" in out
    assert "deed done" not in out
    assert out.count("deed ") == 6
    named = [line for line in out.splitlines() if line.startswith("names")]
    assert all(json.loads(line[6:].replace("'", '"')) in (["hook"], [_session(world)]) for line in named), named


def test_a_known_agent_reaches_its_model_and_its_children_do_not(world: World) -> None:
    dial = world.workspace / "dial.py"
    dial.write_text(
        "import socket, sys\nline = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "line.connect(('192.0.2.7', 443))\nprint(sys.argv[-1], 'connected', flush=True)\n"
    )
    out = _run(
        world,
        'exec(open("dial.py").read().replace("sys.argv[-1]", repr("agent")))\n'
        'subprocess.run([sys.executable, "dial.py", "child"])\n',
    )
    assert "agent connected" in out
    assert "child connected" not in out
    (mine, _) = [e for e in world.events("act.decided") if e["request"]["action"] == "NetworkConnect"]
    assert mine["verdict"]["by"] == "covered"


def _session(world: World) -> str:
    return world.records()[0].get("record", world.records()[0])["session"]


def test_a_hook_that_cannot_ask_says_so_and_nothing_else(world: World) -> None:
    """What it cannot leave for the machine's log in here is no sentence to the model."""
    body = 'done = edit("PreToolUse", "c1", "a.txt", "x" * (17 << 20))\nprint(done.returncode, done.stderr.decode())\n'
    said = _run(world, body)
    assert "2 leash: REFUSED: this could not be judged (this tool call is larger" in said
    assert "leash's own files" not in said
    notices = [(n["level"], n["text"]) for n in world.events("notice")]
    assert not [text for level, text in notices if level == "alarm"], notices
    assert any(text.endswith("a hook, got no answer") for _, text in notices)


@pytest.mark.parametrize("guard", ["strict", "compat"])
def test_what_its_own_tool_may_read_is_open_for_that_call(world: World, guard: str) -> None:
    """A key, and a place that a policy closes: the hook's answer would be worth nothing if it stayed closed."""
    letters = world.root / "letters"
    letters.mkdir()
    (letters / "one").write_text("dear")
    key = Path(world.env["HOME"], ".ssh", "config")
    key.parent.mkdir(mode=0o700, exist_ok=True)
    key.write_text("Host mine")
    place = Path(world.env["LEASH_CONFIG_DIR"]) / "policies"
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    (place / "mine.cedar").write_text(
        '@id("letters") @reason("Those are private.") @severity("high") @outcome("ask")\n'
        f'forbid (principal, action == Action::"FileOpenReadOnly", resource in Dir::"{letters}");\n'
    )
    out = _run(
        world,
        f'for call, path in (("t1", "{letters}/one"), ("t2", home + "/.ssh/config")):\n'
        '    print("before", attempt(show, path))\n'
        '    print("hook", read("PreToolUse", call, path).returncode)\n'
        '    print("then", attempt(show, path))\n'
        '    read("PostToolUse", call, path)\n'
        '    print("after", attempt(show, path))\n'
        '    print("refused", "REFUSED" in read("PreToolUse", call + "no", path).stderr.decode())\n'
        '    print("still", attempt(show, path))\n',
        "approve",
        "deny",
        "approve",
        "deny",
        guard=guard,
    )
    assert out.count("before Permission denied") == out.count("after Permission denied") == 2, out
    assert out.count("hook 0") == out.count("then done") == out.count("refused True") == 2, out
    assert out.count("still Permission denied") == 2, out
    assert out.count("dear") == out.count("Host mine") == 1, out
    said = [event["text"] for event in world.events("notice")]
    assert "~/.ssh is open" in said and "~/.ssh is closed again" in said, said


@pytest.mark.parametrize("guard", ["strict", "compat"])
def test_what_its_own_tool_may_change_is_open_for_that_call(world: World, guard: str) -> None:
    key = Path(world.env["HOME"], ".aws", "config")
    key.parent.mkdir(mode=0o700, exist_ok=True)
    key.write_text("mine")
    out = _run(
        world,
        'rc = home + "/.aws/config"\n'
        'print("before", attempt(write, rc, "evil"))\n'
        'print("hook", edit("PreToolUse", "t1", rc, "meant").returncode)\n'
        'print("then", attempt(write, rc, "meant"))\n'
        'edit("PostToolUse", "t1", rc, "meant")\n'
        'print("after", attempt(write, rc, "evil"))\n',
        "approve",
        guard=guard,
    )
    assert out.splitlines()[:4] == ["before Permission denied", "hook 0", "then done", "after Permission denied"], out
    assert key.read_text() == "meant"
