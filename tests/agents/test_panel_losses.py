"""Beside each agent's own screen: MCP calls and sub-agents answered by keys, a killed hook, a killed supervisor."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from agents import conftest
from agents.conftest import Rig, make_rig, settle
from agents.test_mcp import NAMES, gemini, policy, with_server
from conftest import World, eventually
from model_server import Step
from tmux_rig import Tmux

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="needs tmux")
SHELL = ("env", "PS1=outer$ ", "bash", "--norc", "--noprofile", "-i")
ASK = """
@id("ask") @reason("Ask first.") @outcome("ask")
forbid (principal, action == Action::"McpCall", resource == MCP::Tool::"peer/touch");
"""
TICKS = "for i in $(seq 60); do echo x >> ticks.txt; sleep 1; done"


@pytest.fixture(params=sorted(NAMES))
def rig(request: pytest.FixtureRequest, world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """Each agent with hooks in turn, with a server of its own where leash can stand before it.

    Gemini CLI takes a session's settings only from below directories that are root's alone: /run, and only as root.
    """
    made = with_server(make_rig(request.param, world))
    policy(made, ASK)
    if request.param != "gemini" or os.geteuid():
        yield made
        return
    with tempfile.TemporaryDirectory(dir="/run") as place:
        world.env["LEASH_RUNTIME_DIR"] = place
        argv = ["gemini", "--yolo", "-m", "gemini-2.5-pro", "-i", "do the work"]
        monkeypatch.setitem(conftest.PANELS, "gemini", conftest.screen_of(gemini, *argv))
        yield made
        world.leash("kill", "--all")  # while its directory is there: a test that failed leaves a session


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


def _under_keys(tmux: Tmux, rig: Rig, nth: int) -> dict[str, object]:
    """The card of this number, in view and under the person's keys."""
    card = rig.card(nth)
    if " d  " not in tmux.shows(f"L-{nth}"):
        tmux.keys("C-]")
        tmux.shows(f"L-{nth}", " d  ")
    return card


def _approve(tmux: Tmux, happened: Callable[[], object]) -> None:
    """Press y, again where the keys had not rested yet, until it happened."""

    def tried() -> bool:
        tmux.keys("y")
        ends = time.monotonic() + 30
        while "too quick" not in tmux.screen() and time.monotonic() < ends:
            if happened():
                return True
            time.sleep(0.1)
        time.sleep(1)
        return bool(happened())

    _within(tmux, tried)


def _deny(tmux: Tmux, words: str) -> None:
    tmux.keys("d")
    tmux.type(words)
    tmux.shows(words)
    tmux.keys("Enter")


def _session(rig: Rig) -> dict[str, object]:
    root = Path(rig.world.env["LEASH_RUNTIME_DIR"])
    found: dict[str, object] = json.loads(next(root.glob("*/session.json")).read_text())
    return found


def _kill_supervisor(rig: Rig) -> None:
    os.kill(int(str(_session(rig)["pid"])), signal.SIGKILL)


def _is_usable(rig: Rig, tmux: Tmux) -> None:
    """The shell has its terminal back as it was, and the person was told."""
    tmux.shows("the supervisor died, so the agent and all it started were ended")
    settings = rig.world.root / "tty.txt"
    tmux.type(f"stty -a > {settings}; echo back''again")
    tmux.keys("Enter")
    tmux.shows("backagain")
    assert " icanon" in settings.read_text()
    assert tmux.value("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"


def _kill_hook(rig: Rig) -> None:
    hooks = rig.hooks()
    assert hooks
    for pid in hooks:
        os.kill(pid, signal.SIGKILL)


def test_a_person_answers_calls_and_sub_agents_and_nothing_gets_past_what_was_killed(rig: Rig) -> None:
    """One start: an MCP call approved, one denied in words; a sub-agent's act; a killed hook; a killed supervisor."""
    names = ("notes", "drafts", "last")
    for name in names:
        _notes(rig, name)
    made, other, on = (rig.world.workspace / name for name in ("made", "other", "on.txt"))
    touch = NAMES[rig.kind].format("touch")
    mcp = rig.kind != "gemini" or not os.geteuid()
    calls: list[Step] = [{"tool": touch, "arguments": {"path": str(path)}} for path in (made, other)]
    rig.world.env["CLAUDE_CODE_DISABLE_BACKGROUND_TASKS"] = "1"  # so that its sub-agent's card comes before the next
    task: list[Step] = [{"task": "tidy the notes up"}] if rig.kind != "codex" else []
    steps: list[Step] = [
        *(calls if mcp else []), *task, {"shell": "find drafts -delete"},
        {"shell": "echo on > on.txt"}, {"shell": "find last -delete"},
    ]  # fmt: skip
    parts: dict[str, list[Step]] = {"tidy the notes up": [{"shell": "find notes -delete"}]}
    helper = ""
    with rig.panel(*steps, parts=parts, shell=SHELL) as tmux:
        nth = 0
        if mcp:
            assert "peer/touch" in str(_under_keys(tmux, rig, 1)["command"])
            assert not made.exists()
            _approve(tmux, made.exists)
            _under_keys(tmux, rig, 2)
            _deny(tmux, "no other one")
            _within(tmux, lambda: "no other one" in rig.told())
            assert (made.read_text(), other.exists()) == ("touched\n", False)
            nth = 2
        if task:
            card = _under_keys(tmux, rig, nth := nth + 1)
            assert card["command"] == "find notes -delete"
            helper = str(card["agent"])
            _deny(tmux, "the notes stay")
            _within(tmux, lambda: "the notes stay" in rig.model_saw())
        card = _under_keys(tmux, rig, nth := nth + 1)
        assert card["command"] == "find drafts -delete"
        _kill_hook(rig)
        refused = {card["id"]}

        def went_on() -> bool:
            """The agent took the dead hook for a refusal, or the guard asks and the person refuses."""
            for one in rig.world.approvals():
                if "find drafts -delete" in one["command"] and one["id"] not in refused:
                    refused.add(one["id"])
                    _under_keys(tmux, rig, int(one["id"].partition("-")[2]))
                    _deny(tmux, "the drafts stay")
            if any(
                asks in tmux.screen() for asks in ("Do you want to proceed", "Allow execution of")
            ):  # older ones ask
                tmux.keys("C-]")
                tmux.keys("Enter")
                time.sleep(1)
            return on.exists()

        _within(tmux, went_on)
        assert len(refused) == 1 or "the drafts stay" in rig.told()
        _within(tmux, lambda: any(one["command"] == "find last -delete" for one in rig.world.approvals()))
        _kill_supervisor(rig)
        _is_usable(rig, tmux)
        eventually(lambda: not rig.processes(), 20)
    assert all((rig.world.workspace / name / "a.txt").exists() for name in names)
    says = rig.kind != "gemini" and (rig.kind != "claude" or not rig.is_before("2.1"))  # who asks
    assert not task or not says or "general" in helper


def test_a_killed_supervisor_ends_what_runs_and_gives_the_terminal_back(world: World) -> None:
    rig = make_rig("mini", world)
    ticks = world.workspace / "ticks.txt"
    with rig.panel({"shell": TICKS}, shell=SHELL) as tmux:
        _within(tmux, ticks.exists)
        _kill_supervisor(rig)
        _is_usable(rig, tmux)
        eventually(lambda: not rig.processes(), 20)
        ended = ticks.stat().st_size
        settle(1.5)
        assert ticks.stat().st_size == ended
