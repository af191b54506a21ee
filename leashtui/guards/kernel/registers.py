"""The registers of a stopped image, on x86-64 and aarch64: what it will run, and how it is made to run one call.

Knows the layouts of NT_PRSTATUS. Refuses to know why. Hazard: an image of another width has a shorter set, which says
so. Invariant: an image whose registers `call_next` has set makes that call or faults. That of aarch64 is untested.
"""

from __future__ import annotations

import ctypes
import struct

from leashtui.guards.kernel import abi
from leashtui.guards.kernel import numbers as nr

_PRSTATUS = 1
_RAX, _RDX, _RSI, _RDI, _ORIG_RAX, _RIP, _CS, _RSP = 10, 12, 13, 14, 15, 16, 17, 19
_CS_64 = 0x33
_X0, _X8, _LR, _SP, _PC, _PSTATE = 0, 8, 30, 31, 32, 33
_MODE_32 = 0x10
_ARM = nr.MACHINE == "aarch64"
_ARGUMENTS = (_X0, _X0 + 1, _X0 + 2) if _ARM else (_RDI, _RSI, _RDX)
_SET = struct.Struct("34Q" if _ARM else "27Q")
_CALL, _STEP = (b"\x01\x00\x00\xd4", 4) if _ARM else (b"\x0f\x05", 1)


def is_64_bit(pid: int) -> bool:
    """Whether a stopped image will run 64-bit code; the filter kills any other at its first call. Raises OSError."""
    return _read(pid) is not None


def find_call(text: bytes) -> int:
    """Where machine code makes a system call, -1 for nowhere."""
    at = text.find(_CALL)
    while at > 0 and at % _STEP:
        at = text.find(_CALL, at + 1)
    return at


def stack_of(pid: int) -> int:
    """Where the stack of a stopped 64-bit image ends, 0 for any other image. Raises OSError."""
    values = _read(pid)
    return values[_SP if _ARM else _RSP] if values is not None else 0


def call_next(pid: int, place: int, number: int, *arguments: int) -> bool:
    """Make a stopped 64-bit image go on at `place`, which makes a call, with this one of up to three arguments. False
    for any other image. Raises OSError."""
    values = _read(pid)
    if values is None:
        return False
    for at, argument in zip(_ARGUMENTS, arguments, strict=False):
        values[at] = argument
    if _ARM:
        values[_X8], values[_PC], values[_PSTATE] = number, place, 0
        values[_SP] = values[_LR] = 0
    else:
        values[_RAX], values[_RIP] = number, place
        values[_ORIG_RAX] = (1 << 64) - 1
        values[_RSP] = 0  # a filter of its own may let the call fail: whatever follows in the vdso faults then
    text = ctypes.create_string_buffer(_SET.pack(*values), _SET.size)
    span = abi.Span(ctypes.addressof(text), _SET.size)
    abi.ptrace(abi.PTRACE_SETREGSET, pid, _PRSTATUS, ctypes.addressof(span))
    return True


def _read(pid: int) -> list[int] | None:
    text = ctypes.create_string_buffer(_SET.size)
    span = abi.Span(ctypes.addressof(text), _SET.size)
    abi.ptrace(abi.PTRACE_GETREGSET, pid, _PRSTATUS, ctypes.addressof(span))
    if span.length != _SET.size:
        return None
    values = list(_SET.unpack(text))
    wide = not values[_PSTATE] & _MODE_32 if _ARM else values[_CS] == _CS_64
    return values if wide else None
