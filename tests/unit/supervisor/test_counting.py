"""What an act would take away is counted on the real workspace, with a real git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
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


def counts(root: Path, command: str, cwd: Path | None = None) -> tuple[str, ...]:
    probe = RepositoryProbe(str(root))
    return counted(facts_of(root, command), str(cwd or root), probe)


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
    gone = "2 commits of origin/main, as last fetched, would be gone"
    assert counts(root, "git push --force origin main~0:main") == (gone,)
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
    found = counted(facts_of(root, "rm -rf src"), str(root), probe, lambda: next(ticks) / 50)
    assert found[0].startswith("at least ")


def test_no_word_of_the_command_becomes_an_option(root: Path) -> None:
    asked: list[tuple[str, ...]] = []

    class Listens(RepositoryProbe):
        def count(self, words: Sequence[str]) -> str | None:
            asked.append(tuple(words))
            return None

    for command in ("git reset --hard --output=x", "git push --force origin --exec=x", "git branch -D -- --all"):
        counted(facts_of(root, command), str(root), Listens(str(root)))
    assert all(
        word.startswith(("--count", "--not", "--exclude=", "--branches", "--remotes", "--tags"))
        for words in asked
        for word in words
        if word.startswith("-")
    )


def test_edits_that_no_commit_holds_are_counted_by_what_files_hold(root: Path) -> None:
    (root / "src" / "f0.py").write_text("mine")
    (root / "src" / "f1.py").write_text("staged")
    git(root, "add", "src/f1.py")
    os.utime(root / "src" / "f2.py", (1, 1))  # looks changed, and is not
    (root / "src" / "f3.py").unlink()
    (root / "sub").mkdir()
    two, one = ("edits in 2 files would be lost",), ("edits in 1 file would be lost",)
    assert counts(root, "git reset --hard") == two
    assert counts(root, "git checkout -f") == counts(root, "git switch -f main") == two
    assert counts(root, "git checkout .") == counts(root, "git restore src") == one
    assert counts(root, "git checkout -- src/f0.py") == counts(root, "git checkout .", root / "src") == one
    assert counts(root, "git checkout HEAD -- .") == counts(root, "git restore -SW .") == two
    assert counts(root, "git -C src checkout f0.py") == one
    (root / ".gitattributes").write_text("* text")
    assert counts(root, "git restore .") == ("edits in at most 1 file would be lost",)


def test_nothing_is_counted_of_another_repository_than_the_one_that_is_meant(root: Path, tmp_path: Path) -> None:
    other = root / "vendor" / "lib"
    other.mkdir(parents=True)
    git(other, "init", "-q", "-b", "main")
    git(root, "clone", "-q", "--bare", ".", "../origin.git")
    git(root, "remote", "add", "origin", "../origin.git")
    git(root, "commit", "-q", "--allow-empty", "-m", "two")
    git(root, "push", "-q", "origin", "main")
    git(root, "reset", "-q", "--hard", "HEAD~1")
    (root / "src" / "f0.py").write_text("mine")
    for words in ("reset --hard HEAD~1", "push --force origin main", "clean -fdx", "checkout .", "filter-repo"):
        assert counts(root, f"git {words}", other) == (), words
        assert counts(root, f"git -C vendor/lib {words}") == (), words
        assert counts(root, f"cd vendor/lib && git {words}") == (), words
    assert counts(root, "git push --force origin main") == ("1 commit of origin/main, as last fetched, would be gone",)


@pytest.mark.parametrize(
    ("command", "number"),
    [("-fd", 3), ("-fdx", 4), ("-fdX", 1), ("-f", 2), ("-fd -- new", 1), ("-fdx src", 2)],
)
def test_what_clean_removes_is_counted_by_its_options(root: Path, command: str, number: int) -> None:
    (root / ".gitignore").write_text("*.log\n")
    (root / "src" / "a.log").write_text("x")
    (root / "new").mkdir()
    (root / "new" / "a.txt").write_text("x")
    said = f"{number} file{'s and folders' if number != 1 else ' or folder'} git does not have"
    assert counts(root, f"git clean {command}") == (said,)
    there = {path for path in root.rglob("*") if ".git" not in path.parts[len(root.parts) :][:1]}
    git(root, "clean", "-q", *command.split())
    gone = {path for path in there if not path.exists()}
    assert len({path for path in gone if path.parent not in gone}) == number


def test_commits_that_would_be_rewritten_are_counted(root: Path) -> None:
    for name in ("two", "three"):
        git(root, "commit", "-q", "--allow-empty", "-m", name)
    assert counts(root, "git filter-branch -f --tree-filter 'rm -f x' HEAD") == (
        "at most 3 commits would be rewritten",
    )
    assert counts(root, "git filter-branch --msg-filter cat -- HEAD~1..HEAD") == (
        "at most 1 commit would be rewritten",
    )
    assert counts(root, "git filter-repo --path src") == ("at most 3 commits would be rewritten",)
    assert counts(root, "git rebase -i HEAD~2") == ("2 commits would be rewritten",)


def test_how_far_permissions_and_owners_reach_is_counted(root: Path) -> None:
    assert counts(root, "chmod -R 777 src") == ("6 files and folders below",)
    assert counts(root, "chown -R root src") == ("6 files and folders below",)
    assert counts(root, "chmod 777 src") == ()
