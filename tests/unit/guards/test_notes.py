"""Whose a name is: what swift may take for the session's own is the session's own for Python too."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from leashtui.guards.kernel.made import Made
from leashtui.guards.kernel.naming import Deed, Kind
from leashtui.guards.kernel.notes import Notes
from leashtui.guards.kernel.spot import Spot


class Told:
    """Stands for Lessons and its Swift: keeps what it is told."""

    def __init__(self) -> None:
        self.swift = self
        self.formers: list[str] = []
        self.cautious = False

    def disown(self, path: str = "") -> None: ...

    def own(self, path: str) -> None: ...

    def former(self, path: str) -> None:
        self.formers.append(path)

    def careful(self) -> None:
        self.cautious = True


def spots(folder: Path, *names: str) -> list[Spot]:
    fd = os.open(folder, os.O_PATH)
    found = [(name, folder / name) for name in names]
    return [Spot(fd, os.fsencode(folder), n.encode(), p.lstat() if p.exists() else None, lent=True) for n, p in found]


def deed(kind: Kind, names: int, flags: int = 0) -> Deed:
    return Deed(kind, (b"x",) * names, flags=flags)


@pytest.fixture
def notes() -> Notes:
    made = Notes(Made(), None, lambda path: True)
    told: Any = Told()
    made.lessons = told
    return made


def told_by(notes: Notes) -> Told:
    told: Any = notes.lessons
    return told  # type: ignore[no-any-return]


def test_a_name_that_anothers_file_lost_is_told(notes: Notes, tmp_path: Path) -> None:
    for name in ("theirs", "ours", "theirs2"):
        (tmp_path / name).touch()
    notes.made.made(str(tmp_path / "ours"))
    for name in ("theirs", "ours"):
        notes.remember(deed(Kind.UNLINK, 1), spots(tmp_path, name), 0)
    notes.remember(deed(Kind.RENAME, 2), spots(tmp_path, "theirs2", "new"), 0)
    assert told_by(notes).formers == [str(tmp_path / "theirs"), str(tmp_path / "theirs2")]
    assert not told_by(notes).cautious


def test_exchanged_names_end_all_guessing(notes: Notes, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).touch()
    notes.remember(deed(Kind.RENAME, 2, flags=2), spots(tmp_path, "a", "b"), 0)
    assert told_by(notes).cautious
