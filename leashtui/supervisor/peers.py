"""Who is at the other end of a local socket, and may that process speak for the person?

The agent runs as the same user, so the uid says nothing. What survives every double fork is the sandbox: the agent's
descendants carry NO_NEW_PRIVS and one seccomp filter more than the supervisor. A peer with more of either than the
supervisor itself is the agent's; a peer whose /proc entry cannot be read is refused too (audit.md, Identity).
Invariant: nothing here trusts a word the peer says about itself.
"""

from __future__ import annotations

import os
import pwd
import select
import socket
import struct

from msgspec import Struct

from leashtui.sockets import peer_of

SO_PEERPIDFD = 77
"""Linux 6.5; absent from Python's socket module."""


class Sandbox(Struct, frozen=True):
    """The part of /proc/PID/status that a process can only ever add to."""

    no_new_privs: int
    filters: int


class Peer(Struct, frozen=True):
    """A checked peer. reason: '' when it may speak for the person, else why not. user: login name."""

    pid: int
    uid: int
    user: str
    reason: str = ""


def sandbox_of(pid: int | str) -> Sandbox:
    """The sandbox of a process. Raises OSError or ValueError when it cannot be read."""
    wanted = {"NoNewPrivs": 0, "Seccomp": 0, "Seccomp_filters": -1}
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        for line in status:
            name, _, value = line.partition(":")
            if name in wanted:
                wanted[name] = int(value)
    filters = wanted["Seccomp_filters"]
    return Sandbox(wanted["NoNewPrivs"], filters if filters >= 0 else wanted["Seccomp"])


def user_name(uid: int) -> str:
    """The login name of a uid, or the number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def check(peer: socket.socket, own: Sandbox, uid: int) -> Peer:
    """Judge the peer of a connected AF_UNIX socket against our own sandbox. Never raises for a bad peer."""
    pid, peer_uid = peer_of(peer)
    user = user_name(peer_uid)
    if peer_uid != uid:
        return Peer(pid, peer_uid, user, f"uid {peer_uid} is not the owner of this session")
    try:
        pidfd = struct.unpack("i", peer.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4))[0]
    except OSError:
        pidfd = -1
    try:
        found = sandbox_of(pid)
        if pidfd >= 0 and select.select([pidfd], [], [], 0)[0]:
            return Peer(pid, peer_uid, user, "the process that connected is gone")
    except (OSError, ValueError):
        return Peer(pid, peer_uid, user, "its /proc entry cannot be read")
    finally:
        if pidfd >= 0:
            os.close(pidfd)
    if found.no_new_privs > own.no_new_privs or found.filters > own.filters:
        return Peer(pid, peer_uid, user, "it runs inside the leash: an agent cannot answer for the person")
    return Peer(pid, peer_uid, user)
