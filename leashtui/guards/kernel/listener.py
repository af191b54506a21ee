"""The supervisor's end of the seccomp filter: what the kernel asks, one notice at a time, and the answers.

Knows the notification ioctls. Refuses to know what an exec is. Hazards: NOTIF_RECV ignores O_NONBLOCK and would wait
for ever, so each is preceded by a poll; when the last guarded process is gone the descriptor hangs up for good, which
would spin a loop that watches it, so the outside sees an epoll set from which it is then removed. Invariant: there is
no second copy of the listener in this process's care, so when it dies the kernel answers ENOSYS to every later exec.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.swift import ASK, GONE, NONE, Sight, Swift, Told, Unwell, address_of

_BATCH = 64
_TURN = 0.05
"""Seconds after which a batch ends early: in a flood whoever would answer it must be heard too."""
_LINGER = 1
_EMPTY = bytes(abi.NOTIF_SIZE)


class Notice(NamedTuple):
    """A system call that waits. tid: the thread that makes it. number: which call; args: its six arguments, raw."""

    id: int
    tid: int
    number: int
    args: tuple[int, ...]


class Listener:
    """descriptor: the listener, owned from now on. lost: told once, in words, when the kernel no longer serves it.
    unwell: told in words of what goes on with less."""

    def __init__(
        self, descriptor: int, lost: Callable[[str], None], unwell: Callable[[str], None] = lambda words: None
    ) -> None:
        self._descriptor = descriptor
        self._lost = lost
        self._unwell = unwell
        self._swift: Swift | None = None
        self._poll = select.epoll()
        self._poll.register(descriptor, select.EPOLLIN)
        self.fd = self._poll.fileno()
        self._near = (
            select.poll()
        )  # waits on the descriptor itself: only so does the kernel wake us on the caller's CPU
        self._near.register(descriptor, select.POLLIN)
        self._notice = bytearray(abi.NOTIF_SIZE)
        self._gift = bytearray(abi.ADDFD.size)
        self._quiet = abi.Quiet()
        self.at_once = not abi.spares_repeats()
        """Whether descriptors are given and calls answered in one."""
        with contextlib.suppress(OSError):  # Linux 6.6: wake the other side on this CPU; only speed is lost without it
            fcntl.ioctl(descriptor, abi.NOTIF_SET_FLAGS, 1)

    def take(self, expects: Callable[[], bool] = lambda: False) -> Iterator[Notice]:
        """What waits now, at most a batch, so that reaping is not starved in a fork storm.

        expects: asked around each, whether the next is likely to follow at once. Then it is waited for, a millisecond
        at most: a program that writes many files is answered without a round through the loop between any two.
        """
        wait = 0
        until = time.monotonic() + _TURN
        for _ in range(_BATCH):
            state = self._receive(wait, _LINGER if expects() else 0)
            if state != ASK:
                if state != NONE:
                    self._poll.unregister(self._descriptor)
                if state < 0:
                    self._lost(f"the kernel listener failed: {os.strerror(-state)}")
                return
            number, tid, call, *args = abi.NOTICE.unpack_from(self._notice)
            yield Notice(number, tid, call, tuple(args))
            if time.monotonic() > until:
                return
            wait = _LINGER if expects() else 0

    def hasten(self, told: Told, look: Sight | None = None) -> Swift | None:
        """Let LuaJIT take the notices from now on and serve what it knows (look: of whom, None for everybody); None
        where it cannot be had."""
        with contextlib.suppress(ImportError):
            swift = Swift(self._descriptor, address_of(self._notice), told, look=look, at_once=self.at_once)
            self._swift = swift
        return self._swift

    @property
    def wakes(self) -> bool:
        """Whether a child's stop ends the wait for the next notice."""
        return self._swift is not None

    def _receive(self, wait: int, linger: int) -> int:
        """ASK: a notice lies in the buffer. NONE: nothing came in `wait` ms. GONE: nothing will. Negative: an errno."""
        if self._swift is not None:
            try:
                return self._swift.take(wait, linger)
            except Unwell as error:  # the call it was at fails, and nothing is left to it any more
                self._swift = None
                self.refuse(abi.NOTICE.unpack_from(self._notice)[0], errno.EIO)
                self._unwell(f"what serves calls quickly failed ({error}): they are served one by one")
                return NONE
        while True:
            ready = self._near.poll(wait)
            if not ready:
                return NONE
            if not ready[0][1] & select.POLLIN:
                return GONE
            self._notice[:] = _EMPTY  # the kernel refuses a buffer that is not zero
            try:
                fcntl.ioctl(self._descriptor, abi.NOTIF_RECV, self._notice)
                return ASK
            except (InterruptedError, FileNotFoundError):  # the caller was killed meanwhile
                continue
            except OSError as error:
                return -(error.errno or errno.EIO)

    def resume(self, notice: int) -> bool:
        """Let the call happen. False when nobody waits for it any more."""
        return self._send(notice, 0, 0, abi.NOTIF_CONTINUE)

    def refuse(self, notice: int, error: int = errno.EPERM) -> bool:
        """Fail it; an exec with EPERM, not EACCES, on which execvp would search on. False when nobody waits."""
        return self._send(notice, 0, -error, 0)

    def answer(self, notice: int, value: int = 0) -> bool:
        """The call was done by us; this is what it returns. False when nobody waits for it any more."""
        return self._send(notice, value, 0, 0)

    def hand(self, notice: int, fd: int, flags: int) -> bool:
        """Give the caller a descriptor of ours as the result of its call. Fails it with ours (EMFILE) otherwise.

        The kernel waits here for the caller to take it. Whoever gives and answers in one and is woken in that moment
        (by a signal, or as the machine goes to sleep) has answered 0 and given nothing: so it is given, then answered,
        and given again where that was cut short. Where signals make callers ask again (before Linux 5.19) it has to be
        in one, and no signal is taken meanwhile.
        """
        at_once = abi.ADDFD_SEND if self.at_once else 0
        abi.ADDFD.pack_into(self._gift, 0, notice, at_once, fd, 0, flags & os.O_CLOEXEC)
        try:
            if at_once:
                with self._quiet:
                    fcntl.ioctl(self._descriptor, abi.NOTIF_ADDFD, self._gift)
                return True
            given = -1
            while given < 0:
                with contextlib.suppress(InterruptedError):
                    given = fcntl.ioctl(self._descriptor, abi.NOTIF_ADDFD, self._gift)
        except FileNotFoundError:
            return False
        except OSError as error:
            return self.refuse(notice, error.errno or errno.EIO)
        return self.answer(notice, given)

    def waits(self, notice: int) -> bool:
        """Whether the caller still waits for this answer."""
        try:
            fcntl.ioctl(self._descriptor, abi.NOTIF_ID_VALID, notice.to_bytes(8, "little"))
        except OSError:
            return False
        return True

    def _send(self, notice: int, value: int, error: int, flags: int) -> bool:
        answer = abi.RESPONSE.pack(notice, value, error, flags)  # its own: threads answer too
        while True:
            try:
                fcntl.ioctl(self._descriptor, abi.NOTIF_SEND, answer)
            except InterruptedError:
                continue
            except FileNotFoundError:
                return False
            except OSError as error_:
                if error_.errno == errno.EINPROGRESS:  # it has its answer, and has not gone on yet
                    return False
                self._lost(f"the kernel listener failed: {error_.strerror}")
                return False
            return True

    def close(self) -> None:
        """Give the listener up: the kernel answers ENOSYS to what waits and to all that follows. May be repeated."""
        if self._descriptor >= 0:
            self._poll.close()
            os.close(self._descriptor)
            self._descriptor = -1
