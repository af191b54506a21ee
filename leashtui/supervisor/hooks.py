"""What the agent's hooks say becomes requests and records, and what the mediator answers goes back in their words.

Knows which tool uses are acts: shell commands and files, each submitted like any other guard's request; prompts and
the agent's other tools are submitted too, and recorded in its own words. Refuses to know an agent's dialect (the
adapter) and sockets (guards.hook). Invariant: a gate is answered exactly once, with a refusal whenever its input could
not be read; and a tool that ran without an answer from here is said aloud.
"""

from __future__ import annotations

import difflib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from msgspec.structs import replace

from leashtui.agents.adapter import Adapter, refuse
from leashtui.model.errors import LeashError
from leashtui.model.event import AgentTold, Event
from leashtui.model.hook import Answer, FileAct, Happening, Kind, Moment, Reply, ToolUse
from leashtui.model.ports import Submit, Ticket
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import By, Ruling, Verdict

_CARRIES = frozenset({Moment.PROMPT, Moment.TOOL_DONE, Moment.SESSION_START, Moment.STOP})
_TURNS = frozenset({Moment.PROMPT, Moment.STOP, Moment.SESSION_END})
_BUSY = frozenset({Moment.PROMPT, Moment.TOOL_DONE, Moment.SUBAGENT_START, Moment.SESSION_END})
_PERSON = frozenset({By.PERSON, By.TICKET})
_ACTIONS = {Kind.READ: Action.FILE_READ, Kind.WRITE: Action.FILE_WRITE, Kind.DELETE: Action.FILE_DELETE}
_WITHIN = {Kind.SUBAGENT: Action.SUBAGENT_SPAWN, Kind.FETCH: Action.TOOL_USE, Kind.OTHER: Action.TOOL_USE}
_PROMPT = (1 << 16) + 1
"""Characters of a prompt that are judged: one more than policies see, so that these know of the cut."""
_REMEMBERED = 4096
_DIFF_LINES = 400
_BYTES = 1 << 20
_TEXT = 4000

Notice = Callable[[str, str, str], None]
"""(level, text, hint)."""


class Forget(Protocol):
    """What is told that a tool call, or a turn, is over (supervisor.announced.Announced)."""

    def forget(self, call: str, helper: str = "") -> None: ...

    def end_turn(self) -> None: ...


@dataclass
class _Gate:
    """One tool use on its way: its requests left, and what has been answered so far."""

    happening: Happening
    requests: list[Request]
    reply: Callable[[Reply], None]
    approved: bool = False
    done: bool = False
    ticket: Ticket | None = None

    def withdraw(self, reason: str) -> None:
        """The agent ended its hook: whatever waits for a person is taken back."""
        self.done = True
        if self.ticket is not None:
            self.ticket.withdraw(reason)


class Hooks:
    """One a session. record: keeps an event. notice: tells the person. known: a tool call with what is known of the
    tool, None for leash's own. read: told when a tool brought a page from the web before the model.

    idle_since: when the turn began after which the agent waits for the person, by the clock; 0 while it works."""

    def __init__(
        self,
        adapter: Adapter,
        submit: Submit,
        record: Callable[[Event], object],
        acts: Forget,
        notice: Notice,
        known: Callable[[Request], Request | None] | None = None,
        read: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._adapter = adapter
        self._submit = submit
        self._record = record
        self._acts = acts
        self._notice = notice
        self._known = known or (lambda request: request)
        self._read = read
        self._notes: list[str] = []
        self._called = False
        self._clock = clock
        self._begun = clock()
        self.idle_since = 0.0
        self._answered: OrderedDict[str, tuple[int, bool]] = OrderedDict()

    def tell(self, sentence: str) -> bool:
        """Something for the model to read at the next moment that can carry it; returns whether hooks ever called."""
        self._notes.append(sentence)
        return self._called

    def hear(self, event: str, data: bytes, pid: int, reply: Callable[[Reply], None]) -> _Gate | None:
        """A hook called (guards.hook.guard.Hear)."""
        self._called = True
        try:
            happening = self._adapter.hear(event, data)
        except (ValueError, RecursionError) as error:
            self._notice(
                "alarm", f"the agent's hook {event} said something leash cannot read: {error}", "it was refused"
            )
            reply(refuse(f"leash: REFUSED: this {event} could not be read ({error}); nothing was run."))
            return None
        if happening is None:
            reply(Reply())
            return None
        if happening.moment is Moment.TOOL and happening.tool is not None:
            return self._gate(happening, happening.tool, reply)
        self._news(happening)
        if happening.moment is Moment.PROMPT:
            said = Request(Action.PROMPT_SEND, Layer.HOOK, happening.cwd, script=happening.text[:_PROMPT])
            gate = _Gate(happening, [said], reply)
            self._next(gate)
            return None if gate.done else gate
        reply(self._adapter.answer(happening, self._answer(happening)))
        return None

    # a tool is about to run --------------------------------------------------------------------------------------
    def _gate(self, happening: Happening, use: ToolUse, reply: Callable[[Reply], None]) -> _Gate | None:
        requests = [replace(request, helper=happening.helper) for request in requests_of(use)]
        if use.kind is Kind.MCP:
            try:
                requests = [known for request in requests if (known := self._known(request)) is not None]
            except LeashError as error:
                self._notice("alarm", f"a tool call could not be judged and was refused: {error.message}", error.hint)
                reply(refuse(f"leash: REFUSED: this call could not be judged ({error.message}); nothing was run."))
                return None
        self.idle_since = 0.0
        gate = _Gate(happening, requests, reply)
        if use.kind in _WITHIN or not requests:
            self._told(happening)
        if not requests:
            self._settle(gate, refused="")
            return None
        self._next(gate)
        return None if gate.done else gate

    def _next(self, gate: _Gate) -> None:
        """Submit the next request of a tool use, or let it go when all were allowed."""
        if not gate.requests:
            self._settle(gate, refused="")
            return
        request = gate.requests.pop(0)
        ticket = self._submit(request, lambda verdict: self._decided(gate, verdict))
        if not gate.done:
            gate.ticket = ticket

    def _decided(self, gate: _Gate, verdict: Verdict) -> None:
        if gate.done:
            return
        if verdict.ruling is not Ruling.ALLOW:
            self._settle(gate, refused=verdict.feedback or "leash: REFUSED.")
            return
        gate.approved = gate.approved or verdict.by in _PERSON
        self._next(gate)

    def _settle(self, gate: _Gate, *, refused: str) -> None:
        if gate.done:
            return
        gate.done = True
        use = gate.happening.tool
        if use is not None:
            self._remember(gate.happening, use, allowed=not refused, approved=gate.approved and not refused)
        answer = Answer(refused=bool(refused), approved=gate.approved, feedback=refused)
        if use is None and not refused:
            answer = self._answer(gate.happening)
        gate.reply(self._adapter.answer(gate.happening, answer))

    def _remember(self, happening: Happening, use: ToolUse, *, allowed: bool, approved: bool) -> None:
        """Of calls that only their words tell, as many are expected as were allowed."""
        key = _key(happening, use)
        before = 0 if use.id else self._answered.get(key, (0, False))[0]
        self._answered[key] = (before + allowed, approved)
        if len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)

    # everything else ---------------------------------------------------------------------------------------------
    def _news(self, happening: Happening) -> None:
        self._told(happening)
        use = happening.tool
        if happening.moment is Moment.PROMPT:
            self._begun = self._clock()
        if happening.moment in _BUSY:
            self.idle_since = 0.0
        if happening.moment in _TURNS:
            self._acts.end_turn()
        if happening.moment is not Moment.TOOL_DONE or use is None:
            return
        self._acts.forget(use.id, happening.helper)
        if use.kind is Kind.FETCH:
            self._read()
        key = _key(happening, use)
        known = self._answered.get(key)
        if known and known[0] and not use.id:
            self._answered[key] = (known[0] - 1, known[1])
        if use.kind in (*_ACTIONS, Kind.SHELL) and (known is None or not known[0]):
            why = "although it was refused" if known else "without asking its hook"
            self._notice(
                "alarm",
                f"{self._adapter.kind} ran {use.name} {why}: {use.command or use.text[:200]}",
                "its programs were guarded; what it did itself was not",
            )

    def _answer(self, happening: Happening) -> Answer:
        approved = False
        if happening.moment is Moment.PERMISSION and happening.tool is not None:
            approved = self._answered.get(_key(happening, happening.tool), (0, False))[1]
        context = ""
        if (
            happening.moment in _CARRIES
            and happening.moment not in self._adapter.deaf
            and self._notes
            and not (happening.repeated and happening.moment is Moment.STOP)
        ):
            context = "\n".join(self._notes)
            self._notes.clear()
        if happening.moment is Moment.STOP and not context:
            self.idle_since = self._begun
        return Answer(approved=approved, context=context)

    def _told(self, happening: Happening) -> None:
        use = happening.tool
        self._record(
            AgentTold(
                moment=str(happening.moment),
                tool=use.name if use else "",
                text=(happening.text or (use.text if use else ""))[:_TEXT],
                server=use.server if use else "",
                agent_session=happening.agent_session,
                turn=happening.turn,
                call=use.id if use else "",
                transcript=happening.transcript,
                helper=happening.helper,
            )
        )


def _key(happening: Happening, use: ToolUse) -> str:
    """What tells one tool call from another; its words where the agent gives no id. Sub-agents count for themselves."""
    return "\0".join((happening.helper, use.id or f"{use.name}\0{use.text}"))


def requests_of(use: ToolUse) -> tuple[Request, ...]:
    """The acts of one tool use, in order."""
    if use.kind is Kind.SHELL:
        command = Request(
            Action.PROCESS_EXEC, Layer.HOOK, use.cwd, script=use.command, tool=use.name, call=use.id, said=use.said
        )
        return (command, *_edits(use))
    if use.kind is Kind.MCP:
        argv = (use.server, use.name.partition(use.server)[2].lstrip("_-") or use.name)
        return (Request(Action.TOOL_CALL, Layer.HOOK, use.cwd, argv, script=use.text, tool=use.name, call=use.id),)
    if use.kind in _WITHIN:
        return (
            Request(_WITHIN[use.kind], Layer.HOOK, use.cwd, (use.name,), script=use.text, tool=use.name, call=use.id),
        )
    return _edits(use)


def _edits(use: ToolUse) -> tuple[Request, ...]:
    return tuple(
        Request(
            _ACTIONS[act.kind],
            Layer.HOOK,
            use.cwd,
            path=act.path,
            script=act.new,
            tool=use.name,
            call=use.id,
            said=use.said,
            was=act.was,
            diff=difference(act) if act.kind is Kind.WRITE else "",
        )
        for act in use.files
    )


def difference(act: FileAct) -> str:
    """What a write would change, as a unified diff; a whole new text is compared with the file as it is."""
    old = act.old or ("" if not act.new else _text(act.path))
    lines = difflib.unified_diff(
        old.splitlines()[: 10 * _DIFF_LINES],
        act.new.splitlines()[: 10 * _DIFF_LINES],
        "before",
        "after",
        lineterm="",
        n=2,
    )
    shown = [line for _, line in zip(range(_DIFF_LINES), lines, strict=False)]
    return "\n".join(shown[2:])


def _text(path: str) -> str:
    """The text of a regular file, '' for anything else."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except (OSError, ValueError):
        return ""
    try:
        return os.read(handle, _BYTES).decode("utf-8", "replace") if os.path.isfile(path) else ""
    except OSError:
        return ""
    finally:
        os.close(handle)
