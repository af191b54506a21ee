"""A stand-in supervisor around a real pump: a program in a real PTY, faces over real sockets."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import socket
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from fcntl import ioctl
from pathlib import Path
from struct import pack
from types import TracebackType

from leashtui.guards.pty import control, frames


class Face:
    """The far end of a terminal connection."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.frames: list[tuple[bytes, bytes]] = []
        self.output = bytearray()
        self.over = False
        self._decoder = frames.Decoder()

    def type(self, data: bytes) -> None:
        """Send input, as many frames as it needs."""
        self.connection.settimeout(30)
        for at in range(0, len(data), 65536):
            self.connection.sendall(frames.encode(frames.INPUT, data[at : at + 65536]))

    def resize(self, cols: int, rows: int) -> None:
        self.connection.sendall(frames.resize(cols, rows))

    def pull(self, timeout: float = 0.1) -> bool:
        """Read once; False at the end of the connection."""
        if not select.select([self.connection], [], [], timeout)[0]:
            return True
        data = self.connection.recv(1 << 18)
        for kind, payload in self._decoder.feed(data):
            if kind == frames.OUTPUT:
                self.output += payload
            else:
                self.frames.append((kind, payload))
        self.over = self.over or not data
        return bool(data)

    def until(self, wanted: bytes | Callable[[], bool], timeout: float = 60) -> None:
        """Read until the output holds `wanted`; fails when it never does."""
        look = wanted if callable(wanted) else lambda: wanted in self.output
        deadline = time.monotonic() + timeout
        while not look():
            assert time.monotonic() < deadline, f"no {wanted!r} in the last output {bytes(self.output[-600:])!r}"
            if not self.pull() and not look():
                raise AssertionError(f"the end came before {wanted!r}: {bytes(self.output[-600:])!r}")

    def kinds(self) -> list[bytes]:
        return [kind for kind, _ in self.frames]

    def hello(self) -> dict[str, int]:
        self.until(lambda: bool(self.frames))
        assert self.frames[0][0] == frames.HELLO
        said: dict[str, int] = json.loads(self.frames[0][1])
        return said


class Rig:
    """`argv` runs on the slave side; `raw` turns the line discipline off before it starts."""

    def __init__(self, *argv: str, raw: bool = False, env: dict[str, str] | None = None) -> None:
        self.master, slave = pty.openpty()
        ioctl(self.master, termios.TIOCSWINSZ, pack("HHHH", 24, 80, 0, 0))
        if raw:
            mode = termios.tcgetattr(slave)
            mode[0] = mode[1] = mode[3] = 0
            termios.tcsetattr(slave, termios.TCSANOW, mode)
        self.control, theirs = control.pair()
        self.pump = subprocess.Popen(
            control.command(sys.executable, self.master, theirs.fileno()), pass_fds=[self.master, theirs.fileno()]
        )
        theirs.close()
        self.agent = subprocess.Popen(
            ["setsid", "--ctty", "--wait", *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=(env or {}) | {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
        )
        os.close(slave)

    def attach(self, cols: int = 80, rows: int = 24) -> Face:
        ours, theirs = socket.socketpair()
        control.hand_over(self.control, theirs, cols, rows)
        theirs.close()
        return Face(ours)

    def told(self, message: bytes, timeout: float = 60) -> None:
        """Wait for a message of the pump."""
        self.control.settimeout(timeout)
        while (got := self.control.recv(64)) != message:
            assert got, "the pump is gone"

    def in_front(self) -> int:
        """The process group that has the terminal."""
        return os.tcgetpgrp(self.master)

    def cooked(self) -> bool:
        """Whether the terminal reads in lines, as it does outside of an editor."""
        return bool(termios.tcgetattr(self.master)[3] & termios.ICANON)

    def memory(self) -> int:
        """Resident bytes of the pump."""
        return int(Path(f"/proc/{self.pump.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")

    def __enter__(self) -> Rig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with contextlib.suppress(OSError):
            os.close(self.master)
        self.control.close()
        self.pump.wait(10)
        self.agent.kill()
        self.agent.wait(10)
