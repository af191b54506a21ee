"""The exec guard: every exec of the agent and all its descendants is met at the first stop of the new image.

A notified execve is let through under PTRACE_SEIZE; the kernel stops the new image before its first instruction; what
it is can then be read without a race, submitted, and either let go, held, or made to exit with a sentence. Nothing is
read from the caller's memory, so there is nothing an attacker could change in time. A failed exec (PATH search) leaves
the caller seized until its next stop, where it is let go with its signal.

Invariant: an image runs its first instruction only after a verdict that allows it; if this process dies, EXITKILL ends
what is held, and the kernel answers ENOSYS to every later exec.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
from collections.abc import Callable, Mapping

from leashtui.guards.kernel import abi
from leashtui.guards.kernel.image import CODE_VARIABLES, request_of, stat_of
from leashtui.model.ports import Submit, Ticket
from leashtui.model.request import Tier
from leashtui.model.verdict import Ruling, Verdict

_ENDING = {signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL}
_ENDING_MASK = sum(1 << (s - 1) for s in _ENDING)
_REFUSED = 126
_BATCH = 64
_REMEMBERED = 8192
_VDSO_LIMIT = 1 << 20


class _Held:
    """A new image that stands still: the ticket of its request, and how it is to end."""

    def __init__(self) -> None:
        self.ticket: Ticket | None = None
        self.code = 0


class ExecGuard:
    """Serves one listener in the thread that launched the agent. top: our own pid. base: the environment the agent
    was started with, whose code-carrying variables are the person's own choice."""

    name = "kernel"
    tier = Tier.EXEC

    def __init__(self, listener: int, submit: Submit, base: Mapping[str, str], lost: Callable[[str], None]) -> None:
        self.fd = listener
        self._submit = submit
        self._lost = lost
        self._top = os.getpid()
        self._base = frozenset((k, v) for k, v in base.items() if k in CODE_VARIABLES)
        self._seized: set[int] = set()
        self._held: dict[int, _Held] = {}
        self._leaving: dict[int, int] = {}
        self._execs: dict[tuple[int, int], int] = {}
        self._notice = ctypes.create_string_buffer(abi.NOTIF_SIZE)
        self._answer = ctypes.create_string_buffer(abi.RESPONSE.size)
        self._tune()

    def _tune(self) -> None:
        with contextlib.suppress(OSError):  # Linux 6.6: wake the waiter on this CPU; only speed is lost without
            abi.control(self.fd, abi.NOTIF_SET_FLAGS, ctypes.c_ulong(1))

    def readable(self) -> None:
        """Take what the kernel asks: seize the caller and let the exec happen."""
        for _ in range(_BATCH):
            ctypes.memset(self._notice, 0, abi.NOTIF_SIZE)
            try:
                abi.control(self.fd, abi.NOTIF_RECV, self._notice)
            except (BlockingIOError, InterruptedError, FileNotFoundError):
                return
            except OSError as error:
                self._lost(f"the kernel listener failed: {error.strerror}")
                return
            notice = abi.NOTIF.unpack(self._notice.raw)
            self._let(notice[0], notice[1])
            if not select.select([self.fd], [], [], 0)[0]:
                return

    def _let(self, notice: int, tid: int) -> None:
        """Continue one exec under trace. A caller that cannot be traced cannot exec."""
        error, flags = 0, abi.NOTIF_CONTINUE
        if tid not in self._seized:
            try:
                abi.ptrace(abi.PTRACE_SEIZE, tid, 0, abi.O_TRACEEXEC | abi.O_EXITKILL)
                self._seized.add(tid)
            except OSError:
                error, flags = -1, 0  # EPERM
        self._answer.raw = abi.RESPONSE.pack(notice, 0, error, flags)
        with contextlib.suppress(OSError):  # the caller was killed meanwhile
            abi.control(self.fd, abi.NOTIF_SEND, self._answer)

    def reaped(self, pid: int, status: int) -> bool:
        """A wait status of some process below us; True when it was the guard's business and nobody else's."""
        if not os.WIFSTOPPED(status):
            self._gone(pid)
            return False
        if pid in self._leaving:
            self._make_exit(pid, self._leaving.pop(pid))
            return True
        if status >> 16 == abi.EVENT_EXEC:
            self._arrived(pid)
            return True
        if pid not in self._seized:
            return False
        # any other stop means that the exec failed: let it go with its signal, stopped if it is being stopped
        self._seized.discard(pid)
        self._release(pid, 0 if status >> 16 else os.WSTOPSIG(status))
        return True

    def _gone(self, pid: int) -> None:
        self._seized.discard(pid)
        self._leaving.pop(pid, None)
        held = self._held.pop(pid, None)
        if held is not None and held.ticket is not None:
            held.ticket.withdraw("the program was killed while it waited")

    def _arrived(self, pid: int) -> None:
        """The new image stands at its first stop: ask."""
        former = ctypes.c_ulong()
        with contextlib.suppress(OSError):
            abi.ptrace(abi.PTRACE_GETEVENTMSG, pid, 0, ctypes.addressof(former))
        self._seized.discard(int(former.value))
        self._seized.discard(pid)
        try:
            request = request_of(pid, self._count(pid), self._top, self._base)
        except (OSError, ValueError, IndexError) as error:
            self._refuse(pid, f"leash: REFUSED: this program cannot be read ({error}); nothing was run.", _REFUSED)
            return
        held = self._held[pid] = _Held()
        ticket = self._submit(request, lambda verdict: self._settle(pid, held, verdict))
        if self._held.get(pid) is held:
            held.ticket = ticket

    def _count(self, pid: int) -> int:
        """How many execs of this process were seen, this one included."""
        stat = stat_of(pid)
        key = (pid, stat[1] if stat else 0)
        number = self._execs.pop(key, 0) + 1
        if len(self._execs) >= _REMEMBERED:
            del self._execs[next(iter(self._execs))]
        self._execs[key] = number
        return number

    def _settle(self, pid: int, held: _Held, verdict: Verdict) -> None:
        """The verdict on a held image, at once or much later."""
        if self._held.get(pid) is not held:
            return
        del self._held[pid]
        if verdict.ruling is Ruling.ALLOW:
            self._release(pid, 0)
        else:
            self._refuse(pid, verdict.feedback, _REFUSED)

    def poll_held(self) -> None:
        """Withdraw asks whose program was told to end; a stopped image would never see the signal itself."""
        for pid, held in list(self._held.items()):
            number = _ending_signal(pid)
            if number:
                del self._held[pid]
                if held.ticket is not None:
                    held.ticket.withdraw(f"the program got {signal.Signals(number).name} while it waited")
                self._refuse(pid, "", 128 + number)

    def close(self) -> None:
        """Refuse what is held and stop; later execs get ENOSYS from the kernel."""
        for pid in list(self._held):
            held = self._held.pop(pid)
            if held.ticket is not None:
                held.ticket.withdraw("the session ended")
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        os.close(self.fd)

    def _release(self, pid: int, number: int) -> None:
        with contextlib.suppress(OSError):  # killed meanwhile
            abi.ptrace(abi.PTRACE_DETACH, pid, 0, number)

    def _refuse(self, pid: int, sentence: str, code: int) -> None:
        """Say why on its stderr, then make it exit before its first instruction."""
        if sentence:
            _say(pid, sentence)
        self._leaving[pid] = code
        try:
            abi.ptrace(abi.PTRACE_SYSCALL, pid, 0, 0)
        except OSError:
            self._leaving.pop(pid, None)
            self._kill(pid)

    def _make_exit(self, pid: int, code: int) -> None:
        """At the exit of its execve: turn what it would do next into exit_group(code)."""
        try:
            buffer = ctypes.create_string_buffer(abi.REGS.size)
            abi.ptrace(abi.PTRACE_GETREGS, pid, 0, ctypes.addressof(buffer))
            registers = list(abi.REGS.unpack(buffer.raw))
            place = _syscall_instruction(pid)
            if registers[abi.CS] != abi.CS_64 or not place:
                self._kill(pid)
                return
            registers[abi.RAX], registers[abi.RDI] = abi.NR_EXIT_GROUP, code
            registers[abi.ORIG_RAX], registers[abi.RIP] = (1 << 64) - 1, place
            buffer.raw = abi.REGS.pack(*registers)
            abi.ptrace(abi.PTRACE_SETREGS, pid, 0, ctypes.addressof(buffer))
            abi.ptrace(abi.PTRACE_DETACH, pid, 0, 0)
        except OSError:
            self._kill(pid)

    @staticmethod
    def _kill(pid: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _ending_signal(pid: int) -> int:
    """The lowest ending signal pending for a stopped process, 0 when none is."""
    pending = 0
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith((b"SigPnd:", b"ShdPnd:")):
                    pending |= int(line.split()[1], 16)
    except OSError:
        return 0
    pending &= _ENDING_MASK
    return (pending & -pending).bit_length()


def _say(pid: int, sentence: str) -> None:
    """Write one line to the process's stderr if it takes it at once; a full pipe or a closed one says nothing."""
    try:
        fd = abi.take_fd(pid, 2)
    except OSError:
        try:
            fd = os.open(f"/proc/{pid}/fd/2", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError:
            return
    try:
        poll = select.poll()
        poll.register(fd, select.POLLOUT)
        if any(mask & select.POLLOUT for _, mask in poll.poll(0)):
            os.write(fd, sentence.encode("utf-8", "backslashreplace")[:1000] + b"\n")
    except OSError:
        return
    finally:
        os.close(fd)


def _syscall_instruction(pid: int) -> int:
    """The address of a `syscall` instruction in the image's vdso, 0 when it has none."""
    with open(f"/proc/{pid}/maps", "rb") as maps:
        for line in maps:
            if line.rstrip().endswith(b"[vdso]"):
                low, high = (int(part, 16) for part in line.split(None, 1)[0].split(b"-"))
                with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                    found = os.pread(memory.fileno(), min(high - low, _VDSO_LIMIT), low).find(b"\x0f\x05")
                return low + found if found >= 0 else 0
    return 0
