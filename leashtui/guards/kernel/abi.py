"""Constants and calls of the Linux interface that the guard stands on, as the kernel's headers define them.

Knows constants and how to make a system call. Refuses to know why. Invariant: a failed call raises OSError with the
kernel's errno; nothing here returns -1.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from leashtui.guards.kernel import numbers as nr

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
libc.process_vm_readv.restype = ctypes.c_ssize_t
libc.process_vm_writev.restype = ctypes.c_ssize_t
libc.sendmsg.restype = ctypes.c_ssize_t

PR_SET_DUMPABLE, PR_SET_PDEATHSIG, PR_SET_NO_NEW_PRIVS = 4, 1, 38
LANDLOCK_VERSION = 1
SECCOMP_MODE_FILTER, NEW_LISTENER, WAIT_KILLABLE = 1, 8, 32
WALL = 0x40000000

NOTIF_RECV = 0xC0502100
NOTIF_SEND = 0xC0182101
NOTIF_SET_FLAGS = 0x40082104
NOTIF_CONTINUE = 1
NOTIF_ID_VALID = 0x40082102
NOTIF_ADDFD = 0x40182103
NOTIF_SIZE = 80
NOTIF_HEAD = struct.Struct("QI")
NOTICE = struct.Struct("QI4xi12x6Q")
"""Notice id, thread id, number of the call, its six arguments."""
RESPONSE = struct.Struct("QqiI")
ADDFD = struct.Struct("QIIII")
ADDFD_SEND = 2
_SETMASK = 2

AT_FDCWD = -100
OPEN_HOW = struct.Struct("QQQ")
NO_MAGICLINKS = 2

PTRACE_DETACH = 17
PTRACE_SYSCALL = 24
PTRACE_GETEVENTMSG = 0x4201
PTRACE_GETREGSET = 0x4204
PTRACE_SETREGSET = 0x4205
PTRACE_SEIZE = 0x4206
PTRACE_INTERRUPT = 0x4207
O_TRACEEXEC = 0x10
O_EXITKILL = 0x100000
EVENT_EXEC = 4


class Program(ctypes.Structure):
    """struct sock_fprog: how many instructions, and where they are."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def call(number: int, *args: int) -> int:
    """A raw system call with integer arguments. Raises OSError."""
    result = int(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in args)))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def ptrace(request: int, pid: int, address: int = 0, data: int = 0) -> None:
    """ptrace(2). Raises OSError (ProcessLookupError when the tracee is gone or not stopped)."""
    if libc.ptrace(request, pid, address, data) == -1:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def take_fd(pid: int, number: int) -> int:
    """A duplicate of descriptor `number` of process `pid`, close-on-exec. Raises OSError."""
    pidfd = os.pidfd_open(pid)
    try:
        return call(nr.PIDFD_GETFD, pidfd, number, 0)
    finally:
        os.close(pidfd)


def open_folder(path: bytes) -> int:
    """A descriptor that only names the directory `path`, links followed but for those of /proc. Raises OSError."""
    how = OPEN_HOW.pack(os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, NO_MAGICLINKS)
    return call_text(nr.OPENAT2, AT_FDCWD, path, how, len(how))


def call_text(number: int, *args: int | bytes) -> int:
    """A raw system call whose arguments may be bytes, passed as pointers to them. Raises OSError."""
    result = int(libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) if isinstance(a, int) else a for a in args)))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def spares_repeats() -> bool:
    """Whether a caller whose call was taken up is not woken by signals any more (Linux 5.19): without a filter to
    load, the kernel only says whether it knows the flags."""
    libc.syscall(ctypes.c_long(nr.SECCOMP), 1, NEW_LISTENER | WAIT_KILLABLE, None)
    return ctypes.get_errno() == errno.EFAULT


class Span(ctypes.Structure):
    """struct iovec."""

    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


def read_memory(pid: int, address: int, length: int) -> bytes:
    """At most `length` bytes of another process, fewer where its memory ends. Raises OSError (EFAULT: none)."""
    buffer = ctypes.create_string_buffer(length)
    here, there = Span(ctypes.addressof(buffer), length), Span(address, length)
    count = int(libc.process_vm_readv(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0))
    if count < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return buffer.raw[:count]


def write_memory(pid: int, address: int, data: bytes) -> None:
    """Put `data` into the memory of another process. Raises OSError."""
    buffer = ctypes.create_string_buffer(data, len(data))
    here, there = Span(ctypes.addressof(buffer), len(data)), Span(address, len(data))
    if int(libc.process_vm_writev(pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)) != len(data):
        error = ctypes.get_errno() or errno.EFAULT
        raise OSError(error, os.strerror(error))


def listen(code: bytes, flags: int) -> int:
    """Load a filter into the calling thread; its listener's descriptor. Raises OSError."""
    buffer = ctypes.create_string_buffer(code, len(code))
    program = Program(len(code) // 8, ctypes.addressof(buffer))
    return call(nr.SECCOMP, SECCOMP_MODE_FILTER, NEW_LISTENER | flags, ctypes.addressof(program))


class Quiet:
    """No signal is taken by this thread within; what comes meanwhile comes afterwards. Not to be nested."""

    def __init__(self) -> None:
        self._all = ctypes.create_string_buffer(b"\xff" * 128, 128)
        self._before = ctypes.create_string_buffer(128)

    def __enter__(self) -> None:
        libc.pthread_sigmask(_SETMASK, self._all, self._before)

    def __exit__(self, *_: object) -> None:
        libc.pthread_sigmask(_SETMASK, self._before, None)
