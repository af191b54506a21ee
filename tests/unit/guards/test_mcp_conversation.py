"""What reaches a server, and what never does: one conversation without sockets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from leashtui.guards.mcp import rpc
from leashtui.guards.mcp.conversation import Conversation
from leashtui.guards.mcp.rpc import Message, Unclear
from leashtui.model.errors import StoreError
from leashtui.model.verdict import By, Ruling, Verdict

ALLOW = Verdict(Ruling.ALLOW, By.POLICY, act="R1")
DENY = Verdict(Ruling.DENY, By.POLICY, "leash: REFUSED: no.")


class Ticket:
    act = "R1"

    def __init__(self, withdrawn: list[str]) -> None:
        self._withdrawn = withdrawn

    def withdraw(self, reason: str) -> None:
        self._withdrawn.append(reason)


class World:
    """Both ends and the judge of one conversation. verdict: what is answered at once, None to wait."""

    def __init__(self, verdict: Verdict | None = ALLOW) -> None:
        self.verdict = verdict
        self.orders: list[tuple[str, int]] = []
        self.said: list[Any] = []
        self.judged: list[tuple[str, str, str]] = []
        self.pending: list[Callable[[Verdict], None]] = []
        self.withdrawn: list[str] = []
        self.results: list[tuple[str, str, bool]] = []
        self.tools: list[Any] | None = None
        self.broken = False
        self.number = 0
        self.talk = Conversation("files", self, self.tell)

    def tell(self, order: bytes, number: int, data: bytes) -> None:
        if order == b"C":
            self.said.append(json.loads(data))
        else:
            self.orders.append((order.decode(), number))

    def admit(self, key: str, words: tuple[str, ...]) -> str:
        return ""

    def speaks(self, key: str) -> bool:
        return False

    def answer(self, message: Message) -> bytes:
        return b""

    def judge(self, key: str, tool: str, arguments: str, call: str, reply: Callable[[Verdict], None]) -> Ticket:
        if self.broken:
            raise StoreError("no pins", "")
        self.judged.append((tool, arguments, call))
        if self.verdict is None:
            self.pending.append(reply)
        else:
            reply(self.verdict)
        return Ticket(self.withdrawn)

    def listed(self, key: str, tools: list[Any], *, more: bool) -> list[Any] | None:
        if self.broken:
            raise StoreError("no pins", "")
        return self.tools

    def answered(self, key: str, tool: str, act: str, size: int, *, failed: bool) -> None:
        self.results.append((tool, act, failed))

    def asked(self, key: str, method: str) -> None:
        self.results.append((method, "", False))

    def client(self, text: str | bytes | dict[str, Any]) -> int:
        """The agent says a line; its number."""
        self.number += 1
        line = json.dumps(text).encode() if isinstance(text, dict) else text.encode() if isinstance(text, str) else text
        self.talk.from_client(self.number, line + b"\n")
        return self.number

    def server(self, document: dict[str, Any]) -> int:
        """The server says a line."""
        self.number += 1
        self.talk.from_server(self.number, json.dumps(document).encode() + b"\n")
        return self.number

    def passed(self, number: int) -> bool:
        return ("S", number) in self.orders or ("A", number) in self.orders


def call(name: str = "read", number: Any = 1, **arguments: Any) -> dict[str, Any]:
    return {
        "jsonrpc": "2.0",
        "id": number,
        "method": "tools/call",
        "params": {"name": name, "arguments": arguments, "_meta": {"claudecode/toolUseId": "toolu_1"}},
    }


def test_an_allowed_call_goes_on_and_its_answer_is_told() -> None:
    world = World()
    assert world.passed(world.client(call(b=1, a="x")))
    assert world.judged == [("read", '{"a": "x", "b": 1}', "toolu_1")]
    assert world.passed(world.server({"jsonrpc": "2.0", "id": 1, "result": {}}))
    assert world.results == [("read", "R1", False)]


def test_a_refused_call_is_a_result_that_failed() -> None:
    world = World(DENY)
    assert not world.passed(world.client(call()))
    assert world.said[0]["result"]["isError"] is True
    assert world.said[0]["result"]["content"][0]["text"] == "leash: REFUSED: no."
    assert world.said[0]["id"] == 1


@pytest.mark.parametrize(("method", "named"), [("resources/read", "uri"), ("prompts/get", "name")])
def test_resources_and_prompts_are_asked_too(method: str, named: str) -> None:
    world = World(DENY)
    document = {"jsonrpc": "2.0", "id": "a", "method": method, "params": {named: "x"}}
    assert not world.passed(world.client(document))
    assert world.judged[0][0] == method
    assert "REFUSED" in world.said[0]["error"]["message"]


@pytest.mark.parametrize("method", ["initialize", "tools/list", "ping", "completion/complete", "server/discover"])
def test_what_asks_for_nothing_passes(method: str) -> None:
    world = World(DENY)
    assert world.passed(world.client({"jsonrpc": "2.0", "id": 1, "method": method}))
    assert world.passed(world.client({"jsonrpc": "2.0", "method": "notifications/initialized"}))
    assert world.passed(world.client({"jsonrpc": "2.0", "id": 4, "result": {"roots": []}}))
    assert not world.judged


INNER = '{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"evil"}}'
TRICKS = {
    "a carriage return": '{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":\r' + INNER + "\r}}",
    "the method twice": '{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping","params":{"name":"evil"}}',
    "Method": '{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call","params":{"name":"e"}}',
    "the name twice": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"evil","name":"read"}}',
    "NAME": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"read","NAME":"evil"}}',
    "two messages in one line": '{"jsonrpc":"2.0","id":1,"method":"ping"}' + INNER,
    "no JSON": "tools/call evil",
    "JSON of another kind": '{"jsonrpc":"2.0","id":1,"method":"ping",}',
    "a number that is none": '{"jsonrpc":"2.0","id":NaN,"method":"tools/call","params":{"name":"evil"}}',
    "UTF-16": '{"jsonrpc":"2.0","id":1,"method":"ping"}'.encode("utf-16-le"),
    "too deep": "[" * 100_000,
    "a batch with a call": "[" + INNER + ',{"jsonrpc":"2.0","id":2,"method":"ping"}]',
    "an id that is no id": '{"jsonrpc":"2.0","id":{"a":1},"method":"tools/call","params":{"name":"evil"}}',
    "a call that nobody waits for": '{"jsonrpc":"2.0","method":"tools/call","params":{"name":"evil"}}',
    "a call of nothing": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{}}',
    "params that are a list": '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":["evil"]}',
}


@pytest.mark.parametrize("trick", TRICKS.values(), ids=TRICKS.keys())
def test_what_could_be_read_in_two_ways_never_reaches_the_server(trick: str | bytes) -> None:
    world = World(ALLOW)
    assert not world.passed(world.client(trick))
    assert world.said
    assert "leash: REFUSED" in json.dumps(world.said)
    assert world.passed(world.client(call(number=77)))  # the control


def test_a_batch_that_asks_for_nothing_passes() -> None:
    world = World(DENY)
    assert world.passed(world.client('[{"jsonrpc":"2.0","id":2,"method":"ping"}]'))


def test_a_cancelled_call_that_waits_is_taken_back_and_nobody_answers() -> None:
    world = World(None)
    held = world.client(call())
    note = world.client({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    assert not world.passed(held)
    assert not world.passed(note)
    assert world.withdrawn
    world.pending[0](ALLOW)  # too late
    assert not world.passed(held)
    assert not world.said


def test_a_cancellation_of_what_is_under_way_passes() -> None:
    world = World()
    world.client(call())
    assert world.passed(
        world.client({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
    )


def test_an_id_in_use_is_refused_and_a_used_one_is_free_again() -> None:
    world = World()
    world.client(call())
    assert not world.passed(world.client(call()))
    world.server({"jsonrpc": "2.0", "id": 1, "error": {"code": -1, "message": "x"}})
    assert world.results == [("read", "R1", True)]
    assert world.passed(world.client(call()))
    assert world.passed(world.client(call(number="1")))  # another id


def test_tools_are_shown_as_the_house_says() -> None:
    world = World()
    world.client({"jsonrpc": "2.0", "id": 5, "method": "tools/list"})
    assert world.passed(world.server({"jsonrpc": "2.0", "id": 5, "result": {"tools": [{"name": "a"}]}}))
    world.tools = [{"name": "b"}]
    world.client({"jsonrpc": "2.0", "id": 6, "method": "tools/list"})
    shown = world.server({"jsonrpc": "2.0", "id": 6, "result": {"tools": [{"name": "a"}], "nextCursor": "c"}})
    assert not world.passed(shown)
    assert world.said == [{"jsonrpc": "2.0", "id": 6, "result": {"tools": [{"name": "b"}], "nextCursor": "c"}}]


def test_pins_that_cannot_be_read_refuse() -> None:
    world = World()
    world.broken = True
    assert not world.passed(world.client(call()))
    assert "no pins" in json.dumps(world.said.pop())
    world.client({"jsonrpc": "2.0", "id": 6, "method": "tools/list"})
    assert not world.passed(world.server({"jsonrpc": "2.0", "id": 6, "result": {"tools": []}}))
    assert world.said[0]["error"]


def test_a_server_that_asks_is_told_of_and_noise_passes() -> None:
    world = World()
    assert world.passed(world.server({"jsonrpc": "2.0", "id": 1, "method": "sampling/createMessage", "params": {}}))
    assert world.results == [("sampling/createMessage", "", False)]
    world.talk.from_server(99, b"starting up...\n")
    assert world.passed(99)


def test_what_waits_when_the_agent_hangs_up_is_withdrawn() -> None:
    world = World(None)
    world.client(call())
    world.talk.end()
    assert world.withdrawn


def test_unanswered_requests_do_not_fill_the_room() -> None:
    world = World()
    for number in range(3000):
        assert world.passed(world.client({"jsonrpc": "2.0", "id": number, "method": "ping"}))
    assert world.passed(world.client(call(number="x")))


def test_reading_is_exact() -> None:
    (message,) = rpc.read(b'{"jsonrpc":"2.0","id":0,"method":"ping"}\r\n')
    assert message.expects
    assert message.id == 0
    assert rpc.read(b"  \n") == []
    with pytest.raises(Unclear):
        rpc.read(b"\xff\n")
