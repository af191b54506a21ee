"""Each agent's own screen inside leash's panel, in a real terminal: a person reads cards and answers them beside it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from agents.conftest import PANELS, Rig, make_rig
from conftest import World, eventually
from model_server import Step
from tmux_rig import Tmux

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
END = "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
"""How mini-swe-agent's model ends its work."""


@pytest.fixture(params=sorted(PANELS))
def rig(request: pytest.FixtureRequest, world: World) -> Rig:
    """Each agent in turn."""
    return make_rig(request.param, world)


def _within(tmux: Tmux, look: Callable[[], object]) -> None:
    """Wait for an effect; where it never comes, the screen says why."""
    try:
        eventually(look)
    except AssertionError as error:
        raise AssertionError(f"nothing came of it on\n{tmux.screen()}") from error


def _notes(rig: Rig, name: str) -> Path:
    folder = rig.world.workspace / name
    folder.mkdir()
    (folder / "a.txt").write_text("mine\n")
    return folder


def test_a_person_answers_beside_the_agents_own_screen(rig: Rig) -> None:
    notes, drafts = _notes(rig, "notes"), _notes(rig, "drafts")
    new = rig.world.workspace / "n.txt"
    write: tuple[Step, ...] = () if rig.kind == "mini" else ({"write": [str(new), "new\n"]},)
    steps: tuple[Step, ...] = (
        {"shell": "echo hi > x.txt"}, *write, {"shell": "find notes -delete"}, {"shell": "find drafts -delete"},
        {"shell": f"echo on > on.txt; {END}"},
    )  # fmt: skip
    with rig.panel(*steps) as tmux:
        screen = tmux.shows("NEEDS YOU", "find notes -delete", "do the work", timeout=90)
        assert (rig.world.workspace / "x.txt").exists(), screen
        assert notes.exists()
        tmux.keys("C-]")
        tmux.shows(" y  once")
        tmux.keys("y")
        tmux.shows("press ! to run it once")
        tmux.keys("!")
        _within(tmux, lambda: not notes.exists())
        rig.card(2)
        tmux.shows("NEEDS YOU", "find drafts -delete", " d  ")
        tmux.keys("d")
        tmux.type("the drafts stay")
        tmux.shows("the drafts stay")
        tmux.keys("Enter")
        _within(tmux, lambda: "the drafts stay" in rig.told())
        _within(tmux, (rig.world.workspace / "on.txt").exists)
        assert new.exists() or not write
        assert drafts.exists()
    asked = [a["card"]["command"] for a in rig.world.events("act.asked")]
    assert len(asked) == 2, asked


def test_a_late_answer_wakes_the_agent_that_waits_at_its_prompt(rig: Rig) -> None:
    """It was told to come back and ended its turn; the person said yes later; its prompt gets a line, the act runs."""
    if rig.kind == "mini":
        pytest.skip("mini-swe-agent has no prompt to wait at")
    rig.world.config(f"wake = true\n[patience]\n{rig.kind} = 2\n")
    notes = _notes(rig, "notes")
    command = "find notes -delete && echo gone >> runs.txt"
    steps: tuple[Step, ...] = (
        {"shell": command}, {"say": "I wait for L-1.", "until": "L-1 is approved now, run"}, {"shell": command},
    )  # fmt: skip
    with rig.panel(*steps) as tmux:
        _within(tmux, lambda: "NOT EXECUTED" in rig.told())
        tmux.shows("I wait for L-1.")
        _within(tmux, lambda: [e for e in rig.world.events("agent.told") if e["moment"] == "stop"])
        assert notes.exists()
        assert rig.world.leash("approve", "L-1").returncode == 0
        _within(tmux, (rig.world.workspace / "runs.txt").exists)
        _within(tmux, lambda: len(rig.told().splitlines()) > 1)
    assert (rig.world.workspace / "runs.txt").read_text() == "gone\n"
    assert "L-1 is approved now. It has not run yet" in rig.model_saw()
    assert [(e.get("verdict") or {}).get("by") for e in rig.decided("hook")].count("ticket") == 1


def test_what_the_person_interrupts_in_the_agent_never_runs(rig: Rig) -> None:
    """Escape in the agent's own screen while a card waits: it is taken back. Gemini CLI goes on waiting for its hook,
    so that its card stays, and does nothing of what is allowed then."""
    if rig.kind == "mini":
        pytest.skip("mini-swe-agent does not end what the person interrupts, under leash or not")
    notes = _notes(rig, "notes")
    with rig.panel({"shell": "find notes -delete"}, {"shell": "echo on > on.txt"}) as tmux:
        tmux.shows("NEEDS YOU", "find notes -delete", timeout=90)
        rig.card()
        for _ in range(2 if rig.kind == "opencode" else 1):
            time.sleep(1)  # at once they are one key
            tmux.keys("Escape")
        if rig.kind == "gemini":
            tmux.shows("cancelled")
        else:
            _within(tmux, lambda: not rig.world.approvals())
        answered = rig.world.leash("approve", "L-1").returncode == 0
        assert answered is (rig.kind == "gemini")
        time.sleep(3)
        assert notes.exists()
    by = [a["verdict"]["by"] for a in rig.world.events("act.answered")]
    assert by == ["person" if rig.kind == "gemini" else "withdrawn"]
