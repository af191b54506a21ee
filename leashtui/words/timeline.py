"""One line for each thing that was recorded: the log and the panel's timeline read the same.

Knows every kind of event and its English. Refuses to know colours and widths: a line has a tone and a mark, a face
draws them. Invariants: the word alone tells what a mark and a colour tell (allow, ASK, DENY...); text of unknown
origin is on one line and free of control characters; a kind nobody here knows is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from msgspec import Struct

from leashtui.model.event import (
    ActEnded,
    AgentTold,
    AgentUnsupervised,
    Answered,
    Asked,
    Braked,
    ChainClosed,
    ChainOpened,
    ChainPruned,
    ControlRefused,
    Decided,
    FaceJoined,
    FaceLeft,
    FileChanged,
    GrantAdded,
    GrantKept,
    GrantRevoked,
    GuardLost,
    HookUnanswered,
    ModeChanged,
    Notice,
    OutsideRead,
    PolicyReloaded,
    PolicyTrusted,
    Record,
    SessionEnded,
    SessionStarted,
    SettingsChanged,
    Tainted,
    Ticketed,
    TierLowered,
    ToolAnswered,
    ToolsListed,
    ToolsPinned,
    Voted,
)
from leashtui.model.request import TOLD, Action, Layer
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.words.consequence import consequence
from leashtui.words.plain import count, duration, one_line

_LIMIT = 2000
_DOORS = {Action.NET_CONNECT: "connects to", Action.NET_BIND: "listens at"}


class Tone(StrEnum):
    """What kind of news a line is; each has one mark and, where there are colours, one colour."""

    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"
    GONE = "gone"  # withdrawn: nothing was run, nobody refused it
    FILE = "file"
    ALARM = "alarm"
    QUIET = "quiet"
    FRAME = "frame"  # begin, end, brake


MARKS = {
    Tone.ALLOW: ("✓", "+"),
    Tone.ASK: ("?", "?"),
    Tone.DENY: ("✗", "x"),
    Tone.GONE: ("–", "-"),
    Tone.FILE: ("~", "~"),
    Tone.ALARM: ("!", "!"),
    Tone.QUIET: ("·", "."),
    Tone.FRAME: ("▸", ">"),
}
"""tone -> (mark, the same in ASCII)."""


class Line(Struct, frozen=True):
    """word: at most 6 letters. text: what happened. why: reason, policy, person; '' when there is nothing to add.

    quiet: told only to those who want everything (ends without an error).
    """

    tone: Tone
    word: str
    text: str
    why: str = ""
    quiet: bool = False


def tell(record: Record) -> Line:
    """The line of a record."""
    line = _TELL[type(record.event)](record.event)
    return Line(line.tone, line.word, one_line(line.text, _LIMIT), one_line(line.why, _LIMIT), line.quiet)


def tell_unknown(kind: str, body: str) -> Line:
    """The line of a record whose kind a newer leash wrote: its kind and its JSON as it is."""
    return Line(Tone.QUIET, "other", one_line(f"{kind} {body}", _LIMIT))


def _because(verdict: Verdict, fallback: str = "") -> str:
    """Whose word it was, and by which policy."""
    who = {
        By.POLICY: "policy",
        By.PERSON: verdict.who or "a person",
        By.GRANT: "granted for this session",
        By.COVERED: "part of an approved act",
        By.TIMEOUT: "nobody answered in time",
        By.LOCK: "refused before",
        By.OBSERVED: "only recorded",
        By.NOBODY: "nobody to ask",
        By.WITHDRAWN: "withdrawn",
        By.ERROR: "leash could not judge it",
        By.TICKET: f"approved late, {verdict.feedback}" if verdict.feedback else "the agent would not wait longer",
        By.OWN: "leash's own hook",
        By.HABIT: "the agent's own housekeeping",
    }[verdict.by]
    named = ", ".join(verdict.policies[:3])
    return " · ".join(part for part in (who, fallback, named) if part)


def act_in_words(event: Decided) -> str:
    """What was asked for on one line: a command as it is, of an address what would be done with it."""
    command = event.facts.command or event.request.path or event.request.exe
    return f"{_DOORS[event.request.action]} {command}" if event.request.action in _DOORS else command


def _decided(event: Decided) -> Line:
    facts, verdict = event.facts, event.verdict
    command = act_in_words(event)
    if verdict is None:
        policies = ", ".join(p.id for p in event.decision.policies[:3])
        parts = (consequence(facts, event.decision.policies), policies, _helper(event))
        why = " · ".join(part for part in parts if part)
        return Line(Tone.ASK, "ASK", command, why)
    if verdict.by is By.OWN and verdict.ruling is Ruling.ALLOW:
        return Line(Tone.QUIET, "hook", command, _because(verdict), quiet=True)
    if verdict.ruling is Ruling.ALLOW:
        told = event.request.layer is Layer.MCP and bool(event.covered_by)
        if told or event.request.action in TOLD:  # its hook said so already
            return Line(Tone.QUIET, "sent", command, "", quiet=True)
        why = "" if verdict.by is By.POLICY else _because(verdict)
        return Line(Tone.ALLOW, "allow", command, " · ".join(p for p in (why, _helper(event)) if p))
    why = _because(verdict, consequence(facts, event.decision.policies))
    return Line(Tone.DENY, "DENY", command, " · ".join(p for p in (why, _helper(event)) if p))


def _helper(event: Decided) -> str:
    return f"for its helper {event.request.helper}" if event.request.helper else ""


def _answered(event: Answered) -> Line:
    verdict = event.verdict
    waited = f"after {duration(event.waited_us / 1e6)}"
    if verdict.by is By.WITHDRAWN:
        return Line(Tone.GONE, "gone", f"{event.ask} withdrawn: the program that asked went away", waited)
    scope = f"for this session ({event.grant})" if event.grant else "once"
    if verdict.ruling is Ruling.ALLOW:
        return Line(Tone.ALLOW, "allow", f"{event.ask} approved by {verdict.who or 'a person'} {scope}", waited)
    said = verdict.feedback if ' said: "' in verdict.feedback else ""
    by = f" by {verdict.who or 'a person'}" if verdict.by is By.PERSON else f": {_because(verdict)}"
    if verdict.by is By.LOCK:  # what waits is only refused so at the end
        by = ": the session ended"
    return Line(Tone.DENY, "DENY", f"{event.ask} refused{by}", " · ".join(p for p in (waited, _quote(said)) if p))


def _quote(feedback: str) -> str:
    """The person's own words inside a refusal."""
    words = feedback.partition(' said: "')[2].partition('"')[0]
    return f'"{words}"' if words else ""


def _file(event: FileChanged) -> Line:
    more = f" and {event.count - 1:,} more" if event.count > 1 else ""
    moved = f" -> {event.to}" if event.to else ""
    size = f" +{event.plus} -{event.minus}" if event.plus or event.minus else ""
    tone = Tone.ALARM if event.protected else Tone.FILE
    return Line(tone, "file", f"{event.change} {event.path}{moved}{more}{size}", "protected" if event.protected else "")


def _started(event: SessionStarted) -> Line:
    text = f"{event.agent} begins in {event.workspace}, guard {event.tier}"
    return Line(Tone.FRAME, "begin", text, "; ".join(event.lost))


def _ended(event: SessionEnded) -> Line:
    left = f", {count(len(event.leftovers), 'process', 'processes')} left over" if event.leftovers else ""
    return Line(Tone.FRAME, "end", f"exit {event.code}{left}", event.reason)


def _outcome(event: ActEnded) -> Line:
    return Line(Tone.QUIET, "exit", f"exit {event.code}", duration(event.us / 1e6) if event.us else "", event.code == 0)


def _notice(event: Notice) -> Line:
    return Line(Tone.QUIET if event.level == "info" else Tone.ALARM, "note", event.text, event.hint)


_MOMENTS = {
    "session_start": "the agent's session begins",
    "prompt": "asked",
    "tool": "uses",
    "tool_done": "used",
    "permission": "would ask for",
    "subagent_start": "starts a helper",
    "subagent_end": "a helper ended",
    "notification": "says",
    "stop": "its turn ended",
    "session_end": "the agent's session ends",
}


def _told(event: AgentTold) -> Line:
    of = f"({event.helper})" if event.helper else ""
    text = " ".join(p for p in (_MOMENTS.get(event.moment, event.moment), event.tool, of) if p)
    word = "prompt" if event.moment == "prompt" else "agent"
    return Line(Tone.QUIET, word, text, event.text[:200], quiet=event.moment not in {"prompt", "subagent_start"})


def _listed(event: ToolsListed) -> Line:
    odd = [f"{word}: {', '.join(names)}" for word, names in
           (("new", event.new), ("changed", event.changed), ("shadowed", event.shadowed)) if names]  # fmt: skip
    text = f"{event.server} offers {count(event.tools, 'tool')}"
    if odd:
        return Line(Tone.ALARM, "tools", f"{text}; {'; '.join(odd)}", "leash mcp diff")
    return Line(
        Tone.QUIET, "tools", text, f"accepted, met first: {event.target}" if event.first else "", not event.first
    )


def _tool_answered(event: ToolAnswered) -> Line:
    text = f"{event.server}/{event.tool} answered {count(event.size, 'byte')}{', an error' if event.failed else ''}"
    return Line(Tone.QUIET, "result", text, event.origin, quiet=True)


def _granted(event: GrantAdded) -> Line:
    return Line(
        Tone.ALLOW, "grant", f"{event.grant}: {event.exact or ' '.join(event.prefix) + ' …'}", "for this session"
    )


_SOURCES = {"web": "the web", "issue": "issues or pull requests"}


def _absent(event: OutsideRead) -> str:
    return "; ".join(f"{name} is absent: {why}" for name, why in event.absent)


def _reloaded(event: PolicyReloaded) -> Line:
    by = f"by {event.who}" if event.who else ""
    if event.problem:
        return Line(Tone.ALARM, "reload", f"refused, {event.was} stays in force: {event.problem}", by)
    changes = [
        f"{len(names)} {word}"
        for names, word in ((event.added, "new"), (event.removed, "gone"), (event.changed, "changed"))
        if names
    ]
    return Line(Tone.FRAME, "reload", f"policies {event.bundle}: {', '.join(changes) or 'nothing else'}", by)


_TELL: dict[type, Callable[[Any], Line]] = {
    SessionStarted: _started,
    SessionEnded: _ended,
    Decided: _decided,
    Asked: lambda e: Line(Tone.ASK, "card", f"{e.card.id} {e.card.consequence}"),
    Answered: _answered,
    Voted: lambda e: Line(Tone.QUIET, "vote", f"{e.ask}: {e.approver} says {e.verdict}, signed"),
    ActEnded: _outcome,
    ToolsListed: _listed,
    ToolsPinned: lambda e: Line(Tone.QUIET, "pin", f"{count(len(e.tools), 'tool')} of MCP server {e.server}", e.who),
    ToolAnswered: _tool_answered,
    Ticketed: lambda e: Line(Tone.GONE, "ticket", f"{e.ask} waits on; the agent may run it again once it is approved"),
    AgentTold: _told,
    FileChanged: _file,
    Notice: _notice,
    GuardLost: lambda e: Line(Tone.ALARM, "LOST", f"the {e.guard} guard", e.reason),
    GrantAdded: _granted,
    GrantRevoked: lambda e: Line(Tone.DENY, "revoke", f"grant {e.grant}", f"by {e.who}" if e.who else ""),
    Braked: lambda e: Line(Tone.FRAME, e.what[:6], "the session", f"by {e.who}" if e.who else ""),
    ModeChanged: lambda e: Line(Tone.FRAME, "mode", f"{e.mode}, was {e.was}", f"by {e.who}" if e.who else ""),
    TierLowered: lambda e: Line(Tone.ALARM, "tier", f"guard {e.tier} where {e.usual} is usual", "; ".join(e.lost)),
    FaceJoined: lambda e: Line(Tone.QUIET, "panel", f"{e.face} joined as {e.role}", e.who),
    FaceLeft: lambda e: Line(Tone.QUIET, "panel", f"{e.face} left", quiet=True),
    ControlRefused: lambda e: Line(Tone.ALARM, "REFUSE", f"{e.peer} was turned away", e.reason),
    PolicyTrusted: lambda e: Line(
        Tone.QUIET,
        "drop" if e.dropped else "trust",
        f"{count(len(e.files), 'trusted policy file')} of {e.workspace}",
        e.who,
    ),
    GrantKept: lambda e: Line(
        Tone.DENY if e.dropped else Tone.ALLOW,
        "revoke" if e.dropped else "keep",
        f"grant {e.grant} of {e.workspace}: {' '.join(e.policy.split())}",
        e.who,
    ),
    PolicyReloaded: _reloaded,
    OutsideRead: lambda e: Line(
        Tone.QUIET, "facts", ", ".join(f"{n} = {v}" for n, v in e.values) or "none from outside", _absent(e)
    ),
    Tainted: lambda e: Line(Tone.FRAME, "taint", f"text from {_SOURCES.get(e.source, e.source)} was read", e.by),
    ChainOpened: lambda e: Line(Tone.FRAME, "begin", f"session {e.session}", e.agent),
    ChainPruned: lambda e: Line(Tone.FRAME, "pruned", f"session {e.session}, {count(e.count, 'record')}", e.who),
    SettingsChanged: lambda e: Line(
        Tone.FRAME, "config", f"{', '.join(e.changed)} changed", f"by leash {e.command}" if e.command else "found so"
    ),
    AgentUnsupervised: lambda e: Line(
        Tone.ALARM, "alone", f"{e.agent or 'an agent'} ran without leash", f"pid {e.pid}"
    ),
    HookUnanswered: lambda e: Line(
        Tone.ALARM, "dead", f"the hook {e.event} of session {e.session} was refused: nobody answered it", e.why
    ),
    ChainClosed: lambda e: Line(Tone.FRAME, "end", f"session {e.session}, {count(e.count, 'record')}", e.head[:16]),
}
