"""What somebody wants to do: one request, as a guard (the PEP) reports it, before anybody has an opinion.

Text from the machine (argv, paths) is `str` decoded with surrogateescape; `codec.encode` escapes the surrogates, so
a hostile file name can neither crash a writer nor disappear from the record.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Action(StrEnum):
    """The actions policies name (policy.md, Request and facts). Those marked live are raised in every tier."""

    PROCESS_EXEC = "ProcessExec"  # live
    FILE_READ = "FileOpenReadOnly"  # live, told by hooks
    FILE_WRITE = "FileOpenReadWrite"  # live, reported by the watcher, told by hooks
    FILE_DELETE = "FileDelete"  # live, reported by the watcher
    TOOL_CALL = "McpCall"  # argv is the MCP server and its tool, script the arguments as JSON, sorted by key
    LEASH_CONTROL = "LeashControl"  # live
    NET_CONNECT = "NetworkConnect"  # tier strict: to a host and port, or to a unix socket (path)
    NET_BIND = "NetworkBind"  # tier strict: to a port that others can reach
    SESSION_START = "SessionStart"  # once, before anything of the agent runs; path is the workspace
    TOOL_USE = "ToolUse"  # told by hooks: a tool of the agent's own that is none of the others; argv is its name
    PROMPT_SEND = "PromptSend"  # told by hooks: what the person says to the agent, as script
    SUBAGENT_SPAWN = "SubagentSpawn"  # told by hooks: as ToolUse


TOLD = frozenset({Action.TOOL_USE, Action.PROMPT_SEND, Action.SUBAGENT_SPAWN})
"""What an agent does within itself: no work of its own on the machine, so that it is not counted, nor shown when it
was simply allowed."""
UNCOUNTED = TOLD | {Action.SESSION_START}
"""Requests that are no acts."""


class Tier(StrEnum):
    """What the host lets leash enforce, strongest first; kernel.md, Tiers."""

    STRICT = "strict"
    COMPAT = "compat"
    EXEC = "exec"
    WATCH = "watch"


class Posture(StrEnum):
    """What a session does with its policies' answers: record only, hold what asks, or refuse what asks."""

    OBSERVE = "observe"
    GUARD = "guard"
    LOCKDOWN = "lockdown"


class Layer(StrEnum):
    """Which guard saw the act."""

    KERNEL = "kernel"
    SHIM = "shim"
    HOOK = "hook"
    MCP = "mcp"
    WATCHER = "watcher"
    EXPLAIN = "explain"


class Mode(StrEnum):
    """How deep the guard below can see: `kernel` re-judges inner execs, `shim` sees only this command."""

    SHIM = "shim"
    KERNEL = "kernel"


class Pin(StrEnum):
    """What is known of an MCP tool: whether it is what was accepted. '' where nothing of it was seen."""

    UNKNOWN = ""
    PINNED = "pinned"
    NEW = "new"  # came to a server whose tools were accepted before
    CHANGED = "changed"  # its words, its arguments or its server's command are not what was accepted
    UNLED = "unled"  # of a server that leash does not stand before: nothing of it can be compared
    SHADOWED = "shadowed"  # another server's tool had this name first


class Claim(StrEnum):
    """What an MCP tool says it does, in its annotations. Its server's word: good for asking more, never for less."""

    UNKNOWN = ""
    READ = "read"
    WRITE = "write"
    SEND = "send"  # reaches others, and changes something there
    DESTROY = "destroy"


class ProcessRef(Struct, frozen=True):
    """A process that cannot be confused with a later one of the same pid.

    `start` is field 22 of /proc/PID/stat (clock ticks after boot); `execs` counts the execs leash saw it make.
    """

    pid: int
    start: int
    execs: int = 0


class Request(Struct, frozen=True, omit_defaults=True):
    """One act as a guard saw it.

    argv: the words the new program gets; for a file or network act those of the program that does it. exe: its
    resolved path. cwd: absolute.
    env: only the variables that can carry code (LD_PRELOAD, BASH_ENV, GIT_SSH_COMMAND...), in order.
    process: the process that acts; ancestry: its living ancestors inside the session, nearest first.
    """

    action: Action
    layer: Layer
    cwd: str
    argv: tuple[str, ...] = ()
    exe: str = ""
    env: tuple[tuple[str, str], ...] = ()
    path: str = ""
    like: str = ""  # of a file act: the path by whose kind it is judged, where the name of its own means nothing
    process: ProcessRef | None = None
    ancestry: tuple[ProcessRef, ...] = ()
    chosen: bool = False  # the very program a person named when they started the session
    under_git: bool = False  # started by a process whose own program is git, and was judged as such
    fed: bool = False  # a client of databases whose statements come by its input, from nobody whose text was followed
    host: str = ""  # address of the other end, or the one bound to
    port: int = 0
    named: str = ""  # the name by which the program came by that address, where it is known; shown, never judged
    unled: str = ""  # the agent's MCP server at that address, which leash does not stand before
    script: str = ""  # text handed to a shell by file or stdin, or written to `path`, where a guard could read it
    tool: str = ""  # the agent's tool, where a hook told it
    call: str = ""  # the agent's id of that tool call
    helper: str = ""  # the agent's own sub-agent that asks, type and id, where a hook told it
    pin: Pin = Pin.UNKNOWN  # of a tool call
    effect: Claim = Claim.UNKNOWN  # of a tool call
    taint: tuple[str, ...] = ()  # where what the model has read came from: "web", "issue", "mcp:SERVER"
    diff: str = ""  # of a file act: what would change, as a unified diff
    was: str = ""  # of a file act: the name that the file loses by it, where a hook told of a rename
    said: str = ""  # why, in the agent's own words, where a hook told them
    late: bool = False  # done already as far as it may without a yes: nobody waits for the answer
    grants: tuple[str, ...] = ()  # of a session's start: names of the secret variables that the agent is handed
