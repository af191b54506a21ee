"""A scripted desk, a scripted agent's terminal and a clock that stands still, for tests of the panel."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

from textual.app import App

from leashtui.faces.tui.app import LeashApp
from leashtui.faces.tui.bittty_engine import BitttyEngine
from leashtui.guards.pty import frames
from leashtui.model.card import Card, Choice, Option
from leashtui.model.errors import Unreachable
from leashtui.model.event import (
    ActEnded,
    Answered,
    Asked,
    Decided,
    Event,
    FileChanged,
    Notice,
    Record,
    SessionStarted,
)
from leashtui.model.facts import Effect, Facts, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Layer, Mode, Request
from leashtui.model.verdict import By, Decision, Outcome, PolicyRef, Ruling, Verdict
from leashtui.model.wire import CardShown, DeskMessage, FaceMessage, Recorded, Welcome

NOON = 1_767_268_800_000_000
"""12:00:00 UTC, in microseconds."""


DIFF = (
    "--- a/src/api/auth.py\n+++ b/src/api/auth.py\n@@ -3,3 +3,4 @@\n def check(token):\n-    return True\n"
    "+    known = load()\n+    return token in known\n"
)


class StillClock:
    """Seconds that pass only when told to."""

    def __init__(self, at: float = 1000.0) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def wall(self) -> int:
        return NOON + int((self.at - 1000.0) * 1e6)


def welcome(**changes: Any) -> Welcome:
    fields: dict[str, Any] = {
        "session": "01K5Q8", "agent": "claude", "argv": ("claude",), "workspace": "/home/ada/proj/api", "tier": "exec",
        "lost": ("files and network are not guarded in this tier",), "bundle": "3f2a91c4d5e6", "started": NOON,
        "user": "ada", "log": "/home/ada/.local/state/leashtui/sessions/01K5Q8.db",
    }  # fmt: skip
    return Welcome(**(fields | changes))


def force_push(ask: str = "L-12", **changes: Any) -> Card:
    command = "git push --force origin main"
    fields: dict[str, Any] = {
        "id": ask, "session": "01K5Q8", "act": "a12", "since": NOON - 12_000_000, "command": command, "normalised": "",
        "cwd": "/home/ada/proj/api", "agent": "claude", "severity": Severity.HIGH,
        "consequence": "rewrites the history of origin/main that others pull",
        "evidence": (
            Effect(Verb.HISTORY_REWRITE, "origin/main", sentence="--force replaces 3 commits on origin/main",
                   span=(9, 16), severity=Severity.HIGH, reversible=False),
            Effect(Verb.NET_SEND, "github.com", sentence="sends to github.com", span=(17, 23)),
        ),
        "why": (PolicyRef("builtin/git.force-push", "a forced push can destroy the work of others"),),
        "undo": "the old commits stay in the reflog of this clone",
        "options": (Option("y", Choice.ONCE, "once"), Option("n", Choice.DENY, "deny")),
        "no_wider": "a forced push is asked every time", "pid": 4711,
    }  # fmt: skip
    return Card(**(fields | changes))


def install(ask: str = "L-13", **changes: Any) -> Card:
    fields: dict[str, Any] = {
        "id": ask, "session": "01K5Q8", "act": "a13", "since": NOON - 4_000_000, "command": "npm install left-pad",
        "normalised": "", "cwd": "/home/ada/proj/api", "agent": "claude", "severity": Severity.MEDIUM,
        "consequence": "adds a package and runs its install scripts",
        "evidence": (Effect(Verb.PACKAGE_ADD, "npm:left-pad", sentence="adds npm:left-pad, no version named",
                            span=(12, 20), severity=Severity.MEDIUM),),
        "why": (PolicyRef("builtin/packages.add", "new code enters the project"),),
        "undo": "npm uninstall left-pad",
        "options": (Option("y", Choice.ONCE, "once"), Option("s", Choice.SESSION, "this session: npm install …"),
                    Option("n", Choice.DENY, "deny")),
        "pid": 4712,
    }  # fmt: skip
    return Card(**(fields | changes))


def facts(command: str) -> Facts:
    return Facts(
        command=command, normalised="", parse=Parse.FULL, mode=Mode.KERNEL, effects=(), programs=(), hosts=(),
        remotes=(), packages=(), hidden=(), in_workspace=True, destructive=False, recursive=False, reversible=True,
        catastrophic=False, reads_secret=False, sends_secret=False, pipe_to_shell=False, reverse_shell=False,
        backdoor=False, obfuscated=False, network=False, privileged=False, guard_tamper=False, git_force=False,
        git_protected=False, dry_run=False, grant_prefix=(), undo="",
    )  # fmt: skip


def decided(command: str, ruling: Ruling | None = Ruling.ALLOW, policy: str = "builtin/dev") -> Decided:
    outcome = {Ruling.ALLOW: Outcome.ALLOW, Ruling.DENY: Outcome.DENY, None: Outcome.ASK}[ruling]
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/home/ada/proj/api", argv=tuple(command.split()))
    verdict = None if ruling is None else Verdict(ruling, By.POLICY, policies=(policy,))
    return Decided(request, facts(command), Decision(outcome, "3f2a91c4d5e6"), verdict)


def recorded(events: Sequence[Event]) -> list[Recorded]:
    """Events in the order of their records; what ends or answers an act has the last decided act as its parent."""
    made, act = [], ""
    for seq, event in enumerate(events, 1):
        parent = act if isinstance(event, Asked | Answered | ActEnded) else getattr(event, "covered_by", "")
        record = Record(1, f"R{seq:03d}", NOON - (60 - seq * 4) * 1_000_000, "01K5Q8", event, parent)
        act = record.id if isinstance(event, Decided) else act
        made.append(Recorded(seq, record, f"9c41{seq:060x}"))
    return made


def a_morning(tier: str = "exec") -> list[DeskMessage]:
    """A session as a newcomer meets it: harmless acts, a refusal, an answered ask, a protected file, a waiting card."""
    events: list[Event] = [
        SessionStarted("claude", ("claude",), "/home/ada/proj/api", tier, "3f2a91c4d5e6", "wait", "0.1.0"),
        decided("pytest -q"),
        decided("git commit -am 'add auth'"),
        FileChanged("src/api/auth.py", "modified", Place.SOURCE, False, DIFF, plus=2, minus=1),
        decided("cat /home/ada/.aws/credentials", Ruling.DENY, "builtin/secrets.read"),
        decided("npm install", None),
        Asked(install("L-11", command="npm install")),
        Answered("L-11", Verdict(Ruling.ALLOW, By.PERSON, who="ada"), "tui:1", waited_us=6_000_000),
        decided("npm test"),
        ActEnded(1),
        FileChanged(".git/hooks/pre-commit", "created", Place.HOOK, True),
        Notice("warn", "the hook runs at every commit", "look at it before the next one"),
        decided("git push --force origin main", None),
        Asked(force_push()),
    ]
    return [*recorded(events), CardShown(force_push())]


SCREEN = (
    b"\x1b[1m\xe2\x97\x8f\x1b[0m I rebased onto main and all \x1b[32m212 tests pass\x1b[0m.\r\n"
    b"  Now I will push the cleaned history.\r\n\r\n"
    b"\x1b[1m\xe2\x97\x8f\x1b[0m Bash(\x1b[36mgit push --force origin main\x1b[0m)\r\n"
    b"  held by leash, waiting\r\n\r\n> "
)


class FakeStream:
    """The agent's terminal: what it wrote, then silence; what reaches it is kept in `typed`."""

    def __init__(self, output: Sequence[bytes], close: bool = False) -> None:
        self.typed = bytearray()
        self.sizes: list[tuple[int, int]] = []
        self.closed = False
        self._output: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
        self._output.put_nowait((frames.HELLO, json.dumps({"start": 0, "end": 0}).encode()))
        for chunk in output:
            self.write(chunk)
        if close:
            self._output.put_nowait((frames.CLOSED, b""))

    def write(self, data: bytes) -> None:
        self._output.put_nowait((frames.OUTPUT, data))

    async def frames(self) -> AsyncIterator[tuple[bytes, bytes]]:
        while (frame := await self._output.get())[0]:
            yield frame

    def end(self) -> None:
        """Hang up, as a pump that died."""
        self._output.put_nowait((b"", b""))

    def send(self, data: bytes) -> None:
        self.typed += data

    def resize(self, cols: int, rows: int) -> None:
        self.sizes.append((cols, rows))

    def close(self) -> None:
        self.closed = True


class FakeDesk:
    """A link whose supervisor is a list. `lose()` ends it as a dead supervisor would."""

    def __init__(self, messages: Sequence[DeskMessage] = (), output: Sequence[bytes] = (), **changes: Any) -> None:
        self.welcome = welcome(**changes)
        self.sent: list[FaceMessage] = []
        self.stream = FakeStream(output)
        self._messages: asyncio.Queue[DeskMessage | None] = asyncio.Queue()
        for message in messages:
            self._messages.put_nowait(message)

    def say(self, message: DeskMessage) -> None:
        self._messages.put_nowait(message)

    def lose(self) -> None:
        self._messages.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[DeskMessage]:
        while True:
            message = await self._messages.get()
            if message is None:
                raise Unreachable("gone")
            yield message

    def send(self, message: FaceMessage) -> None:
        self.sent.append(message)

    async def open_terminal(self, cols: int, rows: int) -> FakeStream:
        self.stream.sizes.append((cols, rows))
        return self.stream


def app_of(desk: FakeDesk, clock: StillClock, **options: Any) -> LeashApp:
    """The real app on the scripted desk."""
    return LeashApp(
        desk,
        BitttyEngine(80, 24),
        clock=clock,
        wall=clock.wall,
        stamp=lambda us: f"{us // 3_600_000_000 % 24:02d}:{us // 60_000_000 % 60:02d}:{us // 1_000_000 % 60:02d}",
        home="/home/ada",
        **options,
    )


def shown(app: App[Any]) -> list[str]:
    """The screen as text, one string a row."""
    width, height = app.size
    strips = app.screen._compositor.render_strips()
    return [strip.text.ljust(width)[:width] for strip in strips[:height]]
