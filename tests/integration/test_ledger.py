"""An outside ledger equals the log: every program that ran is an allowed act, once, and every allowed act ran.

An agent starts generated programs in every way there is (vfork, fork, a shell and its children, threads, scripts,
descriptors, daemons). Each one's own number is a whole word of its command line, and the program itself writes that
word. 1,000 programs here; LEASH_LEDGER=10000 sets another count. A failure prints the seed (LEASH_LEDGER_SEED).
"""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from typing import Any

from conftest import World, eventually

COUNT = int(os.environ.get("LEASH_LEDGER", "1000"))
SEED = int(os.environ.get("LEASH_LEDGER_SEED", str(time.time_ns() % 10**6)))

AGENT = r"""
import os, random, subprocess, sys, threading
count, seed, ledger = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
chance, lock, last = random.Random(seed), threading.Lock(), [0]
out = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
PATH = ["/nonexistent", "/etc", "/usr/bin", "/bin"]
script = os.path.join(os.path.dirname(ledger), "numbered.sh")
with open(script, "w") as file:
    file.write('#!/bin/sh\necho "$1"\n')
os.chmod(script, 0o755)
null = os.open("/dev/null", os.O_RDWR)
alive, held = os.pipe()
os.set_inheritable(held, True)  # daemons keep it open until their end

def word():
    with lock:
        last[0] += 1
        return f"number:{last[0]}"

def forked(work):
    pid = os.fork()
    if not pid:
        try:
            os.dup2(out, 1); os.dup2(null, 2)
            work()
        finally:
            os._exit(9)
    os.waitpid(pid, 0)

def run(*argv):
    subprocess.run(argv, stdin=null, stdout=out, stderr=null)

def spawned():
    path = chance.choice(["/bin/echo", "/usr/bin/echo"])
    pid = os.posix_spawn(path, ["echo", word()], os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, out, 1)])
    os.waitpid(pid, 0)

def searched():
    words = ["echo", word()]
    def work():
        os.environ["PATH"] = ":".join(PATH)
        os.execvp("echo", words)
    forked(work)

def missing():
    forked(lambda: os.execv("/nonexistent/program", ["program", word()]))

def chained():
    a, b = word(), word()
    forked(lambda: os.execv("/bin/sh", ["sh", "-c", 'echo "$1"; exec /bin/echo ' + b, "sh", a]))

def shell():
    words = [word() for _ in range(chance.randrange(1, 6))]
    joints = [chance.choice([" ; ", " && ", " & "]) for _ in words]
    text = 'echo "$1"; ' + "".join(f"/bin/echo {w}{j}" for w, j in zip(words, joints, strict=True)) + " wait"
    run(chance.choice(["/bin/sh", "/bin/bash"]), "-c", text, "sh", word())

def piped():
    a, b = word(), word()
    run("/bin/sh", "-c", f'echo "$1"; /bin/echo {a} | cat; (/bin/echo {b}) || true', "sh", word())

def scripted():
    run(script, word())

def by_descriptor():
    path = os.open("/bin/echo", os.O_RDONLY)
    words = ["echo", word()]
    forked(lambda: os.execve(path, words, dict(os.environ)))
    os.close(path)

def env():
    run("/usr/bin/env", "NAME=value", "/bin/sh", "-c", 'echo "$1"', "sh", word())

def daemon():
    words = ["echo", word()]
    def work():
        os.setsid()
        if os.fork():
            os._exit(0)
        os.execv("/bin/echo", words)
    forked(work)

def refused():
    run("/bin/sh", "-c", 'echo "$1"; rm -rf src', "sh", word())
    run("rm", "-rf", "src", word())

WAYS = [spawned, searched, missing, chained, shell, piped, scripted, by_descriptor, env, daemon]

def work():
    while last[0] < count:
        chance.choice(WAYS)()
        if chance.random() < 0.01:
            refused()

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads: thread.start()
for thread in threads: thread.join()
os.close(held)
os.read(alive, 1)
with open(ledger + ".given", "w") as file:
    file.write(str(last[0]))
"""


def number(event: dict[str, Any]) -> str:
    """The number that the program of this decision would write, '' when it has none (env only passes one on)."""
    argv = event["request"].get("argv", [""])
    own = [word for word in argv if re.fullmatch(r"number:\d+", word)]
    return own[0] if own and not argv[0].endswith("/env") else ""


def test_the_outside_ledger_equals_the_log(world: World) -> None:
    ledger = world.root / "ledger"
    agent = world.script("many.py", AGENT)
    options = ("--headless", "--on-ask", "deny")
    done = world.leash(
        "run", *options, "--", "python3", str(agent), str(COUNT), str(SEED), str(ledger), timeout=60 + COUNT / 10
    )
    assert done.returncode == 0, (SEED, done.stderr)
    given = int(eventually(lambda: (world.root / "ledger.given").read_text()))
    ran = Counter(ledger.read_text().split())
    decided = [e for e in world.events("act.decided") if number(e)]
    verdicts = [e.get("verdict") for e in decided]
    assert all(verdicts), f"seed {SEED}: somebody was asked although nobody can answer"
    allowed = Counter(number(e) for e in decided if e["verdict"]["ruling"] == "allow")
    denied = {number(e) for e in decided if e["verdict"]["ruling"] == "deny"}

    assert ran == allowed, (
        f"seed {SEED}: ran but not in the log {ran - allowed}; in the log but not run {allowed - ran}"
    )
    assert set(ran.values()) == {1}, f"seed {SEED}"
    assert not denied & set(ran), f"seed {SEED}"
    assert len(ran) > 0.7 * given, f"seed {SEED}: {len(ran)} of {given} ran, so this test shows little"
    assert denied, f"seed {SEED}"
    assert (world.workspace / "src" / "app.py").exists()
    assert world.leash("audit", "verify").returncode == 0
