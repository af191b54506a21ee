"""What an agent's own hooks tell, in one vocabulary: moments, tool uses, and what is answered.

Knows no agent's dialect (agents/ has one file for each) and no socket. Invariant: a hook can only refuse or annotate;
nothing here can make an act pass that another guard would refuse.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class Moment(StrEnum):
    """When a hook fires."""

    SESSION_START = "session_start"
    PROMPT = "prompt"
    TOOL = "tool"  # a tool is about to run
    TOOL_DONE = "tool_done"
    PERMISSION = "permission"  # the agent would ask the person itself
    SUBAGENT_START = "subagent_start"
    SUBAGENT_END = "subagent_end"
    NOTIFICATION = "notification"
    STOP = "stop"  # the agent's turn ends
    SESSION_END = "session_end"


GATES = frozenset({Moment.TOOL, Moment.PROMPT})
"""The moments that wait for a decision."""


class Kind(StrEnum):
    """What a tool does, as far as leash decides it."""

    SHELL = "shell"
    READ = "read"
    WRITE = "write"
    DELETE = "delete"
    MCP = "mcp"
    SUBAGENT = "subagent"
    FETCH = "fetch"
    OTHER = "other"


class FileAct(Struct, frozen=True):
    """One file a tool touches. old and new: the texts an edit exchanges; new is the whole content of a write.

    was: the name it had, where the tool gives it another one."""

    kind: Kind
    path: str
    old: str = ""
    new: str = ""
    was: str = ""


class ToolUse(Struct, frozen=True):
    """One tool call. id: the agent's own id of it, '' where it has none. command: of a shell tool.

    server: of an MCP tool. text: its arguments as JSON, for the record.
    """

    name: str
    kind: Kind
    id: str = ""
    command: str = ""
    cwd: str = ""
    files: tuple[FileAct, ...] = ()
    server: str = ""
    text: str = ""
    said: str = ""  # why, in the agent's own words


class Happening(Struct, frozen=True):
    """One hook's question or news. agent_session, turn: the agent's own ids. text: prompt, message or result."""

    moment: Moment
    cwd: str
    agent_session: str = ""
    turn: str = ""
    text: str = ""
    tool: ToolUse | None = None
    transcript: str = ""
    helper: str = ""  # the sub-agent within which it fired: its type and id, '' for the agent itself
    repeated: bool = False  # a STOP that a hook has already held back once


class Answer(Struct, frozen=True):
    """What the hook is to do. refused: with `feedback` as the reason. approved: a person said yes to this very call.

    context: something for the model to read, where the moment can carry it.
    """

    refused: bool = False
    approved: bool = False
    feedback: str = ""
    context: str = ""


class Reply(Struct, frozen=True):
    """The same in an agent's dialect: what the hook process prints and exits with."""

    code: int = 0
    stdout: bytes = b""
    stderr: bytes = b""
