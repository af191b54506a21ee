"""The one tagged union of all that can be recorded, and the record that carries it into the chain.

A reader that meets an unknown `kind` shows it as it is: old readers outlive new writers.
"""

from __future__ import annotations

from msgspec import Struct

from leashtui.model.card import Card
from leashtui.model.facts import Facts
from leashtui.model.request import Request
from leashtui.model.verdict import Decision, Verdict


class _Event(Struct, frozen=True, tag_field="kind", omit_defaults=True):
    """Base of the union; `kind` is the tag in the stored JSON."""


class SessionStarted(_Event, frozen=True, tag="session.started"):
    agent: str
    argv: tuple[str, ...]
    workspace: str
    tier: str
    bundle: str
    on_ask: str
    leash: str  # version
    lost: tuple[str, ...] = ()  # what this tier does not stop, in plain sentences
    identity: str = "L1"
    user: str = ""
    host: str = ""
    exe: str = ""
    exe_digest: str = ""
    device: str = ""  # this device's public key, as audit.note.Key.text gives it
    certificate: str = ""  # the device's signed note that lets this session's key sign checkpoints
    posture: str = "guard"  # observe, guard or lockdown
    role: str = ""  # what the session is for, as `--as` said
    machine: str = ""  # 'seq:hash' of this session's entry in the machine chain, '' when it could not be written
    withheld: tuple[str, ...] = ()  # names of secret-looking variables that the agent does not get
    granted: tuple[str, ...] = ()  # names of those that it gets
    version: str = ""  # of the agent, '' when its package does not say


class SessionEnded(_Event, frozen=True, tag="session.ended"):
    code: int
    reason: str
    leftovers: tuple[str, ...] = ()


class Decided(_Event, frozen=True, tag="act.decided"):
    """A request with its facts and the PDP's decision; the intent record. Written before any verdict is released."""

    request: Request
    facts: Facts
    decision: Decision
    verdict: Verdict | None = None  # present when the decision needs no person
    us: int = 0  # classify + decide
    covered_by: str = ""  # act id of the approval or root act that covers this one


class Asked(_Event, frozen=True, tag="act.asked"):
    card: Card


class Answered(_Event, frozen=True, tag="act.answered"):
    """The end of an ask: a person's answer, a time-out, a withdrawal. face: which panel it came from."""

    ask: str
    verdict: Verdict
    face: str = ""
    grant: str = ""
    waited_us: int = 0


class Voted(_Event, frozen=True, tag="ask.voted"):
    """A reviewer's answer from another machine, checked: what was signed, and the SSH signature."""

    ask: str
    approver: str
    verdict: str  # allow | deny
    statement: str
    signature: str


class Ticketed(_Event, frozen=True, tag="act.ticket"):
    """The agent's own limit came before an answer: told to run it again once approved. digest: what exactly."""

    ask: str
    digest: str


class AgentTold(_Event, frozen=True, tag="agent.told"):
    """News from the agent's own hooks. moment: model.hook.Moment. text: prompt, message or arguments, cut.

    agent_session, turn, call: the agent's own ids. transcript: where it writes its own log.
    """

    moment: str
    tool: str = ""
    text: str = ""
    server: str = ""
    agent_session: str = ""
    turn: str = ""
    call: str = ""
    transcript: str = ""
    helper: str = ""  # the sub-agent it came from, type and id


class ToolsListed(_Event, frozen=True, tag="mcp.listed"):
    """An MCP server told which tools it has. target: its command line or address. first: it is met for the first time.

    new, changed, shadowed: names of tools that are not what was accepted, see model.request.Pin.
    """

    server: str
    source: str
    target: str
    tools: int
    first: bool = False
    new: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    shadowed: tuple[str, ...] = ()


class ToolsPinned(_Event, frozen=True, tag="mcp.pinned"):
    """In the machine chain: a person accepted an MCP server's tools as they were last seen. '' is its command line."""

    server: str
    source: str
    tools: tuple[str, ...]
    who: str = ""


class ToolAnswered(_Event, frozen=True, tag="mcp.answered"):
    """What an MCP server answered goes to the model: from where, and how much. origin: as in Request.taint."""

    server: str
    tool: str
    origin: str
    size: int
    failed: bool = False
    us: int = 0  # since the call was let through


class ActEnded(_Event, frozen=True, tag="act.ended"):
    """Outcome, after the fact: exit code (128+signal) of the act's process, and how long it ran (us).

    read, wrote: bytes that it and what it waited for read and wrote, at least; -1 unknown. files: how many it was
    judged to change, where leash judges files.
    """

    code: int
    us: int = 0
    read: int = -1
    wrote: int = -1
    files: int = 0


class FileChanged(_Event, frozen=True, tag="file.changed"):
    """Seen by the watcher afterwards, coalesced, unattributed. change: created|modified|deleted|moved."""

    path: str
    change: str
    place: str
    protected: bool
    diff: str = ""
    plus: int = 0
    minus: int = 0
    to: str = ""
    count: int = 1


class Notice(_Event, frozen=True, tag="notice"):
    """Something a person should know. level: info|warn|alarm."""

    level: str
    text: str
    hint: str = ""


class GuardLost(_Event, frozen=True, tag="guard.lost"):
    guard: str
    reason: str


class GrantAdded(_Event, frozen=True, tag="grant.added"):
    grant: str
    policy: str  # Cedar text
    asks: tuple[str, ...]
    prefix: tuple[str, ...]
    expires: int
    exact: str = ""  # the very command, where there is no prefix


class GrantRevoked(_Event, frozen=True, tag="grant.revoked"):
    grant: str
    who: str = ""


class PolicyTrusted(_Event, frozen=True, tag="policy.trusted"):
    """A person let a project's policies permit, or ended that. files: (name, sha256). In the machine chain."""

    workspace: str
    files: tuple[tuple[str, str], ...]
    who: str = ""
    dropped: bool = False


class GrantKept(_Event, frozen=True, tag="grant.kept"):
    """A person let an approval hold in a repository beyond its session, or ended that. In the machine chain.

    agent: the kind of agent it is for, '' for all.
    """

    grant: str
    workspace: str
    policy: str  # Cedar text
    asks: tuple[str, ...] = ()
    expires: int = 0
    agent: str = ""
    who: str = ""
    dropped: bool = False


class PolicyReloaded(_Event, frozen=True, tag="policy.reloaded"):
    """A session's whole set of policies was replaced, by whom; or was not, and the last good one holds (`problem`).

    revoked: grants that ended because what they release is asked differently now.
    """

    bundle: str  # in force from here on
    was: str
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    revoked: tuple[str, ...] = ()
    who: str = ""
    problem: str = ""


class OutsideRead(_Event, frozen=True, tag="outside.read"):
    """What policies may read from outside leash, from here on. absent: (name, why)."""

    values: tuple[tuple[str, bool | int | str | tuple[str, ...]], ...] = ()
    absent: tuple[tuple[str, str], ...] = ()


class Tainted(_Event, frozen=True, tag="session.tainted"):
    """The session took in text that others wrote. source: as in Request.taint. by: the act or tool."""

    source: str
    by: str = ""


class Braked(_Event, frozen=True, tag="session.braked"):
    """freeze, resume or kill, by whom."""

    what: str
    who: str = ""


class ModeChanged(_Event, frozen=True, tag="session.mode"):
    """A running session took another posture, by whom. In the machine chain too, where it names the session."""

    mode: str
    was: str
    who: str = ""
    session: str = ""


class TierLowered(_Event, frozen=True, tag="session.lowered"):
    """This host gave the session a lower guard tier than is usual for its agent. In the machine chain too."""

    tier: str
    usual: str
    lost: tuple[str, ...] = ()
    session: str = ""


class FaceJoined(_Event, frozen=True, tag="face.joined"):
    face: str
    role: str
    who: str
    pid: int


class FaceLeft(_Event, frozen=True, tag="face.left"):
    face: str


class ControlRefused(_Event, frozen=True, tag="control.refused"):
    """Somebody who may not answer tried to. answer: sha256 (hex) of what a reviewer signed, where it was one."""

    peer: str
    reason: str
    answer: str = ""


class ChainOpened(_Event, frozen=True, tag="chain.opened"):
    """In the machine chain: a session's log begins. log: file name of its database."""

    session: str
    agent: str = ""
    log: str = ""


class ChainClosed(_Event, frozen=True, tag="chain.closed"):
    """In the machine chain: a session's log ended with this many records and this chain head (hex)."""

    session: str
    head: str
    count: int
    note: str = ""  # the last signed checkpoint of that log


class ChainPruned(_Event, frozen=True, tag="chain.pruned"):
    """In the machine chain: a finished session's log, which proved itself, was taken away to make room."""

    session: str
    head: str
    count: int
    who: str = ""


class SettingsChanged(_Event, frozen=True, tag="settings.changed"):
    """In the machine chain: leash's own settings are not what they were. files: (name, sha256) of all; changed: names.

    command: of leash that did it, '' when they were found so as a session began.
    """

    files: tuple[tuple[str, str], ...]
    changed: tuple[str, ...]
    command: str = ""
    who: str = ""


class AgentUnsupervised(_Event, frozen=True, tag="agent.unsupervised"):
    """In the machine chain: an agent with leash's hooks ran without a session. at: its first hook (us)."""

    agent: str
    pid: int
    at: int


class HookUnanswered(_Event, frozen=True, tag="hook.unanswered"):
    """In the machine chain: a hook refused because no supervisor answered it. event: the hook's; at: when (us)."""

    session: str
    event: str
    why: str
    at: int


Event = (
    SessionStarted
    | SessionEnded
    | Decided
    | Asked
    | Answered
    | Voted
    | Ticketed
    | AgentTold
    | ToolsListed
    | ToolAnswered
    | ToolsPinned
    | ActEnded
    | FileChanged
    | Notice
    | GuardLost
    | GrantAdded
    | GrantRevoked
    | PolicyTrusted
    | GrantKept
    | PolicyReloaded
    | OutsideRead
    | Tainted
    | Braked
    | ModeChanged
    | TierLowered
    | FaceJoined
    | FaceLeft
    | ControlRefused
    | ChainOpened
    | ChainClosed
    | ChainPruned
    | SettingsChanged
    | AgentUnsupervised
    | HookUnanswered
)


class Record(Struct, frozen=True, omit_defaults=True):
    """What the chain stores, as canonical JSON bytes. t: microseconds since the epoch. parent: record it answers to.

    tier: the guard tier that the session ran in, '' in the machine's chain.
    """

    v: int
    id: str  # ULID
    t: int
    session: str
    event: Event
    parent: str = ""
    masked: int = 0  # how many secret values were replaced
    tier: str = ""
