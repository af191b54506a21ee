"""The MCP servers of one session: who may be talked to, what their tools are, and how a call becomes a request.

Knows the servers the agent was armed with, their pins, and leash's own server among them. Refuses to know messages
(guards.mcp) and to decide (the mediator). Invariants: a tool that is not what was accepted is never described to the
model in its new words before the person accepted them; every call goes THE path.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from leashtui.classify.normalise import hidden
from leashtui.guards.mcp.rpc import Message
from leashtui.model.event import ToolAnswered, ToolsListed
from leashtui.model.mcp import PinnedServer, PinnedTool, Served
from leashtui.model.ports import Reply, Submit, Ticket
from leashtui.model.request import Action, Claim, Layer, Pin, Request
from leashtui.model.verdict import Verdict
from leashtui.stores.pins import Pins, key_of, pin_of
from leashtui.supervisor.adviser import Adviser
from leashtui.supervisor.mediator import Recorder
from leashtui.supervisor.taint import Taint, of_server
from leashtui.words import tools as words

OWN = "leash"
"""leash's own server."""
_WORD = re.compile(r"[^a-zA-Z0-9_-]")
_METHODS = frozenset({"resources/read", "prompts/get"})

Notice = Callable[[str, str, str], None]


class Servers:
    """One a session. served: by the key the relay is started with. named: says what a server starts, without secrets.

    cwd: where the agent works."""

    def __init__(
        self,
        served: dict[str, Served],
        *,
        named: Callable[[Served], Served],
        pins: Pins,
        submit: Submit,
        record: Recorder,
        notice: Notice,
        taint: Taint,
        adviser: Adviser,
        clock: Callable[[], int],
        cwd: str,
    ) -> None:
        self._served = served
        self._named = named
        self._pins = pins
        self._submit = submit
        self._record = record
        self._notice = notice
        self._taint = taint
        self._adviser = adviser
        self._clock = clock
        self._cwd = cwd
        self._listed: dict[str, dict[str, PinnedTool]] = {}
        self._fresh: set[str] = set()
        self._said: set[tuple[str, str]] = set()
        self._since: dict[str, int] = {}

    # guards.mcp.conversation.House -------------------------------------------------------------------------------
    def admit(self, key: str, words: tuple[str, ...]) -> str:
        """See House. A program that the session was not armed with comes by `leash mcp run`."""
        if words and key not in self._served and key != OWN:
            self._served[key] = self._named(Served(key, self._cwd, words))
        if key == OWN or key in self._served:
            return ""
        return "leash: REFUSED: this session was not started with such an MCP server. Start the session again."

    def speaks(self, key: str) -> bool:
        """See House."""
        return key == OWN

    def answer(self, message: Message) -> bytes:
        """See House."""
        return self._adviser.answer(message)

    def judge(self, key: str, tool: str, arguments: str, call: str, reply: Reply) -> Ticket:
        """See House."""
        server = self._served[key]
        request = Request(
            Action.TOOL_CALL,
            Layer.MCP,
            self._cwd,
            (server.name, tool),
            script=arguments,
            tool=tool,
            call=call,
            pin=self._pin(key, tool),
            effect=self._claim(key, tool),
        )

        def settle(verdict: Verdict) -> None:
            if verdict.act:
                self._since[verdict.act] = self._clock()
            reply(verdict)

        return self._submit(request, settle)

    def listed(self, key: str, tools: list[Any], *, more: bool) -> list[Any] | None:
        """See House."""
        server = self._served[key]
        given = {t["name"]: t for t in tools if isinstance(t, dict) and isinstance(t.get("name"), str)}
        now = {name: pin_of(tool) for name, tool in given.items()}
        known = self._pins.of(server)
        first = known is None or (more and key in self._fresh)
        self._listed.setdefault(key, {}).update(now)
        if first:
            self._fresh.add(key)
            plain = {n: t for n, t in now.items() if not hidden(t.definition) and not self._is_shadow(key, n)}
            self._pins.first(server, plain)
        self._pins.see(server, now)
        states = {name: self._pin(key, name) for name in now}
        self._tell(server, states, first=first)
        if all(state is Pin.PINNED for state in states.values()) and len(given) == len(tools):
            return None
        after = self._pins.of(server)
        return [_shown(given[n], state, after) for n, state in states.items()]

    def answered(self, key: str, tool: str, act: str, size: int, *, failed: bool) -> None:
        """See House."""
        server = self._served[key]
        origin = of_server(server.name)
        self._taint.add(origin)
        took = self._clock() - self._since.pop(act, self._clock())
        self._record.append(ToolAnswered(server.name, tool, origin, size, failed, took), parent=act)

    def asked(self, key: str, method: str) -> None:
        """See House: what a server makes the model read is the server's text too."""
        self._taint.add(of_server(self._served[key].name))

    # for the agent's hooks -----------------------------------------------------------------------------------------
    def known(self, request: Request) -> Request | None:
        """A tool call that a hook announced, with what is known of the tool; None for leash's own tools."""
        found = self._locate(request)
        if found is None:
            return replace(request, pin=Pin.UNLED)
        key, tool = found
        if key == OWN:
            return None
        name = self._served[key].name
        return replace(request, argv=(name, tool), pin=self._pin(key, tool), effect=self._claim(key, tool))

    def _locate(self, request: Request) -> tuple[str, str] | None:
        """(key, tool) of the name an agent gave it: server and tool joined by a dash or underscores."""
        keys = sorted([OWN, *self._served], key=len, reverse=True)
        for key in keys:
            server = OWN if key == OWN else self._served[key].name
            word = re.escape(_WORD.sub("_", server))
            found = re.fullmatch(rf"(?:mcp__?)?(?:{word})(?:__|_|-)(.+)", request.tool)
            if found is not None:
                return key, found[1]
        return None

    # pins ----------------------------------------------------------------------------------------------------------
    def _pin(self, key: str, tool: str) -> Pin:
        """Whether a tool is what was accepted. Raises StoreError, which is a refusal."""
        known = self._pins.of(self._served[key])
        if known is None or tool in _METHODS:
            return Pin.UNKNOWN
        now = self._listed.get(key, {}).get(tool)
        if known.target != self._served[key].target:
            return Pin.CHANGED
        before = known.tools.get(tool)
        if before is not None:
            return Pin.PINNED if now is None or now.digest == before.digest else Pin.CHANGED
        if now is None:
            return Pin.UNKNOWN
        return Pin.SHADOWED if self._is_shadow(key, tool) else Pin.NEW

    def _is_shadow(self, key: str, tool: str) -> bool:
        """Whether another server of this session has an accepted tool of this name, or goes by the same name itself."""
        mine = self._served[key]
        if any(o.name == mine.name and o.target != mine.target for o in self._served.values()):
            return True
        for other, tools in self._listed.items():
            if other != key and tool in tools:
                known = self._pins.of(self._served[other])
                if known is not None and tool in known.tools:
                    return True
        return False

    def _claim(self, key: str, tool: str) -> Claim:
        """What the tool says it does."""
        found = self._listed.get(key, {}).get(tool)
        if found is None:
            known = self._pins.of(self._served[key])
            found = known.tools.get(tool) if known is not None else None
        return claim_of(json.loads(found.definition)) if found is not None else Claim.UNKNOWN

    def _tell(self, server: Served, states: Mapping[str, Pin], *, first: bool) -> None:
        """The record, and what a person should read before the model acts on it; each once a session."""
        odd = {pin: tuple(n for n, s in states.items() if s is pin) for pin in (Pin.NEW, Pin.CHANGED, Pin.SHADOWED)}
        event = ToolsListed(
            server=server.name,
            source=server.source,
            target=server.target,
            tools=len(states),
            first=first,
            new=odd[Pin.NEW],
            changed=odd[Pin.CHANGED],
            shadowed=odd[Pin.SHADOWED],
        )
        self._record.append(event)
        known = self._pins.of(server)
        if first:
            pinned = [n for n, s in states.items() if s is Pin.PINNED]
            self._say(server, "info", words.met_first(server.name, pinned), "leash mcp list")
        elif known is not None and known.target != server.target:
            text = words.other_command(server.name, known.target, server.target)
            self._say(server, "alarm", text, "leash mcp diff")
            return
        for pin, names in odd.items():
            if names:
                self._say(server, "alarm", words.not_as_accepted(server.name, pin, names), "leash mcp diff")

    def _say(self, server: Served, level: str, text: str, hint: str) -> None:
        if (key_of(server), text) not in self._said:
            self._said.add((key_of(server), text))
            self._notice(level, text, hint)


def claim_of(tool: Mapping[str, Any]) -> Claim:
    """What a definition's annotations say; nothing where they are silent, whatever the protocol's defaults."""
    hints = tool.get("annotations")
    if not isinstance(hints, dict):
        return Claim.UNKNOWN
    if hints.get("destructiveHint") is True and hints.get("readOnlyHint") is not True:
        return Claim.DESTROY
    if hints.get("readOnlyHint") is True:
        return Claim.READ
    if hints.get("openWorldHint") is True:
        return Claim.SEND
    return Claim.WRITE if hints.get("readOnlyHint") is False else Claim.UNKNOWN


def _shown(tool: Mapping[str, Any], state: Pin, known: PinnedServer | None) -> dict[str, Any]:
    """A tool as the model may read it: as accepted, or without its words."""
    if state is Pin.PINNED:
        return dict(tool)
    before = known.tools.get(tool["name"]) if known is not None else None
    if state is Pin.CHANGED and before is not None:
        return dict(json.loads(before.definition))
    schema = tool.get("inputSchema")
    bare = _wordless(schema) if isinstance(schema, dict) else {"type": "object"}
    return {"name": tool["name"], "description": words.withheld(state), "inputSchema": bare}


def _wordless(schema: Any) -> Any:
    """A JSON schema without what is only read by people and models."""
    if isinstance(schema, list):
        return [_wordless(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    read = {"description", "title", "$comment", "examples", "default"}
    return {k: _wordless(v) for k, v in schema.items() if k not in read or isinstance(v, dict)}


__all__ = ["OWN", "Servers", "claim_of"]
