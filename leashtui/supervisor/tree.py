"""The processes below us: who they are, and how to stop, continue or end them all.

The supervisor is a subreaper, so whatever the agent starts stays its descendant, however often it forks. Knows /proc.
Invariant: ending is repeated until nothing is left, because a tree that forks can outrun one pass.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection, Iterator
from typing import NamedTuple

from leashtui.model.request import ProcessRef

_ROUNDS = 50
_DEPTH = 256
_LINE = 4096


class Stat(NamedTuple):
    """The part of /proc/PID/stat that matters here. running: some thread of it still can; start: in clock ticks."""

    parent: int
    group: int
    session: int
    running: bool
    start: int


def stat_of(pid: int) -> Stat | None:
    """What /proc says of a process, None when it is gone.

    A zombie whose other threads live on still runs: its main thread has ended, it has not. Read of its main thread: of
    the whole process the kernel adds up what each of its threads has used.
    """
    try:
        fd = os.open(f"/proc/{pid}/task/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        try:
            fields = os.read(fd, _LINE).rpartition(b")")[2].split()
        finally:
            os.close(fd)
    except OSError:
        return None
    running = fields[0] not in (b"Z", b"X") or int(fields[17]) > 1
    return Stat(int(fields[1]), int(fields[2]), int(fields[3]), running, int(fields[19]))


def is_stopped(pid: int) -> bool:
    """Whether it stands still by a signal (Ctrl-Z), not because it is traced."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] == b"T"
    except OSError:
        return False


def alive(process: ProcessRef) -> bool:
    """Whether this very process (not a later one of the same pid) still runs."""
    found = stat_of(process.pid)
    return found is not None and found.running and found.start == process.start


def ancestry_has(pid: int, top: int) -> bool:
    """Whether `top` is `pid` or one of its living ancestors."""
    for _ in range(_DEPTH):
        if pid == top:
            return True
        found = stat_of(pid) if pid > 1 else None
        if found is None:
            return False
        pid = found.parent
    return False


def descendants(root: int, spare: Collection[int] = ()) -> list[int]:
    """Living pids below `root`, nearest first; `spare` and what is below them are left out."""
    children: dict[int, list[int]] = {}
    for pid in _pids():
        found = stat_of(pid)
        if found is not None and found.running:
            children.setdefault(found.parent, []).append(pid)
    found_below: list[int] = []
    queue = [root]
    while queue:
        for pid in children.get(queue.pop(0), ()):
            if pid not in spare:
                found_below.append(pid)
                queue.append(pid)
    return found_below


def left_by(leader: ProcessRef) -> list[ProcessRef]:
    """The living processes of the session that this process leads or led; none when its number is another's now."""
    now = stat_of(leader.pid)
    if now is not None and now.start != leader.start:
        return []
    found = ((pid, stat_of(pid)) for pid in _pids() if pid != leader.pid)
    return [ProcessRef(pid, s.start) for pid, s in found if s is not None and s.running and s.session == leader.pid]


def _pids() -> Iterator[int]:
    for name in os.listdir("/proc"):
        if name.isdigit():
            yield int(name)


def command_of(pid: int) -> str:
    """The command line of a process for a person to read, '' when it is gone."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return os.fsdecode(file.read(512).replace(b"\0", b" ").strip())
    except OSError:
        return ""


def send(pids: Collection[int], number: int) -> None:
    """Signal each; those already gone do not matter."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def end_all(root: int, spare: Collection[int] = (), grace: float = 0.5) -> None:
    """End everything below `root`: SIGTERM and SIGCONT, `grace` seconds, then SIGKILL until nothing is left.

    Zombies are left to the caller's reaper: a zombie runs nothing.
    """
    below = descendants(root, spare)
    if not below:
        return
    if grace > 0:
        send(below, signal.SIGTERM)
        send(below, signal.SIGCONT)
        deadline = time.monotonic() + grace
        while time.monotonic() < deadline and descendants(root, spare):
            time.sleep(0.02)
    for _ in range(_ROUNDS * 20):
        below = descendants(root, spare)
        if not below:
            return
        for group in _groups(root, below):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(group, signal.SIGKILL)
        send(below, signal.SIGKILL)
        time.sleep(0.002)


def _groups(root: int, pids: Collection[int]) -> set[int]:
    """Process groups that can only hold descendants of `root`: a fork cannot slip through a signal to its group."""
    own = stat_of(root)
    found = {stat for stat in map(stat_of, pids) if stat is not None}
    return {s.group for s in found if own is not None and s.session != own.session and s.group != own.group}
