"""The pipeline that a program is part of when no text told of it: a shell that is typed into starts each by itself.

Knows which pipe or file an allowed program read from and which it wrote to, and /proc of the one that is asked about.
Refuses to judge: the pipeline is written out as the line that would have started it, and that is judged. Invariant:
what stands at a pipe's other end is known whichever of the two starts first, and after it ended.
"""

from __future__ import annotations

import os
import shlex
from typing import NamedTuple

from leashtui.model.facts import Facts, Verb
from leashtui.model.request import Action, Layer, Request
from leashtui.supervisor.scripts import SHELLS, is_interpreter

_REACHING = frozenset({Verb.NET_GET, Verb.NET_SEND, Verb.REMOTE_SESSION})
_MOST = 32
_HELD = 512


class _Part(NamedTuple):
    """A program of a pipeline: its words, its two ends, whether it runs what it reads, whether it fetches."""

    words: tuple[str, ...]
    comes: str
    goes: str
    runs: bool
    fetches: bool


class Pipelines:
    """Of one session."""

    def __init__(self) -> None:
        self._writers: dict[str, _Part] = {}
        self._readers: dict[str, _Part] = {}
        self._met: tuple[Request, _Part | None] | None = None

    def line(self, request: Request, starter: Facts | None) -> str:
        """The line of a pipeline with an interpreter in it, as far as its parts have started; '' where there is none.

        starter: of the program that starts this one; what a shell's text names was judged there.
        """
        self._met = None
        if not request.argv or request.chosen or (starter is not None and _told(request, starter)):
            return ""
        part = _part(request)
        self._met = request, part
        if part is None:
            return ""
        parts = [part]
        while (before := self._writers.get(parts[0].comes)) is not None and len(parts) < _MOST:
            parts.insert(0, before)
        while (behind := self._readers.get(parts[-1].goes)) is not None and len(parts) < _MOST:
            parts.append(behind)
        whole = len(parts) > 1 and any(p.runs for p in parts[1:])
        return " | ".join(shlex.join(p.words) for p in parts) if whole else ""

    def ran(self, request: Request, facts: Facts) -> None:
        """This program was let run."""
        part = self._met[1] if self._met is not None and self._met[0] is request else _part(request)
        if part is None:
            return
        part = part._replace(fetches=any(e.verb in _REACHING for e in facts.effects))
        for pipe, known in ((part.goes, self._writers), (part.comes, self._readers)):
            held = known.pop(pipe, None)
            telling = held is not None and (held.fetches or held.runs) and not (part.fetches or part.runs)
            if pipe:
                known[pipe] = held if held is not None and telling else part
            if len(known) > _HELD:
                del known[next(iter(known))]


def _part(request: Request) -> _Part | None:
    """The program that an exec starts, None where neither of its ends leads anywhere."""
    if request.action is not Action.PROCESS_EXEC or request.layer is not Layer.KERNEL or request.process is None:
        return None
    comes, goes = _pipe(request.process.pid, 0), _pipe(request.process.pid, 1)
    if not request.argv or not (comes or goes):
        return None
    return _Part(request.argv, comes, goes, is_interpreter(request.exe or request.argv[0]), fetches=False)


def _told(request: Request, starter: Facts) -> bool:
    name = os.path.basename(request.exe or request.argv[0])
    return starter.programs[:1] != () and starter.programs[0] in SHELLS and name in starter.programs[1:]


def _pipe(pid: int, number: int) -> str:
    """The pipe or file that a process's descriptor is, '' for anything else."""
    try:
        name = os.readlink(f"/proc/{pid}/fd/{number}")
    except OSError:
        return ""
    return "" if name.startswith(("/dev/", "socket:", "anon_inode:")) else name
