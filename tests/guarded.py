"""Runs a program under the real exec guard with a rule instead of a policy; a process of its own, for tests.

`python guarded.py REPORT RULES PROGRAM ARGS...` where RULES is JSON {deny: [...], hold: [...], seconds: n, pty: bool,
linger: n, base: bool, beat: n, instead: {word: [...]}}: an exec whose command line holds a denied word is refused, one
with a held word is allowed after `seconds`; the first exec is always allowed; in place of one with a word of `instead`
those words are run, and its own behind them. `linger` more seconds are served after the end. `base`: the environment
counts as the person's own. `beat`: see ExecGuard. REPORT is one JSON object, see `watch`.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from leashtui.guards.kernel.execguard import ExecGuard
from leashtui.guards.kernel.spawn import Launched, launch
from leashtui.model.ports import Reply
from leashtui.model.request import Request
from leashtui.model.verdict import By, Ruling, Verdict

_WALL = 0x40000000
_RULES = {"deny": [], "hold": [], "seconds": 1.0, "pty": False, "linger": 0, "base": True, "beat": 0.0, "instead": {}}
ALLOW = Verdict(Ruling.ALLOW, By.POLICY)
DENY = Verdict(Ruling.DENY, By.POLICY, "leash: REFUSED: by the test")


class _Ticket:
    act = "A"

    def __init__(self, withdrawn: list[str]) -> None:
        self._withdrawn = withdrawn

    def withdraw(self, reason: str) -> None:
        self._withdrawn.append(reason)


class Judge:
    """Answers by words, and remembers."""

    def __init__(self, rules: dict[str, Any]) -> None:
        self._rules = rules
        self.requests: list[Request] = []
        self.withdrawn: list[str] = []

    def submit(self, request: Request, reply: Reply) -> _Ticket:
        """The Submit port."""
        line = " ".join(request.argv)
        first = not self.requests
        self.requests.append(request)
        if not first and any(word in line for word in self._rules["deny"]):
            reply(DENY)
        elif not first and any(word in line for word in self._rules["hold"]):
            asyncio.get_running_loop().call_later(self._rules["seconds"], reply, ALLOW)
        else:
            reply(ALLOW)
        return _Ticket(self.withdrawn)


def _instead(others: dict[str, list[str]], request: Request) -> tuple[str, ...]:
    """The other program's words with those of the request behind them, unless they are that already."""
    found = next((words for word, words in others.items() if word in " ".join(request.argv)), [])
    return () if not found or list(request.argv[: len(found)]) == found else (*found, *request.argv)


def start(argv: list[str], pty: bool) -> Launched:
    """A launcher that waits, on our own descriptors or in a PTY."""
    return launch(
        argv,
        exe=shutil.which(argv[0]) or argv[0],
        env=dict(os.environ),
        cwd=os.getcwd(),
        guarded=True,
        stdio=() if pty else (0, 1, 2),
        size=(24, 80) if pty else None,
    )


async def watch(rules: dict[str, Any], argv: list[str]) -> dict[str, object]:
    """Run argv under the guard; what became of it. idle_cpu: seconds of CPU spent while lingering."""
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    loop = asyncio.get_running_loop()
    judge = Judge(rules)
    lost: list[str] = []
    unread: list[str] = []
    screen = bytearray()
    agent = start(argv, rules["pty"])
    base = dict(os.environ) if rules["base"] else {}
    guard = ExecGuard(agent.listener, judge.submit, base, lost.append, unread.append)
    guard.beat = rules["beat"]
    guard.instead = lambda request: _instead(rules["instead"], request)
    ended: asyncio.Future[int] = loop.create_future()

    def reap() -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | _WALL)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if not guard.reaped(pid, status) and pid == agent.pid and not os.WIFSTOPPED(status):
                ended.set_result(os.waitstatus_to_exitcode(status))

    def read() -> None:
        try:
            screen.extend(os.read(agent.master, 65536))
        except OSError:
            loop.remove_reader(agent.master)

    async def poll() -> None:
        while True:
            guard.poll_held()
            await asyncio.sleep(0.05)

    loop.add_signal_handler(signal.SIGCHLD, reap)
    loop.add_reader(guard.fd, guard.readable)
    if agent.master >= 0:
        loop.add_reader(agent.master, read)
    polling = asyncio.ensure_future(poll())
    agent.go()
    status = await ended
    before = time.process_time()
    await asyncio.sleep(rules["linger"])
    idle = time.process_time() - before
    polling.cancel()
    return {
        "status": status,
        "seen": [r.argv for r in judge.requests],
        "requests": [msgspec.to_builtins(r) for r in judge.requests],
        "withdrawn": judge.withdrawn,
        "unread": unread,
        "lost": lost,
        "met": guard.met,
        "screen": screen.decode("utf-8", "replace"),
        "idle_cpu": idle,
    }


if __name__ == "__main__":
    report = asyncio.run(watch(_RULES | json.loads(sys.argv[2]), sys.argv[3:]))
    Path(sys.argv[1]).write_text(json.dumps(report))
