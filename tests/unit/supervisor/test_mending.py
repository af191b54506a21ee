"""What the card promises about undoing: only what is kept, and what is left out by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from leashtui.model.facts import COMMITTED, Effect, Facts, Place, Verb
from leashtui.policy.cases import ordinary
from leashtui.supervisor.mending import kept_too, mended
from leashtui.words.undoing import outlook

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


@pytest.mark.parametrize("known", [COMMITTED, ""])
def test_what_git_would_not_bring_back_is_not_said_to_come_from_it(tmp_path: Path, known: str) -> None:
    """A write that could be undone by git as far as it was committed, in a session that keeps what is written."""
    (tmp_path / "old").write_text("x")

    def said(*effects: Effect, keeps: bool = True) -> str:
        facts = replace(ordinary("x")[1], effects=effects, undo=known, reversible=True)
        return outlook(kept_too(facts, lambda path: keeps))

    old, new = (Effect(Verb.WRITE, str(tmp_path / name), Place.SOURCE) for name in ("old", "new"))
    gone = Effect(Verb.DELETE, str(tmp_path / "gone"), Place.SOURCE)
    assert said(new) == "leash undo removes it"
    assert said(old) == said(old, new) == said(new, gone) == "leash undo brings it back"
    assert said(old, keeps=False) == (known or "not known beforehand")
    assert said(replace(PUSH, reversible=True)) == (known or "what is sent cannot be taken back")


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("adds the remote o, https://example.com/x", "git remote remove o"),
        ("renames the remote a, b", "git remote rename b a"),
        ("changes where the remote o leads: git@example.com:x", "not known beforehand"),
        ("pushes main to origin", "what is sent cannot be taken back"),
    ],
)
def test_what_only_names_a_remote_sends_nothing(sentence: str, said: str) -> None:
    effect = Effect(Verb.REMOTE_CHANGE, "x", sentence=sentence)
    assert outlook(replace(ordinary("x")[1], effects=(effect,), undo="", reversible=True)) == said


def test_what_no_undo_takes_back_is_said_beside_what_it_does() -> None:
    secret = Effect(Verb.SECRET_READ, "/h/.ssh/id", Place.HOME)
    new = Effect(Verb.WRITE, "/w/made", Place.SOURCE)
    facts = replace(ordinary("x")[1], effects=(new, secret), undo="")
    assert kept_too(facts, lambda path: True).undo == "leash undo removes it; what was read stays read"
    assert kept_too(replace(facts, effects=(new,)), lambda path: True).undo == "leash undo removes it"
    sent = Effect(Verb.NET_SEND, "host", Place.HOME)
    assert kept_too(replace(facts, effects=(new, sent)), lambda path: True).undo.endswith("cannot be taken back")
    gone = replace(facts, effects=(SOURCE,), reads_secret=True, reversible=False, undo="cannot be undone")
    assert mended(gone, lambda path: True).undo == "leash undo brings it back; what was read stays read"
