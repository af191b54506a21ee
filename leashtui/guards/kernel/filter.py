"""The seccomp filter of tier exec as classic BPF bytes: what is asked about, what is refused outright, what kills.

Knows system call numbers of x86-64. Refuses to know policies: whatever needs judgement is handed to the listener.
Invariant: a call made through another architecture or the x32 table never reaches the rules below; it kills.
"""

from __future__ import annotations

import errno
import struct

_LD_W_ABS, _JEQ, _JGE, _JSET, _RET = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _NOTIFY, _KILL = 0x7FFF0000, 0x7FC00000, 0x80000000
_ERRNO = 0x00050000
_AUDIT_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_NR, _ARCH, _ARG1 = 0, 4, 24

EXECVE, EXECVEAT = 59, 322
ABSENT = {"io_uring_setup": 425, "io_uring_enter": 426, "io_uring_register": 427}
"""Answered ENOSYS: io_uring does files and sockets past every filter; callers fall back."""
REFUSED = {
    "ptrace": 101,
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "pidfd_getfd": 438,
    "bpf": 321,
    "perf_event_open": 298,
    "userfaultfd": 323,
    "add_key": 248,
    "request_key": 249,
    "keyctl": 250,
    "open_by_handle_at": 304,
    "setns": 308,
}
"""Answered EPERM: each reaches into another process or past the filter."""
_SECCOMP, _NEW_LISTENER = 317, 8
_IOCTL, _TIOCSTI, _TIOCLINUX = 16, 0x5412, 0x541C


def program() -> bytes:
    """The filter, 8 bytes an instruction."""
    code: list[bytes] = []

    def emit(op: int, if_true: int, if_false: int, value: int) -> None:
        code.append(struct.pack("HBBI", op, if_true, if_false, value))

    emit(_LD_W_ABS, 0, 0, _ARCH)
    emit(_JEQ, 1, 0, _AUDIT_ARCH_X86_64)
    emit(_RET, 0, 0, _KILL)
    emit(_LD_W_ABS, 0, 0, _NR)
    emit(_JGE, 0, 1, _X32)
    emit(_RET, 0, 0, _KILL)
    answers = {EXECVE: _NOTIFY, EXECVEAT: _NOTIFY}
    answers |= dict.fromkeys(ABSENT.values(), _ERRNO | errno.ENOSYS)
    answers |= dict.fromkeys(REFUSED.values(), _ERRNO | errno.EPERM)
    for number, answer in answers.items():
        emit(_JEQ, 0, 1, number)
        emit(_RET, 0, 0, answer)
    # a second listener: what the kernel itself would say, in every version; a nested leash knows itself by it
    emit(_JEQ, 0, 4, _SECCOMP)
    emit(_LD_W_ABS, 0, 0, _ARG1)
    emit(_JSET, 0, 1, _NEW_LISTENER)
    emit(_RET, 0, 0, _ERRNO | errno.EBUSY)
    emit(_RET, 0, 0, _ALLOW)
    # only the low 32 bits of the request count in the kernel, so only they are compared
    emit(_JEQ, 0, 5, _IOCTL)
    emit(_LD_W_ABS, 0, 0, _ARG1)
    emit(_JEQ, 1, 0, _TIOCSTI)
    emit(_JEQ, 0, 1, _TIOCLINUX)
    emit(_RET, 0, 0, _ERRNO | errno.EPERM)
    emit(_RET, 0, 0, _ALLOW)
    emit(_RET, 0, 0, _ALLOW)
    return b"".join(code)
