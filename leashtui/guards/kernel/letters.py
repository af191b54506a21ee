"""Datagrams as their sender wrote them: address, contents and control data, read from its memory once.

Knows the layouts of sendto, sendmsg and sendmmsg. Refuses to judge addresses. Invariant: what is sent later is what was
read here; a letter is bounded, so that no caller can make the guard copy without end.
"""

from __future__ import annotations

import errno
import os
import socket
import struct

from leashtui.guards.kernel import abi, address
from leashtui.guards.kernel import numbers as nr
from leashtui.guards.kernel.listener import Notice
from leashtui.guards.kernel.spot import signed
from leashtui.guards.kernel.tracee import group_of

_DATAGRAM = 1 << 16
STREAM = 1 << 20
_MOST_MESSAGES = 64
_MESSAGE = struct.Struct("QI4xQQQQi4x")
_SPAN = struct.Struct("QQ")
_CONTROL = struct.Struct("Qii")
_SOL_SOCKET, _SCM_RIGHTS = 1, 1
_MOST_DESCRIPTORS = 253
_PLAIN = frozenset({(0, 1), (0, 2), (0, 8), (41, 50), (41, 52), (41, 67), (17, 103)})
"""(level, type): service class, hops, source address and interface, segment size. None says where a packet goes."""


class Letter:
    """One datagram as the caller wrote it. counted: where its length is to be reported, 0 for nowhere. size: how much
    the caller wrote, of which `data` may be a part where it is a stream's."""

    def __init__(self, to: bytes, data: bytes, control: bytes, flags: int, counted: int = 0, size: int = 0) -> None:
        self.to = to
        self.data = data
        self.control = control
        self.flags = flags
        self.size = size
        self._counted = counted

    def report(self, tid: int, count: int) -> None:
        """Tell the caller how much of it went."""
        if self._counted:
            abi.write_memory(tid, self._counted, struct.pack("I", count))


def read_part(notice: Notice, start: int) -> Letter:
    """What the caller wants a stream to carry, of several messages the first; at most STREAM bytes of it from `start`
    on. Raises OSError: EFAULT, EMSGSIZE."""
    a = notice.args
    if notice.number == nr.SENDMSG:
        return _message_at(notice.tid, a[1], a[2], 0, part=start)
    return _message_at(notice.tid, a[1], a[3], _MESSAGE.size, part=start)


def read_letters(notice: Notice) -> list[Letter]:
    """What the caller wants to send. Raises OSError: EFAULT, EMSGSIZE."""
    a, tid = notice.args, notice.tid
    if notice.number == nr.SENDTO:
        if a[2] > _DATAGRAM:
            raise OSError(errno.EMSGSIZE, "too long")
        return [Letter(address_at(tid, a[4], a[5]), _bytes_at(tid, a[1], a[2]), b"", a[3])]
    if notice.number == nr.SENDMSG:
        return [_message_at(tid, a[1], a[2], 0)]
    size = _MESSAGE.size + 8
    return [_message_at(tid, a[1] + n * size, a[3], _MESSAGE.size) for n in range(min(a[2], _MOST_MESSAGES))]


def _message_at(tid: int, at: int, flags: int, counted: int, part: int = -1) -> Letter:
    name, length, spans, count, control, room, _ = _MESSAGE.unpack(_bytes_at(tid, at, _MESSAGE.size))
    if count > 1024 or room > 4096:
        raise OSError(errno.EMSGSIZE, "too long")
    data, size = b"", 0
    for where, much in _SPAN.iter_unpack(_bytes_at(tid, spans, count * _SPAN.size)):
        skip = min(max(part - size, 0), much)
        size += much
        if part < 0 and size > _DATAGRAM:
            raise OSError(errno.EMSGSIZE, "too long")
        data += _bytes_at(tid, where + skip, min(much - skip, STREAM - len(data)))
    to = address_at(tid, name, length) if name else b""
    ancillary = _bytes_at(tid, control, room) if control and part <= 0 else b""
    return Letter(to, data, ancillary, flags, at + counted if counted else 0, size)


def own_rights(control: bytes, group: int, taken: list[int]) -> bytes:
    """Control data that we may send for the caller: its descriptors become our duplicates of them, put in `taken`.

    Of anything else what says nothing of whom it comes from or goes to is kept, the rest (credentials would be ours, a
    route leads elsewhere) is refused. Raises OSError.
    """
    made, at = bytearray(control), 0
    while at + _CONTROL.size <= len(control):
        length, level, kind = _CONTROL.unpack_from(control, at)
        rights = (level, kind) == (_SOL_SOCKET, _SCM_RIGHTS)
        if not (rights or (level, kind) in _PLAIN) or not _CONTROL.size <= length <= len(control) - at:
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        for place in range(at + _CONTROL.size, at + length - 3, 4) if rights else ():
            if len(taken) >= _MOST_DESCRIPTORS:
                raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
            taken.append(abi.take_fd(group, struct.unpack_from("i", control, place)[0]))
            struct.pack_into("i", made, place, taken[-1])
        at += (length + 7) & ~7
    if at < len(control):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return bytes(made)


def post(notice: Notice, ours: socket.socket, letter: Letter) -> int:
    """Send one letter with the caller's descriptors, never with ours, without waiting; bytes sent. Raises OSError."""
    taken: list[int] = []
    try:
        control = own_rights(letter.control, group_of(notice.tid), taken) if letter.control else b""
        return address.send(ours, letter.data, control, letter.flags, letter.to)
    finally:
        for fd in taken:
            os.close(fd)


def _bytes_at(tid: int, at: int, length: int) -> bytes:
    data = abi.read_memory(tid, at, length) if length else b""
    if len(data) != length:
        raise OSError(errno.EFAULT, os.strerror(errno.EFAULT))
    return data


def address_at(tid: int, at: int, length: int) -> bytes:
    length = signed(length)
    if not 0 <= length <= 128:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return _bytes_at(tid, at, length)
