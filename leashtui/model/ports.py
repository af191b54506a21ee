"""The protocols between the floors: Agent, Guard, Store, Rule; and the two pure seams PIP and PDP.

A guard submits a request and obeys the verdict. It is called back exactly once per submission, in the supervisor's
one thread, possibly before `submit` returns (allowed and denied acts are decided synchronously).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from leashtui.model.facts import Facts
from leashtui.model.request import Request, Tier
from leashtui.model.verdict import Decision, Verdict

Reply = Callable[[Verdict], None]


class Ticket(Protocol):
    """A submitted request. `act` is the id of its record."""

    act: str

    def withdraw(self, reason: str) -> None:
        """The process that asked was signalled or died: the card goes, the reply is never called after this."""
        ...


class Submit(Protocol):
    """THE path: classify, decide, ask if need be, record, then reply."""

    def __call__(self, request: Request, reply: Reply) -> Ticket: ...


class Guard(Protocol):
    """A policy enforcement point. It asks and obeys, never decides."""

    name: str
    tier: Tier

    def close(self) -> None:
        """Stop enforcing; whatever it holds is denied first."""
        ...


class Classifier(Protocol):
    """The PIP: facts about a request. Pure but for its injected probe."""

    def __call__(self, request: Request) -> Facts: ...


class Decider(Protocol):
    """The PDP. Never raises: an error is a deny with `errors`."""

    def decide(self, request: Request, facts: Facts) -> Decision: ...


class Store(Protocol):
    """Everything that writes records. append returns when the record is as durable as asked."""

    def append(self, body: bytes, *, durable: bool) -> tuple[int, bytes]:
        """Store the exact bytes; returns (seq, chain hash). durable: survive power loss, not only kill -9."""
        ...

    def close(self) -> None: ...


class Rule(Protocol):
    """A classifier rule: words of one simple command in, effects out; see classify/."""

    name: str


class Agent(Protocol):
    """One kind of coding agent: find it, launch it."""

    kind: str
    names: tuple[str, ...]
    tier: Tier

    def environment(self, base: dict[str, str]) -> dict[str, str]:
        """The environment this agent is started with."""
        ...

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that starts it."""
        ...
