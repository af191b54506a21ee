"""The hook dialect that Claude Code began and Codex, Gemini and Qwen speak with small differences.

Knows the JSON of their hooks and how their own tools name a command, a path and a text. Refuses to decide. Invariant:
a gate whose input cannot be read raises ValueError, and a tool that is not in a table is OTHER or MCP, never harmless.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

from leashtui.agents.adapter import refuse
from leashtui.model.hook import GATES, Answer, FileAct, Happening, Kind, Moment, Reply, ToolUse

Fields = Mapping[str, Any]
Shape = Callable[[str, Fields, str], ToolUse]
"""(tool name, its arguments, cwd) -> the tool use."""

MARGIN = 15.0
"""Seconds between the client's own end of patience and the agent's time-out for it."""

_TEXT = 1 << 16
_SEVERAL = re.compile(r"[*?\[{]")
_PATCH_FILE = re.compile(r"^\*\*\* (Add|Update|Delete) File: (.+)$", re.M)
_PATCH_MOVE = re.compile(r"^\*\*\* Move to: (.+)$", re.M)


def shell(field: str, folder: str = "") -> Shape:
    """A tool that runs a shell command. folder: the argument that names its directory."""

    def read(name: str, fields: Fields, cwd: str) -> ToolUse:
        command = fields.get(field)
        if isinstance(command, list):
            words = [str(word) for word in command]
            command = words[2] if words[1:2] in (["-c"], ["-lc"]) and len(words) == 3 else json.dumps(words)
        if not isinstance(command, str):
            raise ValueError(f"{name} without a command")
        where = fields.get(folder) if folder else None
        place = os.path.join(cwd, where) if isinstance(where, str) and where else cwd
        return ToolUse(name, Kind.SHELL, command=command, cwd=os.path.normpath(place))

    return read


def files(kind: Kind, path: str, new: str = "", old: str = "", *, home: bool = False) -> Shape:
    """A tool that touches one file. path, new, old: names of its arguments. home: whether ~ is the home to it."""

    def read(name: str, fields: Fields, cwd: str) -> ToolUse:
        place = fields.get(path)
        if not isinstance(place, str):
            raise ValueError(f"{name} without a path")
        place = _at_home(place) if home else place
        act = FileAct(kind, os.path.normpath(os.path.join(cwd, place)), _words(fields, old), _words(fields, new))
        return ToolUse(name, kind, cwd=cwd, files=(act,))

    return read


def _at_home(place: str) -> str:
    """A path whose beginning `~` alone stands for the home."""
    return os.path.expanduser(place) if place.partition("/")[0] == "~" else place


def searched(path: str, only: str = "") -> Shape:
    """A tool that says which lines of a file, or of a folder's, hold a word. only: the argument that names files in it.

    Where it names nothing it looks through the folder it works in, which leash only records."""

    def read(name: str, fields: Fields, cwd: str) -> ToolUse:
        where, named = (_words(fields, key) for key in (path, only))
        if not where and (not named or _SEVERAL.search(named)):
            return ToolUse(name, Kind.OTHER, cwd=cwd)
        place = os.path.join(cwd, where, "" if _SEVERAL.search(named) else named)
        return ToolUse(name, Kind.READ, cwd=cwd, files=(FileAct(Kind.READ, os.path.normpath(place)),))

    return read


def edits(path: str, table: str, new: str, old: str, *, home: bool = False) -> Shape:
    """A tool that makes several exchanges in one file: one act. table: the argument with the list of them."""

    def read(name: str, fields: Fields, cwd: str) -> ToolUse:
        place, many = fields.get(path), fields.get(table)
        if not isinstance(place, str) or not isinstance(many, list):
            raise ValueError(f"{name} without a path or edits")
        where = os.path.normpath(os.path.join(cwd, _at_home(place) if home else place))
        made = [(_words(each, old), _words(each, new)) for each in many if isinstance(each, dict)]
        before, after = ("\n".join(texts) for texts in zip(*made, strict=True)) if made else ("", "")
        return ToolUse(name, Kind.WRITE, cwd=cwd, files=(FileAct(Kind.WRITE, where, before, after),))

    return read


def patch(field: str) -> Shape:
    """A tool that applies a `*** Begin Patch` text."""

    def read(name: str, fields: Fields, cwd: str) -> ToolUse:
        text = fields.get(field)
        if not isinstance(text, str):
            raise ValueError(f"{name} without a patch")
        acts: list[FileAct] = []
        found = list(_PATCH_FILE.finditer(text))
        for at, match in enumerate(found):
            body = text[match.end() : found[at + 1].start() if at + 1 < len(found) else len(text)]
            place = os.path.normpath(os.path.join(cwd, match[2].strip()))
            moved = _PATCH_MOVE.search(body)
            to = os.path.normpath(os.path.join(cwd, moved[1].strip())) if moved else place
            kind = Kind.DELETE if match[1] == "Delete" else Kind.WRITE
            acts.append(FileAct(kind, to, _marked(body, "-"), _marked(body, "+"), place if to != place else ""))
        if not acts:
            raise ValueError(f"{name} with a patch that names no file")
        return ToolUse(name, Kind.WRITE, cwd=cwd, files=tuple(acts))

    return read


def _marked(body: str, mark: str) -> str:
    return "\n".join(line[1:] for line in body.splitlines() if line.startswith(mark))


def plain(kind: Kind) -> Shape:
    """A tool that leash only records."""
    return lambda name, fields, cwd: ToolUse(name, kind, cwd=cwd)


def _words(fields: Fields, name: str) -> str:
    value = fields.get(name) if name else ""
    return value if isinstance(value, str) else "" if value is None else json.dumps(value)


Server = Callable[[str], str]
"""The MCP server that a tool's name belongs to, '' for none."""


def double_underscore(name: str) -> str:
    """`mcp__server__tool`."""
    words = name.split("__")
    return words[1] if words[0] == "mcp" and len(words) > 2 else ""


_SAID = ("description", "justification", "explanation")
"""Where agents put what they want a person to read about a tool call."""
_REASON = 500


def tool_use(
    name: str, fields: Fields, cwd: str, tools: Mapping[str, Shape], server: Server = double_underscore, call: str = ""
) -> ToolUse:
    """The tool use that a hook describes. call: the agent's id of it. Raises ValueError."""
    shape = tools.get(name)
    owner = server(name) if shape is None else ""
    use = shape(name, fields, cwd) if shape else ToolUse(name, Kind.MCP if owner else Kind.OTHER, cwd=cwd, server=owner)
    text = json.dumps(fields, ensure_ascii=False, sort_keys=use.kind is Kind.MCP)[:_TEXT]
    said = next((word for key in _SAID if isinstance(word := fields.get(key), str) and word), "")[:_REASON]
    return ToolUse(use.name, use.kind, call, use.command, use.cwd, use.files, use.server, text, said)


def hear(
    event: str,
    data: bytes,
    events: Mapping[str, Moment],
    tools: Mapping[str, Shape],
    server: Server = double_underscore,
) -> Happening | None:
    """A hook's input in this dialect. Raises ValueError."""
    moment = events.get(event)
    if moment is None:
        return None
    fields = json.loads(data)
    if not isinstance(fields, dict) or not isinstance(cwd := fields.get("cwd"), str) or not cwd.startswith("/"):
        raise ValueError(f"the input of {event} makes no sense")
    use = None
    if moment in {Moment.TOOL, Moment.TOOL_DONE, Moment.PERMISSION} and (name := fields.get("tool_name")):
        given = fields.get("tool_input")
        made = given if isinstance(given, dict) else {"input": given}
        use = tool_use(str(name), made, cwd, tools, server, str(fields.get("tool_use_id") or ""))
    if moment is Moment.TOOL and use is None:
        raise ValueError(f"the input of {event} names no tool")
    said = [fields.get(key) for key in ("prompt", "message", "last_assistant_message", "prompt_response", "reason")]
    return Happening(
        moment,
        cwd,
        agent_session=str(fields.get("session_id") or ""),
        turn=str(fields.get("turn_id") or fields.get("prompt_id") or ""),
        text=next((text for text in said if isinstance(text, str) and text), ""),
        tool=use,
        transcript=str(fields.get("transcript_path") or ""),
        helper=_helper(fields),
        repeated=bool(fields.get("stop_hook_active")),
    )


def _helper(fields: Fields) -> str:
    """Which sub-agent speaks: Claude Code names an id only within one; a type may be the whole session's."""
    name, kind = fields.get("agent_id"), fields.get("agent_type")
    if not isinstance(name, str) or not name:
        return ""
    return f"{kind[:100]} {name[:100]}" if isinstance(kind, str) and kind else name[:100]


def answer(happening: Happening, given: Answer, event: str, *, allows: bool) -> Reply:
    """Claude's words. event: the name of the moment there. allows: whether `allow` is honoured before a tool."""
    if given.refused:
        return refuse(given.feedback)
    specific: dict[str, Any] = {"hookEventName": event}
    if happening.moment is Moment.TOOL and given.approved and allows:
        specific |= {"permissionDecision": "allow", "permissionDecisionReason": "approved in leash"}
    elif happening.moment is Moment.PERMISSION and given.approved:
        specific |= {"decision": {"behavior": "allow"}}
    elif happening.moment is Moment.STOP and given.context and not happening.repeated:
        return Reply(stdout=json.dumps({"decision": "block", "reason": given.context}).encode())
    elif given.context and happening.moment in {Moment.PROMPT, Moment.TOOL_DONE, Moment.SESSION_START}:
        specific |= {"additionalContext": given.context}
    else:
        return Reply()
    return Reply(stdout=json.dumps({"hookSpecificOutput": specific}).encode())


Command = Callable[[str, float, bool], str]
"""See adapter.Armory."""


def table(events: Mapping[str, Moment], hold: int, command: Command, scale: int = 1, **more: Any) -> dict[str, Any]:
    """The `hooks` table of a settings file. hold: seconds a gate may wait. scale: 1000 where time-outs are in ms.

    more: further keys of every gate.
    """
    made: dict[str, Any] = {}
    for event, moment in events.items():
        gate = moment in GATES
        seconds = hold if gate else 30
        entry = {
            "type": "command",
            "command": command(event, seconds - MARGIN, gate),
            "timeout": seconds * scale,
            **(more if gate else {}),
        }
        made[event] = [{"matcher": "*", "hooks": [entry]}]
    return made


def merge(document: Mapping[str, Any], hooks: Mapping[str, Any]) -> dict[str, Any]:
    """A settings document with these hooks added behind its own."""
    own = document.get("hooks")
    merged = dict(own) if isinstance(own, dict) else {}
    for event, entries in hooks.items():
        before = merged.get(event)
        merged[event] = [*(before if isinstance(before, list) else ()), *entries]
    return {**document, "hooks": merged}
