"""leash's own MCP server: a model may ask what would be said to an act, and by which rules, before it tries.

Knows the two tools, `leash_check` and `leash_policy`. Refuses to grant, record an answer as an act, or remember one.
Invariant: asking changes nothing; the same act is judged again, whole, when it is done.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from leashtui import __version__
from leashtui.guards.mcp import rpc
from leashtui.guards.mcp.rpc import Message
from leashtui.model.errors import LeashError
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import Decision, PolicyRef
from leashtui.words.tools import forecast

Consult = Callable[[Request], tuple[Facts, Decision]]
Rule = tuple[str, PolicyRef]
"""(answer, policy)."""

_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
_ACTIONS = {"read": Action.FILE_READ, "write": Action.FILE_WRITE, "delete": Action.FILE_DELETE}
_TEXT = {"type": "string"}
_READ_ONLY = {"readOnlyHint": True, "openWorldHint": False}
TOOLS: list[dict[str, Any]] = [
    {
        "name": "leash_check",
        "description": "Ask whether an act would be allowed in this session, without doing it: a shell command, a file"
        " that is read, written or deleted, or a call of another MCP tool. Says what would happen, by which rule, and"
        " what to do instead. It asks only: nothing is run and nothing is approved.",
        "inputSchema": {
            "type": "object",
            "properties": {
                "command": {**_TEXT, "description": "a shell command line"},
                "path": {**_TEXT, "description": "a file, with `access`"},
                "access": {"type": "string", "enum": list(_ACTIONS)},
                "content": {**_TEXT, "description": "what would be written"},
                "server": {**_TEXT, "description": "an MCP server, with `tool`"},
                "tool": _TEXT,
                "arguments": {"type": "object"},
                "cwd": {**_TEXT, "description": "the directory it would run in"},
            },
        },
        "annotations": _READ_ONLY,
    },
    {
        "name": "leash_policy",
        "description": "The rules of this session: what is refused and what waits for the person, with the reasons.",
        "inputSchema": {"type": "object", "properties": {}},
        "annotations": _READ_ONLY,
    },
]


class Adviser:
    """consult: the path without its consequences. rules: the policies of the session. about: the session in a line."""

    def __init__(
        self, consult: Consult, rules: Callable[[], Sequence[Rule]], cwd: str, about: Callable[[], str]
    ) -> None:
        self._consult = consult
        self._rules = rules
        self._cwd = cwd
        self._about = about

    def answer(self, message: Message) -> bytes:
        """The answer to one request."""
        if message.method == "initialize":
            wanted = message.params.get("protocolVersion")
            version = wanted if wanted in _VERSIONS else _VERSIONS[0]
            info = {"name": "leash", "version": __version__}
            value: dict[str, Any] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
            return rpc.result(message.id, value)
        if message.method == "ping":
            return rpc.result(message.id, {})
        if message.method == "tools/list":
            return rpc.result(message.id, {"tools": TOOLS})
        if message.method == "tools/call":
            return rpc.result(message.id, self._call(message.params))
        return rpc.unknown_method(message.id)

    def _call(self, params: dict[str, Any]) -> dict[str, Any]:
        given = params.get("arguments")
        arguments = given if isinstance(given, dict) else {}
        try:
            if params.get("name") == "leash_check":
                return _text(self._check(arguments))
            if params.get("name") == "leash_policy":
                return _text(self._policy())
        except (LeashError, ValueError) as error:
            return _text(f"leash could not judge it, and would refuse it: {error}", failed=True)
        return _text("leash has no such tool: leash_check or leash_policy", failed=True)

    def _check(self, given: dict[str, Any]) -> str:
        facts, decision = self._consult(self._request(given))
        return forecast(facts, decision)

    def _request(self, given: dict[str, Any]) -> Request:
        """Raises ValueError."""

        def word(name: str) -> str:
            value = given.get(name, "")
            if not isinstance(value, str):
                raise ValueError(f"{name} is no text")
            return value

        cwd = os.path.normpath(os.path.join(self._cwd, word("cwd")))
        if word("command"):
            return Request(Action.PROCESS_EXEC, Layer.EXPLAIN, cwd, script=word("command"))
        if word("path"):
            path = os.path.normpath(os.path.join(cwd, os.path.expanduser(word("path"))))
            action = _ACTIONS.get(word("access") or "read", Action.FILE_WRITE)
            return Request(action, Layer.EXPLAIN, cwd, path=path, script=word("content"))
        if word("server") and word("tool"):
            text = rpc.text_of(given.get("arguments"))
            return Request(Action.TOOL_CALL, Layer.EXPLAIN, cwd, (word("server"), word("tool")), script=text)
        raise ValueError("give a command, or a path with access, or a server with tool")

    def _policy(self) -> str:
        lines = [self._about(), "Refused, or held for the person (all else is judged act by act; ask leash_check):"]
        lines += [
            f"- {answer} [{rule.id}] {rule.reason}" for answer, rule in self._rules() if answer in ("deny", "ask")
        ]
        return "\n".join(lines)


def _text(text: str, *, failed: bool = False) -> dict[str, Any]:
    content = [{"type": "text", "text": text}]
    return {"content": content, "isError": failed, "resultType": "complete"}
