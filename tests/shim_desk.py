"""A shim guard on the running loop with a desk that answers by rule, and programs run under its environment."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from leashtui.guards.shim import ShimGuard
from leashtui.model.ports import Reply
from leashtui.model.request import Request
from leashtui.model.verdict import By, Ruling, Verdict

NO = "leash: REFUSED: this is not wanted — because [test/no]. Do something else."
ALLOW = Verdict(Ruling.ALLOW, By.POLICY)
DENY = Verdict(Ruling.DENY, By.POLICY, NO)


@dataclass
class Ticket:
    """Remembers why it was withdrawn."""

    act: str
    withdrawn: list[str] = field(default_factory=list)

    def withdraw(self, reason: str) -> None:
        self.withdrawn.append(reason)


@dataclass
class ShimDesk:
    """rule: the verdict on a request, None to hold it."""

    guard: ShimGuard = field(init=False)
    environment: dict[str, str] = field(init=False)
    directory: Path
    cwd: Path
    rule: Callable[[Request], Verdict | None] = lambda request: ALLOW
    asked: list[Request] = field(default_factory=list)
    held: list[tuple[Request, Reply, Ticket]] = field(default_factory=list)

    def submit(self, request: Request, reply: Reply) -> Ticket:
        self.asked.append(request)
        ticket = Ticket(f"A{len(self.asked)}")
        verdict = self.rule(request)
        if verdict is None:
            self.held.append((request, reply, ticket))
        else:
            reply(verdict)
        return ticket

    async def start(self, *argv: str | bytes, **more: object) -> asyncio.subprocess.Process:
        """A program under the shims, with pipes."""
        options: dict[str, object] = {
            "stdin": asyncio.subprocess.DEVNULL,
            "stdout": asyncio.subprocess.PIPE,
            "stderr": asyncio.subprocess.PIPE,
            "env": self.environment,
            "cwd": self.cwd,
        }
        # looked up here: create_subprocess_exec would search the PATH of the tests
        found = argv[0] if os.fsencode(argv[0]).startswith(b"/") else self.which(str(argv[0]))
        return await asyncio.create_subprocess_exec(found, *argv[1:], **(options | more))  # type: ignore[arg-type]

    def which(self, name: str) -> str:
        """`name` along the PATH of the environment."""
        for folder in self.environment["PATH"].split(":"):
            if os.access(f"{folder}/{name}", os.X_OK):
                return f"{folder}/{name}"
        raise FileNotFoundError(name)

    async def run(self, *argv: str | bytes, input: bytes | None = None, **more: object) -> tuple[int, str, str]:  # noqa: A002
        """Run to the end: exit code, stdout, stderr."""
        if input is not None:
            more["stdin"] = asyncio.subprocess.PIPE
        process = await self.start(*argv, **more)
        out, err = await asyncio.wait_for(process.communicate(input), 30)
        return process.returncode or 0, os.fsdecode(out), os.fsdecode(err)

    async def one_held(self) -> tuple[Request, Reply, Ticket]:
        """The first request that is held."""
        for _ in range(1000):
            if self.held:
                return self.held[0]
            await asyncio.sleep(0.01)
        raise AssertionError("nothing was asked")


@asynccontextmanager
async def shim_desk(root: Path, base: dict[str, str] | None = None) -> AsyncIterator[ShimDesk]:
    """A session's shims below `root`, served until the end of the block."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job's shell ignores it, and so would ours
        signal.signal(signal.SIGINT, signal.default_int_handler)
    cwd = root / "work"
    cwd.mkdir(exist_ok=True)
    desk = ShimDesk(root / "shim", cwd)
    desk.guard = ShimGuard(desk.directory, desk.submit, os.getuid(), asyncio.get_running_loop())
    desk.environment = desk.guard.environment(base or {"PATH": "/usr/bin:/bin", "HOME": str(root), "LANG": "C.UTF-8"})
    try:
        yield desk
    finally:
        desk.guard.close()
