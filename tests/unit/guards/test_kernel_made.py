"""What counts as made by the session, and what a moved folder brings along."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.precious import precious_below, stands_for


@pytest.fixture
def made() -> Made:
    names = Made()
    names.watched = True
    names.made("/w/own")
    return names


def test_what_was_made_is_own_until_it_is_gone(made: Made) -> None:
    assert "/w/own" in made
    made.gone("/w/own")
    assert "/w/own" not in made
    made.made("/w/own")
    assert "/w/own" in made


def test_a_name_that_the_person_had_is_never_own(made: Made) -> None:
    made.gone("/w/theirs")
    made.made("/w/theirs")
    assert "/w/theirs" not in made


def test_only_what_was_own_last_has_gone(made: Made) -> None:
    assert not made.has_gone("/w/own")
    made.made("/w/own/x")
    made.moved("/w/own", "/w/new", replaced=False, folder=True)
    made.gone("/w/theirs")
    assert made.has_gone("/w/own") and made.has_gone("/w/own/x")
    assert not made.has_gone("/w/theirs") and not made.has_gone("/w/new/x")
    made.made("/w/own")
    assert not made.has_gone("/w/own")
    made.gone("/w/own")
    made.gone("/w/own")  # somebody else put something there meanwhile
    assert not made.has_gone("/w/own")


@pytest.mark.parametrize("replaced", [True, False])
def test_what_is_the_persons_stays_so_wherever_it_is_moved(made: Made, replaced: bool) -> None:
    made.moved("/w/theirs", "/w/own" if replaced else "/w/new", replaced=replaced, folder=False)
    assert "/w/own" not in made or not replaced
    assert "/w/new" not in made
    made.made("/w/theirs")
    assert "/w/theirs" not in made


def test_what_is_own_takes_its_names_along_but_none_of_the_persons(made: Made) -> None:
    made.made("/w/own/a")
    made.moved("/w/own", "/w/next", replaced=False, folder=True)
    assert "/w/next" in made and "/w/next/a" in made and "/w/own/a" not in made
    made.moved("/w/next", "/w/theirs", replaced=True, folder=False)
    assert "/w/theirs" not in made


def test_names_that_change_places_are_nobodys_own(made: Made) -> None:
    made.exchanged("/w/own", "/w/theirs")
    made.made("/w/own")
    assert "/w/own" not in made and "/w/theirs" not in made


def test_a_folder_is_whole_when_all_below_it_was_made(tmp_path: Path) -> None:
    made, folder = Made(), tmp_path / "f"
    (folder / "g").mkdir(parents=True)
    (folder / "g" / "x").write_text("")
    assert not made.is_whole(str(folder))
    made.watched = True
    assert made.is_whole(str(tmp_path / "absent"))
    for path in (folder, folder / "g"):
        made.made(str(path))
    assert not made.is_whole(str(folder))
    made.made(str(folder / "g" / "x"))
    assert made.is_whole(str(folder))
    (folder / "theirs").symlink_to("/")
    assert not made.is_whole(str(folder))


def test_a_folder_names_all_that_tells_programs_what_to_do(tmp_path: Path) -> None:
    for name in (
        ".circleci/x",
        ".claude/settings.json",
        "a/.vscode/tasks.json",
        "a/CLAUDE.md",
        "node_modules/.husky/x",
    ):
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text("")
    (tmp_path / "f" / ".idea").symlink_to("a")
    found = {Path(path).relative_to(tmp_path / "f").as_posix() for path in precious_below(str(tmp_path / "f"))}
    assert found == {".circleci/x", ".claude/x", "a/.vscode/tasks.json", "a/CLAUDE.md", ".idea/x"}
    assert precious_below(str(tmp_path / "f" / ".claude")) == [str(tmp_path / "f" / ".claude/x")]


def test_a_folder_too_large_to_be_read_counts_as_one_that_holds_hooks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leashtui.guards.kernel.precious._MOST", 3)
    for number in range(5):
        (tmp_path / str(number)).touch()
    assert precious_below(str(tmp_path)) == [f"{tmp_path}/.git/hooks/pre-commit"]


def test_a_name_stands_for_what_it_makes_programs_do() -> None:
    assert stands_for("/w/.git") == "/w/.git/hooks/pre-commit"
    assert stands_for("/w/.husky") == "/w/.husky/x"
    assert stands_for("/w/plain") == "/w/plain"
