"""What more can be had of a card that was allowed once: each works free, and leashed comes to what was shown, no more.

A person stands by who allows the first card and refuses every further one.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from arena import Arena, arena, until

from leashtui.guards.kernel.probe import probe
from leashtui.model.request import Tier

pytestmark = [
    pytest.mark.skipif(probe().tier is not Tier.STRICT, reason="this host does not give tier strict"),
    pytest.mark.timeout(120),
]
LEASH = (sys.executable, "-I", "-m", "leashtui")


def script(first: str, *then: str) -> str:
    """A script whose second command stands where nobody looks before it runs."""
    text = first + "\npython3 -c 'import json, os; words = json.load(open(\"words\")); os.execvp(words[0], words)'\n"
    made = f"open('x.sh', 'w').write({text!r}); open('words', 'w').write({json.dumps(then)!r})\n"
    return made + "subprocess.run(['sh', 'x.sh'])"


KEPT = """
shell = subprocess.Popen(['bash', '--norc'], stdin=subprocess.PIPE, text=True)
for line in (%r, 'echo', %r):
    shell.stdin.write(line + chr(10)); shell.stdin.flush(); time.sleep(%d)
shell.stdin.close(); shell.wait()
"""
CALL = "import socket; s = socket.socket(socket.AF_UNIX); s.connect('@service@'); s.send(b'EVIL')"
AGAIN = "open('x.py', 'w').write(%r); subprocess.run([sys.executable, 'x.py'])"
CASES = {
    "a script that removes a pod, then a namespace": script(
        "kubectl delete pod prod", "kubectl", "delete", "ns", "prod"
    ),
    "the agent's own edit, then another program's": "open('@home@/.bashrc', 'a').write('A')\n"
    + AGAIN % "open('@home@/.bashrc', 'a').write('EVIL')",
    "the agent's own edit, then its own later": "open('@home@/.bashrc', 'a').write('A'); time.sleep(6)\n"
    "open('@home@/.bashrc', 'a').write('EVIL')",
    "one call of a service, then another program's": CALL.replace("EVIL", "A") + "; s.close()\n" + AGAIN % CALL,
    "a command in a shell that is kept, once more": KEPT % ("kubectl delete ns prod", "kubectl delete ns prod", 1),
    "an edit by a shell that is kept, once more": KEPT % ("echo A >> ~/.bashrc", "echo EVIL >> ~/.bashrc", 3),
}


class Agent:
    """A program that is leashed by itself, or free."""

    def __init__(self, place: Arena, text: str, *, leashed: bool) -> None:
        self._place = place
        for name, value in place.values.items():
            text = text.replace(f"@{name}@", value)
        (place.root / "agent.py").write_text(f"import os, socket, subprocess, sys, time\n{text}\n")
        argv = [sys.executable, "-S", str(place.root / "agent.py")]
        own = [*LEASH, "run", "--headless", "--on-ask", "wait", "--"] if leashed else []
        self._process = place.start([*own, *argv], said=place.root / "said")
        self.cards: list[dict[str, Any]] = []

    def answer(self, after: float = 0, *how: str) -> None:
        """Until it ends, allow the first card and no other. after: seconds that each stands. how: it is allowed."""
        until(lambda: self._over(after, *how))
        self._process.wait(20)

    def _over(self, after: float, *how: str) -> bool:
        for line in self._leash("approvals", "--json").splitlines():
            card = json.loads(line)
            if card["id"] not in [c["id"] for c in self.cards]:
                self.cards.append(card)
                time.sleep(after)
                self._leash(*(("deny",) if len(self.cards) > 1 else ("approve", *how)), card["id"])
        return self._process.poll() is not None

    def _leash(self, *words: str) -> str:
        more = self._place._as()
        done = subprocess.run(
            [*LEASH, *words],
            cwd=self._place.proj,
            env=self._place.env,
            text=True,
            capture_output=True,
            check=False,
            **more,
        )
        return done.stdout


def harm(place: Arena) -> list[str]:
    """What came of the second act."""
    found = place.changes()
    ran = Path(place.proj, "ran")
    return [
        name
        for name, happened in {
            "ran": ran.exists() and len(ran.read_text().splitlines()) > 1,
            "rc": b"EVIL" in Path(place.home, ".bashrc").read_bytes(),
            "sent": b"EVIL" in bytes(found.get("sent", (b"", b""))[1]),
        }.items()
        if happened
    ]


@pytest.mark.parametrize("name", CASES)
def test_what_was_allowed_once_is_no_leave_for_more(name: str) -> None:
    with arena() as place:
        free = Agent(place, CASES[name], leashed=False)
        free.answer()
        until(lambda: bool(harm(place)), 10)
        place.repair(place.changes())
        leashed = Agent(place, CASES[name], leashed=True)
        leashed.answer()
        assert leashed.cards, "nothing was asked"
        assert not harm(place), leashed.cards


SWAPPED = {
    "a file that is sent": "open('f', 'w').write('A'); p = subprocess.Popen(['curl', '-sm3', '-T', 'f', 'http://@host@:@port@/'])\n"
    "time.sleep(1); open('f', 'w').write('EVIL')",
    "a file that is sent, under a sign": "open('f', 'w').write('A')\n"
    "p = subprocess.Popen(['curl', '-sm3', '-d', '@f', 'http://@host@:@port@/'])\n"
    "time.sleep(1); open('f', 'w').write('EVIL')",
    "statements of a database": "open('f', 'w').write('A'); p = subprocess.Popen(['psql'], stdin=open('f'))\n"
    "time.sleep(1); open('f', 'w').write('EVIL')",
}


@pytest.mark.parametrize("name", SWAPPED)
@pytest.mark.parametrize("swaps", [False, True])
def test_what_changes_while_its_card_stands_is_not_what_was_allowed(name: str, *, swaps: bool) -> None:
    text = SWAPPED[name] if swaps else SWAPPED[name].replace("open('f', 'w').write('EVIL')", "pass")
    with arena() as place:
        agent = Agent(place, text + "; p.wait()", leashed=True)
        agent.answer(after=2)
        happened = bool({"sent", "ran"} & place.changes().keys())
        assert len(agent.cards) == 1
        assert happened is not swaps, agent.cards


ONE = "subprocess.Popen(['kubectl', 'scale', 'deploy', 'web', *%r], env={**os.environ, **%r}).wait()\n"
GRANTED = {
    "the same once more": (ONE % ([], {}), True),
    "another context": (ONE % (["--context", "prod"], {}), False),
    "another file of contexts": (ONE % ([], {"KUBECONFIG": "other"}), False),
    "another namespace": (ONE % (["-n", "prod"], {}), False),
}


@pytest.mark.parametrize("name", GRANTED)
def test_what_was_allowed_for_the_session_is_so_where_it_was(name: str) -> None:
    then, same = GRANTED[name]
    with arena() as place:
        free = Agent(place, ONE % ([], {}) + then, leashed=False)
        free.answer()
        until(lambda: bool(harm(place)), 10)
        place.repair(place.changes())
        leashed = Agent(place, ONE % ([], {}) + then, leashed=True)
        leashed.answer(0, "--for-session")
        assert len(leashed.cards) == (1 if same else 2), leashed.cards
        assert bool(harm(place)) is same


TWO = (
    "p = [subprocess.Popen(['kubectl', 'scale', 'deploy', 'web'], env={**os.environ, **e})"
    " for e in ({}, {'KUBECONFIG': %r})]\n[x.wait() for x in p]"
)


def test_the_same_words_at_another_cluster_are_another_card() -> None:
    with arena() as place:
        free = Agent(place, TWO % "other", leashed=False)
        free.answer()
        until(lambda: bool(harm(place)), 10)
        place.repair(place.changes())
        leashed = Agent(place, TWO % "other", leashed=True)
        leashed.answer(2)
        assert len(leashed.cards) == 2, leashed.cards
        assert not harm(place)
