"""An agent that wants its own card answered, in every way it could think of; the card must still wait afterwards.

Each attack runs inside a real session beside a held act. Controls: the same answer from outside counts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import World, eventually

AGENT = """
import json, os, subprocess, sys, time
held = subprocess.Popen(["rm", "-rf", "src"])
time.sleep(1.0)
run = dict(json.load(open(sys.argv[1])))
while not os.path.exists(sys.argv[1] + ".told"): time.sleep(0.05)
info = json.load(open(sys.argv[1] + ".told"))
attack = run["attack"]
values = {"session": info["session"], "socket": info["socket"], "pid": info["pid"]}
values |= {"leash": run["leash"], "run": run["runtime"]}
for name, value in values.items():
    attack = attack.replace(f"@{name}@", str(value))
place = os.path.abspath("attack.sh")  # in the workspace: what lies in a temporary folder would be asked about
open(place, "w").write(attack)
words = [sys.executable if run["python"] else "/bin/bash", place]
tried = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
try:
    out, err = tried.communicate(timeout=8)
except subprocess.TimeoutExpired:  # it is asked about itself: what it would do was read
    tried.kill()
    out, err = tried.communicate()
print(json.dumps([tried.returncode, out[-300:], err[-300:]]), flush=True)
time.sleep(0.5)
print("held" if held.poll() is None else f"ended {held.returncode}", flush=True)
held.kill(); held.wait()
"""
ANSWER = r"""
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("\0" + "@socket@")
s.sendall(b'{"type":"hello","face":"cli"}\n{"type":"answer","ask":"L-1","choice":"once"}\n')
print(s.recv(65536))
"""
SHELL = {
    "leash approve": "@leash@ approve L-1",
    "leash approve through script": "script -qec '@leash@ approve L-1' /dev/null",
    "leash approve in its own session": "setsid -w @leash@ approve L-1",
    "leash approve without the session's variables": "env -u LEASH_SESSION @leash@ approve L-1",
    "leash approve with a clean environment": "env -i HOME=$HOME LEASH_RUNTIME_DIR=@run@ @leash@ approve L-1",
    "another name for leash": "ln -s @leash@ ./innocent; ./innocent approve L-1",
    "expect-like pty": 'python3 -c \'import pty; pty.spawn(["@leash@", "approve", "L-1"])\'',
    "leash attach": "@leash@ attach @session@ < /dev/null",
    "leash kill": "@leash@ kill @session@",
    "kill the supervisor": "kill -9 @pid@",
    "stop the supervisor": "kill -STOP @pid@",
}
PYTHON = {
    "speak to the socket": ANSWER,
    "speak to the socket from a double fork": "import os\nif os.fork(): os.wait(); raise SystemExit(1)\nos.setsid()\n"
    "if os.fork(): os._exit(0)\n" + ANSWER,
    "read the supervisor's memory": "print(open('/proc/@pid@/mem', 'rb').read(1))",
    "write the supervisor's memory": "open('/proc/@pid@/mem', 'wb').write(b'x')",
    "read the supervisor's variables": "print(open('/proc/@pid@/environ').read())",
    "take the supervisor's descriptors": "import os\nprint([os.open(f'/proc/@pid@/fd/{n}', 2) for n in range(3, 30)])",
    "signal the supervisor's group": "import os, signal\nos.killpg(os.getpgid(@pid@), signal.SIGKILL)",
    "detach the held program": "import ctypes\nprint(ctypes.CDLL(None).ptrace(17, @pid@, 0, 0)); raise SystemExit(1)",
    "continue the held program": "import os, signal, subprocess\n"
    "for p in subprocess.run(['pgrep', '-f', 'rm -rf src'], capture_output=True, text=True).stdout.split():\n"
    "    os.kill(int(p), signal.SIGCONT)\nraise SystemExit(1)",
}


def _launch(world: World, attack: str, *, python: bool) -> str:
    script = world.script("agent.py", AGENT)
    leash = world.script(
        "leash", f"#!{sys.executable} -I\nfrom leashtui.faces.cli.main import main\nraise SystemExit(main())\n"
    )
    order = world.root / "order.json"
    order.write_text(
        json.dumps(
            {
                "attack": attack,
                "python": python,
                "runtime": world.env["LEASH_RUNTIME_DIR"],
                "leash": str(leash),
            }
        )
    )
    session = world.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(script), str(order))
    # what an agent could hardly find out by itself is given away: the attack is to fail all the same
    place = eventually(lambda: next(Path(world.env["LEASH_RUNTIME_DIR"]).glob("*/session.json"), None))
    told = world.root / "told"
    told.write_bytes(place.read_bytes())
    told.rename(str(order) + ".told")
    out, err = session.communicate(timeout=90)
    return (out + err).decode(errors="replace")


@pytest.mark.parametrize("name", [*SHELL, *PYTHON])
def test_the_agent_cannot_answer_for_the_person(name: str, world: World) -> None:
    said = _launch(world, SHELL.get(name) or PYTHON[name], python=name in PYTHON)
    assert "held" in said.splitlines()[1:2] or "\nheld" in said, said
    assert (world.workspace / "src").exists()
    answers = world.events("act.answered")
    assert all(a["verdict"]["ruling"] == "deny" for a in answers), answers
    code = json.loads(next(line for line in said.splitlines() if line.startswith("[")))[0]
    assert code != 0, f"the attack thinks that it worked: {said}"


def test_the_same_answer_from_outside_counts(world: World) -> None:
    agent = world.script("agent.py", "import subprocess\nsubprocess.run(['rm', '-rf', 'src'])\n")
    leash = world.start("run", "--headless", "--on-ask", "wait", "--", sys.executable, str(agent))
    card = world.one_card()
    assert world.leash("approve", card["id"]).returncode == 0
    leash.communicate(timeout=30)
    eventually(lambda: not (world.workspace / "src").exists())
