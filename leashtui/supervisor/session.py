"""One session: the agent, the guards around it, the desk and the end of it all, on one thread and one loop.

Knows the order in which things start and stop. Refuses to know how an act is judged (mediator) or shown (faces).
Invariants: the agent's first exec already passes the mediator; after the end nothing of the agent is left running
unless --linger says so, and the last record is the session's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol

import msgspec

from leashtui.model.errors import Exit, StoreError
from leashtui.model.event import Braked, Event, FileChanged, GrantRevoked, GuardLost, Notice, SessionEnded
from leashtui.model.request import ProcessRef
from leashtui.model.verdict import By
from leashtui.model.wire import Done, Offered, Shifted, Welcome
from leashtui.supervisor import tree
from leashtui.supervisor.budgets import Budgets
from leashtui.supervisor.changes import Changes
from leashtui.supervisor.channel import Channel
from leashtui.supervisor.control import Control
from leashtui.supervisor.desk import Desk
from leashtui.supervisor.freezing import Freezer
from leashtui.supervisor.mediator import Mediator, Recorder
from leashtui.words.outside import TYPED
from leashtui.words.plain import count

_WALL = 0x40000000
_POLL = 0.1
_REAPED = 32
_SETTLE = 1.0
_SETTLE_ASKED = 30.0
"""Where changes are asked about, none may be lost because the agent ended right after it."""
_BY_HAND = "a person"
_DRAIN = 10.0
"""The pump itself gives up a face that takes nothing for a second."""
_FIRST_LOOK = 5.0
"""How long the end waits for a first face: a program may be over before its face is there to show what it printed."""
_STOPS = (signal.SIGTSTP, signal.SIGSTOP)


class ExecGuard(Protocol):
    """The kernel guard as the session sees it (guards.kernel.execguard)."""

    fd: int

    def readable(self) -> None: ...

    def reaped(self, pid: int, status: int) -> bool: ...

    def poll_held(self) -> None: ...

    def close(self) -> None: ...


class Screen(Protocol):
    """The pump's side of the agent's terminal (supervisor.terminal)."""

    pid: int

    def hand(self, connection: socket.socket, cols: int, rows: int) -> None: ...

    def type(self, text: bytes, since: float) -> None: ...

    def died(self) -> None: ...

    async def drained(self, timeout: float) -> None: ...

    def close(self) -> None: ...


class Closing(Protocol):
    """A guard that only needs to be closed (the shim)."""

    def close(self) -> None: ...


class Endpoint(Protocol):
    """The MCP endpoint's process (guards.mcp.endpoint)."""

    pid: int

    def close(self) -> None: ...


class Watcher(Protocol):
    """The file watcher as the session sees it."""

    pid: int

    async def settled(self, timeout: float, *, whole: bool = True) -> object: ...

    def close(self) -> None: ...


def exit_code(status: int) -> int:
    """A wait status as a shell shows it: the code, or 128 + signal."""
    return os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)


class Session:
    """Built by supervisor.assembly; `run` returns the agent's exit code."""

    def __init__(
        self,
        *,
        channel: Channel,
        welcome: Welcome,
        desk: Desk,
        mediator: Mediator,
        stream: Recorder,
        counted: Callable[[], tuple[int, str]],
        close_log: Callable[[], tuple[int, str]],
        revoke: Callable[[str], bool],
        reload: Callable[[str, str], Awaitable[Offered]],
        shift: Callable[[str, str], Shifted],
        linger: bool,
        typed: Callable[[str], str],
    ) -> None:
        self._agent = ProcessRef(0, 0)
        self._channel = channel
        self._welcome = welcome
        self._desk = desk
        self._mediator = mediator
        self._stream = stream
        self._counted = counted
        self._close_log = close_log
        self._revoke = revoke
        self._reload = reload
        self.shift = shift
        self.aside: dict[int, asyncio.Future[int]] = {}  # children of leash's own, by pid, with their wait status
        self._linger = linger
        self._typed = typed
        self._last: list[Callable[[], None]] = []
        self.freezer = Freezer(self._own)
        self.budgets: Budgets | None = None
        self._seen = asyncio.Event()
        self._stopping = ""
        self._frozen_by = ""
        self._refused_first = False
        self._code: asyncio.Future[int] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.control: Control | None = None
        self.guard: ExecGuard | None = None
        self.screen: Screen | None = None
        self.watcher: Watcher | None = None
        self.changes: Changes | None = None
        self.shim: Closing | None = None
        self.anchor = 0
        self.hooks: Closing | None = None
        self.mcp: Closing | None = None
        self.endpoint: Endpoint | None = None

    def at_end(self, work: Callable[[], None]) -> None:
        """Do this once nothing of the agent runs any more."""
        self._last.append(work)

    def adopt(self, agent: ProcessRef) -> None:
        """The agent's root process, whose end is the session's."""
        self._agent = agent

    # what faces may do besides answering -----------------------------------------------------------------------
    def welcome(self) -> Welcome:
        """The first message of every face."""
        by = self._frozen_by if self.freezer.frozen else ""
        return msgspec.structs.replace(self._welcome, frozen=self.freezer.frozen, frozen_by=by)

    def brake(self, what: str, who: str) -> str:
        """freeze: stop every process of the agent; resume; kill: end them. Returns '' or why not."""
        if what == "freeze":
            self.freezer.hold(_BY_HAND)
            self._frozen_by = who
        elif what == "resume":
            more = self.budgets is not None and self.budgets.more()
            if not self.freezer.release(_BY_HAND) and not more and self.freezer.frozen:
                return "the agent stands still until a change of a protected file is answered"
            self._frozen_by = ""
        elif what == "kill":
            self._stopping = f"killed by {who}"
        else:
            return f"there is no brake called {what!r}: freeze, resume or kill"
        if what == "kill":
            self._desk.deny_all(By.LOCK, f"{who} ended the session")
            tree.end_all(os.getpid(), self._own(), grace=0)
        return self._try_record(Braked(what=what, who=who), durable=True)

    def running(self) -> list[int]:
        """What of the agent runs now, by pid."""
        return tree.descendants(os.getpid(), self._own())

    def spent(self, what: str) -> None:
        """A budget is used up, and everything stands still for it."""
        self._frozen_by = f"its budget: {what}"
        self._try_record(Braked(what="freeze", who=self._frozen_by), durable=True)
        words, hint = f"frozen: this session has used its budget of {what}", "resume it to give it as much again"
        self.notice("alarm", words, hint)
        if self.screen is None:  # nobody's face will tell it
            self._channel.tell(say=f"{words}; {hint}: leash resume {self._welcome.session}")

    def record(self, event: Event) -> None:
        """Record what has happened anyway."""
        self._try_record(event)

    def _try_record(self, event: Event, *, durable: bool = False) -> str:
        """Record what has happened anyway; a log that cannot be written does not undo it. Returns '' or why."""
        try:
            self._stream.append(event, durable=durable)
        except StoreError as error:
            return f"done, but the log cannot be written: {error.message}"
        return ""

    def revoke(self, grant: str, who: str) -> str:
        """Take a session grant back."""
        if not self._revoke(grant):
            return f"there is no grant {grant!r}"
        return self._try_record(GrantRevoked(grant=grant, who=who), durable=True)

    async def reload(self, bundle: str, who: str) -> Offered:
        """See control.Powers."""
        return await self._reload(bundle, who)

    def signal(self, number: int) -> None:
        """Deliver a signal to the agent's process group, as a terminal would."""
        if self._agent.pid:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._agent.pid, number)

    def type(self, line: str, who: str) -> str:
        """See control.Powers."""
        why = self._typed(line)
        if not why:
            self.notice("info", f"{who} {TYPED}")
        return why

    def hand_terminal(self, connection: socket.socket, cols: int, rows: int) -> None:
        """Give a checked connection to the pump; without a PTY it is simply closed."""
        if self.screen is not None:
            self.screen.hand(connection, cols, rows)
            self._seen.set()

    def wake(self, sentence: str, since: float) -> None:
        """Type a sentence into the prompt of an agent that is idle, and say so. since: see control.Line."""
        if self.screen is not None:
            self.notice(
                "info", f"typed into the agent's prompt, if you typed nothing there: {sentence}", "wake = false"
            )
            self.screen.type(sentence.encode(), since)

    def notice(self, level: str, text: str, hint: str = "") -> None:
        """Record something a person should know."""
        self._try_record(Notice(level=level, text=text, hint=hint))

    def changed(self, event: FileChanged) -> None:
        """The watcher saw a change."""
        self._try_record(event)

    def refuse_first(self, pid: int, sentence: str) -> None:
        """The agent itself was refused before it ran (tier watch): end its launcher as the kernel guard would."""
        self._refused_first = True
        self._channel.tell(say=sentence.removeprefix("leash: "))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    def guard_lost(self, guard: str, reason: str) -> None:
        """A guard died: nothing runs unwatched, so the session ends."""
        self._try_record(GuardLost(guard=guard, reason=reason), durable=True)
        self._stopping = f"the {guard} guard was lost: {reason}"
        self._desk.deny_all(By.ERROR, self._stopping)
        tree.end_all(os.getpid(), self._own(), grace=0)

    # life -------------------------------------------------------------------------------------------------------
    async def run(self) -> int:
        """Until the agent's end and the end of what it left. Returns its exit code."""
        loop = asyncio.get_running_loop()
        self._code = loop.create_future()
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, self.brake, "kill", "the system")
        self._channel.line.setblocking(False)
        loop.add_reader(self._channel.line, self._hear)
        if self.guard is not None:
            loop.add_reader(self.guard.fd, self.guard.readable)
            self.spawn(self._poll())
        self._reap()
        code = await self._code
        leftovers = await self._end()
        reason = self._stopping or "the agent ended"
        self._try_record(SessionEnded(code=code, reason=reason, leftovers=tuple(leftovers)), durable=True)
        await self._say_goodbye(code)
        return code

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something for as long as the session lasts."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _poll(self) -> None:
        while self.guard is not None:
            self.guard.poll_held()
            await asyncio.sleep(_POLL)

    def _own(self) -> list[int]:
        """Children of ours that are not the agent's."""
        pids = [
            self.anchor,
            *self.aside,
            *(p.pid for p in (self.screen, self.watcher, self.endpoint) if p is not None),
        ]
        return [pid for pid in pids if pid > 0]

    def _reap(self) -> None:
        """Take what children tell, some at a time: in a flood, those who answer must have their turn as well."""
        for _ in range(_REAPED):
            try:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | _WALL)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if self.guard is not None and self.guard.reaped(pid, status):
                continue
            self._child(pid, status)
        asyncio.get_running_loop().call_soon(self._reap)

    def _child(self, pid: int, status: int) -> None:
        if os.WIFSTOPPED(status):
            if pid == self._agent.pid and os.WSTOPSIG(status) in _STOPS and not self.freezer.frozen:
                self._channel.tell(stopped=True)
            return
        if pid == self._agent.pid and self._code is not None and not self._code.done():
            self._code.set_result(Exit.REFUSED if self._refused_first else exit_code(status))
        elif pid == self.anchor:
            self.anchor = 0
        elif (ended := self.aside.pop(pid, None)) is not None:
            if not ended.done():
                ended.set_result(status)
        elif self.screen is not None and pid == self.screen.pid:
            self.screen.died()
        elif self.endpoint is not None and pid == self.endpoint.pid:
            self.notice("warn", "the MCP endpoint ended: servers behind an address cannot be called", "start anew")

    def _hear(self) -> None:
        messages = self._channel.receive()
        if messages is None:
            asyncio.get_running_loop().remove_reader(self._channel.line)
            return
        for message in messages:
            if isinstance(number := message.get("signal"), int):
                self.signal(number)
            if message.get("cont"):
                self.signal(signal.SIGCONT)

    async def _end(self) -> list[str]:
        """Name what the agent left running, end it, and let the last output through."""
        own = self._own()
        if self.changes is not None:
            await self._settle()
        left = tree.descendants(os.getpid(), own)
        leftovers = [f"{pid} {tree.command_of(pid)}" for pid in left]
        if left and self._linger:
            self.notice("warn", f"{len(left)} processes of the agent go on, watched", "leash kill ends them")
            while tree.descendants(os.getpid(), own) and not self._stopping:
                await asyncio.sleep(_POLL)
        else:
            self._desk.deny_all(By.WITHDRAWN, "the agent ended")
            if left:
                await asyncio.get_running_loop().run_in_executor(None, tree.end_all, os.getpid(), own)
        self._reap()
        if self.screen is not None:
            if not self._stopping:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._seen.wait(), _FIRST_LOOK)
            await self.screen.drained(_DRAIN)
        if self.watcher is not None:
            await self._settle()
            await self.watcher.settled(_SETTLE)
            await self._settle()
            self.watcher.close()
        if self.guard is not None:
            asyncio.get_running_loop().remove_reader(self.guard.fd)
            self.guard.close()
        if self.shim is not None:
            self.shim.close()
        tree.send([self.anchor] if self.anchor else [], signal.SIGKILL)
        for part in (self.hooks, self.mcp, self.endpoint):
            if part is not None:
                part.close()
        for work in self._last:
            work()
        for task in self._tasks:
            task.cancel()
        return leftovers

    async def _settle(self) -> None:
        """Have every change told, and those answered that must be. A session that is ended answers no."""
        if self.watcher is None:
            return
        if self.changes is not None:
            await self.watcher.settled(_SETTLE_ASKED, whole=False)
        while self.changes is not None and not await self.changes.answered(_POLL):
            if self._stopping:
                self._desk.deny_all(By.LOCK, self._stopping)

    async def _say_goodbye(self, code: int) -> None:
        records, head = self._counted()
        counts = self._mediator.counts
        summary = f"{count(counts['acts'], 'act')}, {counts['asked']} asked, {counts['refused']} refused"
        if counts["withdrawn"]:
            summary += f", {counts['withdrawn']} withdrawn"
        done = Done(code=code, log=self._welcome.log, records=records, head=head, summary=summary)
        if self.control is not None:
            await self.control.close(done)
        if self.screen is not None:
            self.screen.close()
        with contextlib.suppress(StoreError):  # what could not be written was refused, and said, when it happened
            records, head = self._close_log()
        self._channel.tell(done=code, log=done.log, records=records, head=head, summary=summary)


def reference(pid: int) -> ProcessRef:
    """The ProcessRef of a living child. Raises ProcessLookupError when it is gone."""
    found = tree.stat_of(pid)
    if found is None:
        raise ProcessLookupError(pid)
    return ProcessRef(pid, found.start)


def microseconds() -> int:
    """Now, in microseconds since the epoch."""
    return time.time_ns() // 1000
