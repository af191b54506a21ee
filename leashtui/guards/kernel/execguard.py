"""The exec guard: every exec of the agent and all its descendants is met at the first stop of the new image.

A notified execve is let through under PTRACE_SEIZE; the kernel stops the new image before its first instruction, after
a vfork parent was let go; what it is can then be read without a race, submitted, and either let go, held, or made to
exit with a sentence. Nothing is read from the caller's memory, so there is nothing an attacker could change in time. A
failed exec (PATH search) leaves the caller seized until its next stop, where it is let go with its signal.

Hazards. PTRACE_SEIZE waits while another thread of the same process execs, and that exec waits until we reap its
seized siblings: so of one process at most one exec is under way, others wait for it. A seized thread that execs from a
non-leader comes back under its leader's id. A child made with CLONE_PTRACE is born traced by us: any stop that turns
out to be ours is let go. Without WAIT_KILLABLE_RECV (before Linux 5.19) a signal repeats a notice; that is harmless.

Invariant: an image runs its first instruction only after a verdict that allows it; if this process dies, EXITKILL ends
what is held or under way, and the kernel answers ENOSYS to every later exec.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping
from typing import Protocol

from leashtui.guards.kernel import abi, registers, tracee
from leashtui.guards.kernel.filter import EXECS
from leashtui.guards.kernel.image import Lineage, request_of, stat_of
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.voice import is_on_terminal, say
from leashtui.model.ports import Submit, Ticket
from leashtui.model.request import ProcessRef, Request, Tier
from leashtui.model.variables import carries_code, chooses
from leashtui.model.verdict import Ruling, Verdict
from leashtui.words.refusal import WAITS

_REFUSED = 126
_REMEMBERED = 8192
_PATIENCE = 10
_STOPPED = 0x7F
_LOOKS = 200
"""Held programs looked at in one poll: a flood of them must not take the time that answers need."""


class _Held:
    """A new image that stands still: the ticket of its request, and the signals that waited for it before."""

    def __init__(self) -> None:
        self.ticket: Ticket | None = None
        self.before = 0
        self.said = time.monotonic()


class _Flight:
    """An exec that was let through and has not shown its end yet. polls: how many it was seen in."""

    def __init__(self, group: int) -> None:
        self.group = group
        self.polls = 0


class Rest(Protocol):
    """Who meets the calls that are no execs (effects.EffectGuard)."""

    def meet(self, notice: Notice) -> None: ...

    def named(self, request: Request) -> Request: ...

    def poll_held(self) -> None: ...

    def close(self) -> None: ...


class ExecGuard:
    """Serves one listener in the thread that launched the agent and reaps all children (ptrace is per thread).

    listener: descriptor, owned from now on. base: the environment the agent was started with, whose code-carrying
    variables are the person's own choice. lost: told when nothing is guarded any more. unread: told in a sentence of an
    exec that was refused although nobody could judge it, because it could not be traced or read. rest: makes the guard
    of whatever else the filter asks about; without one it is refused. beat: seconds after which a held program says on
    its terminal that it waits, again and again, for callers that count from the last output; 0 for never. instead: the
    words of a program that is to be there in place of one that arrived, () for none: it is met as an exec of its own.
    """

    name = "kernel"
    tier = Tier.EXEC

    def __init__(
        self,
        listener: int,
        submit: Submit,
        base: Mapping[str, str],
        lost: Callable[[str], None],
        unread: Callable[[str], None] | None = None,
        rest: Callable[[Listener], Rest] | None = None,
    ) -> None:
        self._unread = unread or (lambda sentence: None)
        self._listener = Listener(listener, lost, self._unread)
        self._rest = rest(self._listener) if rest is not None else None
        self.fd = self._listener.fd
        self.met = 0
        self.beat = 0.0
        self.instead: Callable[[Request], tuple[str, ...]] = lambda request: ()
        self._submit = submit
        self._lineage = Lineage(os.getpid())
        self._base = frozenset((name, value) for name, value in base.items() if carries_code(name))
        self._choosing = frozenset(name for name in base if chooses(name))
        self._flying: dict[int, _Flight] = {}
        self._groups: dict[int, int] = {}
        self._waiting: dict[int, list[tuple[int, int]]] = {}
        self._held: dict[int, _Held] = {}
        self._turn: list[int] = []
        self._leaving: dict[int, int | tuple[str, ...]] = {}
        self._execs: dict[tuple[int, int], int] = {}

    # what the loop calls -----------------------------------------------------------------------------------------
    def readable(self) -> None:
        """Take what the kernel asks: seize the caller and let the exec happen."""
        calm = True  # nothing but calls that are answered at once: whoever made one is likely to make the next

        def expects() -> bool:
            self._look()
            return self._listener.wakes if self._flying else calm

        for notice in self._listener.take(expects):
            calm = notice.number not in EXECS
            if not calm:
                self._meet(notice.id, notice.tid)
            elif self._rest is None:
                self._listener.refuse(notice.id)
            else:
                self._rest.meet(notice)
        self._look()

    def _look(self) -> None:
        """Meet the new images that stand at their first stop by now; what tells of them comes through the loop later.

        Nearly every exec is over a moment after it was let through, and the listener's wait ends with the signal.
        """
        for tid in list(self._flying):
            with contextlib.suppress(ChildProcessError):
                stop = os.waitid(os.P_PID, tid, os.WSTOPPED | os.WNOHANG | abi.WALL)
                if stop is not None:
                    self.reaped(tid, stop.si_status << 8 | _STOPPED)

    def reaped(self, pid: int, status: int) -> bool:
        """A wait status of some process below us; True when it was the guard's business and nobody else's."""
        if not os.WIFSTOPPED(status):
            self._gone(pid)
            return False
        if pid in self._leaving:
            end = self._leaving.pop(pid)
            if isinstance(end, int):
                tracee.make_exit(pid, end)
            else:
                tracee.make_become(pid, end)
            return True
        if status >> 16 == abi.EVENT_EXEC:
            self._arrived(pid)
            return True
        # any other stop of ours means that an exec failed: let it go with its signal, stopped if it is being stopped
        ours = tracee.release(pid, 0 if status >> 16 else os.WSTOPSIG(status))
        return self._landed(pid) or ours

    def poll_held(self) -> None:
        """Withdraw asks whose program was told to end; a stopped image would never see the signal itself."""
        self._turn = self._turn or list(self._held)
        turn, self._turn = self._turn[:_LOOKS], self._turn[_LOOKS:]
        for pid in turn:
            held = self._held.get(pid)
            if held is None:
                continue
            ending = tracee.ending_signals(pid) & ~held.before
            if ending:
                del self._held[pid]
                number = (ending & -ending).bit_length()
                if held.ticket is not None:
                    held.ticket.withdraw(f"the program got {signal.Signals(number).name} while it waited")
                self._end(pid, 128 + number)
            elif self.beat and time.monotonic() - held.said >= self.beat and is_on_terminal(pid):
                held.said = time.monotonic()
                say(pid, WAITS)
        if self._rest is not None:
            self._rest.poll_held()
        for tid, flight in list(self._flying.items()):
            flight.polls += 1
            if flight.polls >= _PATIENCE and not tracee.interrupt(tid):
                self._landed(tid)

    def close(self) -> None:
        """Refuse what is held and stop; later execs get ENOSYS from the kernel. May be repeated."""
        if self._rest is not None:
            self._rest.close()
        self._listener.close()
        self._lineage.close()
        for pid in list(self._held):
            held = self._held.pop(pid)
            if held.ticket is not None:
                held.ticket.withdraw("the session ended")
            tracee.kill(pid)

    # an exec under way -------------------------------------------------------------------------------------------
    def _meet(self, notice: int, tid: int) -> None:
        """One exec at a time of one process; one that seems to have failed is told to show itself."""
        group = tracee.group_of(tid)
        other = self._groups.get(group, tid)
        if other != tid:
            self._waiting.setdefault(group, []).append((notice, tid))
            if not tracee.interrupt(other):
                self._landed(other)
            return
        self._let(notice, tid, group)

    def _let(self, notice: int, tid: int, group: int) -> None:
        """Continue one exec under trace. A caller that cannot be traced cannot exec."""
        if not tracee.seize(tid):
            if self._listener.refuse(notice):
                self._unread(
                    f"process {tid} forbids tracing (it is not dumpable, or another user's): its exec is refused"
                )
            return
        self._flying[tid] = _Flight(group)
        self._groups[group] = tid
        if not self._listener.resume(notice):
            tracee.interrupt(tid)

    def _landed(self, tid: int) -> bool:
        """The exec of this thread is over, one way or another: the next of its process may go. False when none was."""
        flight = self._flying.pop(tid, None)
        if flight is None:
            return False
        self._groups.pop(flight.group, None)
        for notice, waiting in self._waiting.pop(flight.group, ()):
            self._meet(notice, waiting)
        return True

    def _gone(self, pid: int) -> None:
        self._leaving.pop(pid, None)
        held = self._held.pop(pid, None)
        if held is not None and held.ticket is not None:
            held.ticket.withdraw("the program was killed while it waited")
        self._landed(pid)
        self._landed(self._groups.get(pid, 0))

    # the new image -----------------------------------------------------------------------------------------------
    def _arrived(self, pid: int) -> None:
        """The new image stands at its first stop: ask."""
        former = tracee.former_thread(pid)
        if former and former != pid:
            self._landed(former)
        self._landed(pid)
        self._landed(self._groups.get(pid, 0))
        self.met += 1
        try:
            parent, start = stat_of(pid)
            process = ProcessRef(pid, start, self._count(pid, start))
            request = request_of(process, self._lineage.above(parent), self._base, self._choosing)
            if self._rest is not None:
                request = self._rest.named(request)
        except (OSError, ValueError, IndexError) as error:
            self._unread(f"process {pid} became a program that cannot be read ({error}): it is ended")
            self._refuse(pid, "leash: REFUSED: this program cannot be read, so it cannot be judged. Nothing was run.")
            return
        try:
            other = self.instead(request)
        except Exception as error:  # noqa: BLE001 - whatever it reads is somebody else's
            self._unread(f"whether {request.exe} is an MCP server cannot be told ({error}): it is ended")
            self._refuse(pid, "leash: REFUSED: whether this program is an MCP server cannot be told. Nothing was run.")
            return
        if other:
            self._end(pid, other)
            return
        held = self._held[pid] = _Held()
        ticket = self._submit(request, lambda verdict: self._settle(pid, held, verdict))
        if self._held.get(pid) is held:
            held.ticket = ticket
            held.before = tracee.kept_back(pid)

    def _count(self, pid: int, start: int) -> int:
        """How many execs of this process were seen, this one included."""
        number = self._execs.pop((pid, start), 0) + 1
        if len(self._execs) >= _REMEMBERED:
            del self._execs[next(iter(self._execs))]
        self._execs[pid, start] = number
        return number

    def _settle(self, pid: int, held: _Held, verdict: Verdict) -> None:
        """The verdict on a held image, at once or much later."""
        if self._held.get(pid) is not held:
            return
        del self._held[pid]
        if verdict.ruling is not Ruling.ALLOW:
            self._refuse(pid, verdict.feedback, _REFUSED if verdict.status < 0 else verdict.status)
        elif _can_run(pid):
            tracee.release(pid)
        else:
            self._refuse(pid, "leash: REFUSED: 32-bit programs cannot be guarded, so none may run. Use a 64-bit build.")

    def _refuse(self, pid: int, sentence: str, code: int = _REFUSED) -> None:
        """Say why on its stderr, then make it exit before its first instruction."""
        if sentence:
            say(pid, sentence)
        self._end(pid, code)

    def _end(self, pid: int, code: int | tuple[str, ...]) -> None:
        """code: what it exits with, or the words of what it becomes instead."""
        self._leaving[pid] = code
        if not tracee.to_end_of_exec(pid):
            self._leaving.pop(pid, None)
            tracee.kill(pid)


def _can_run(pid: int) -> bool:
    """Whether the filter would let the image make system calls; one that is gone may be let go."""
    try:
        return registers.is_64_bit(pid)
    except OSError:
        return True
