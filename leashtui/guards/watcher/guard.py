"""The supervisor's side of the watcher: start it, hear it, notice its end.

Knows one child process and one socket. Refuses to know files. Invariant: an end of the watcher that nobody asked for is
told exactly once, as are messages that make no sense, which end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from leashtui.guards.watcher.messages import (
    Armed,
    Calm,
    Done,
    Keep,
    Message,
    Ready,
    Restore,
    Settle,
    Settled,
    Suspects,
    frame,
    read_frames,
)
from leashtui.model.errors import GuardError
from leashtui.model.event import FileChanged, Notice
from leashtui.model.request import Tier

Spawn = Callable[[list[str], int], int]


def spawn_watcher(argv: list[str], fd: int) -> int:
    """Start `argv` in its own session with `fd` inherited; its pid. Raises OSError."""
    os.set_inheritable(fd, True)
    quiet = [(os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in (0, 1, 2)]
    return os.posix_spawn(argv[0], argv, {"PATH": os.defpath, "LANG": "C.UTF-8"}, file_actions=quiet, setsid=True)


class WatchGuard:
    """Watches `root` (absolute) until closed. Callbacks run in the loop's thread.

    on_suspect: told of changes of protected files that are to be answered by `order`; without it they are only told.
    also: git directories outside root. home: whose rc files count. lock: file held while a watcher works there.
    aside: directory for what is put back.
    ready: the first snapshot stands (None: it never will); armed: protected files are known. Raises GuardError when
    the process cannot be started.
    """

    name = "watcher"
    tier = Tier.WATCH

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_change: Callable[[FileChanged], None],
        on_notice: Callable[[Notice], None],
        on_lost: Callable[[str], None],
        on_suspect: Callable[[Suspects | Calm | Done], None] | None = None,
        *,
        root: Path,
        also: Sequence[Path] = (),
        home: Path | None = None,
        ignore: Sequence[str] = (),
        lock: Path | None = None,
        aside: Path | None = None,
        spawn: Spawn = spawn_watcher,
    ) -> None:
        self._loop = loop
        self._on_change = on_change
        self._on_notice = on_notice
        self._on_lost = on_lost
        self._on_suspect = on_suspect
        self._data = bytearray()
        self._unsent = bytearray()
        self._settling: dict[int, asyncio.Future[Settled | None]] = {}
        self._asked = 0
        self.ready: asyncio.Future[Ready | None] = loop.create_future()
        self.armed: asyncio.Future[Armed | None] = loop.create_future()
        self._line, theirs = socket.socketpair()
        argv = [sys.executable, "-X", "utf8", "-I", "-m", "leashtui.guards.watcher", f"--home={home or ''}"]
        argv += [f"--also={path}" for path in also]
        argv += [f"--lock={lock}"] if lock is not None else []
        argv += [f"--aside={aside}"] if aside is not None else []
        argv += [f"--since={time.time_ns()}"]
        argv += ["--ask"] if on_suspect is not None else []
        argv += ["--", str(root), str(theirs.fileno()), *ignore]
        try:
            self.pid = spawn(argv, theirs.fileno())
            self._process = os.pidfd_open(self.pid)
        except OSError as error:
            self._line.close()
            raise GuardError(f"the file watcher cannot be started: {error.strerror}", "run `leash doctor`") from error
        finally:
            theirs.close()
        self._line.setblocking(False)
        loop.add_reader(self._line, self._readable)

    async def settled(self, timeout: float, *, whole: bool = True) -> Settled | None:
        """Have everything read and told now, or only what is protected; None when that took longer than `timeout`
        seconds."""
        if self._line.fileno() < 0:
            return None
        asked: asyncio.Future[Settled | None] = self._loop.create_future()
        self._asked += 1
        number = self._asked
        self._settling[number] = asked
        try:
            self._send(frame(Settle(number, whole)))
            return await asyncio.wait_for(asked, timeout)
        except (OSError, TimeoutError):
            return None
        finally:
            self._settling.pop(number, None)

    def order(self, order: Keep | Restore) -> None:
        """Answer suspects. Carried out before what is asked for later; Done tells."""
        if self._line.fileno() >= 0:
            self._send(frame(order))

    def _send(self, data: bytes) -> None:
        """Say it now, or as soon as the watcher listens again; one that is gone is noticed where we hear it."""
        waits = bool(self._unsent)
        self._unsent += data
        if not waits:
            self._flush()

    def _flush(self) -> None:
        with contextlib.suppress(OSError):
            del self._unsent[: self._line.send(self._unsent)]
        self._loop.remove_writer(self._line)
        if self._unsent:
            self._loop.add_writer(self._line, self._flush)

    def close(self) -> None:
        """End the watcher. The caller reaps it."""
        self._end()

    def _readable(self) -> None:
        try:
            piece = self._line.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        if not piece:
            self._end("the file watcher ended")
            return
        self._data += piece
        try:
            messages = read_frames(self._data)
        except ValueError as error:
            self._end(f"the file watcher said what makes no sense: {error}")
            return
        for message in messages:
            self._hear(message)

    def _hear(self, message: Message) -> None:
        if isinstance(message, FileChanged):
            self._on_change(message)
        elif isinstance(message, Notice):
            self._on_notice(message)
        elif isinstance(message, Suspects | Calm | Done):
            if self._on_suspect is not None:
                self._on_suspect(message)
        elif isinstance(message, Ready):
            if not self.ready.done():
                self.ready.set_result(message)
        elif isinstance(message, Armed):
            if not self.armed.done():
                self.armed.set_result(message)
        else:
            asked = self._settling.get(message.number)
            if asked is not None and not asked.done():
                asked.set_result(message)

    def _end(self, lost: str = "") -> None:
        if self._line.fileno() < 0:
            return
        self._loop.remove_reader(self._line)
        self._loop.remove_writer(self._line)
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGTERM)
        os.close(self._process)
        for asked in self._settling.values():
            if not asked.done():
                asked.set_result(None)
        for first in (self.ready, self.armed):
            if not first.done():
                first.set_result(None)
        if lost:
            self._on_lost(lost)
