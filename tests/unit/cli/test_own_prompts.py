"""An agent's own prompts: never two questions about one act without a word, never none without a person's say."""

from __future__ import annotations

import pytest

from leashtui.agents.registry import AGENTS, adapter_of
from leashtui.faces.cli.run import own_prompts
from leashtui.model.hook import Answer, Happening, Kind, Moment, ToolUse
from leashtui.supervisor.config import Config

KINDS = [agent.kind for agent in AGENTS]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("held", [True, False])
def test_they_are_switched_off_only_on_demand_and_where_execs_are_held(kind: str, held: bool) -> None:
    agent = adapter_of(kind)
    for wanted in (None, "keep", "quiet"):
        config = Config(own_prompts={kind: wanted}) if wanted else Config()  # type: ignore[dict-item]
        quiet, said = own_prompts(agent, [agent.names[0]], config, held=lambda: held)
        assert quiet == (wanted == "quiet" and held and bool(agent.quiet))
        assert bool(said) == (wanted == "quiet" or (wanted is None and bool(agent.quiet) and not agent.answered))
        added = set(agent.command([agent.names[0]], quiet=quiet)) - set(agent.command([agent.names[0]]))
        assert added == (set(agent.quiet) if quiet else set())


def test_who_switched_them_off_by_hand_is_told_nothing() -> None:
    agent = adapter_of("gemini")
    assert own_prompts(agent, ["gemini", "--yolo"], Config(), held=lambda: True) == (False, "")


@pytest.mark.parametrize("kind", ["claude", "codex", "opencode"])
def test_what_a_person_approved_is_not_asked_once_more(kind: str) -> None:
    agent = adapter_of(kind)
    moment = Moment.PERMISSION if kind == "codex" else Moment.TOOL
    asked = Happening(moment, "/w", tool=ToolUse("Bash", Kind.SHELL, command="rm x"))
    yes, no = (agent.answer(asked, Answer(approved=word)).stdout for word in (True, False))
    assert yes != no
    assert b"allow" in yes or b"approved" in yes
