"""Agents: the one a person named is their choice in exactly their words; one that an agent starts is not."""

from __future__ import annotations

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.toolbox import Toolbox
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Facts, Parse, Verb
from leashtui.model.request import Action, Layer, Mode, Request

TOOLS = Toolbox()


def engine() -> Engine:
    return Engine(Workspace("/home/dev/proj"), "/home/dev", "dev", Mode.SHIM, NoProbe(), TOOLS)


def start(judge: Engine, *argv: str, chosen: bool) -> Facts:
    return judge(Request(Action.PROCESS_EXEC, Layer.SHIM, cwd="/home/dev/proj", argv=argv, chosen=chosen))


@pytest.mark.parametrize("argv", [("claude",), ("claude", "--dangerously-skip-permissions"), ("codex", "--yolo")])
def test_the_agent_a_person_names_is_their_choice(argv: tuple[str, ...]) -> None:
    facts = start(engine(), *argv, chosen=True)
    assert not facts.guard_tamper
    assert facts.parse is Parse.FULL
    assert facts.verbs() == ("exec",)


def test_its_own_launcher_may_start_it_again_in_the_same_words() -> None:
    judge = engine()
    start(judge, "codex", "--yolo", chosen=True)
    assert not start(judge, "/opt/x/codex", "--yolo", chosen=False).guard_tamper
    assert start(judge, "codex", "--yolo", "exec", "x", chosen=False).guard_tamper


def test_an_agent_that_an_agent_starts_is_not() -> None:
    judge = engine()
    assert start(judge, "claude", "--dangerously-skip-permissions", chosen=False).guard_tamper
    assert start(judge, "claude", "-p", "x", chosen=False).parse is Parse.OPAQUE


def test_what_a_named_program_that_is_no_agent_does_still_counts() -> None:
    assert Verb.PROCESS_KILL in start(engine(), "pkill", "leashd", chosen=True).verbs()


PACKAGE = "/tmp/agents/node_modules/opencode-ai/bin"


@pytest.mark.parametrize(
    ("path", "fine"),
    [
        (f"{PACKAGE}/.opencode", True),
        ("/tmp/agents/node_modules/opencode-ai/vendor/rg", True),
        ("/tmp/agents/node_modules/other/rg", False),
        ("/tmp/agents/node_modules/opencode-ai/../../rg", False),
        ("/tmp/rg", False),
    ],
)
def test_an_agent_that_lies_among_temporary_files_brings_its_programs_along(path: str, fine: bool) -> None:
    judge = engine()
    assert judge.text(path, "/home/dev/proj").touches() != ()
    start(judge, "node", f"{PACKAGE}/opencode", "run", "x", chosen=True)
    facts = judge.text(f"{path} --version", "/home/dev/proj")
    assert ("exec:temp" not in facts.touches()) is fine


def test_what_the_loader_only_lists_does_not_run() -> None:
    judge = Engine(Workspace("/home/dev/proj"), "/home/dev", "dev", Mode.KERNEL, NoProbe(), TOOLS)
    loader = "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"

    def obfuscated(*argv: str, exe: str = loader, env: tuple[tuple[str, str], ...] = ()) -> bool:
        request = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/home/dev/proj", argv, exe=exe, env=env)
        return judge(request).obfuscated

    traces = (("LD_TRACE_LOADED_OBJECTS", "1"),)
    assert obfuscated("/lib64/ld-linux-x86-64.so.2", "/bin/ls")
    assert not obfuscated("/lib64/ld-linux-x86-64.so.2", "--verify", "/bin/ls")
    assert not obfuscated("/lib64/ld-linux-x86-64.so.2", "/bin/ls", env=traces)
    assert obfuscated("/lib64/ld-linux-x86-64.so.2", "/bin/ls", env=(("LD_TRACE_LOADED_OBJECTS", ""),))
