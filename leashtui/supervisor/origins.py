"""Who made a temporary file that is run: who made it itself, out of nothing that came from elsewhere, may.

Knows which threads made what (guards.kernel.made), who reached out, and /proc. Refuses to judge. Invariant: a file
counts as a process's own only where it runs that very file, or while that process lives, made it or the folder it lies
in, and nothing that it started has reached out to the network, but where that is what it is for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from leashtui.model.facts import Facts, Place, Severity, Verb
from leashtui.model.request import Action, ProcessRef, Request

_MOST = 8192
_DEPTH = 32
_PIP = re.compile(r"\S*/python[\d.]* (?:/\S+/bin/pip[\d.]*|/\S+/site-packages/pip/__pip-runner__\.py|-m pip) ")


def starter_of(request: Request) -> ProcessRef | None:
    """The process that starts this program: what it was itself before, else its parent."""
    if request.action is not Action.PROCESS_EXEC or request.process is None:
        return None
    if request.process.execs > 1:
        return request.process
    return request.ancestry[0] if request.ancestry else None


class Origins:
    """maker: the thread that made what has a path, 0 for none that is known."""

    def __init__(self, maker: Callable[[str], int]) -> None:
        self._maker = maker
        self._reached: dict[tuple[int, int], None] = {}
        self._all = False

    def reached(self, request: Request) -> None:
        """Whoever started this process, and everybody above, may hold what it got from elsewhere. (What it gets itself
        it could as well run without a file.)"""
        for process in request.ancestry:
            self._reached[process.pid, process.start] = None
        self._all = self._all or len(self._reached) > _MOST

    def are_of(self, process: ProcessRef, facts: Facts, own: Facts | None = None) -> bool:
        """Whether all that is telling of an exec is that it runs temporary files which this process made itself. own:
        what the process itself was judged to be: pip builds by its nature with what it fetched, which was judged."""
        telling = [e for e in facts.effects if e.severity is not Severity.LOW]
        if not telling or any(e.verb is not Verb.EXEC or e.place is not Place.TEMP for e in telling):
            return False
        if all(_runs(process, e.target) for e in telling):
            return True
        fetched = self._all or (process.pid, process.start) in self._reached
        if fetched and not (own is not None and "pip" in own.programs and _PIP.match(own.command)):
            return False
        return all(self._is_of(process, e.target) for e in telling)

    def _is_of(self, process: ProcessRef, path: str) -> bool:
        for _ in range(_DEPTH):
            tid = self._maker(path)
            if not tid:
                return False
            if os.path.exists(f"/proc/{process.pid}/task/{tid}"):
                return True
            path = os.path.dirname(path)
        return False


def _runs(process: ProcessRef, path: str) -> bool:
    """Whether a process is that very file already: while it runs, nobody can write to it."""
    try:
        return os.path.samestat(os.stat(f"/proc/{process.pid}/exe"), os.stat(path))
    except OSError:
        return False
