"""What git brings out of a history, by its words and by where it stands."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from leashtui.model.request import Action, Layer, ProcessRef, Request
from leashtui.supervisor.histories import brings_out

_GIT = "/usr/bin/git"


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[ProcessRef]:
    """A process at the top of the workspace."""
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path) as process:
        yield ProcessRef(process.pid, 0)
        process.kill()


def _asked(process: ProcessRef, command: str, action: Action = Action.FILE_WRITE) -> Request:
    return Request(action, Layer.KERNEL, "/", argv=tuple(command.split()), exe=_GIT, process=process)


@pytest.mark.parametrize(
    "command",
    [
        "git checkout main", "git -C x -c a.b=c switch main", "git stash pop", "git stash apply", "git merge x",
        "git reset --hard", "git-checkout main", "/usr/lib/git-core/git checkout--worker", "git --no-pager rebase x",
    ],
)  # fmt: skip
def test_a_checkout_is_one(command: str, standing: ProcessRef, tmp_path: Path) -> None:
    assert brings_out(_asked(standing, command), str(tmp_path))


@pytest.mark.parametrize(
    "command",
    [
        "git mailsplit -o.husky x", "git bugreport -o .vscode", "git status", "git init", "git apply x", "git am x",
        "git -c checkout status", "git -C checkout status", "git-mailsplit checkout", "git", "",
    ],
)  # fmt: skip
def test_whatever_else_writes_is_none(command: str, standing: ProcessRef, tmp_path: Path) -> None:
    assert not brings_out(_asked(standing, command), str(tmp_path))


def test_removing_is_not_writing_but_by_a_patch(standing: ProcessRef, tmp_path: Path) -> None:
    assert brings_out(_asked(standing, "git rm x", Action.FILE_DELETE), str(tmp_path))
    assert not brings_out(_asked(standing, "git apply x", Action.FILE_DELETE), str(tmp_path))


@pytest.mark.parametrize(("place", "told"), [("x", True), (".vscode", False), (".claude/worktrees/x", True)])
def test_a_work_tree_among_what_steers_is_none(place: str, told: bool, tmp_path: Path) -> None:
    (tmp_path / place).mkdir(parents=True)
    with subprocess.Popen(["sleep", "60"], cwd=tmp_path / place) as process:
        try:
            assert brings_out(_asked(ProcessRef(process.pid, 0), "git reset --hard"), str(tmp_path)) is told
        finally:
            process.kill()
    assert not brings_out(_asked(ProcessRef(process.pid, 0), "git reset --hard"), str(tmp_path))
