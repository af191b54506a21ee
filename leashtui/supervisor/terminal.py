"""The agent's terminal as the supervisor keeps it: a copy of the master, and a pump that does the work.

Knows how to start a pump and to hand it connections. Refuses to read or write a byte of the terminal itself.
Invariant: a dead pump is started again on the same master, so that the agent keeps its terminal; a pump that keeps
dying ends the session instead of leaving an agent that nobody can see.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import Callable

from leashtui.guards.pty import control

_RESTARTS = 3


class Terminal:
    """master: the PTY master (kept). told: called when a pump died and came back (True) or did not (False)."""

    def __init__(self, master: int, told: Callable[[bool], None]) -> None:
        self._master = master
        self._told = told
        self._deaths = 0
        self._drained = asyncio.Event()
        self._line: socket.socket | None = None
        self.pid = 0
        self._start()

    def _start(self) -> None:
        ours, theirs = control.pair()
        with theirs:
            pump = subprocess.Popen(
                control.command(sys.executable, self._master, theirs.fileno()),
                pass_fds=(self._master, theirs.fileno()),
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        pump.returncode = 0  # reaped by the session's own waitpid; Popen must not wait for it
        ours.setblocking(False)
        self._line = ours
        self.pid = pump.pid
        asyncio.get_running_loop().add_reader(ours, self._hear)

    def _hear(self) -> None:
        line = self._line
        if line is None:
            return
        try:
            word = line.recv(4096)
        except BlockingIOError:
            return
        except OSError:
            word = b""
        if not word:
            self._drop_line()
        if not word or word == control.DRAINED:
            self._drained.set()

    def _drop_line(self) -> None:
        if self._line is not None:
            asyncio.get_running_loop().remove_reader(self._line)
            self._line.close()
            self._line = None

    def hand(self, connection: socket.socket, cols: int, rows: int) -> None:
        """Pass a checked connection to the pump; it says HELLO first."""
        if self._line is not None:
            self._drained.clear()  # a new face has all of it still to show
            with contextlib.suppress(OSError):
                control.hand_over(self._line, connection, cols, rows)

    def type(self, text: bytes, since: float) -> None:
        """Have the pump type a line and Enter, unless the person typed since (seconds of the monotonic clock)."""
        if self._line is not None:
            with contextlib.suppress(OSError):
                control.type_line(self._line, control.Line(since, text))

    def died(self) -> None:
        """The pump is gone: start another, at most a few times, unless the terminal is closed anyway."""
        self._drop_line()
        self._deaths += 1
        if self._master < 0:
            self.pid = 0
        elif self._deaths > _RESTARTS:
            self.pid = 0
            self._told(False)
        else:
            self._drained.clear()
            self._start()
            self._told(True)

    async def drained(self, timeout: float) -> None:
        """Until the last output reached the faces, or `timeout` seconds; the terminal is closed after it."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
        if self._line is not None:
            with contextlib.suppress(OSError):
                self._line.send(control.QUIT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._drained.wait(), timeout)

    def close(self) -> None:
        """End the pump."""
        self._drop_line()
