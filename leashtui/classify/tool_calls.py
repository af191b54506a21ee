"""Calls of tools that MCP servers offer: what such a tool does is its own, what it is handed can be seen.

Knows secrets by their shape and by their place. Refuses to guess from a tool's name. Invariant: arguments are looked at
as one JSON text, so that no nesting hides a value.
"""

from __future__ import annotations

import re

from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.secrets import has_secret_value
from leashtui.classify.standing import place, target
from leashtui.classify.state import State
from leashtui.classify.values import Word, show
from leashtui.model.facts import Place, Severity, Verb
from leashtui.model.request import Request

_PATHS = re.compile(r'"((?:~|/)[^"\\\\]{1,4096})"')
_MOST = 256


def judge_tool_call(machine: Machine, request: Request, span: Span) -> None:
    """Secrets, and paths of secrets, among the arguments. request: argv is (server, tool), script the arguments."""
    server = show(request.argv[0]) if request.argv else "?"
    if has_secret_value(request.script):
        words = f"hands a secret to the MCP server {server}"
        machine.ledger.add(Verb.SECRET_READ, server, Place.SECRET, words, span, Severity.HIGH)
    for found in _PATHS.findall(request.script)[:_MOST]:
        path = target(machine, State(request.cwd or "/"), Word(found))
        if place(machine, path) is Place.SECRET:
            words = f"names {show(found)}, which holds secrets, to the MCP server {server}"
            machine.ledger.add(Verb.SECRET_READ, path, Place.SECRET, words, span, Severity.HIGH)
