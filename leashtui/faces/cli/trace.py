"""`leash log --trace`: one session in one view: what was asked, what was used, what came of it.

Knows which record tells what. Refuses to read the agent's transcripts itself: supervisor.ledger does. Invariant:
what the agent says of itself (tools, tokens, costs) is told apart from what leash saw.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from leashtui.agents.adapter import Run, Spent
from leashtui.agents.registry import adapter_of
from leashtui.model.event import (
    AgentTold,
    Answered,
    Asked,
    Decided,
    Event,
    FileChanged,
    Record,
    SessionEnded,
    SessionStarted,
    Ticketed,
    ToolAnswered,
    ToolsListed,
)
from leashtui.model.request import Action, Layer
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.ledger import Ledger
from leashtui.words.plain import count, one_line

_SHOWN = 8
_NO_REFUSALS = frozenset({By.WITHDRAWN, By.HABIT})
"""Whose no is no answer to what was asked: it was taken back, or the agent does without by itself."""
_CHANGES = {Action.FILE_WRITE: "written", Action.FILE_DELETE: "deleted"}


class Trace(Struct):
    """Everything, as `--json` prints it. spent: by the agent's own account; unread: what cannot be read, and why."""

    v: int = 1
    session: str = ""
    agent: str = ""
    workspace: str = ""
    tier: str = ""
    code: int | None = None
    prompts: list[str] = field(default_factory=list)
    tools: Counter[str] = field(default_factory=Counter)
    servers: dict[str, Counter[str]] = field(default_factory=dict)
    programs: Counter[str] = field(default_factory=Counter)
    files: dict[str, str] = field(default_factory=dict)
    packages: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    asked: int = 0
    approved: int = 0
    refused: list[str] = field(default_factory=list)
    transcripts: list[str] = field(default_factory=list)
    spent: Spent = Spent()
    unread: list[str] = field(default_factory=list)

    def add(self, event: Event) -> None:
        """One record of the session, in order."""
        if isinstance(event, SessionStarted):
            self.agent, self.workspace, self.tier = event.agent, event.workspace, event.tier
        elif isinstance(event, SessionEnded):
            self.code = event.code
        elif isinstance(event, AgentTold):
            self._told(event)
        elif isinstance(event, Decided):
            self._decided(event)
        elif isinstance(event, Asked):
            self.asked += 1
        elif isinstance(event, Answered):
            self.approved += event.verdict.ruling is Ruling.ALLOW
        elif isinstance(event, FileChanged):
            self.files[self._place(event.path)] = event.change
        elif isinstance(event, ToolsListed):
            self._server(event.server)["tools"] = event.tools
        elif isinstance(event, ToolAnswered):
            self._server(event.server)["bytes"] += event.size
            _once(self.outside, event.origin)

    def _place(self, path: str) -> str:
        """One name for one file: below the workspace without it, as those who watch it say."""
        return path.removeprefix(self.workspace.rstrip("/") + "/") if self.workspace else path

    def _server(self, name: str) -> Counter[str]:
        return self.servers.setdefault(name, Counter())

    def _told(self, event: AgentTold) -> None:
        if event.transcript:
            _once(self.transcripts, event.transcript)
        if event.moment == "prompt" and event.text:
            self.prompts.append(event.text)
        elif event.moment == "tool_done" and event.tool:
            self.tools[event.tool] += 1

    def _decided(self, event: Decided) -> None:
        request, facts, verdict = event.request, event.facts, event.verdict
        for origin in request.taint:
            _once(self.outside, origin)
        if verdict is not None and verdict.ruling is Ruling.DENY:
            if verdict.by not in _NO_REFUSALS:
                self.refused.append(facts.command)
            return
        if request.action is Action.TOOL_CALL:
            if request.layer is Layer.MCP:
                self._server(request.argv[0])["calls"] += 1
        elif request.action in _CHANGES and request.path:
            self.files.setdefault(self._place(request.path), _CHANGES[request.action])
        elif request.action is Action.PROCESS_EXEC and request.layer is not Layer.HOOK and not _is_own(verdict):
            self.programs.update(facts.programs)
        for package in facts.packages:
            _once(self.packages, package)
        for host in facts.hosts:
            _once(self.hosts, host)


def _is_own(verdict: Verdict | None) -> bool:
    """What leash and the agent program start for themselves."""
    return verdict is not None and verdict.by in (By.OWN, By.HABIT)


def _once(found: list[str], item: str) -> None:
    if item not in found:
        found.append(item)


class Telling:
    """Makes a trace of a session's records: what was asked counts as it was answered, and late if not at all."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._waiting: dict[str, Decided] = {}
        self._sent_away: set[str] = set()

    def add(self, record: Record) -> None:
        """One record, in order."""
        event = record.event
        if isinstance(event, Decided) and event.verdict is None:
            self._waiting[record.id] = event
            return
        if isinstance(event, Ticketed):
            self._sent_away.add(record.parent)
        elif isinstance(event, Answered):
            asked = self._waiting.pop(record.parent, None)
            allowed = event.verdict.ruling is Ruling.ALLOW
            if asked is not None and not (allowed and record.parent in self._sent_away):  # its retry is another record
                self._trace.add(replace(asked, verdict=event.verdict))
        self._trace.add(event)


class Account:
    """One session's records, for what its agent wrote of its model's use. env: the person's own."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._env = env
        self._started: tuple[SessionStarted, int] | None = None
        self._until = 0
        self._told: dict[tuple[str, str], None] = {}

    def add(self, record: Record) -> None:
        """One record, in order."""
        event = record.event
        if isinstance(event, SessionStarted):
            self._started = (event, record.t)
        elif isinstance(event, SessionEnded):
            self._until = record.t
        elif isinstance(event, AgentTold):
            self._told[event.transcript, event.agent_session] = None

    def settle(self, trace: Trace) -> None:
        """Read what the agent wrote, into the trace."""
        if self._started is None:
            return
        event, since = self._started
        run = Run(event.workspace, self._env, event.argv, since / 1e6, self._until / 1e6)
        ledger = Ledger(adapter_of(event.agent), run)
        for transcript, name in self._told:
            ledger.hear(transcript, name)
        trace.spent = ledger.read(last=True)
        trace.unread = list(ledger.unread)


def lines_of(trace: Trace) -> Iterator[str]:
    """The view, line by line."""
    end = "still runs" if trace.code is None else f"exit {trace.code}"
    yield f"{trace.session}  {trace.agent} in {trace.workspace}, guard {trace.tier}, {end}"
    for prompt in trace.prompts:
        yield f"asked     {one_line(prompt, 200)}"
    spent = trace.spent
    if spent.models or spent.given or spent.made:
        money = f", {spent.cost:.4g} USD" if spent.cost else ""
        used = f"{spent.given:,} tokens in, {spent.made:,} out{money}"
        yield f"model     {_some(list(spent.models)) or 'unnamed'}: {used} (its own count)"
    for why in trace.unread:
        yield f"unread    what its model used: {one_line(why, 200)}"
    if trace.tools:
        yield f"tools     {_counted(trace.tools)} (its own count)"
    for name, told in sorted(trace.servers.items()):
        yield f"mcp       {one_line(name, 60)}: {count(told['calls'], 'call')}, {told['bytes']:,} bytes of answers"
    if trace.programs:
        yield f"programs  {_counted(trace.programs)}"
    if trace.files:
        yield f"files     {count(len(trace.files), 'file')}: {_some([f'{p} {w}' for p, w in trace.files.items()])}"
    for word, found in (("packages", trace.packages), ("hosts", trace.hosts), ("outside", trace.outside)):
        if found:
            yield f"{word:<8}  {_some(found)}"
    yield f"answers   {trace.asked} asked, {trace.approved} approved, {len(trace.refused)} refused"
    for command in trace.refused[:_SHOWN]:
        yield f"refused   {one_line(command, 160)}"


def _counted(found: Counter[str]) -> str:
    return _some([f"{name} x{number}" if number > 1 else name for name, number in found.most_common()])


def _some(found: list[str]) -> str:
    shown = ", ".join(one_line(item, 100) for item in found[:_SHOWN])
    return shown + (f" and {len(found) - _SHOWN:,} more" if len(found) > _SHOWN else "")
