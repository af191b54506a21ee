"""What the card promises about undoing: only what is kept, and what is left out by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from leashtui.model.facts import Effect, Facts, Place, Verb
from leashtui.policy.cases import ordinary
from leashtui.supervisor.mending import mended

SOURCE = Effect(Verb.DELETE, "/w/notes.txt", Place.SOURCE, reversible=False)
BUILD = Effect(Verb.DELETE, "/w/dist", Place.GENERATED, reversible=False)
HISTORY = Effect(Verb.DELETE, "/w/.git", Place.GIT, reversible=False)
HOME = Effect(Verb.DELETE, "/h/x", Place.HOME, reversible=False)
PUSH = Effect(Verb.REMOTE_CHANGE, "origin", reversible=False)
EDITS = Effect(Verb.DISCARD_WORK, "uncommitted edits of .", reversible=False)
STASH = Effect(Verb.DISCARD_WORK, "a stash", reversible=False)


def undo(*effects: Effect, command: str = "x", programs: tuple[str, ...] = ("rm",)) -> str:
    facts = replace(ordinary(command)[1], effects=effects, programs=programs, undo="cannot be undone", reversible=False)
    return mended(facts, lambda path: path.startswith("/w/") and "/.git" not in path and "/dist" not in path).undo


def test_a_file_comes_back() -> None:
    assert undo(SOURCE) == "leash undo brings it back"


def test_what_is_left_out_is_named() -> None:
    assert undo(SOURCE, BUILD) == "leash undo, but not build output"
    assert undo(SOURCE, HISTORY) == "leash undo, but not what git keeps in .git"
    assert undo(SOURCE, HOME, BUILD).endswith("but not what lies outside the workspace and build output")


def test_a_folder_may_hold_what_is_not_kept(tmp_path: Path) -> None:
    facts = replace(
        ordinary("x")[1],
        effects=(Effect(Verb.DELETE, str(tmp_path), Place.SOURCE, reversible=False),),
        undo="cannot be undone",
        reversible=False,
    )
    assert mended(facts, lambda path: True).undo == "leash undo, but not build output and files over 64 MiB"


def test_a_file_that_is_too_large_is_said(tmp_path: Path) -> None:
    big = tmp_path / "big"
    with big.open("wb") as file:
        file.truncate((64 << 20) + 1)
    assert undo(Effect(Verb.DELETE, "/w" + str(big), Place.SOURCE, reversible=False)) == "leash undo brings it back"
    facts = replace(ordinary("x")[1], effects=(Effect(Verb.DELETE, str(big), Place.SOURCE, reversible=False),), undo="")
    assert mended(facts, lambda path: True).undo.endswith("but not files over 64 MiB")


@pytest.mark.parametrize("effects", [(PUSH,), (SOURCE, PUSH), (HOME,), (HISTORY,), (BUILD,), (STASH,)])
def test_what_is_not_kept_cannot_be_undone(effects: tuple[Effect, ...]) -> None:
    assert undo(*effects, programs=("git", "rm")) == "cannot be undone"


def test_work_that_git_throws_away_comes_back_but_not_its_own_records() -> None:
    assert undo(EDITS, programs=("git",)) == "leash undo, but not what git keeps in .git"
    clean = Effect(Verb.DISCARD_WORK, "", sentence="removes untracked files: work", reversible=False)
    assert undo(clean, command="git clean -fdx", programs=("git",)).endswith(".git and build output")


def test_nothing_lost_nothing_said() -> None:
    facts: Facts = replace(ordinary("x")[1], undo="build it again")
    assert mended(facts, lambda path: True) is facts
