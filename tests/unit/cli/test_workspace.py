"""The workspace: git's toplevel, never too wide by accident, and never by running something of the repository's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from conftest import World

from leashtui.faces.cli.workspace import find, find_git
from leashtui.model.errors import LeashError


def git(world: World, *words: str, cwd: Path | None = None) -> None:
    subprocess.run(["git", *words], cwd=cwd or world.workspace, env=world.env, check=True, capture_output=True)


def test_the_toplevel_from_anywhere_inside(world: World) -> None:
    place = find(str(world.workspace / "src"), None, ())
    assert (place.root, place.also) == (os.path.realpath(world.workspace), ())


def test_without_a_repository_the_directory_itself(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    assert find(str(tmp_path / "plain"), None, ()).root == os.path.realpath(tmp_path / "plain")


def test_a_worktree_brings_its_git_directories(world: World) -> None:
    other = world.root / "other"
    git(world, "worktree", "add", "-q", str(other))
    place = find(str(other), None, ())
    common = os.path.realpath(world.workspace / ".git")
    assert place.root == os.path.realpath(other)
    assert place.also == (common, common + "/worktrees/other")


def test_a_link_is_resolved(world: World) -> None:
    link = world.root / "link"
    link.symlink_to(world.workspace)
    assert find(str(link), None, ()).root == os.path.realpath(world.workspace)


@pytest.mark.parametrize("which", ["home", "root", "parent"])
def test_too_wide_needs_to_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, which: str) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    home.mkdir()
    (project / "state").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    cwd = {"home": home, "root": Path("/"), "parent": project}[which]
    with pytest.raises(LeashError) as caught:
        find(str(cwd), None, (project / "state",))
    assert f"--workspace {cwd}" in caught.value.hint
    assert find(str(cwd), str(cwd), (project / "state",)).root == os.path.realpath(cwd)


def test_a_git_of_the_repository_is_never_run(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    trap = world.workspace / "bin"
    trap.mkdir()
    (trap / "git").write_text(f"#!/bin/sh\ntouch {world.root}/trapped\n")
    (trap / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{trap}:.:{os.environ['PATH']}")
    monkeypatch.chdir(trap)
    found = find_git(str(world.workspace))
    assert found is not None
    assert not found.startswith(str(world.workspace))
    assert find(str(trap), None, ()).root == os.path.realpath(world.workspace)
    assert not (world.root / "trapped").exists()


def test_variables_of_git_do_not_move_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_WORK_TREE", "/")
    assert find(str(world.workspace), None, ()).root == os.path.realpath(world.workspace)


def test_a_missing_workspace_is_named(tmp_path: Path) -> None:
    with pytest.raises(LeashError, match="no such directory"):
        find(str(tmp_path), "nowhere", ())
