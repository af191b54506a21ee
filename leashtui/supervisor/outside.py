"""Reads the declared facts from outside: commands and files of the person's choice, each within its time.

Knows how to run one and how often. Refuses to judge values, and to run what lies in the workspace, which the agent can
write. Invariant: a fact that could not be read now is absent now; an old value is never kept in its place.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
from collections.abc import Callable, Mapping, Sequence

from leashtui.classify.places import is_within
from leashtui.model.event import OutsideRead
from leashtui.policy.entities import Outside
from leashtui.policy.outside import typed
from leashtui.supervisor.config import Fact

_BYTES = 64 * 1024
_POLL = 0.01
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}


class Readings:
    """The facts of one session. changed: called with all values, and the record of them, whenever one is another.

    home: for the commands' environment. aside: leash's own children (supervisor.session).
    Facts whose program or file lies in the workspace are never read.
    """

    def __init__(
        self,
        facts: Mapping[str, Fact],
        workspace: str,
        home: str,
        aside: dict[int, asyncio.Future[int]],
        changed: Callable[[Outside, OutsideRead], None],
    ) -> None:
        self._facts = facts
        self._workspace = workspace
        self._environment = _ENVIRONMENT | {"HOME": home, "LEASH_WORKSPACE": workspace}
        self._aside = aside
        self._changed = changed
        self._known: dict[str, bool | int | str | tuple[str, ...]] = {}
        self._why: dict[str, str] = {}

    async def first(self) -> None:
        """Read every fact once, all at the same time; tells the values even when there are none."""
        await asyncio.gather(*(self._read(name) for name in self._facts))
        if self._facts:
            self._tell()

    async def keep(self) -> None:
        """Read each again as often as it says, for ever."""
        await asyncio.gather(*(self._again(name, fact.every) for name, fact in self._facts.items()))

    async def _again(self, name: str, every: int) -> None:
        while True:
            await asyncio.sleep(every)
            before = self._known.get(name), self._why.get(name)
            await self._read(name)
            if (self._known.get(name), self._why.get(name)) != before:
                self._tell()

    async def _read(self, name: str) -> None:
        fact = self._facts[name]
        self._why.pop(name, None)
        value = None
        try:
            async with asyncio.timeout(fact.timeout):
                text = await self._text(fact)
            value = typed(fact.kind, text)
            if value is None:
                self._why[name] = f"is no {fact.type}: {text.strip()[:40]!r}"
        except TimeoutError:
            self._why[name] = f"took longer than {fact.timeout:g} s"
        except (OSError, ValueError) as error:
            self._why[name] = str(error)
        if value is None:
            self._known.pop(name, None)
        else:
            self._known[name] = value

    async def _text(self, fact: Fact) -> str:
        path = self._place(fact)
        if fact.file:
            return await asyncio.to_thread(_contents, path)
        return (await self._output(fact.command)).decode()

    def _place(self, fact: Fact) -> str:
        path = os.path.realpath(fact.command[0] if fact.command else fact.file)
        if is_within(path, self._workspace):
            raise ValueError(f"{path} lies in the workspace, where the agent can write")
        return path

    async def _output(self, command: Sequence[str]) -> bytes:
        """What a command prints. The session reaps all children, so it is told this one is ours."""
        loop = asyncio.get_running_loop()
        process = self._start(command)
        ended = self._aside[process.pid] = loop.create_future()
        reader = asyncio.StreamReader()
        assert process.stdout is not None
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), process.stdout)
        raw = b""
        try:
            while len(raw) <= _BYTES and (piece := await reader.read(_BYTES)):
                raw += piece
            status = await self._status(process.pid, ended) if len(raw) <= _BYTES else 0
        finally:
            transport.close()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        if status or len(raw) > _BYTES:
            raise ValueError(f"it ended with status {status}" if status else f"it printed more than {_BYTES:,} bytes")
        return raw

    def _start(self, command: Sequence[str]) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=self._environment,
            start_new_session=True,
        )
        process.returncode = 0  # Popen must not wait for it
        return process

    async def _status(self, pid: int, ended: asyncio.Future[int]) -> int:
        """The wait status, from the session's reaper or, before that runs, from here."""
        while not ended.done():
            self._reap(pid)
            await asyncio.sleep(_POLL)
        return ended.result()

    def _reap(self, pid: int) -> None:
        with contextlib.suppress(ChildProcessError):
            found, status = os.waitpid(pid, os.WNOHANG)
            ended = self._aside.pop(pid, None) if found else None
            if ended is not None and not ended.done():
                ended.set_result(status)

    def _tell(self) -> None:
        values: Outside = tuple(sorted(self._known.items()))
        self._changed(values, OutsideRead(values=values, absent=tuple(sorted(self._why.items()))))


def _contents(path: str) -> str:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise ValueError("it is not a regular file")
        raw = file.read(_BYTES + 1)
    if len(raw) > _BYTES:
        raise ValueError(f"it holds more than {_BYTES:,} bytes")
    return raw.decode()
