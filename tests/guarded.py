"""Runs a program under the real exec guard with a rule instead of a policy; a process of its own, for tests.

`python guarded.py REPORT RULES PROGRAM ARGS...` where RULES is JSON {deny: [...], hold: [...], seconds: n}: an exec
whose command line holds a denied word is refused, one that holds a held word is allowed after `seconds`. The first
exec is always allowed. At the end REPORT is one JSON object: {status, seen: [[argv], ...], withdrawn: [...]}.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import shutil
import signal
import sys
from pathlib import Path

from leashtui.guards.kernel.execguard import ExecGuard
from leashtui.guards.kernel.spawn import launch
from leashtui.model.ports import Reply
from leashtui.model.request import Request
from leashtui.model.verdict import By, Ruling, Verdict

_WALL = 0x40000000


class _Ticket:
    act = "A"

    def __init__(self, withdrawn: list[str]) -> None:
        self._withdrawn = withdrawn

    def withdraw(self, reason: str) -> None:
        self._withdrawn.append(reason)


async def watch(rules: str, argv: list[str]) -> dict[str, object]:
    """Run argv under the guard; what became of it."""
    rule = {"deny": [], "hold": [], "seconds": 1.0} | json.loads(rules)
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    loop = asyncio.get_running_loop()
    seen: list[list[str]] = []
    withdrawn: list[str] = []

    def submit(request: Request, reply: Reply) -> _Ticket:
        line = " ".join(request.argv)
        first = not seen
        seen.append([*request.argv])
        allow = Verdict(Ruling.ALLOW, By.POLICY)
        if first:
            reply(allow)
        elif any(word in line for word in rule["deny"]):
            reply(Verdict(Ruling.DENY, By.POLICY, "leash: REFUSED: by the test"))
        elif any(word in line for word in rule["hold"]):
            loop.call_later(rule["seconds"], reply, allow)
        else:
            reply(allow)
        return _Ticket(withdrawn)

    exe = shutil.which(argv[0]) or argv[0]
    agent = launch(argv, exe=exe, env=dict(os.environ), cwd=os.getcwd(), guarded=True, stdio=(0, 1, 2))
    guard = ExecGuard(agent.listener, submit, dict(os.environ), withdrawn.append)
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

    async def poll() -> None:
        while True:
            guard.poll_held()
            await asyncio.sleep(0.05)

    loop.add_signal_handler(signal.SIGCHLD, reap)
    loop.add_reader(guard.fd, guard.readable)
    polling = asyncio.ensure_future(poll())
    agent.go()
    status = await ended
    polling.cancel()
    return {"status": status, "seen": seen, "withdrawn": withdrawn}


Path(sys.argv[1]).write_text(json.dumps(asyncio.run(watch(sys.argv[2], sys.argv[3:]))))
