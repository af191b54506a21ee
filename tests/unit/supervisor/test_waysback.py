"""What a card says git would bring back is done as it is said, in a real repository, and brings it back."""

from __future__ import annotations

import os
import shlex
import subprocess
from pathlib import Path

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Mode, Request
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.waysback import way_back
from leashtui.words.undoing import outlook

UNKNOWN = "not known beforehand"


def git(root: Path, *words: str) -> str:
    env = {**os.environ, "GIT_EDITOR": "true", "GIT_SEQUENCE_EDITOR": "true"}
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", *who, *words], cwd=root, check=True, capture_output=True, text=True, env=env).stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    place.mkdir()
    git(place, "init", "-q", "-b", "main")
    for name in ("one", "two", "three"):
        (place / name).write_text(name)
        git(place, "add", ".")
        git(place, "commit", "-qm", name)
    git(place, "branch", "old", "HEAD~1")
    git(place, "checkout", "-qb", "side", "HEAD~1")
    (place / "side").write_text("s")
    git(place, "add", ".")
    git(place, "commit", "-qm", "side")
    git(place, "tag", "-am", "words", "v1")
    git(place, "clone", "-q", "--bare", ".", "../origin.git")
    git(place, "remote", "add", "origin", "../origin.git")
    git(place, "fetch", "-q", "origin")
    (place / "one").write_text("put aside")
    git(place, "stash", "-q")
    return place


def said(root: Path, command: str, cwd: Path | None = None) -> str:
    probe = RepositoryProbe(str(root))
    request = Request(Action.PROCESS_EXEC, Layer.HOOK, str(cwd or root), script=command)
    facts: Facts = Engine(Workspace(str(root)), "/home/ada", "ada", Mode.KERNEL, probe)(request)
    return way_back(facts, str(cwd or root), probe, outlook(facts))


def state(root: Path) -> tuple[str, str, str]:
    references = git(root, "for-each-ref", "--format=%(refname) %(objectname)")
    return references, git(root, "rev-parse", "HEAD"), git(root, "ls-remote", "origin")


@pytest.mark.parametrize(
    "command",
    [
        "git branch -D old",
        "git branch -D old main",
        "git branch -f old side",
        "git branch -M old main",
        "git checkout -B old",
        "git switch -C old",
        "git tag -d v1",
        "git tag -f v1 old",
        "git update-ref -d refs/heads/old",
        "git update-ref refs/heads/old main",
        "git commit --amend -m other",
        "git rebase main",
        "git reset --hard HEAD~1",
        "git stash drop",
        "git stash drop stash@{0}",
        "git stash clear",
        "git push --force origin old:side",
        "git push origin --delete old",
    ],
)
def test_what_is_named_brings_it_back(root: Path, command: str) -> None:
    before = state(root)
    sentence = said(root, command)
    git(root, *shlex.split(command)[1:])
    assert state(root) != before
    tail = sentence.rpartition("its commits: ")[2]
    for remedy in tail.rpartition(", ")[0].split("; "):
        git(root, *shlex.split(remedy)[1:])
    if command in {"git checkout -B old", "git switch -C old"}:
        git(root, "switch", "-q", "side")
    assert state(root) == before


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("git branch -D none", UNKNOWN),
        ("git branch -D '--x'", UNKNOWN),
        ("git branch -M main", UNKNOWN),
        ("git -C .. branch -D old", UNKNOWN),
        ("cd sub && git branch -D old", UNKNOWN),
        ("git --git-dir=../origin.git branch -D old", UNKNOWN),
        ("git gc --prune=now", "cannot be undone"),
        ("git push --force origin main:elsewhere", "cannot be undone"),
    ],
)
def test_nothing_is_promised_of_what_git_does_not_hold(root: Path, command: str, words: str) -> None:
    assert said(root, command) == words


def test_it_says_how_long_it_helps(root: Path) -> None:
    assert said(root, "git branch -D old").endswith(", while git keeps it")
    assert said(root, "git branch -D old main").endswith(", while git keeps them")
    assert said(root, "git push origin --delete old").endswith(", if nobody pushed since it was fetched")
