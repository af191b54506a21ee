"""Records and logs for tests: one session written through the real stream, and any file changed behind its back."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from pathlib import Path

from leashtui.audit.mask import Masker
from leashtui.model.card import Card
from leashtui.model.event import (
    ActEnded,
    Answered,
    Asked,
    Decided,
    Event,
    FileChanged,
    Notice,
    SessionEnded,
    SessionStarted,
)
from leashtui.model.facts import Effect, Facts, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Layer, Mode, ProcessRef, Request
from leashtui.model.verdict import By, Decision, Outcome, PolicyRef, Ruling, Verdict
from leashtui.stores.journal import Journal
from leashtui.supervisor.stream import Stream

SESSION = "20261121-093015-7f3a"
START = 1_795_253_415_000_000


class Clock:
    """Microseconds since the epoch, a second later each time it is asked."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        self.now += 1_000_000
        return self.now


def facts(command: str, *effects: Effect, hosts: tuple[str, ...] = ()) -> Facts:
    return Facts(
        command=command,
        normalised="",
        parse=Parse.FULL,
        mode=Mode.KERNEL,
        effects=effects,
        programs=(command.split(" ")[0],),
        hosts=hosts,
        remotes=(),
        packages=(),
        hidden=(),
        in_workspace=True,
        destructive=False,
        recursive=False,
        reversible=True,
        catastrophic=False,
        reads_secret=False,
        sends_secret=False,
        pipe_to_shell=False,
        reverse_shell=False,
        backdoor=False,
        obfuscated=False,
        network=bool(hosts),
        privileged=False,
        guard_tamper=False,
        git_force=False,
        git_protected=False,
        dry_run=False,
        grant_prefix=(),
        undo="cannot be undone",
    )


def request(*argv: str) -> Request:
    process = ProcessRef(1234, 99_999)
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, "/home/ann/proj", argv, f"/usr/bin/{argv[0]}", process=process)


ALLOWED = Verdict(Ruling.ALLOW, By.POLICY, policies=("builtin/allow.read",))
FORCE = Effect(
    Verb.HISTORY_REWRITE, "origin/main", Place.NONE, "rewrites the history of origin/main", (0, 8), Severity.HIGH
)
REF = PolicyRef("builtin/git.force", "a force push rewrites what others have", Severity.HIGH, "git.cedar", 12)


def allowed(*argv: str, effects: tuple[Effect, ...] = ()) -> Decided:
    """A decided act that needed nobody."""
    return Decided(request(*argv), facts(" ".join(argv), *effects), Decision(Outcome.ALLOW, "abcdef123456"), ALLOWED)


def asked() -> Decided:
    """A force push that waits for an answer."""
    push = request("git", "push", "--force", "origin", "main")
    return Decided(push, facts("git push --force origin main", FORCE), Decision(Outcome.ASK, "abcdef123456", (REF,)))


def card(act: str) -> Card:
    return Card(
        id="L-1",
        session=SESSION,
        act=act,
        since=START,
        command="git push --force origin main",
        normalised="",
        cwd="/home/ann/proj",
        agent="bash",
        severity=Severity.HIGH,
        consequence="rewrites the history of origin/main",
        evidence=(FORCE,),
        why=(REF,),
        undo="cannot be undone",
        options=(),
    )


def started() -> SessionStarted:
    return SessionStarted("bash", ("bash",), "/home/ann/proj", "exec", "abcdef123456", "wait", "0.1.0")


def story(act: str = "01ACT") -> Iterator[tuple[Event, bool]]:
    """(event, durable) of a whole small session, one of each telling kind."""
    yield started(), True
    yield allowed("git", "status"), False
    yield asked(), True
    yield Asked(card(act)), True
    refused = Verdict(Ruling.DENY, By.PERSON, 'leash: REFUSED: x — ann said: "use a branch".', "ann", act, (REF.id,))
    yield Answered("L-1", refused, "tui", waited_us=5_000_000), True
    yield FileChanged("infra/main.tf", "modified", "source", False, "+region = 1\n", 1, 0), False
    yield Notice("warn", "something to know", "look at it"), False
    yield ActEnded(0, 1000), False
    yield SessionEnded(0, "the agent ended"), True


def write_log(path: Path, session: str = SESSION, values: Mapping[str, str] | None = None, extra: int = 0) -> Stream:
    """A finished log at `path`; `extra` allowed acts come before its end. Returns the closed stream."""
    stream = Stream(Journal.create(path, session), Masker(values or {}), session, Clock())
    *events, last = story()
    for event, durable in events:
        stream.append(event, durable=durable)
    for number in range(extra):
        stream.append(allowed("echo", str(number)))
    stream.append(last[0], durable=True)
    stream.close()
    return stream


def tamper(path: Path, *statements: str | tuple[str, tuple[object, ...]]) -> None:
    """Change a log as somebody with a database shell would, checks and all."""
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA ignore_check_constraints=ON")
    for statement in statements:
        if isinstance(statement, str):
            connection.execute(statement)
        else:
            connection.execute(*statement)
    connection.commit()
    connection.close()
