"""Tool uses become requests, answers go back, and what ran without an answer is said aloud."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from log_samples import allowed

from leashtui.agents.registry import adapter_for
from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Workspace
from leashtui.model.errors import StoreError
from leashtui.model.event import AgentTold, Event, Record
from leashtui.model.facts import Mode
from leashtui.model.hook import Reply
from leashtui.model.request import Action, Pin, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.hooks import Hooks
from leashtui.words.timeline import tell

ALLOW, DENY = Verdict(Ruling.ALLOW, By.POLICY), Verdict(Ruling.DENY, By.POLICY, "leash: REFUSED: no.")


class Ticket:
    act = "R1"

    def __init__(self) -> None:
        self.withdrawn: list[str] = []

    def withdraw(self, reason: str) -> None:
        self.withdrawn.append(reason)


class World:
    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.pending: list[Callable[[Verdict], None]] = []
        self.answers: list[Verdict | None] = []
        self.events: list[Event] = []
        self.notices: list[str] = []
        self.forgotten: list[str] = []
        self.turns = 0
        self.ticket = Ticket()
        self.replies: list[Reply] = []
        self.hooks = Hooks(
            adapter_for("claude"),
            self.submit,
            self.events.append,
            self,
            lambda level, text, hint: self.notices.append(text),
        )

    def forget(self, call: str, helper: str = "") -> None:
        self.forgotten.append(" ".join(filter(None, (helper, call))))

    def end_turn(self) -> None:
        self.turns += 1

    def submit(self, request: Request, reply: Callable[[Verdict], None]) -> Ticket:
        self.requests.append(request)
        verdict = self.answers.pop(0) if self.answers else ALLOW
        if verdict is None:
            self.pending.append(reply)
        else:
            reply(verdict)
        return self.ticket

    def hear(self, event: str, **fields: Any) -> Any:
        data = json.dumps({"cwd": "/w", "session_id": "s", **fields}).encode()
        return self.hooks.hear(event, data, 7, self.replies.append)

    def tool(self, name: str, event: str = "PreToolUse", call: str = "t1", agent: str = "", **arguments: Any) -> Any:
        return self.hear(event, tool_name=name, tool_input=arguments, tool_use_id=call, agent_id=agent)


@pytest.fixture
def world() -> World:
    return World()


def test_a_command_is_a_request_of_its_text(world: World) -> None:
    world.tool("Bash", command="ls")
    (request,) = world.requests
    assert (request.action, request.argv, request.script, request.call) == (Action.PROCESS_EXEC, (), "ls", "t1")
    assert [r.code for r in world.replies] == [0]


def test_a_request_of_a_sub_agent_names_it(world: World) -> None:
    helper = {"agent_id": "a1b2", "agent_type": "Explore"}
    world.hear("PreToolUse", tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t1", **helper)
    world.hear("PostToolUse", tool_name="Bash", tool_input={"command": "ls"}, tool_use_id="t1", **helper)
    world.tool("Bash", command="ls")
    world.hear("PreToolUse", tool_name="Bash", tool_input={"command": "ls"}, agent_type="Explore")
    assert [r.helper for r in world.requests] == ["Explore a1b2", "", ""], "a type alone is the session's own"
    (told,) = [e for e in world.events if isinstance(e, AgentTold)]
    assert told.helper == "Explore a1b2"
    event = msgspec.structs.replace(allowed("ls"), request=world.requests[0])
    assert tell(Record(1, "R", 0, "s", event)).why.endswith("for its helper Explore a1b2")


def test_several_edits_of_one_file_are_one_act(world: World) -> None:
    world.answers = [DENY]
    edits = [{"old_string": "a", "new_string": "b"}, {"old_string": "c", "new_string": "d"}]
    world.tool("MultiEdit", file_path="x.py", edits=edits)
    (request,) = world.requests
    assert sorted(request.diff.splitlines()[-4:]) == ["+b", "+d", "-a", "-c"]
    assert [r.code for r in world.replies] == [2]


def test_an_answer_that_comes_later_is_given_once(world: World) -> None:
    world.answers = [None]
    gate = world.tool("Bash", command="rm x")
    assert gate is not None and not world.replies
    world.pending[0](Verdict(Ruling.ALLOW, By.PERSON))
    assert json.loads(world.replies[0].stdout)["hookSpecificOutput"]["permissionDecision"] == "allow"


def test_an_ended_hook_takes_its_question_back(world: World) -> None:
    world.answers = [None]
    gate = world.tool("Bash", command="rm x")
    gate.withdraw("gone")
    world.pending[0](ALLOW)
    assert world.ticket.withdrawn == ["gone"]
    assert not world.replies


def test_rubbish_is_refused_and_said(world: World) -> None:
    world.hooks.hear("PreToolUse", b"\xff", 7, world.replies.append)
    assert world.replies[0].code == 2
    assert world.notices


def test_calls_of_one_number_or_of_the_same_words_are_told_apart(world: World) -> None:
    """Sub-agents may count their calls alike; an agent that gives no number calls twice at once, and one is refused."""
    for name, verdict in (("a", DENY), ("b", ALLOW)):
        world.answers = [verdict]
        world.tool("Bash", command=f"rm {name}", agent=name)
    world.tool("Bash", "PostToolUse", command="rm b", agent="b")
    assert not world.notices and world.forgotten == ["b t1"]
    world.tool("Bash", "PostToolUse", command="rm a", agent="a")
    assert "although it was refused" in world.notices.pop()
    for verdict in (ALLOW, DENY):
        world.answers = [verdict]
        world.tool("Bash", command="rm c", call="")
    world.tool("Bash", "PostToolUse", command="rm c", call="")
    assert not world.notices
    world.tool("Bash", "PostToolUse", command="rm c", call="")
    assert "although it was refused" in world.notices.pop()


def test_what_ran_without_an_answer_is_said_aloud(world: World) -> None:
    world.tool("Write", "PostToolUse", file_path="x", content="y")
    assert "without asking" in world.notices[0]
    world.answers = [DENY]
    world.tool("Write", file_path="x", content="y")
    world.tool("Write", "PostToolUse", file_path="x", content="y")
    assert "although it was refused" in world.notices[1]
    world.tool("Write", file_path="x", content="y")
    world.tool("Write", "PostToolUse", file_path="x", content="y")
    assert len(world.notices) == 2
    assert world.forgotten == ["t1"] * 3


def test_a_word_for_the_model_is_said_once_at_the_next_moment(world: World) -> None:
    world.hooks.tell("leash: L-1 is approved now.")
    world.hear("Notification", message="idle")
    world.hear("UserPromptSubmit", prompt="go on")
    world.hear("UserPromptSubmit", prompt="go on")
    said = [b"L-1" in reply.stdout for reply in world.replies]
    assert said == [False, True, False]
    assert [e.moment for e in world.events if isinstance(e, AgentTold)] == ["notification", "prompt", "prompt"]


def test_a_tool_of_a_server_is_an_act(world: World) -> None:
    world.tool("mcp__files__read_file", path="/w/a")
    (request,) = world.requests
    assert (request.action, request.argv) == (Action.TOOL_CALL, ("files", "read_file"))


@pytest.mark.parametrize(
    ("arguments", "secret"),
    [
        ({"path": "/w/a.txt"}, False),
        ({"path": "/home/dev/.ssh/id_ed25519"}, True),
        ({"deep": [{"x": "~/.aws/credentials"}]}, True),
        ({"token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"}, True),
    ],
)
def test_secrets_in_arguments_are_seen(arguments: dict[str, Any], secret: bool, world: World) -> None:
    world.tool("mcp__files__read_file", **arguments)
    engine = Engine(Workspace("/w"), "/home/dev", "dev", Mode.KERNEL, NoProbe())
    facts = engine(world.requests[0])
    assert ("secret_read" in facts.verbs()) is secret, facts.effects


def test_a_tool_call_is_judged_with_what_is_known_of_the_tool() -> None:
    world = World()
    known = lambda request: msgspec.structs.replace(request, argv=("forge", "issues"), pin=Pin.CHANGED)  # noqa: E731
    read: list[int] = []
    world.hooks = Hooks(
        adapter_for("claude"), world.submit, world.events.append, world, lambda *_: None, known, lambda: read.append(1)
    )
    world.tool("mcp__forge__issues", b=1, a="x")
    (request,) = world.requests
    assert (request.argv, request.pin, request.script) == (("forge", "issues"), Pin.CHANGED, '{"a": "x", "b": 1}')
    world.tool("WebFetch", "PostToolUse", url="https://x")
    assert read == [1]


def test_leashs_own_tools_pass_without_a_request() -> None:
    world = World()
    world.hooks = Hooks(
        adapter_for("claude"), world.submit, world.events.append, world, lambda *_: None, lambda _: None
    )
    world.tool("mcp__leash__leash_check", command="rm -rf /")
    assert not world.requests
    assert [r.code for r in world.replies] == [0]


def test_a_tool_call_that_cannot_be_compared_with_its_pins_is_refused() -> None:
    world = World()

    def broken(request: Request) -> Request:
        raise StoreError("the pins cannot be read", "")

    world.hooks = Hooks(
        adapter_for("claude"), world.submit, world.events.append, world, lambda *_: world.notices.append("n"), broken
    )
    world.tool("mcp__forge__issues")
    assert [r.code for r in world.replies] == [2]
    assert world.notices
    assert not world.requests


def test_a_prompt_waits_for_its_answer_and_brings_the_notes(world: World) -> None:
    world.hooks.tell("L-1 was approved")
    world.answers = [None, DENY]
    gate = world.hear("UserPromptSubmit", prompt="use the key")
    assert gate is not None and not world.replies
    assert [(r.action, r.argv, r.script) for r in world.requests] == [(Action.PROMPT_SEND, (), "use the key")]
    world.pending[0](ALLOW)
    assert json.loads(world.replies[0].stdout)["hookSpecificOutput"]["additionalContext"] == "L-1 was approved"
    world.hear("UserPromptSubmit", prompt="again")
    assert (world.replies[1].code, world.replies[1].stderr) == (2, b"leash: REFUSED: no.\n")
    assert [e.text for e in world.events if isinstance(e, AgentTold)] == ["use the key", "again"]


def test_tools_of_the_agents_own_and_sub_agents_are_requests(world: World) -> None:
    world.answers = [ALLOW, DENY, ALLOW]
    world.tool("WebFetch", url="https://example.com/a")
    world.tool("Task", prompt="look around")
    world.tool("TodoWrite", todos=[])
    asked = [(r.action, r.argv, r.tool, r.call) for r in world.requests]
    assert asked == [
        (Action.TOOL_USE, ("WebFetch",), "WebFetch", "t1"),
        (Action.SUBAGENT_SPAWN, ("Task",), "Task", "t1"),
        (Action.TOOL_USE, ("TodoWrite",), "TodoWrite", "t1"),
    ]
    assert [r.code for r in world.replies] == [0, 2, 0]
    read = Engine(Workspace("/w", (), ()), "/home/u", "u", Mode.KERNEL, NoProbe())
    facts = read(world.requests[0])
    assert (facts.hosts, facts.network, facts.verbs()) == (("example.com",), True, ("exec", "net_get"))
    assert facts.command == 'WebFetch {"url": "https://example.com/a"}'
    assert read(world.requests[1]).verbs() == ("exec",)


def test_it_knows_when_the_agent_waits_for_the_person(world: World) -> None:
    assert not world.hooks.idle_since
    world.hear("UserPromptSubmit", prompt="go on")
    world.hear("Stop")
    assert world.hooks.idle_since
    world.tool("Bash", command="ls")
    assert not world.hooks.idle_since
    world.hooks.tell("leash: L-1 is approved now.")
    world.hear("Stop")  # it is told, and takes another turn
    assert not world.hooks.idle_since
    world.hear("Stop")
    assert world.hooks.idle_since
    world.hear("UserPromptSubmit", prompt="go on")
    assert not world.hooks.idle_since
