"""Whether a database server at an address is the session's own: started in it, on data that it made.

Reads what listens from /proc. What only passes calls on (a tunnel, a proxy) is no server. Refuses to judge and to call
anybody. Invariant: where one of those who listen there is not known to be such a server, none is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

_SERVERS = {
    "postgres": "PG_VERSION", "redis-server": "", "valkey-server": "", "redis-check-rdb": "", "mysqld": "ibdata1",
    "mariadbd": "ibdata1",
}  # fmt: skip
"""Programs that stand in the folder of their data, and a file by which it is known as such."""
_LISTENS, _ACCEPTS = "0A", 0x10000
_ENTRIES = 2000
_DUMP = b"REDIS"


class Services:
    """made: see classify.probe.Probe. inside: the processes of the session."""

    def __init__(self, made: Callable[[str], bool], inside: Callable[[], list[int]]) -> None:
        self._made = made
        self._inside = inside

    def serves(self, address: str) -> bool | None:
        """See classify.probe.Probe."""
        kind, _, where = address.partition(":")
        try:
            sockets = set(_ports(int(where)) if kind == "tcp" else _paths(where))
        except (OSError, ValueError):
            return False
        if not sockets:
            return None
        for pid in self._inside():
            held = sockets.intersection(_held(pid))
            if held and self._is_server(pid):
                sockets -= held
        return not sockets

    def _is_server(self, pid: int) -> bool:
        try:
            program = os.readlink(f"/proc/{pid}/exe")
            folder = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            return False
        mark = _SERVERS.get(os.path.basename(program))
        if mark is None or self._made(program):  # a tunnel can be given any name
            return False
        if mark:
            return os.path.lexists(os.path.join(folder, mark)) and self._made(folder)
        return self._is_own_store(folder)

    def _is_own_store(self, folder: str) -> bool:
        """Whether no dump or log of somebody else's lies where Redis looks for its own."""
        try:
            with os.scandir(folder) as entries:
                for count, entry in enumerate(entries):
                    kept = entry.name.startswith("appendonly") or entry.name.endswith((".rdb", ".aof"))
                    if count >= _ENTRIES or ((kept or _is_dump(entry)) and not self._made(entry.path)):
                        return False
        except OSError:
            return False
        return True


def _is_dump(entry: os.DirEntry[str]) -> bool:
    if not entry.is_file(follow_symlinks=False):
        return entry.is_symlink() and entry.is_file()  # whatever it leads to
    with open(entry.path, "rb") as file:
        return file.read(len(_DUMP)) == _DUMP


def _ports(port: int) -> Iterator[str]:
    """The sockets that listen at a port of this machine, by whichever address."""
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as lines:
            for line in lines:
                fields = line.split()
                if fields[3] == _LISTENS and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]


def _paths(path: str) -> Iterator[str]:
    """The sockets that listen at a path."""
    with open("/proc/net/unix", encoding="utf-8", errors="surrogateescape") as lines:
        next(lines)
        for line in lines:
            fields = line.rstrip("\n").split(maxsplit=7)
            if len(fields) == 8 and fields[7] == path and int(fields[3], 16) & _ACCEPTS:
                yield fields[6]


def _held(pid: int) -> Iterator[str]:
    """The numbers of the sockets that a process holds."""
    try:
        names = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for name in names:
        try:
            kind, _, number = os.readlink(f"/proc/{pid}/fd/{name}").partition(":[")
        except OSError:
            continue
        if kind == "socket":
            yield number.rstrip("]")
