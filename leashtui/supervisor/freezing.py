"""Stands the agent's processes still, for more than one reason at a time.

A person's brake and a change that waits for an answer may overlap: the tree goes on when the last reason is gone.
Knows pids and signals. Refuses to know why. Hazard: a shell that is awake while its child stands takes it for a job
that was stopped, so parents stop first and go on last. Invariant: only what was stopped here goes on again; a job that
stood before, by Ctrl-Z, stands still afterwards.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Sequence

from leashtui.supervisor import tree

_ROUNDS = 50
_PATIENCE, _LOOK = 0.1, 0.0005
"""Seconds for all parents to come to stand, of which one that waits in the kernel may not; and between two looks."""


class Freezer:
    """own: children of ours that are not the agent's."""

    def __init__(self, own: Callable[[], Collection[int]]) -> None:
        self._own = own
        self._reasons: set[str] = set()
        self._stopped: dict[int, int] = {}

    @property
    def frozen(self) -> bool:
        """Whether the tree stands still."""
        return bool(self._reasons)

    def has(self, reason: str) -> bool:
        """Whether it stands still for this reason."""
        return reason in self._reasons

    def hold(self, reason: str) -> bool:
        """Stop everything below us until `release(reason)`. True when it ran before."""
        ran = not self._reasons
        self._reasons.add(reason)
        for _ in range(_ROUNDS):
            fresh = [pid for pid in tree.descendants(os.getpid(), self._own()) if self._may_stop(pid)]
            if not fresh:
                break
            self._stop(fresh)
        return ran

    def _stop(self, pids: Sequence[int]) -> None:
        """Nearest first, and a child only when its parent stands: told to, it may look at its children once more."""
        parents = {found.parent for pid in pids if (found := tree.stat_of(pid))}
        end = time.monotonic() + _PATIENCE
        for pid in pids:
            tree.send([pid], signal.SIGSTOP)
            while pid in parents and not tree.is_stopped(pid) and time.monotonic() < end:
                time.sleep(_LOOK)

    def release(self, reason: str) -> bool:
        """This reason is gone. True when the tree goes on, because it was the last."""
        if reason not in self._reasons:
            return False
        self._reasons.discard(reason)
        if self._reasons:
            return False
        stopped, self._stopped = self._stopped, {}
        same = [pid for pid, start in stopped.items() if (found := tree.stat_of(pid)) and found.start == start]
        tree.send(same[::-1], signal.SIGCONT)
        return True

    def _may_stop(self, pid: int) -> bool:
        """Whether it was not stopped yet, neither by us nor by somebody else; from now on it is by us."""
        found = tree.stat_of(pid)
        if found is None or self._stopped.get(pid) == found.start or tree.is_stopped(pid):
            return False
        self._stopped[pid] = found.start
        return True
