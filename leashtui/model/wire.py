"""What travels between the supervisor and its faces: one JSON object a line on the approver socket.

A face sends `FaceMessage`s and receives `DeskMessage`s. Invariant: no message from a face is a decision; each is an
answer to the desk, which decides whether it counts.
"""

from __future__ import annotations

from msgspec import Struct

from leashtui.model.card import Card, Choice
from leashtui.model.event import Record


class _Message(Struct, frozen=True, tag_field="type", omit_defaults=True):
    """Base of both unions."""


# face -> supervisor -------------------------------------------------------------------------------------------------
class Hello(_Message, frozen=True, tag="hello"):
    """First line of a connection. face: tui|plain|cli. role: owner|reviewer|observer|brake. backlog: records wanted
    first. A brake may only put the session in lockdown, and is told nothing.

    code: the code shown in the launching terminal, needed where the tier cannot tell agent from person.
    """

    face: str
    role: str = "reviewer"
    backlog: int = 0
    code: str = ""
    pid: int = 0


class Terminal(_Message, frozen=True, tag="terminal"):
    """Instead of Hello: make this connection the agent's terminal; what follows is pump framing (guards/pty/frames)."""

    cols: int
    rows: int
    code: str = ""


class Answer(_Message, frozen=True, tag="answer"):
    ask: str
    choice: Choice
    feedback: str = ""


class Typed(_Message, frozen=True, tag="typed"):
    """A line for the prompt of a command that runs outside the guard; it is written down nowhere."""

    line: str


class Vote(_Message, frozen=True, tag="vote"):
    """A reviewer's answer from another machine: a signed audit.approval.Statement and its SSH signature."""

    ask: str
    statement: str
    signature: str


class Reached(_Message, frozen=True, tag="reached"):
    """From the courier, every few seconds while the team store answers it."""


class ToTeam(_Message, frozen=True, tag="offer"):
    """Offer a waiting act to the team."""

    ask: str


class Revoke(_Message, frozen=True, tag="revoke"):
    grant: str


class Reload(_Message, frozen=True, tag="reload"):
    """Read the policies anew. bundle: the digest of the set the person looked at; '' asks what it would be."""

    bundle: str = ""


class Brake(_Message, frozen=True, tag="brake"):
    """what: freeze|resume|kill."""

    what: str


class Shift(_Message, frozen=True, tag="mode"):
    """Let the session take this posture; answered by Shifted."""

    mode: str


class Signal(_Message, frozen=True, tag="signal"):
    """From the keeper only: deliver this signal number to the agent's process group."""

    number: int


# supervisor -> face -------------------------------------------------------------------------------------------------
class Welcome(_Message, frozen=True, tag="welcome"):
    """Which session this is, and under which guard."""

    session: str
    agent: str
    argv: tuple[str, ...]
    workspace: str
    tier: str
    lost: tuple[str, ...]
    bundle: str
    started: int
    user: str
    log: str  # path of the session's database
    frozen: bool = False
    frozen_by: str = ""  # who or what stands it still
    level: str = "L1"
    team: bool = False  # somebody elsewhere may answer here
    owned: bool = False  # another face of the session's own person is there


class CardShown(_Message, frozen=True, tag="card"):
    card: Card


class CardGone(_Message, frozen=True, tag="card.gone"):
    """why: allowed|denied|withdrawn|expired."""

    ask: str
    why: str
    who: str = ""


class Recorded(_Message, frozen=True, tag="record"):
    seq: int
    record: Record
    head: str = ""  # chain head after it, hex


class Refused(_Message, frozen=True, tag="refused"):
    """An answer or a connection that did not count, and why."""

    reason: str
    hint: str = ""


class Offered(_Message, frozen=True, tag="offered"):
    """The set of policies that lies there now, built and tested. permits: those among the new or changed that permit.

    applied: whether it is in force. problem: why it cannot be, '' when it can.
    """

    bundle: str = ""
    was: str = ""
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    permits: tuple[str, ...] = ()
    applied: bool = False
    problem: str = ""
    hint: str = ""


class Shifted(_Message, frozen=True, tag="shifted"):
    """mode: what holds now. problem: why it is not what was wanted, or what went wrong all the same."""

    mode: str
    problem: str = ""


class Done(_Message, frozen=True, tag="done"):
    """The session is over; code is what the keeper exits with."""

    code: int
    log: str
    records: int
    head: str
    summary: str = ""


FaceMessage = Hello | Terminal | Answer | Typed | Vote | Reached | ToTeam | Revoke | Reload | Brake | Shift | Signal
DeskMessage = Welcome | CardShown | CardGone | Recorded | Refused | Offered | Shifted | Done
