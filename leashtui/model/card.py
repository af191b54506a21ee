"""The question a person is asked: everything a face needs to show it, nothing it could decide by itself."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

from leashtui.model.facts import Effect, Severity
from leashtui.model.verdict import PolicyRef


class Choice(StrEnum):
    """What a person may answer."""

    ONCE = "once"
    SESSION = "session"
    DENY = "deny"


class Option(Struct, frozen=True):
    """One key of the card with its exact effect, e.g. ('s', Choice.SESSION, 'this session: git fetch …')."""

    key: str
    choice: Choice
    label: str


class Card(Struct, frozen=True, omit_defaults=True):
    """One waiting act. since: microseconds since the epoch. command may hold control characters: escape to show."""

    id: str  # 'L-12', unique in the session
    session: str
    act: str  # id of the record that asked
    since: int
    command: str
    normalised: str
    cwd: str
    agent: str
    severity: Severity
    consequence: str  # one plain sentence
    evidence: tuple[Effect, ...]
    why: tuple[PolicyRef, ...]
    undo: str
    options: tuple[Option, ...]
    no_wider: str = ""  # why 'this session' is not offered
    hidden: tuple[str, ...] = ()
    count: int = 1  # same-shape requests waiting behind this one, itself included
    pid: int = 0
    approvers: int = 1  # how many people must say yes
    other: bool = False  # the session's own person does not count among them
    diff: str = ""  # what a file act would change
    tool: str = ""  # the agent's tool, where a hook told it
    said: str = ""  # why, in the agent's own words: theirs, never ours
    offered: bool = False  # the team may answer it too
    done: bool = False  # a change that was seen after it happened: yes keeps it, no puts it back
    deadline: int = 0  # microseconds since the epoch after which the agent is told to come back for it; 0: it waits
