"""Changes of protected files that no guard saw before they happened (tiers watch, exec and compat).

What the watcher reports is submitted like any act, with the watcher as its layer. Where policies allow it, nothing else
happens. Else the agent's processes stand still until a person has answered; what is denied is put back, if it still is
what was reported, and the agent is told in one line. Knows the order of these. Refuses to judge, and to touch a file.
Invariant: while a reported change has no answer that was carried out, the tree stands still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from msgspec.structs import replace

from leashtui.guards.kernel.precious import stands_for
from leashtui.guards.watcher.messages import Calm, Done, Keep, Restore, Suspect, Suspects
from leashtui.model.facts import Facts, Place
from leashtui.model.ports import Reply, Ticket
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import Decision, Outcome, Ruling, Verdict
from leashtui.supervisor.alibis import Alibis, is_nobodys
from leashtui.supervisor.freezing import Freezer
from leashtui.words import changes as words

REASON = "a change"
FEW = 20
"""More changes at once than this are asked about together, those that policies answer alike."""
_SLICE = 50
_NAMED = 100
_SILENT = frozenset({Place.LOCKFILE, Place.SECRET})
"""What tools write all day, and what must not leave the watcher: their text is not judged."""


class Judge(Protocol):
    """THE path (supervisor.mediator)."""

    def submit(self, request: Request, reply: Reply) -> Ticket: ...

    def consult(self, request: Request) -> tuple[Facts, Decision]: ...


@dataclass
class _Case:
    """Changes with one answer."""

    suspects: list[Suspect]
    open: set[int] = field(default_factory=set)
    ticket: Ticket | None = None
    verdict: Verdict | None = None
    restored: list[Suspect] = field(default_factory=list)
    kept: str = ""


class Changes:
    """order: to the watcher. notice: (level, text, hint) for the person. tell: a line for the agent. spawn: runs
    something for as long as the session lasts."""

    def __init__(
        self,
        judge: Judge,
        freezer: Freezer,
        alibis: Alibis,
        order: Callable[[Keep | Restore], None],
        *,
        notice: Callable[[str, str, str], None],
        tell: Callable[[str], None],
        braked: Callable[[str], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._judge = judge
        self._freezer = freezer
        self._alibis = alibis
        self._order = order
        self._notice = notice
        self._tell = tell
        self._braked = braked
        self._spawn = spawn
        self._cases: dict[int, _Case] = {}
        self._gathered: list[Suspect] = []
        self._lines: list[str] = []
        self._quiet = asyncio.Event()
        self._quiet.set()

    def give_up(self) -> None:
        """The watcher is gone, and so is what it could have put back; the tree stays as it is until it is ended."""
        self._cases.clear()
        self._gathered.clear()
        self._quiet.set()

    async def answered(self, timeout: float) -> bool:
        """Whether nothing that was reported is without an answer, waiting for that so many seconds."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._quiet.wait(), timeout)
        return self._quiet.is_set()

    # what the watcher says ---------------------------------------------------------------------------------------
    def hear(self, message: Suspects | Calm | Done) -> None:
        """See guards.watcher.messages."""
        if isinstance(message, Suspects):
            self._quiet.clear()
            for suspect in message.changes:
                self._withdraw(suspect.former, "the file changed once more")
            self._gathered += message.changes
            if not message.more:
                gathered, self._gathered = self._gathered, []
                self._weigh(gathered)
        elif isinstance(message, Calm):
            self._withdraw(message.number, "the file is again what it was")
            self._go_on()
        else:
            self._done(message)

    def _withdraw(self, number: int, reason: str) -> None:
        """This change has become another, or none."""
        case = self._cases.pop(number, None)
        if case is None:
            return
        case.open.discard(number)
        case.suspects = [s for s in case.suspects if s.number != number]
        if not case.open and case.verdict is None and case.ticket is not None:
            case.ticket.withdraw(reason)

    # judging -----------------------------------------------------------------------------------------------------
    def _weigh(self, suspects: list[Suspect]) -> None:
        if len(suspects) > FEW:
            self._freeze()
            self._spawn(self._weigh_many(suspects))
            return
        for suspect in suspects:
            if self._is_explained(suspect, self._judged(suspect)):
                self._keep([suspect])
            else:
                self._submit(_Case([suspect]), _request_of(suspect))
        self._go_on()

    async def _weigh_many(self, suspects: list[Suspect]) -> None:
        """The same for many: judge each, a few in each turn of the loop, and ask about like ones together."""
        groups: dict[tuple[object, ...], list[Suspect]] = {}
        explained: list[Suspect] = []
        for index, suspect in enumerate(suspects):
            if index % _SLICE == _SLICE - 1:
                await asyncio.sleep(0)
            judged = self._judged(suspect)
            if self._is_explained(suspect, judged):
                explained.append(suspect)
                continue
            answer = (judged[1].outcome, *(p.id for p in judged[1].policies)) if judged else ()
            groups.setdefault((answer, suspect.place, suspect.change), []).append(suspect)
        self._keep(explained)
        for group in groups.values():
            request = _request_of(group[0])
            if len(group) > 1:
                names = [f"{s.change} {s.shown}" for s in group[:_NAMED]]
                request = replace(request, script="", diff=words.listed(names, len(group) - len(names)))
            self._submit(_Case(group), request)
        self._go_on()

    def _judged(self, suspect: Suspect) -> tuple[Facts, Decision] | None:
        """What would be answered; None when it cannot be judged, which THE path then says and denies."""
        try:
            return self._judge.consult(_request_of(suspect))
        except Exception:  # noqa: BLE001 - see above: nothing is let through by it
            return None

    def _is_explained(self, suspect: Suspect, judged: tuple[Facts, Decision] | None) -> bool:
        """Whether it would be asked, and was answered for already."""
        if judged is None or judged[1].outcome is not Outcome.ASK:
            return False
        if suspect.change != "deleted" and not suspect.link and is_nobodys(suspect.path, suspect.diff):
            return True
        added = _request_of(suspect).script
        return self._alibis.explain(
            suspect.path, judged[0], suspect.at, suspect.content, added, deleted=suspect.change == "deleted"
        )

    def _submit(self, case: _Case, request: Request) -> None:
        for suspect in case.suspects:
            self._cases[suspect.number] = case
            case.open.add(suspect.number)

        def settle(verdict: Verdict) -> None:
            case.verdict = verdict
            if verdict.ruling is Ruling.ALLOW:
                self._order(Keep(tuple(sorted(case.open))))
            else:
                self._freeze()
                self._order(Restore(tuple(sorted(case.open))))

        ticket = self._judge.submit(request, settle)
        if case.verdict is None:
            case.ticket = ticket
            self._freeze()

    def _keep(self, suspects: Iterable[Suspect]) -> None:
        """These are answered for."""
        numbers = tuple(suspect.number for suspect in suspects)
        for number in numbers:
            self._cases[number] = _Case([], {number})
        if numbers:
            self._order(Keep(numbers))

    # carrying out ------------------------------------------------------------------------------------------------
    def _done(self, done: Done) -> None:
        case = self._cases.pop(done.number, None)
        if case is None:
            return
        case.open.discard(done.number)
        suspect = next((s for s in case.suspects if s.number == done.number), None)
        if suspect is not None and case.verdict is not None and case.verdict.ruling is not Ruling.ALLOW:
            if done.restored:
                case.restored.append(suspect)
                case.kept = case.kept or done.kept
            elif done.why:
                self._notice("alarm", words.stays(suspect.shown, done.why), "look at it before you go on")
                self._lines.append(case.verdict.feedback)
        if not case.open:
            self._close(case)
        self._go_on()

    def _close(self, case: _Case) -> None:
        """All of one answer is carried out."""
        if case.restored and case.verdict is not None:
            first, more = case.restored[0].shown, len(case.restored) - 1
            self._notice("warn", words.noticed(first, more), words.kept(case.kept))
            self._lines.append(words.put_back(first, more, case.verdict.feedback))

    def _freeze(self) -> None:
        if self._freezer.hold(REASON):
            self._braked("freeze")

    def _go_on(self) -> None:
        """When everything is answered, the agent is told what was put back, and goes on."""
        if self._cases or self._gathered:
            return
        lines, self._lines = self._lines, []
        for line in lines:
            self._tell(line)
        if self._freezer.release(REASON):
            self._braked("resume")
        self._quiet.set()


def _request_of(suspect: Suspect) -> Request:
    """The act that the change comes to. A link with a telling folder's name holds whatever it leads to."""
    path = stands_for(suspect.path) if suspect.link else suspect.path
    silent = suspect.link or suspect.place in _SILENT
    added = [line[1:] for line in suspect.diff.splitlines() if line.startswith("+") and not line.startswith("+++ ")]
    return Request(
        Action.FILE_DELETE if suspect.change == "deleted" else Action.FILE_WRITE,
        Layer.WATCHER,
        "/",
        path=path,
        script="" if silent else "\n".join(added),
        diff=suspect.diff,
    )
