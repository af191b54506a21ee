"""From a request and its facts to what the engine reads: principal, resource, context. Nowhere else is it done.

Knows every name of `policies/leash.cedarschema`. Refuses to know policies. Invariant: the context holds exactly the
schema's fields, each always present; text is UTF-8 and bounded, and when something was cut, `capped` says so.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from leashtui.model.codec import escape
from leashtui.model.facts import Facts, Parse
from leashtui.model.request import Action, Request, Tier
from leashtui.policy.reach import changes

TEXT = 256 * 1024
"""Longest string the engine sees, bytes of UTF-8 (1 MB costs it 29 ms): xargs and find fill a command to half of it."""
UNREAD = 64 * 1024
"""The same of a command that was not understood as a whole: a text, not a long line of arguments."""
_LOOKS = frozenset(("read", "exec"))
MEMBERS = 1024
"""Most members of a set."""
ANCESTORS = 256
"""Most names of directories above a path (two for each), counted from the root."""
WORDS = 64
"""Most words of a grant prefix."""

Outside = tuple[tuple[str, Any], ...]
"""What was read outside leash: (name, bool | int | str | tuple of str), sorted by name."""
Value = str | bool | tuple[str, ...] | Outside
Uid = dict[str, str]
Entity = dict[str, object]

DERIVED = {"effects": ("verbs", "touches", "targets", "aims"), "grant_prefix": ("prefixes",)}
"""Fields of Facts that have no context field of their own name, and what stands for them."""
AS_THEY_ARE = frozenset(Facts.__struct_fields__) - DERIVED.keys() - {"normalised", "parse"}

MADE_HERE = (
    *("normalised", "parse", "capped", "exe", "cwd", "layer", "tier", "changes", "flags"),
    *("workspace", "repository", "version", "posture", "outside", "pin", "effect", "taint", "granted", "sudo"),
    *("path", "hostname", "port"),
)
"""Fields that come from the request, or from Facts with a change."""
FACTS = tuple(sorted({*AS_THEY_ARE, *MADE_HERE, *(name for names in DERIVED.values() for name in names)}))
"""Every field of the context."""


class Principal(Struct, frozen=True):
    """Who asks: a session of an agent (its name), of a kind ('claude', 'mini'), for a person.

    role: what it is for, as the person said when it was started; '' when they said nothing. teams, org: where the
    organisation's own directory says this person belongs.
    """

    session: str
    agent: str
    kind: str
    user: str
    role: str = ""
    teams: tuple[str, ...] = ()
    org: str = ""

    def uid(self) -> Uid:
        """The principal of every request of this session."""
        return _uid("Session", self.session)

    def chain(self) -> list[Entity]:
        """The entities Session in Agent in User in Team in Org, in its AgentKind, and in its Role."""
        agent, kind, user = _uid("Agent", self.agent), _uid("AgentKind", self.kind), _uid("User", self.user)
        role = [_uid("Role", self.role)] if self.role else []
        org = [_uid("Org", self.org)] if self.org else []
        teams = [_uid("Team", team) for team in self.teams]
        return [
            *(_entity(one, []) for one in (*role, *org)),
            *(_entity(team, org) for team in teams),
            _entity(self.uid(), [agent, *role]),
            _entity(agent, [user, kind]),
            _entity(user, [*teams, *org]),
            _entity(kind, []),
        ]


class Surroundings(Struct, frozen=True):
    """What holds for a whole session. repository: the origin's address, '' for none. version: of the agent, ''
    when its package does not say. sudo: "refuse", "outside", or "inside" where it can raise rights by itself."""

    workspace: str = ""
    repository: str = ""
    version: str = ""
    posture: str = "guard"
    sudo: str = "inside"


def _uid(kind: str, name: str) -> Uid:
    return {"type": kind, "id": cap(name)}


def _entity(uid: Uid, parents: Iterable[Uid]) -> Entity:
    return {"uid": uid, "attrs": {}, "parents": list(parents)}


def cap(text: str) -> str:
    """`text` as UTF-8 can carry it (lone surrogates spelled out), cut to TEXT bytes."""
    clean = escape(text)
    if len(clean) * 4 <= TEXT:
        return clean
    raw = clean.encode()
    return clean if len(raw) <= TEXT else raw[:TEXT].decode("utf-8", "ignore")


def too_long(facts: Facts) -> bool:
    """Whether some text or set would be cut (members come from the text, so its length stands for theirs)."""
    sets = (facts.effects, facts.hosts, facts.remotes, facts.packages, facts.programs, facts.hidden)
    if any(len(members) > MEMBERS for members in sets):
        return True
    texts = (facts.command, facts.normalised)
    return any(_is_long(text, UNREAD) and (_is_long(text, TEXT) or not _is_list(facts, text)) for text in texts)


def _is_list(facts: Facts, text: str) -> bool:
    """Whether a long command is one by many arguments, and understood or only read: no text hides in it."""
    verbs = frozenset(facts.verbs())
    if facts.parse is Parse.FULL and "opaque" not in verbs:
        return True
    if not facts.programs or not verbs <= _LOOKS:
        return False
    try:
        return all(len(word) <= UNREAD // 4 for word in shlex.split(text))
    except ValueError:
        return False


def _is_long(text: str, limit: int) -> bool:
    return len(text) * 4 > limit and len(escape(text).encode()) > limit


def prefixes(words: tuple[str, ...]) -> tuple[str, ...]:
    """('git', 'git fetch', 'git fetch origin'), shell-quoted so that no word can pose as two."""
    known = words[:WORDS]
    return tuple(shlex.join(known[:n]) for n in range(1, len(known) + 1))


def line(facts: Facts) -> str:
    """What the command comes to: normalised, or as asked when that is the same."""
    return facts.normalised or facts.command


def _targets(facts: Facts) -> tuple[str, ...]:
    return tuple(sorted({e.target for e in facts.effects if e.target}))


def _parse(facts: Facts) -> str:
    return str(Parse.PARTIAL) if facts.parse is Parse.FULL and too_long(facts) else str(facts.parse)


class Context:
    """Builds contexts, whole or only the fields a shard of policies reads. tier: what this host enforces."""

    def __init__(self, tier: Tier, around: Surroundings = Surroundings()) -> None:  # noqa: B008 - frozen
        self.outside: Outside = ()
        self.posture = around.posture
        self.fields: dict[str, Callable[[Request, Facts], Value]] = {
            "verbs": lambda r, f: f.verbs(),
            "touches": lambda r, f: f.touches(),
            "targets": lambda r, f: _targets(f),
            "aims": lambda r, f: f.aims(),
            "prefixes": lambda r, f: prefixes(f.grant_prefix),
            "normalised": lambda r, f: line(f),
            "parse": lambda r, f: _parse(f),
            "capped": lambda r, f: too_long(f),
            "exe": lambda r, f: r.exe,
            "cwd": lambda r, f: r.cwd,
            "layer": lambda r, f: str(r.layer),
            "tier": lambda r, f: str(tier),
            "pin": lambda r, f: str(r.pin),
            "effect": lambda r, f: str(r.effect),
            "changes": lambda r, f: changes(f, around.workspace or r.cwd),
            "flags": lambda r, f: _flags(r.argv),
            "workspace": lambda r, f: around.workspace,
            "repository": lambda r, f: around.repository,
            "version": lambda r, f: around.version,
            "posture": lambda r, f: self.posture,
            "sudo": lambda r, f: around.sudo,
            "outside": lambda r, f: self.outside,
            "taint": lambda r, f: r.taint,
            "granted": lambda r, f: r.grants,
            "path": lambda r, f: r.exe if r.action is Action.PROCESS_EXEC else r.path,
            "hostname": lambda r, f: r.host.lower().rstrip("."),
            "port": lambda r, f: str(r.port) if r.port else "",
        }

    def names(self) -> frozenset[str]:
        """Every field of the context."""
        return frozenset(FACTS)

    def values(self, names: Iterable[str], request: Request, facts: Facts) -> tuple[Value, ...]:
        """The raw values of these fields, hashable, in the order of `names`."""
        fields = self.fields
        return tuple([fields[name](request, facts) if name in fields else getattr(facts, name) for name in names])

    def clean(self, names: Iterable[str], values: Iterable[Value]) -> dict[str, Value]:
        """Name to value, as the engine may see it: capped, and without lone surrogates."""
        return {
            name: {key: _clean(one) for key, one in value} if name == "outside" else _clean(value)  # type: ignore
            for name, value in zip(names, values, strict=True)
        }


def _flags(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words after the program that begin with a dash, without their values."""
    said = words[1 : words.index("--")] if "--" in words else words[1:]
    return tuple(sorted({word.partition("=")[0] for word in said if word.startswith("-")}))


def _clean(value: Value) -> Value:
    if isinstance(value, tuple):
        return tuple([cap(str(member)) for member in value[:MEMBERS]])
    return cap(value) if isinstance(value, str) else value


_KINDS = {
    Action.PROCESS_EXEC: "Command",
    Action.FILE_READ: "File",
    Action.FILE_WRITE: "File",
    Action.FILE_DELETE: "File",
    Action.TOOL_CALL: "MCP::Tool",
    Action.LEASH_CONTROL: "Control",
    Action.NET_CONNECT: "Host",
    Action.NET_BIND: "Host",
    Action.SESSION_START: "Repository",
    Action.TOOL_USE: "AgentTool",
    Action.SUBAGENT_SPAWN: "AgentTool",
    Action.PROMPT_SEND: "Prompt",
}


def resource(request: Request, facts: Facts) -> Uid:
    """What the request is about: Command::"line", File::"/path" or Control::"word"."""
    kind = _KINDS[request.action]
    if kind == "Command":
        return _uid(kind, facts.command)
    if kind == "Repository":
        return _uid(kind, request.path)
    if kind == "MCP::Tool":
        return _uid(kind, "/".join(request.argv[:2]))
    if kind == "Prompt":
        return _uid(kind, "person")
    if kind == "Host":
        host = f"[{request.host}]" if ":" in request.host else request.host
        return _uid(kind, request.path or (f"{host}:{request.port}" if request.port else request.host))
    return _uid(kind, request.path if kind == "File" else " ".join(request.argv))


def kind_of(action: str) -> str:
    """The type of the resource of such a request; of an act within a command, the command's."""
    return _KINDS.get(action, "Command")  # type: ignore[call-overload,no-any-return]


def identity_of(action: str) -> Callable[[Request, Facts], tuple[str | int | tuple[str, ...], ...]]:
    """Everything that the resource of such a request, and what that is in, are made of."""
    kind = kind_of(action)
    if kind == "Command":
        return lambda request, facts: (request.exe, facts.command)
    if kind == "Host":
        return lambda request, facts: (request.path, request.host, request.port)
    if kind in ("File", "Repository"):
        return lambda request, facts: (request.path,)
    return lambda request, facts: (request.argv,)


def ancestry(request: Request, uid: Uid) -> list[Entity]:
    """The resource with what it is in: a file in its directories, a command in its program's file and directories."""
    if uid["type"] in ("File", "Repository"):
        return _placed(uid, request.path)
    if uid["type"] == "Command" and request.exe.startswith("/"):
        program = _uid("File", request.exe)
        return [_entity(uid, [program]), *_placed(program, request.exe)]
    return [_entity(uid, [])]


def _placed(file: Uid, path: str) -> list[Entity]:
    above: list[str] = ["/"] if path.startswith("/") else []
    place = ""
    for part in path.split("/")[1:-1] if above else ():
        if part and part != ".":
            place += "/" + part
            above += (place, place + "/")
    folders = [_uid("Dir", name) for name in above[:ANCESTORS]]
    return [_entity(file, folders), *(_entity(folder, []) for folder in folders)]
