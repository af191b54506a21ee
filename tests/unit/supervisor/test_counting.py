"""What an act would take away is counted on the real workspace, with a real git."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Mode, Request
from leashtui.supervisor.counting import counted
from leashtui.supervisor.repository import RepositoryProbe


def git(root: Path, *words: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True, capture_output=True
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    place = tmp_path / "work"
    (place / "src").mkdir(parents=True)
    git(place, "init", "-q", "-b", "main")
    for n in range(5):
        (place / "src" / f"f{n}.py").write_text("x")
    git(place, "add", ".")
    git(place, "commit", "-qm", "one")
    (place / "src" / "mine.txt").write_text("only here")
    return place


def facts_of(root: Path, command: str) -> Facts:
    probe = RepositoryProbe(str(root))
    request = Request(Action.PROCESS_EXEC, Layer.HOOK, str(root), script=command)
    return Engine(Workspace(str(root)), "/home/ada", "ada", Mode.SHIM, probe)(request)


def counts(root: Path, command: str) -> tuple[str, ...]:
    probe = RepositoryProbe(str(root))
    return counted(facts_of(root, command), probe.count, probe.has)


def test_files_are_counted_and_those_git_does_not_have(root: Path) -> None:
    assert counts(root, "rm -rf src") == ("6 files in all, 1 of them not in git",)
    assert counts(root, "rm src/f1.py") == ()


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("find . -name '*.py' -delete", "at most 5 files in all"),
        ("find . -name '*.txt' -exec rm {} +", "at most 1 file in all, 1 of them not in git"),
        ("find src -mtime +3 -delete", "at most 6 files in all, 1 of them not in git"),
        ("find src -delete", "at most 6 files in all, 1 of them not in git"),
    ],
)
def test_what_find_picks_is_counted_on_every_level(root: Path, command: str, said: str) -> None:
    assert counts(root, command) == (said,)


def test_commits_that_would_be_gone_are_counted(root: Path) -> None:
    git(root, "clone", "-q", "--bare", ".", "../origin.git")
    git(root, "remote", "add", "origin", "../origin.git")
    git(root, "checkout", "-qb", "old")
    git(root, "commit", "-q", "--allow-empty", "-m", "two")
    git(root, "commit", "-q", "--allow-empty", "-m", "three")
    assert counts(root, "git reset --hard HEAD~1") == ("1 commit would no longer be on this branch",)
    git(root, "push", "-q", "origin", "old:main")
    git(root, "fetch", "-q", "origin")
    git(root, "checkout", "-q", "main")
    assert counts(root, "git push --force origin main") == ("2 commits of origin/main, as last fetched, would be gone",)
    assert counts(root, "git branch -D old") == ()
    git(root, "update-ref", "-d", "refs/remotes/origin/main")
    assert counts(root, "git branch -D old") == ("2 commits of old are on no other branch",)
    not_known = "which commits of origin/main would be gone is not known here"
    assert counts(root, "git push --force origin main") == (not_known,)
    git(root, "update-ref", "refs/remotes/origin/main", "main")
    newer = "no commit of origin/main known here would be gone; newer ones would"
    assert counts(root, "git push --force origin main") == (newer,)


def test_what_takes_too_long_says_so(root: Path) -> None:
    ticks = iter(range(10_000))
    probe = RepositoryProbe(str(root))
    found = counted(facts_of(root, "rm -rf src"), probe.count, probe.has, lambda: next(ticks) / 50)
    assert found[0].startswith("at least ")


def test_no_word_of_the_command_becomes_an_option(root: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def listen(words: object) -> None:
        asked.append(tuple(words))  # type: ignore[call-overload]

    for command in ("git reset --hard --output=x", "git push --force origin --exec=x", "git branch -D -- --all"):
        counted(facts_of(root, command), listen, lambda path: True)
    assert all(
        word.startswith(("--count", "--not", "--exclude=", "--branches", "--remotes", "--tags"))
        for words in asked
        for word in words
        if word.startswith("-")
    )
