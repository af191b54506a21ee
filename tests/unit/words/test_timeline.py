"""Each kind of record has a line, and no line carries what could paint over a terminal."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from log_samples import SESSION, START, allowed, asked, story

from leashtui.model.event import (
    ActEnded,
    AgentTold,
    AgentUnsupervised,
    Answered,
    Braked,
    ChainClosed,
    ChainOpened,
    ChainPruned,
    ControlRefused,
    Event,
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
    SettingsChanged,
    Tainted,
    Ticketed,
    TierLowered,
    ToolAnswered,
    ToolsListed,
    ToolsPinned,
    Voted,
)
from leashtui.model.hook import Moment
from leashtui.model.verdict import By, Decision, Outcome, PolicyRef, Ruling, Verdict
from leashtui.words.timeline import MARKS, Line, Tone, tell, tell_unknown


def line(event: Event) -> Line:
    return tell(Record(1, "01X", START, SESSION, event))


def denied(by: By) -> Event:
    verdict = Verdict(Ruling.DENY, by, policies=("builtin/x",))
    decision = Decision(Outcome.DENY, "b", (PolicyRef("builtin/x", "a reason"),))
    return msgspec.structs.replace(allowed("rm", "-rf", "/"), decision=decision, verdict=verdict)


OTHERS: list[Event] = [
    Answered("L-2", Verdict(Ruling.ALLOW, By.PERSON, who="ann"), grant="g1"),
    Voted("L-1", "ann", "allow", "{}", "-----BEGIN SSH SIGNATURE-----"),
    GuardLost("exec", "it died"),
    GrantAdded("g1", "permit ...", ("builtin/x",), ("git", "fetch"), START),
    GrantRevoked("g1", "ann"),
    GrantKept("r1", "/w", "permit ...", ("builtin/x",), START, "claude", "ann"),
    GrantKept("r1", "/w", "permit ...", who="ann", dropped=True),
    PolicyTrusted("/w", (("p.cedar", "ab" * 32),), "ann"),
    PolicyTrusted("/w", (), "ann", True),
    PolicyReloaded("b2", "b1", ("user/a",), ("user/b",), ("user/c",), ("g1",), "ann"),
    PolicyReloaded("b1", "b1", who="ann", problem="a.cedar:1:1: no"),
    OutsideRead((("frozen", True),), (("slow", "took longer than 2 s"),)),
    Tainted("web", "curl https://x.example"),
    Braked("freeze", "ann"),
    ModeChanged("lockdown", "guard", "ann", "s-1"),
    TierLowered("exec", "strict", ("covers",), "s-1"),
    FaceJoined("tui", "owner", "ann", 7),
    FaceLeft("tui"),
    ControlRefused("pid 7", "it is the agent's"),
    ChainOpened("s", "bash"),
    ChainClosed("s", "ab" * 32, 7),
    ChainPruned("s", "ab" * 32, 7, "ann"),
    SessionEnded(1, "killed", ("7 sleep",)),
    Ticketed("L-1", "ab" * 32),
    ToolsListed("forge", "~/.claude.json", "forge --stdio", 3, first=True),
    ToolsListed("forge", "~/.claude.json", "forge --stdio", 3, new=("a\x1b[2J",), changed=("b",)),
    ToolAnswered("forge", "issues", "mcp:forge", 1204, failed=True),
    SettingsChanged((("config.toml", "ab" * 32),), ("config.toml",), "config", "ann"),
    AgentUnsupervised("gemini", 77, 1),
    HookUnanswered("20260101-000000-dead", "PreToolUse", "the supervisor hung up", 1),
    ToolsPinned("forge", "~/.claude.json", ("a", "b"), "ann"),
    *(AgentTold(str(moment), tool="Bash", text="ls\x1b[2J") for moment in Moment),
    *(denied(by) for by in By),
]
EVERY = [event for event, _ in story()] + OTHERS


def test_every_kind_is_told() -> None:
    assert {type(e) for e in EVERY} == set(get_args(Event))


@pytest.mark.parametrize("event", EVERY, ids=lambda e: type(e).__name__)
def test_a_line_is_short_words_and_one_line(event: Event) -> None:
    told = line(event)
    assert 2 <= len(told.word) <= 6
    assert told.text.strip()
    assert (told.text + told.why).isprintable()
    assert told.tone in MARKS


@pytest.mark.parametrize(
    ("event", "tone", "words"),
    [
        (allowed("git", "status"), Tone.ALLOW, "allow git status"),
        (asked(), Tone.ASK, "ASK git push --force origin main rewrites the history of origin/main · builtin/git.force"),
        (denied(By.NOBODY), Tone.DENY, "DENY rm -rf / nobody to ask"),
        (Answered("L-1", Verdict(Ruling.DENY, By.TIMEOUT)), Tone.DENY, "DENY L-1 refused: nobody answered in time"),
        (Answered("L-1", Verdict(Ruling.DENY, By.WITHDRAWN)), Tone.GONE, "gone L-1 withdrawn"),
        (Answered("L-1", Verdict(Ruling.ALLOW, By.PERSON, who="ann")), Tone.ALLOW, "allow L-1 approved by ann once"),
        (OTHERS[0], Tone.ALLOW, "allow L-2 approved by ann for this session (g1)"),
        (FileChanged("a", "moved", "ci", True, to="b", count=3), Tone.ALARM, "file moved a -> b and 2 more protected"),
        (Notice("info", "x"), Tone.QUIET, "note x"),
        (ActEnded(3), Tone.QUIET, "exit exit 3"),
    ],
)
def test_what_is_said(event: Event, tone: Tone, words: str) -> None:
    told = line(event)
    assert told.tone is tone
    assert f"{told.word} {told.text} {told.why}".startswith(words)


def test_the_persons_own_words_are_told() -> None:
    refused = next(e for e, _ in story() if isinstance(e, Answered))
    assert '"use a branch"' in line(refused).why


def test_only_a_good_end_goes_without_saying() -> None:
    assert line(ActEnded(0)).quiet
    assert not line(ActEnded(1)).quiet


def test_hostile_text_is_spelled_out() -> None:
    told = line(allowed("printf", "\x1b[2J\n\u202e"))
    assert told.text == "printf \\e[2J\\n\\u202e"
    assert tell_unknown("a\x07", "{}\n").text == "a\\x07 {}\\n"
