"""Socket addresses: what the bytes of a sockaddr name, and the few calls that take one as bytes.

Knows the layouts of AF_INET, AF_INET6 and AF_UNIX. Refuses to resolve names and to judge. Invariant: the bytes that
were read are the bytes that are used.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

from msgspec import Struct

from leashtui.guards.kernel import abi
from leashtui.sockets import peer_of

_UNIX_LONGEST = 107


class Peer(Struct, frozen=True):
    """family: of the address. host: in its shortest spelling, a mapped IPv4 address as such. path: a unix path."""

    family: int
    host: str = ""
    port: int = 0
    path: str = ""
    loopback: bool = False
    bare_loopback: bool = False

    @property
    def reached(self) -> str:
        """The host that a caller of this address reaches: of no machine in particular it is this one."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)


def read(raw: bytes) -> Peer:
    """What the bytes name. Raises OSError (EINVAL) when they are too short for their family."""
    if len(raw) < 2:
        return Peer(socket.AF_UNSPEC)
    family = struct.unpack_from("H", raw)[0]
    try:
        if family == socket.AF_INET:
            port, packed = struct.unpack_from("!2xH4s", raw)
            return _peer(family, IPv4Address(packed), port)
        if family == socket.AF_INET6:
            port, packed = struct.unpack_from("!2xH4x16s", raw)
            address = IPv6Address(packed)
            return _peer(family, address.ipv4_mapped or address, port)
    except struct.error as error:
        raise OSError(22, "a short address") from error
    if family == socket.AF_UNIX:
        return Peer(family, path=os.fsdecode(raw[2:].partition(b"\0")[0]))
    return Peer(family)


def _peer(family: int, address: IPv4Address | IPv6Address, port: int) -> Peer:
    home = address.is_loopback
    return Peer(family, str(address), port, "", home or address.is_unspecified, home)


def unix(path: bytes) -> bytes:
    """The address of a unix socket file. Raises OSError (ENAMETOOLONG)."""
    if len(path) > _UNIX_LONGEST:
        raise OSError(36, "the path is too long for a socket")
    return struct.pack("H", socket.AF_UNIX) + path + b"\0"


def any_port(family: int) -> bytes:
    """Every address of an internet family of this machine, at a port that the kernel chooses."""
    return struct.pack("H14x" if family == socket.AF_INET else "H26x", family)


def connect(ours: socket.socket, raw: bytes) -> int:
    """connect(2) with these bytes: 0 or the errno."""
    return _done(abi.libc.connect(ours.fileno(), raw, len(raw)))


def bind(ours: socket.socket, raw: bytes) -> int:
    """bind(2) with these bytes: 0 or the errno."""
    return _done(abi.libc.bind(ours.fileno(), raw, len(raw)))


def _done(result: int) -> int:
    return ctypes.get_errno() if result < 0 else 0


def send(ours: socket.socket, data: bytes, control: bytes, flags: int, to: bytes) -> int:
    """sendmsg(2) of one datagram without waiting; bytes sent. Raises OSError."""
    body = ctypes.create_string_buffer(data, len(data))
    span = struct.pack("QQ", ctypes.addressof(body), len(data))
    name, ancillary = (ctypes.create_string_buffer(part, len(part)) if part else None for part in (to, control))
    vector = ctypes.create_string_buffer(span, len(span))
    header = struct.pack(
        "QI4xQQQQi4x",
        ctypes.addressof(name) if name is not None else 0, len(to),
        ctypes.addressof(vector), 1,
        ctypes.addressof(ancillary) if ancillary is not None else 0, len(control), 0,
    )  # fmt: skip
    flags = (flags & 0xFFFFFFFF) | socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL
    result = int(abi.libc.sendmsg(ours.fileno(), header, ctypes.c_int(flags)))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def peer_pid(ours: socket.socket) -> int:
    """The process that listens at, or made, the other end of a unix socket; 0 when the kernel does not say."""
    return peer_of(ours)[0]


def nameservers(file: Path = Path("/etc/resolv.conf")) -> frozenset[str]:
    """The addresses this machine asks for names."""
    found = set()
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return frozenset()
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                found.add(str(ip_address(words[1].partition("%")[0])))
            except ValueError:
                continue
    return frozenset(found)
