"""One thread or image under ptrace: seize it, let it go, make it exit; and what /proc says about its signals.

Knows ptrace requests. Refuses to know verdicts. Hazards: a request on a thread that is gone fails with ESRCH, which is
never an error here; PTRACE_SEIZE of a thread waits while another thread of its process execs, see execguard.
Invariant: an image that `make_exit`, `make_become` or `kill` was called on never runs an instruction of its own.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Sequence

from leashtui.guards.kernel import abi, registers
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.procfs import field, status_of

_VDSO_LIMIT = 1 << 20
_WORD = 8
_RED_ZONE = 128
_BELOW = 96 << 10
"""Bytes: a new image's stack has 128 KiB below what the kernel laid there."""
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGKILL)
_ENDING_MASK = sum(1 << (s - 1) for s in _ENDING)


def seize(tid: int) -> bool:
    """Trace it from now on, killed if we die. False when the kernel forbids that or the thread is gone.

    A thread that is ours already (its last exec failed) answers EPERM too; who traces it is then read, not remembered,
    because a remembered number could by now be another thread's.
    """
    try:
        abi.ptrace(abi.PTRACE_SEIZE, tid, 0, abi.O_TRACEEXEC | abi.O_EXITKILL)
    except OSError:
        return field(status_of(tid), b"TracerPid") == b"%d" % os.getpid()
    return True


def interrupt(tid: int) -> bool:
    """Make a seized thread stop as soon as it leaves the kernel. False when it is gone."""
    try:
        abi.ptrace(abi.PTRACE_INTERRUPT, tid)
    except OSError:
        return False
    return True


def release(pid: int, number: int = 0) -> bool:
    """Let a stopped thread go on with signal `number` (0: none). False when it is gone or not ours."""
    try:
        abi.ptrace(abi.PTRACE_DETACH, pid, 0, number)
    except OSError:
        return False
    return True


def former_thread(pid: int) -> int:
    """At the exec stop: the id that the thread which called exec had before, 0 when unknown."""
    former = ctypes.c_ulong()
    with contextlib.suppress(OSError):
        abi.ptrace(abi.PTRACE_GETEVENTMSG, pid, 0, ctypes.addressof(former))
    return int(former.value)


def to_end_of_exec(pid: int) -> bool:
    """From the exec stop on to the stop at the end of the execve call. False when it is gone."""
    try:
        abi.ptrace(abi.PTRACE_SYSCALL, pid)
    except OSError:
        return False
    return True


def make_exit(pid: int, code: int) -> None:
    """At the end of its execve: turn what it would do next into exit_group(code), and let it go.

    A signal that is pending by then is taken first, so a program told to end ends by that signal; where it cannot (an
    ignored one, the init of a pid namespace) the injected exit stands behind it. Without a vdso: SIGKILL.
    """
    try:
        place = _call_of_vdso(pid)
        if not place or not registers.call_next(pid, place, nr.EXIT_GROUP, code):
            kill(pid)
            return
        abi.ptrace(abi.PTRACE_DETACH, pid)
    except OSError:
        kill(pid)


def make_become(pid: int, words: Sequence[str]) -> None:
    """At the end of its execve: make it exec another program at once, with these words and its own variables.

    words: the program's path first. That exec is met like any other. What cannot be done so is killed.
    """
    try:
        place, stack = _call_of_vdso(pid), registers.stack_of(pid)
        with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
            count = int.from_bytes(os.pread(memory.fileno(), _WORD, stack), sys.byteorder)
            low, text = _laid_out(stack - _RED_ZONE, [os.fsencode(word) for word in words])
            if not place or len(text) > _BELOW or os.pwrite(memory.fileno(), text, low) != len(text):
                kill(pid)
                return
        variables = stack + _WORD * (count + 2)  # behind the words it was started with, and the end of them
        if not registers.call_next(pid, place, nr.EXECVE, low + _WORD * (len(words) + 1), low, variables):
            kill(pid)
            return
        abi.ptrace(abi.PTRACE_DETACH, pid)
    except OSError:
        kill(pid)


def _laid_out(top: int, words: Sequence[bytes]) -> tuple[int, bytes]:
    """(address, bytes) of pointers to words, a null and the words themselves, which end below `top`."""
    texts = [word + b"\0" for word in words]
    size = _WORD * (len(texts) + 1) + sum(map(len, texts))
    low = (top - size) & ~15
    at, pointers = low + _WORD * (len(texts) + 1), b""
    for text in texts:
        pointers += at.to_bytes(_WORD, sys.byteorder)
        at += len(text)
    return low, pointers + bytes(_WORD) + b"".join(texts)


def kill(pid: int) -> None:
    """SIGKILL to a traced image: it is stopped, so it runs nothing before it dies."""
    with contextlib.suppress(OSError):
        os.kill(pid, signal.SIGKILL)


def ending_signals(pid: int) -> int:
    """Mask of the signals pending for a stopped image that would end it. Ignored ones (nohup) do not count: the kernel
    keeps even those while it is traced."""
    return _ending(status_of(pid))


def kept_back(pid: int) -> int:
    """Those of its ending signals that it inherited blocked and pending: they say nothing about this program."""
    status = status_of(pid)
    return _ending(status) & _mask(status, b"SigBlk")


def group_of(tid: int) -> int:
    """The process a thread belongs to; `tid` itself when it leads it or is gone."""
    try:
        os.close(os.pidfd_open(tid))  # a pidfd is to be had of leaders only: cheaper than reading /proc
    except OSError:
        return int(field(status_of(tid), b"Tgid") or tid)
    return tid


def _ending(status: bytes) -> int:
    pending = _mask(status, b"SigPnd") | _mask(status, b"ShdPnd")
    return pending & ~_mask(status, b"SigIgn") & _ENDING_MASK


def _mask(status: bytes, name: bytes) -> int:
    return int(field(status, name) or b"0", 16)


def _call_of_vdso(pid: int) -> int:
    """The address of an instruction in the image's vdso that makes a system call, 0 for none. Raises OSError."""
    with open(f"/proc/{pid}/maps", "rb") as maps:
        for line in maps:
            if line.rstrip().endswith(b"[vdso]"):
                low, high = (int(part, 16) for part in line.split(None, 1)[0].split(b"-"))
                with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
                    found = registers.find_call(os.pread(memory.fileno(), min(high - low, _VDSO_LIMIT), low))
                return low + found if found >= 0 else 0
    return 0
