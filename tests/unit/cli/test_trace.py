"""One view of a session: from its records, and from the agent's own transcripts where those really are its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from leashtui.agents.adapter import Run, Spent
from leashtui.agents.registry import adapter_of
from leashtui.agents.spending import counted
from leashtui.faces.cli.trace import Account, Telling, Trace, lines_of
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
)
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import By, Decision, Outcome, Ruling, Verdict
from leashtui.policy.cases import ordinary


def decided(request: Request, ruling: Ruling = Ruling.ALLOW, by: By = By.POLICY, **facts: Any) -> Decided:
    known = replace(ordinary(" ".join(request.argv) or request.path)[1], **facts)
    return Decided(request, known, Decision(Outcome.ALLOW, "b"), Verdict(ruling, by))


def run(*argv: str) -> Request:
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, "/w", argv)


STORY: list[Event] = [
    AgentTold("prompt", text="mend\x1b[2J the tests", transcript="/t.jsonl"),
    decided(run("python3", "hook"), by=By.OWN),
    decided(run("npm", "install", "left-pad"), packages=("npm:left-pad",), hosts=("registry.npmjs.org",)),
    decided(run("npm", "test")),
    decided(run("rm", "-rf", "/"), Ruling.DENY),
    decided(Request(Action.TOOL_CALL, Layer.HOOK, "/w", ("forge", "issues"), call="1")),
    decided(Request(Action.TOOL_CALL, Layer.MCP, "/w", ("forge", "issues"), call="1")),
    ToolAnswered("forge", "issues", "mcp:forge", 1204),
    decided(Request(Action.FILE_WRITE, Layer.KERNEL, "/w", path="/w/a.py")),
    FileChanged("b.py", "modified", "source", protected=False),
    decided(Request(Action.FILE_WRITE, Layer.KERNEL, "/w", path="/w/b.py")),
    AgentTold("tool_done", tool="Bash"),
    AgentTold("tool_done", tool="Bash"),
    SessionEnded(0, "the agent ended"),
]


@pytest.fixture
def trace() -> Trace:
    made = Trace(session="s1", agent="claude", workspace="/w", tier="strict")
    for event in STORY:
        made.add(event)
    return made


def test_everything_is_counted_once(trace: Trace) -> None:
    assert trace.programs == {"npm": 2}
    assert trace.servers == {"forge": {"calls": 1, "bytes": 1204}}
    assert trace.files == {"a.py": "written", "b.py": "modified"}
    assert (trace.packages, trace.hosts, trace.outside) == (["npm:left-pad"], ["registry.npmjs.org"], ["mcp:forge"])
    assert trace.refused == ["rm -rf /"]
    assert trace.tools == {"Bash": 2}
    assert msgspec.json.decode(msgspec.json.encode(trace))["transcripts"] == ["/t.jsonl"]
    assert Asked not in {type(event) for event in STORY} and trace.asked == 0


def test_the_view_is_plain_lines(trace: Trace) -> None:
    trace.spent = Spent(("model-1",), 1200, 34, 0.5)
    lines = list(lines_of(trace))
    assert all(line.isprintable() for line in lines)
    whole = "\n".join(lines)
    for part in (
        "mend\\e[2J the tests",
        "model-1: 1,200 tokens in, 34 out, 0.5 USD",
        "npm x2",
        "forge: 1 call",
        "exit 0",
    ):
        assert part in whole


CLAUDE = [
    {"type": "assistant", "message": {"id": "m1", "model": "opus", "usage": {"input_tokens": 5, "output_tokens": 2}}},
    {"type": "assistant", "message": {"id": "m1", "model": "opus", "usage": {"input_tokens": 5, "output_tokens": 3}}},
    {"type": "assistant", "message": {"id": "m2", "model": "opus", "usage": {"cache_read_input_tokens": 100}}},
    {"type": "cost-state", "totalCostUSD": 0.25},
    {"type": "user", "message": {"usage": {"input_tokens": 1000}}},
]
CODEX = [
    {"type": "turn_context", "payload": {"model": "gpt"}},
    {"payload": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 5, "output_tokens": 1}}}},
    {"payload": {"type": "token_count", "info": {"total_token_usage": {"input_tokens": 9, "output_tokens": 4}}}},
    {"payload": {"type": "token_count", "info": None}},
]
GEMINI = [
    {"$set": {"lastUpdated": "x"}},
    {"id": "a", "type": "gemini", "model": "pro", "tokens": {"input": 11, "output": 7, "thoughts": 2}},
    {"id": "a", "type": "gemini", "model": "pro", "tokens": {"input": 11, "output": 7, "thoughts": 2}},
]


@pytest.mark.parametrize(
    ("kind", "lines", "expected"),
    [
        ("claude", CLAUDE, Spent(("opus",), 105, 3, 0.25)),
        ("codex", CODEX, Spent(("gpt",), 9, 4)),
        ("gemini", GEMINI, Spent(("pro",), 11, 9)),
        ("aider", CLAUDE, Spent()),
    ],
)
def test_transcripts_are_read_as_their_agent_writes_them(kind: str, lines: list[Any], expected: Spent) -> None:
    raw = [json.dumps(line).encode() for line in lines] + [b"{", b"[]", b"\xff", b'{"type": "assistant", "message": 7}']
    assert counted(adapter_of(kind).tally(Run("/w", {})), raw) == expected


def test_a_transcript_elsewhere_is_not_read(tmp_path: Path) -> None:
    text = "\n".join(map(json.dumps, CLAUDE))
    inside = tmp_path / ".claude/projects/w/s.jsonl"
    outside = tmp_path / "s.jsonl"
    inside.parent.mkdir(parents=True)
    inside.write_text(text)
    outside.write_text(text)
    link = inside.with_name("link.jsonl")
    link.symlink_to(outside)
    elsewhere = told(tmp_path, str(outside), str(link), "/nonexistent")
    assert elsewhere.spent == Spent()
    assert elsewhere.unread == [
        f"{outside}: claude does not write its transcripts there",
        f"{link}: Too many levels of symbolic links",
    ]
    assert "unread    what its model used: " + elsewhere.unread[0] in list(lines_of(elsewhere))
    there = told(tmp_path, str(inside))
    assert there.spent.given == 105 and there.unread == []


def test_what_a_transcript_calls_its_model_draws_nothing() -> None:
    trace = Trace(session="s1", spent=Spent(("evil\x1b[2J",), 1, 1))
    assert "evil\\e[2J: 1 tokens in" in "\n".join(lines_of(trace))


def told(home: Path, *transcripts: str) -> Trace:
    """The trace of a session of which hooks told these transcripts."""
    trace, account = Trace(session="s1"), Account({"HOME": str(home)})
    started = SessionStarted("claude", ("claude",), "/w", "strict", "b", "ask", "1")
    for event in (started, *(AgentTold("prompt", transcript=path) for path in transcripts)):
        account.add(Record(1, "r", 1, "s1", event))
    account.settle(trace)
    return trace


def test_what_was_asked_counts_as_it_was_answered() -> None:
    """Refused by a person, approved, withdrawn, approved too late, refused too late, done without."""
    made = Trace(session="s1", agent="claude", workspace="/w", tier="strict")
    telling = Telling(made)

    def tell(event: Event, name: str = "x", parent: str = "") -> None:
        telling.add(Record(1, name, 0, "s1", event, parent))

    def asked(name: str, *argv: str, package: str = "") -> None:
        packages = (package,) if package else ()
        tell(replace(decided(run(*argv), packages=packages), verdict=None), name)

    def answered(name: str, ruling: Ruling, by: By = By.PERSON) -> None:
        tell(Answered("L-1", Verdict(ruling, by)), parent=name)

    for name, ruling, by in (
        ("rm", Ruling.DENY, By.PERSON),
        ("npm", Ruling.ALLOW, By.PERSON),
        ("git", Ruling.DENY, By.WITHDRAWN),
    ):
        asked(name, name, "x", package=f"npm:{name}")
        answered(name, ruling, by)
    for name, ruling in (("late", Ruling.ALLOW), ("no", Ruling.DENY)):
        asked(name, name, package=f"npm:{name}")
        tell(Ticketed("L-2", "d"), parent=name)
        answered(name, ruling)
    tell(decided(run("late"), by=By.TICKET, packages=("npm:late",)))
    tell(decided(Request(Action.FILE_WRITE, Layer.KERNEL, "/w", path="/w/s.json"), Ruling.DENY, By.HABIT))
    asked("waits", "waits", package="npm:waits")
    assert made.refused == ["rm x", "no"]
    assert (made.programs, made.packages) == ({"npm": 1, "late": 1}, ["npm:npm", "npm:late"])
    assert made.files == {}
