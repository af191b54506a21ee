"""Calls that wait for a verdict: submitted one request after the other, released, refused or withdrawn.

Knows tickets and notices. Refuses to know what a call does: its guard hands over what to do once all is allowed. A
thread that is told to end or is gone takes its question with it, because the kernel keeps it waiting for us otherwise.
Invariant: `then` runs once, after every request was allowed, and only while the caller still waits.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from typing import NamedTuple

from leashtui.guards.kernel import tracee
from leashtui.guards.kernel.image import ancestors_of, program_of, stat_of, words_of
from leashtui.guards.kernel.listener import Listener, Notice
from leashtui.guards.kernel.voice import say
from leashtui.model.ports import Submit, Ticket
from leashtui.model.request import ProcessRef, Request
from leashtui.model.verdict import Ruling, Verdict

_AGAIN = 1.0
_SAID = 256
_LOOKS = 200
"""Waiting calls looked at in one poll."""
_WORDS, _LETTERS = 64, 4096


class _Wait:
    """One call that waits."""

    def __init__(self, notice: Notice, group: int, requests: list[Request], then: Callable[[], None]) -> None:
        self.notice = notice
        self.group = group
        self.requests = requests
        self.then = then
        self.ticket: Ticket | None = None
        self.before = tracee.kept_back(notice.tid)


class Caller(NamedTuple):
    """Who makes a call. ancestry: nearest first. argv: its words as it shows them now, which it may have changed."""

    process: ProcessRef
    ancestry: tuple[ProcessRef, ...]
    exe: str
    argv: tuple[str, ...]


class Holding:
    """submit: THE path. top: our own pid, above which nobody is an ancestor. program: names what a process runs."""

    def __init__(
        self, listener: Listener, submit: Submit, top: int, program: Callable[[int], str] = program_of
    ) -> None:
        self._listener = listener
        self.program = program
        self._submit = submit
        self._top = top
        self._waiting: dict[int, _Wait] = {}
        self._said: dict[tuple[int, str], float] = {}
        self._turn: list[int] = []

    def who(self, tid: int) -> Caller:
        """The process of a thread. Raises OSError when it is gone."""
        group = tracee.group_of(tid)
        parent, start = stat_of(group)
        try:
            exe = self.program(group)
            words = words_of(group)[:_WORDS]
        except (OSError, ValueError):
            exe, words = "", ()
        words = words[: len(words) - next((n for n, w in enumerate(reversed(words)) if w), len(words))] or words[:1]
        shown = words if sum(map(len, words)) <= _LETTERS else words[:1]
        return Caller(ProcessRef(group, start), ancestors_of(parent, self._top), exe, shown)

    def ask(self, notice: Notice, requests: list[Request], then: Callable[[], None]) -> None:
        """Submit the requests in order; the first denial refuses the call with its sentence."""
        wait = _Wait(notice, tracee.group_of(notice.tid), list(requests), then)
        self._waiting[notice.id] = wait
        self._next(wait)

    def _next(self, wait: _Wait) -> None:
        if not wait.requests:
            del self._waiting[wait.notice.id]
            if self._listener.waits(wait.notice.id):
                wait.then()
            return
        request = wait.requests.pop(0)
        answered = False

        def settle(verdict: Verdict) -> None:
            nonlocal answered
            answered = True
            wait.ticket = None
            if self._waiting.get(wait.notice.id) is wait:
                self._settle(wait, verdict)

        ticket = self._submit(request, settle)
        if not answered and self._waiting.get(wait.notice.id) is wait:
            wait.ticket = ticket

    def _settle(self, wait: _Wait, verdict: Verdict) -> None:
        if verdict.ruling is Ruling.ALLOW:
            self._next(wait)
            return
        del self._waiting[wait.notice.id]
        self.refuse(wait.notice, verdict.feedback)

    def refuse(self, notice: Notice, sentence: str, error: int = errno.EACCES) -> None:
        """Fail the call, and say why on the program's stderr, the same words at most once a second."""
        group = tracee.group_of(notice.tid)
        now = time.monotonic()
        if sentence and now - self._said.get((group, sentence), 0.0) > _AGAIN:
            if len(self._said) >= _SAID:
                self._said.clear()
            self._said[group, sentence] = now
            say(group, sentence)
        self._listener.refuse(notice.id, error)

    def poll(self) -> None:
        """Let go of those that were told to end, and forget those that are gone."""
        self._turn = self._turn or list(self._waiting)
        turn, self._turn = self._turn[:_LOOKS], self._turn[_LOOKS:]
        for key in turn:
            wait = self._waiting.get(key)
            if wait is None:
                continue
            ending = tracee.ending_signals(wait.notice.tid) & ~wait.before
            if self._listener.waits(key) and not ending:
                continue
            del self._waiting[key]
            if wait.ticket is not None:
                wait.ticket.withdraw("the program was told to end while it waited")
            self._listener.refuse(key, errno.EINTR)

    def close(self) -> None:
        """Refuse whatever waits."""
        for key, wait in list(self._waiting.items()):
            del self._waiting[key]
            if wait.ticket is not None:
                wait.ticket.withdraw("the session ended")
            self._listener.refuse(key, errno.EACCES)
