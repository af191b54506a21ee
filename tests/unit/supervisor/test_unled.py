"""Which programs are taken for MCP servers that an agent starts by itself, and which never are."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from judge import judged

from leashtui.agents.registry import adapter_of
from leashtui.model.facts import Effect, Place, Severity, Verb
from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor.inventory import Places
from leashtui.supervisor.mcparming import Relays
from leashtui.supervisor.unled import Unled

WORDS = ("node", "/ext/dist/server.js", "--stdio")


class Tree:
    """What the agent itself is and starts: by pid."""

    def __init__(self) -> None:
        self.own: set[int] = set()

    def is_own(self, request: Request) -> bool:
        return request.process is not None and request.process.pid in self.own

    def runs_agent(self, tid: int) -> bool:
        return tid in self.own


class Machine:
    """A home with one server, and living processes."""

    def __init__(self, root: Path) -> None:
        self.home, self.tree, self.time = root, Tree(), 100.0
        self.running: list[subprocess.Popen[bytes]] = []
        self.name({"command": "node", "args": ["${extensionPath}/dist/server.js", "--stdio"]})
        places = Places(str(root), str(root), "", {"HOME": str(root)})
        self.unled = self.made(places)

    def made(self, places: Places) -> Unled:
        tree: Any = self.tree
        trusted = frozenset({"/ext"})
        relays = Relays(self.home / "hook")
        return Unled(relays, adapter_of("gemini"), (places,), ("gemini",), tree, trusted, lambda: self.time)

    def name(self, entry: dict[str, Any], name: str = "peer") -> None:
        folder = self.home / ".gemini/extensions/x"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "gemini-extension.json").write_text(json.dumps({"mcpServers": {name: entry}}))

    def start(self, *words: str, above: str = "", pipes: bool = True, own: bool = True) -> Request:
        """A process with these words, under another that goes by the name `above`."""
        ends = subprocess.PIPE if pipes else subprocess.DEVNULL
        process = subprocess.Popen(["sleep", "60"], stdin=ends, stdout=ends)
        self.running.append(process)
        ancestry: tuple[ProcessRef, ...] = ()
        if above:
            parent = subprocess.Popen([above, "60"], executable="/bin/sleep")
            self.running.append(parent)
            while not Path(f"/proc/{parent.pid}/cmdline").read_bytes():  # its words come last of an exec
                pass
            ancestry = (ProcessRef(parent.pid, 1),)
        if own:
            self.tree.own.add(process.pid)
        ref = ProcessRef(process.pid, 1, 1)
        return Request(Action.PROCESS_EXEC, Layer.KERNEL, "/w", words, exe="/x", process=ref, ancestry=ancestry)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    yield made
    for process in made.running:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("argv", [WORDS, ("/usr/bin/node", *WORDS[1:]), ("/usr/bin/env", *WORDS), ("sh", "-e", *WORDS)])
def test_a_server_is_known_by_its_words_and_what_a_scripts_first_line_adds(
    machine: Machine, argv: tuple[str, ...]
) -> None:
    words = machine.unled.instead(machine.start(*argv))
    assert words[words.index("--") + 1 :] == argv[-3:]
    assert words[words.index("--") - 1] == "peer"


@pytest.mark.parametrize(
    "start",
    [
        lambda m: m.start("node", "/ext/dist/server.js"),
        lambda m: m.start("node", "/ext/dist/server.js", "--stdio", "more"),
        lambda m: m.start("deno", *WORDS[1:]),
        lambda m: m.start(*WORDS, pipes=False),
        lambda m: m.start(*WORDS, own=False),
        lambda m: m.start(*WORDS, own=False, above="bash"),
    ],
)
def test_nothing_else_is_taken_for_one(machine: Machine, start: Callable[[Machine], Request]) -> None:
    assert machine.unled.instead(start(machine)) == ()


@pytest.mark.parametrize(
    ("word", "given", "fits"),
    [
        ("--at=${a}/x", "--at=/w/x", True),
        ("--at=${a}/x", "--at=/x", True),
        ("--at=${a}/x", "--at=x", False),
        ("${a}b${c}b", "b", False),
        ("${a}b${c}b", "bb", True),
        ("${a}", "", True),
        ("plain", "plainer", False),
        ("${a}x" * 400 + "!", "x" * 4000, False),
    ],
)
def test_what_a_variable_stands_for_only_the_agent_knows(machine: Machine, word: str, given: str, fits: bool) -> None:
    machine.name({"command": "node", "args": [word]})
    assert bool(machine.unled.instead(machine.start("node", given))) is fits


def test_a_server_of_an_agent_that_was_started_within_the_session_is_known(machine: Machine) -> None:
    assert machine.unled.instead(machine.start(*WORDS, own=False, above="gemini"))


def test_a_server_that_was_added_meanwhile_is_known_and_files_are_not_read_for_each_program(machine: Machine) -> None:
    assert machine.unled.instead(machine.start("other")) == ()
    machine.name({"command": "other"}, "late")
    assert machine.unled.instead(machine.start("other")) == ()
    machine.time += 1
    assert machine.unled.instead(machine.start("other"))


@pytest.mark.parametrize(
    ("target", "env", "accepted"),
    [("/ext/dist/server.js", (), True), ("/ext2/server.js", (), False), ("/ext/x", (("NODE_OPTIONS", "-r x"),), False)],
)
def test_only_an_accepted_server_behind_its_own_relay_starts_without_a_card(
    machine: Machine, target: str, env: tuple[tuple[str, str], ...], accepted: bool
) -> None:
    relay = machine.start(*WORDS)
    assert machine.unled.instead(relay)
    assert relay.process is not None
    effect = Effect(Verb.EXEC, target, Place.AGENT_CONFIG, sentence="runs it", severity=Severity.MEDIUM)
    facts = msgspec.structs.replace(judged("true").facts, effects=(effect,))
    above = (ProcessRef(relay.process.pid, 1),)
    child = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", WORDS, env=env, process=ProcessRef(9, 9, 1), ancestry=above)
    assert machine.unled.is_accepted(child, facts) is accepted
    other = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", ("node", "/ext/y"), process=child.process, ancestry=above)
    assert not machine.unled.is_accepted(other, facts)
    elsewhere = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", WORDS, process=child.process)
    assert not machine.unled.is_accepted(elsewhere, facts)
