"""One conversation between an agent and an MCP server: what asks for something is held until it is answered.

Knows which methods do something (tools, resources, prompts), which answers tell of tools, and cancellation. Refuses to
decide: the house does. Invariant: a call reaches the server only after it was allowed; a cancelled one that still waits
reaches it never; whatever else passes, passes as the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from leashtui.guards.mcp import rpc
from leashtui.guards.mcp.rpc import Envelope, Message, Unclear
from leashtui.model.errors import LeashError
from leashtui.model.ports import Ticket
from leashtui.model.verdict import By, Ruling, Verdict

_NAMED = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}
"""Methods that do something, and what names it. Only tools have names of their own for policies."""
_CALL_ID = "claudecode/toolUseId"
_ONE = "leash: REFUSED: calls in a batch are not judged; send one at a time."
_MOST_OPEN = 1024

Tell = Callable[[bytes, int, bytes], None]
"""(order, number of a line, bytes): S pass to the server, A pass to the agent, F forget, C say to the agent."""


class House(Protocol):
    """Who judges and remembers (supervisor.mcp)."""

    def admit(self, key: str, words: tuple[str, ...]) -> str:
        """'' when this server may be talked to, or why not."""
        ...

    def speaks(self, key: str) -> bool:
        """Whether leash itself is this server."""
        ...

    def answer(self, message: Message) -> bytes:
        """leash's own answer, for a server that it is itself."""
        ...

    def judge(self, key: str, tool: str, arguments: str, call: str, reply: Callable[[Verdict], None]) -> Ticket:
        """May this be called? Replies once."""
        ...

    def listed(self, key: str, tools: list[Any], *, more: bool) -> list[Any] | None:
        """The tools as they may be shown, None when they may be shown as they are. more: a further page of a list."""
        ...

    def answered(self, key: str, tool: str, act: str, size: int, *, failed: bool) -> None:
        """A server's answer goes to the model."""
        ...

    def asked(self, key: str, method: str) -> None:
        """A server asks the agent for something of its own."""
        ...


class _Held:
    """A call that waits for a verdict, or for its server's answer once `act` is known."""

    def __init__(self, number: int, message: Message, tool: str, tell: Tell) -> None:
        self.number = number
        self.tell = tell
        self.message = message
        self.tool = tool
        self.act = ""
        self.ticket: Ticket | None = None
        self.waits = True


Scope = dict[str, _Held]
"""What is open, by the id of its request."""


class Conversation:
    """key: the server. scope: what is open in one of its sessions, where several connections share that."""

    def __init__(self, key: str, house: House, tell: Tell, scope: Scope | None = None) -> None:
        self._key = key
        self._house = house
        self._tell = tell
        self._open: Scope = {} if scope is None else scope

    # the agent speaks ----------------------------------------------------------------------------------------------
    def from_client(self, number: int, line: bytes) -> None:
        """One line of the agent."""
        try:
            messages = rpc.read(line)
        except Unclear as error:
            self._say(rpc.unclear(str(error)))
            self._tell(b"F", number, b"")
            return
        if len(messages) == 1:
            self._take(number, messages[0])
        elif any(m.method in _NAMED or m.method == "notifications/cancelled" for m in messages):
            for message in messages:
                if message.expects:
                    self._say(rpc.refused(message, _ONE))
            self._tell(b"F", number, b"")
        else:
            if messages and not self._house.speaks(self._key):
                self._tell(b"S", number, b"")
            self._tell(b"F", number, b"")

    def _take(self, number: int, message: Message) -> None:
        if self._house.speaks(self._key):
            if message.expects:
                self._say(self._house.answer(message))
            self._tell(b"F", number, b"")
        elif message.method in _NAMED:
            self._hold(number, message)
        elif message.method == "notifications/cancelled":
            self._cancel(number, message)
        elif message.expects:
            sent = _Held(number, message, "", self._tell)
            sent.waits = False
            self._room()
            self._open[rpc.key_of(message.id)] = sent
            self._tell(b"S", number, b"")
        else:
            self._tell(b"S", number, b"")
            self._tell(b"F", number, b"")

    def _room(self) -> None:
        """Forget the oldest request that nobody answered, before there are too many."""
        if len(self._open) >= _MOST_OPEN:
            oldest = next((key for key, held in self._open.items() if not held.waits), None)
            if oldest is not None:
                del self._open[oldest]

    def _hold(self, number: int, message: Message) -> None:
        """Ask; nothing goes on before the answer."""
        name = message.params.get(_NAMED[message.method])
        key = rpc.key_of(message.id)
        self._room()
        if not message.expects or not isinstance(name, str) or key in self._open or len(self._open) >= _MOST_OPEN:
            self._say(rpc.refused(message, "leash: REFUSED: this call has no name, no id, or one that is in use."))
            self._tell(b"F", number, b"")
            return
        called = message.method == "tools/call"
        tool = name if called else message.method
        given = message.params.get("arguments") if called else message.params
        meta = message.params.get("_meta")
        call = meta.get(_CALL_ID, "") if isinstance(meta, dict) else ""
        held = self._open[key] = _Held(number, message, tool, self._tell)
        try:
            ticket = self._house.judge(
                self._key,
                tool,
                rpc.text_of(given),
                call if isinstance(call, str) else "",
                lambda verdict: self._decided(key, held, verdict),
            )
        except LeashError as error:
            why = f"leash: REFUSED: it could not be judged ({error.message}); nothing was run. Run `leash doctor`."
            self._decided(key, held, Verdict(Ruling.DENY, By.ERROR, why))
            return
        if held.waits:
            held.ticket = ticket

    def _decided(self, key: str, held: _Held, verdict: Verdict) -> None:
        if self._open.get(key) is not held or not held.waits:
            return
        held.waits = False
        held.act = verdict.act
        if verdict.ruling is Ruling.ALLOW:
            self._tell(b"S", held.number, b"")
            return
        del self._open[key]
        self._say(rpc.refused(held.message, verdict.feedback or "leash: REFUSED."))
        self._tell(b"F", held.number, b"")

    def _cancel(self, number: int, message: Message) -> None:
        """What still waits is taken back; its server never hears of it, and nobody answers, as the protocol has it."""
        target = message.params.get("requestId")
        key = rpc.key_of(target) if target is None or isinstance(target, (str, int, float)) else ""
        held = self._open.get(key)
        if held is not None and held.waits:
            del self._open[key]
            held.tell(b"F", held.number, b"")
            if held.ticket is not None:
                held.ticket.withdraw("the agent cancelled the call")
        else:
            self._tell(b"S", number, b"")
        self._tell(b"F", number, b"")

    # the server speaks ---------------------------------------------------------------------------------------------
    def from_server(self, number: int, line: bytes) -> None:
        """One line of the server."""
        found = rpc.envelope(line)
        if found is None:
            self._batch(line)
        elif found.method:
            if found.id is not None:
                self._house.asked(self._key, found.method)
        else:
            held = self._open.pop(rpc.key_of(found.id), None)
            if held is not None:
                self._answer(held, found, number, len(line))
                return
        self._tell(b"A", number, b"")

    def _answer(self, held: _Held, found: Envelope, number: int, size: int) -> None:
        """Pass an answer on, or say another one instead. It is on its way before it is written down: what the model
        does with it comes here later in any case."""
        listed = held.message.method == "tools/list" and bool(found.result) and self._list(held, found)
        self._tell(b"F" if listed else b"A", number, b"")
        held.tell(b"F", held.number, b"")
        if held.tool:
            self._house.answered(self._key, held.tool, held.act, size, failed=bool(found.error))

    def _list(self, held: _Held, found: Envelope) -> bool:
        try:
            result = json.loads(bytes(found.result))
            tools = result.get("tools") if isinstance(result, dict) else None
            more = "cursor" in held.message.params
            shown = self._house.listed(self._key, tools, more=more) if isinstance(tools, list) else None
        except (LeashError, ValueError, RecursionError) as error:
            self._say(
                rpc.error(held.message.id, f"leash: REFUSED: these tools cannot be compared with their pins: {error}")
            )
            return True
        if shown is None:
            return False
        self._say(rpc.result(held.message.id, {**result, "tools": shown}))
        return True

    def _batch(self, line: bytes) -> None:
        """Several answers in one line: what was called is answered, though their tools cannot be looked at."""
        try:
            parts = msgspec.json.decode(line, type=list[Envelope])
        except (msgspec.DecodeError, RecursionError):
            return
        for part in parts:
            held = None if part.method else self._open.pop(rpc.key_of(part.id), None)
            if held is not None and held.tool:
                self._house.answered(self._key, held.tool, held.act, len(line), failed=bool(part.error))

    def end(self) -> None:
        """The connection is gone: what waits there is withdrawn."""
        for key, held in list(self._open.items()):
            if held.tell is self._tell and held.waits:
                del self._open[key]
                if held.ticket is not None:
                    held.ticket.withdraw("the agent hung up on the server")

    def _say(self, data: bytes) -> None:
        self._tell(b"C", 0, data)
