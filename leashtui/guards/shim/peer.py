"""Who asks: what the kernel says of the process at the other end of the socket, never what it says of itself.

Knows /proc. Refuses to know requests and verdicts. Invariant: a process that cannot be read is no process to answer.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from leashtui.model.request import ProcessRef
from leashtui.model.variables import carries_code

_FAR = 64  # generations looked at


def reference(pid: int) -> ProcessRef:
    """The process `pid` as it is now. Raises OSError when there is none."""
    return ProcessRef(pid, int(_stat(pid)[19]))


def parent(pid: int) -> int:
    """Its parent's pid. Raises OSError."""
    return int(_stat(pid)[1])


def ancestors(pid: int, above: int) -> tuple[ProcessRef, ...]:
    """Living ancestors, nearest first, below `above` (the supervisor). Raises OSError when `pid` is gone."""
    found: list[ProcessRef] = []
    up = parent(pid)
    while up > 1 and up != above and len(found) < _FAR:
        try:
            found.append(reference(up))
            up = parent(up)
        except OSError:
            break
    return tuple(found)


def directory(pid: int) -> str:
    """Its working directory. Raises OSError."""
    return os.readlink(f"/proc/{pid}/cwd")


def code_variables(pid: int, known: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Variables of its environment that can carry code, in order, but for the `known` ones. Raises OSError."""
    with open(f"/proc/{pid}/environ", "rb") as file:
        raw = file.read(4 << 20)
    pairs = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0") if entry)
    return tuple((name, value) for name, _, value in pairs if carries_code(name) and known.get(name) != value)


def _stat(pid: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third on (the name before them may hold anything)."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()
