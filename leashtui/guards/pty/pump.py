"""The process that owns the PTY master: `python -I -m leashtui.guards.pty.pump MASTER_FD CONTROL_FD`.

Moves bytes between the agent's terminal and any number of faces through one ring. Refuses to decide anything and to
read what the bytes mean. Invariants: nothing it does blocks; its memory does not grow with what passes; when the
supervisor is gone, so is it.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections import deque

from leashtui.guards.pty import control, frames
from leashtui.guards.pty.brake import SIP, Brake
from leashtui.guards.pty.modes import Modes
from leashtui.guards.pty.ring import Ring
from leashtui.guards.pty.view import View

_PR_SET_DUMPABLE = 4
_READ = 64 << 10
_INPUT_LIMIT = 256 << 10
"""Bytes waiting for the agent above which faces are not read (one frame may exceed it)."""
_LAST_WORDS = 64
"""Reads after quit, for what the kernel still holds of the agent's last output."""
_PAUSE = 0.4
"""Seconds between a typed line and its Enter: programs take what comes in one piece for a paste."""
_NOT_TYPED = (b"\x1b[I", b"\x1b[O", b"\x1b[<", b"\x1b[?", b"\x1b[>", b"\x1b]", b"\x1bP", b"\x1b_")
"""How reports of the focus, the mouse and the terminal itself begin."""
_GRACE = 1.0
"""After quit: seconds without progress before the remaining output is given up."""


class Pump:
    """One agent's terminal. master: the PTY's master; supervisor: our end of guards.pty.control.pair()."""

    def __init__(self, master: int, supervisor: socket.socket) -> None:
        self._master = master
        self._supervisor = supervisor
        self._epoll = select.epoll()
        self._ring = Ring()
        self._past = Modes()
        self._brake = Brake()
        self._views: dict[int, View] = {}
        self._input: deque[memoryview] = deque()
        self._waiting = 0
        self._size = _window_size(master)
        self._mask = select.EPOLLIN
        self._closed = False
        self._drained = False
        self._quit_at: float | None = None
        self._typed_at = 0.0
        self._enter_at: float | None = None
        os.set_blocking(master, False)
        supervisor.setblocking(False)
        self._epoll.register(supervisor, select.EPOLLIN)
        self._epoll.register(master, select.EPOLLIN)

    def run(self) -> None:
        """Until the supervisor says quit or is gone."""
        while self._step():
            pass

    def _step(self) -> bool:
        for fd, mask in self._epoll.poll(self._timeout()):
            if fd == self._supervisor.fileno():
                if not self._hear():
                    return False
            elif fd == self._master:
                self._serve_master(mask)
            elif view := self._views.get(fd):
                self._serve_view(view, mask)
        self._press_enter()
        self._watch_master()
        self._report_drained()
        return self._quit_at is None or (not self._drained and time.monotonic() < self._quit_at)

    def _timeout(self) -> float | None:
        now = time.monotonic()
        waits = [self._brake.wait(now), None if self._quit_at is None else max(0.0, self._quit_at - now)]
        waits.append(None if self._enter_at is None else max(0.0, self._enter_at - now))
        return min((w for w in waits if w is not None), default=None)

    # the supervisor ---------------------------------------------------------------------------------------------
    def _hear(self) -> bool:
        message = control.receive(self._supervisor)
        if message is None:
            return False
        if isinstance(message, control.Seat):
            self._seat(message)
        elif isinstance(message, control.Line):
            if self._typed_at <= message.since and not self._closed:
                self._queue(message.text)
                self._enter_at = time.monotonic() + _PAUSE
        elif message == control.QUIT:
            for _ in range(_LAST_WORDS):
                self._read_master()
            self._close_master()
            self._quit_at = time.monotonic() + _GRACE
        return True

    def _press_enter(self) -> None:
        """Send the line that was typed a moment ago; a person who typed in between has it before them instead."""
        if self._enter_at is not None and time.monotonic() >= self._enter_at:
            self._enter_at = None
            self._queue(b"\r")

    def _queue(self, data: bytes) -> None:
        self._input.append(memoryview(data))
        self._waiting += len(data)
        self._write_master()

    def _tell(self, message: bytes) -> None:
        with contextlib.suppress(OSError):
            self._supervisor.send(message)

    def _seat(self, seat: control.Seat) -> None:
        view = View(seat.connection, (seat.cols, seat.rows), self._ring, self._past)
        if not any(all(other.size) for other in self._views.values()):  # the recorder has no size of its own
            self._fit(view)
        view.greet(self._size)
        self._views[seat.connection.fileno()] = view
        self._epoll.register(seat.connection, select.EPOLLIN)
        self._drained = False
        self._push(view)

    def _report_drained(self) -> None:
        if self._closed and not self._drained and all(v.idle() and v.told_end for v in self._views.values()):
            self._drained = True
            self._tell(control.DRAINED)

    # faces ------------------------------------------------------------------------------------------------------
    def _serve_view(self, view: View, mask: int) -> None:
        gone = bool(mask & (select.EPOLLHUP | select.EPOLLERR))
        if mask & select.EPOLLIN or gone:
            self._read_view(view, to_the_end=gone)
        if mask & select.EPOLLOUT and view.connection.fileno() in self._views:
            self._push(view)

    def _read_view(self, view: View, to_the_end: bool) -> None:
        """Take what a face says. to_the_end: it is gone, only what it wrote before is left (at most a socket full)."""
        try:
            found = view.receive()
            while found is not None:
                self._obey(view, found)
                if not to_the_end:
                    return
                found = view.receive()
        except (OSError, frames.FrameError):
            pass  # it is gone or speaks rubbish: it loses its seat and nothing else
        self._remove(view)

    def _obey(self, view: View, found: list[tuple[bytes, bytes]]) -> None:
        for kind, payload in found:
            if kind == frames.INPUT and payload and not self._closed:
                self._fit(view)
                if not payload.startswith(_NOT_TYPED):
                    self._typed_at, self._enter_at = time.monotonic(), None
                self._input.append(memoryview(payload))
                self._waiting += len(payload)
            elif kind == frames.RESIZE:
                view.size = frames.size_of(payload)
                self._fit(view)
        self._write_master()
        self._arm(view)

    def _push(self, view: View) -> None:
        try:
            view.push(self._closed)
        except OSError:
            self._remove(view)
            return
        if self._quit_at is not None:
            self._quit_at = time.monotonic() + _GRACE
        self._arm(view)

    def _arm(self, view: View) -> None:
        """Ask the kernel for what this face waits for."""
        fd = view.connection.fileno()
        if fd not in self._views:
            return
        view.paused = self._waiting > (_INPUT_LIMIT // 2 if view.paused else _INPUT_LIMIT)
        mask = 0 if view.paused else select.EPOLLIN
        if not view.idle() or (self._closed and not view.told_end):
            mask |= select.EPOLLOUT
        if mask != view.mask:
            view.mask = mask
            self._epoll.modify(fd, mask)

    def _remove(self, view: View) -> None:
        if self._views.pop(view.connection.fileno(), None) is None:
            return
        self._epoll.unregister(view.connection)
        view.connection.close()
        if self._views:
            self._fit(next(reversed(self._views.values())))

    def _fit(self, view: View) -> None:
        """This face was used last: the terminal takes its size."""
        fd = view.connection.fileno()
        if fd in self._views:
            self._views[fd] = self._views.pop(fd)
        if view.size == self._size or 0 in view.size or self._closed:
            return
        cols, rows = (min(n, 0xFFFF) for n in view.size)
        try:
            fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        except OSError:
            return
        self._size = (cols, rows)
        for each in list(self._views.values()):
            each.resized(self._size)
            self._push(each)

    # the agent's terminal ---------------------------------------------------------------------------------------
    def _serve_master(self, mask: int) -> None:
        if mask & select.EPOLLOUT:
            self._write_master()
        if mask & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._read_master()

    def _read_master(self) -> None:
        taken = 0
        while taken < SIP and not self._closed:
            try:
                data = os.read(self._master, _READ)
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EIO:
                    raise
                data = b""
            if not data:
                self._close_master()
                break
            taken += len(data)
            self._keep(data)
        for view in list(self._views.values()) if taken else ():
            self._push(view)

    def _keep(self, data: bytes) -> None:
        lost = max(0, self._ring.end + len(data) - self._ring.capacity) - self._ring.start
        if lost > 0:
            self._past.feed(self._ring.read(self._ring.start, lost))
        self._ring.append(data)

    def _write_master(self) -> None:
        had = self._waiting
        while self._input and not self._closed:
            first = self._input[0]
            try:
                taken = os.write(self._master, first)
            except BlockingIOError:
                break
            except OSError:
                self._input.clear()
                self._waiting = 0
                break
            self._waiting -= taken
            if taken < len(first):
                self._input[0] = first[taken:]
            else:
                self._input.popleft()
        if had > self._waiting:
            for view in [v for v in self._views.values() if v.paused]:
                self._arm(view)

    def _watch_master(self) -> None:
        """Read the terminal unless the brake says pause; write when something waits."""
        if self._closed:
            return
        fastest = max((v.offset for v in self._views.values()), default=None)
        mask = 0 if self._brake.judge(time.monotonic(), self._ring.end, fastest) else select.EPOLLIN
        if self._input:
            mask |= select.EPOLLOUT
        if mask != self._mask:
            self._mask = mask
            self._epoll.modify(self._master, mask)

    def _close_master(self) -> None:
        """The terminal has no other end any more: what the ring holds is all there will be."""
        if self._closed:
            return
        self._closed = True
        self._input.clear()
        self._waiting = 0
        self._epoll.unregister(self._master)
        os.close(self._master)
        self._tell(control.CLOSED)
        for view in list(self._views.values()):
            self._push(view)


def _window_size(master: int) -> tuple[int, int]:
    """(cols, rows) of the terminal."""
    rows, cols, _, _ = struct.unpack("HHHH", fcntl.ioctl(master, termios.TIOCGWINSZ, bytes(8)))
    return cols, rows


def main(argv: list[str]) -> None:
    """argv: MASTER_FD CONTROL_FD."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    master, supervisor = int(argv[0]), int(argv[1])
    Pump(master, socket.socket(fileno=supervisor)).run()


if __name__ == "__main__":
    main(sys.argv[1:])
