"""Calls that say when and where another process runs: its priority, its processors, its turn at the disk.

An agent may steer what it started; slowed down, the processes that watch it would let it wait, and the person's would
be disturbed. Knows the arguments of these calls, which lie in registers and cannot change while they are looked at.
Refuses to judge values: the kernel does. Invariant: a call about anybody outside of the session never goes on.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.spot import signed


class Steering:
    """inside: whether a process belongs to the session."""

    def __init__(self, listener: Listener, inside: Callable[[int], bool]) -> None:
        self._listener = listener
        self._inside = inside
        self._numbers = os.readlink("/proc/self/ns/pid")

    def meet(self, notice: Notice) -> None:
        """One call that names a process, or a group by its leader."""
        try:
            apart = os.readlink(f"/proc/{notice.tid}/ns/pid") != self._numbers
        except OSError:
            apart = False
        named, everybody = nr.STEERING[notice.number]
        all_of_them = named and signed(notice.args[named - 1]) == everybody
        if apart or (not all_of_them and self._inside(signed(notice.args[named]))):
            self._listener.resume(notice.id)  # from a pid namespace of its own it can name nobody outside of that
        else:
            self._listener.refuse(notice.id, errno.EPERM)
