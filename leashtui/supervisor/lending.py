"""Covers that are away for a while: each for those who may work with what lies there, closed behind the last of them.

A borrower is a process, whose end is seen, or a tool call of the agent's own, whose end its hook tells. Refuses to know
why somebody may. Invariant: a cover is away only while a borrower of it is left; a call whose end nobody tells is over
after `_CALL` seconds, and none is one that nobody allowed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from msgspec import Struct

from leashtui.model.event import AgentTold, Record
from leashtui.model.hook import Moment
from leashtui.model.request import ProcessRef
from leashtui.supervisor.tree import alive

_CALL = 20.0
"""Seconds. The agent reads at once when its hook has answered."""
_ENDS = frozenset({Moment.PROMPT, Moment.STOP, Moment.SESSION_END})


class Mover(Protocol):
    """guards.kernel.covers.Covers.move."""

    def __call__(self, path: str, *, away: bool) -> None: ...


class Call(Struct, frozen=True):
    """A tool call, by the agent's own names: the sub-agent that calls and the call."""

    helper: str
    id: str


Borrower = ProcessRef | Call


class Lending:
    """move: takes a cover away or puts it back. follow: calls back once a process has ended. tell: a sentence and what
    to do, for the log and the panel. changed: told whenever what is open has changed. later: does something after that
    many seconds."""

    def __init__(
        self,
        move: Mover,
        follow: Callable[[ProcessRef, Callable[[], None]], bool],
        tell: Callable[[str, str], None],
        changed: Callable[[Sequence[str]], None] = lambda places: None,
        later: Callable[[float, Callable[[], None]], object] = lambda seconds, work: None,
    ) -> None:
        self._move = move
        self._follow = follow
        self._tell = tell
        self._changed = changed
        self._later = later
        self._open: dict[str, tuple[str, set[Borrower]]] = {}

    def is_open(self, path: str) -> bool:
        """Whether the cover over a path is away now."""
        return any((path + "/").startswith(place + "/") for place in self._open)

    def lend(self, borrower: Borrower, places: Sequence[tuple[str, str]]) -> str:
        """Open the places, (path, how it is called), for the borrower. '' when they are, else why not."""
        for path, name in places:
            if path not in self._open:
                try:
                    self._move(path, away=True)
                except (OSError, subprocess.SubprocessError) as error:
                    return f"it could not be opened: {error}"
                self._open[path] = (name, set())
                self._tell(f"{name} is open", "until what was allowed to work with it has ended")
                self._changed(tuple(self._open))
            self._open[path][1].add(borrower)
            if isinstance(borrower, Call):
                self._later(_CALL, lambda path=path: self._give_back(borrower, path))  # type: ignore[misc]
            elif not self._follow(borrower, lambda path=path: self._give_back(borrower, path)):  # type: ignore[misc]
                self._give_back(borrower, path)
        return ""

    def close_behind(self) -> None:
        """Close what was open for processes that have ended: of that one is told a moment later."""
        for borrower, path in list(self._borrowers()):
            if isinstance(borrower, ProcessRef) and not alive(borrower):
                self._give_back(borrower, path)

    def heard(self, seq: int, record: Record, head: str) -> None:
        """A record was committed (stream.Subscriber): the agent tells which of its calls are over."""
        event = record.event
        if not isinstance(event, AgentTold) or event.moment not in (Moment.TOOL_DONE, *_ENDS):
            return
        for borrower, path in list(self._borrowers()):
            if isinstance(borrower, Call) and (
                event.moment in _ENDS or not borrower.id or borrower == Call(event.helper, event.call)
            ):
                self._give_back(borrower, path)

    def _borrowers(self) -> Iterator[tuple[Borrower, str]]:
        for path, (_, borrowers) in self._open.items():
            for borrower in borrowers:
                yield borrower, path

    def _give_back(self, borrower: Borrower, path: str) -> None:
        """Told again, or later, it changes nothing."""
        if path not in self._open:
            return
        name, borrowers = self._open[path]
        borrowers.discard(borrower)
        if borrowers:
            return
        del self._open[path]
        self._changed(tuple(self._open))
        try:
            self._move(path, away=False)
        except (OSError, subprocess.SubprocessError) as error:
            self._tell(f"{name} could not be closed again: {error}", "end the session with `leash kill`")
            return
        self._tell(f"{name} is closed again", "")
