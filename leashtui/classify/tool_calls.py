"""Calls of tools, of MCP servers and of the agent's own, and prompts: what a tool does is its own, what it is handed
can be seen.

Knows secrets by their shape and by their place, and addresses. Refuses to guess from a tool's name. Invariant:
arguments are looked at as one JSON text, so that no nesting hides a value.
"""

from __future__ import annotations

import re

from leashtui.classify.call import host_of
from leashtui.classify.ledger import Span
from leashtui.classify.machine import Machine
from leashtui.classify.plumbing import is_local
from leashtui.classify.secrets import has_secret_value
from leashtui.classify.standing import place, target
from leashtui.classify.state import State
from leashtui.classify.values import Word, show
from leashtui.model.facts import Content, Place, Severity, Verb
from leashtui.model.request import Action, Request

_PATHS = re.compile(r'"((?:~|/)[^"\\\\]{1,4096})"')
_ADDRESS = re.compile(r'"(https?://[^"\\\s]{1,2048})"', re.IGNORECASE)
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


def judge_told(machine: Machine, request: Request) -> str:
    """What an agent does within itself: a tool with its arguments as JSON, a sub-agent, a prompt. Returns the words of
    it. Addresses that a tool is handed are fetched."""
    ledger, text = machine.ledger, request.script
    if has_secret_value(text):
        ledger.contents.add(Content.SECRET)
    if request.action is Action.PROMPT_SEND:
        ledger.add(Verb.EXEC, "", sentence="gives the agent a prompt")
        return text
    name = show(request.argv[0]) if request.argv else "?"
    starts = request.action is Action.SUBAGENT_SPAWN
    ledger.add(Verb.EXEC, name, sentence=f"starts a sub-agent by {name}" if starts else f"uses the agent's own {name}")
    for address in _ADDRESS.findall(text)[:_MOST] if not starts else ():
        host = host_of(address)
        if host and not is_local(host):
            ledger.hosts[host] = None
            ledger.sign("network")
            ledger.add(Verb.NET_GET, host, sentence=f"reads from {show(host)}")
    return f"{name} {text}".strip()
