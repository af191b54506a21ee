"""What git would throw away is the session's own or not, in real repositories."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from leashtui.supervisor.belongings import Belongings

_ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class Place:
    """A repository with a commit of the person's; from `begin` on, what comes is the session's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.edited: set[str] = set()
        self.git("init", "-q", "-b", "main")
        self.write("a.txt", "1")
        self.write("d/b.txt", "1")
        (root / ".gitignore").write_text("*.log\n")
        self.commit("theirs")
        self.settle()
        self.begin()

    def settle(self) -> None:
        """Time passes: git wrote its index well after the files."""
        self.past = getattr(self, "past", time.time()) - 60
        for name in self.git("ls-files").split():
            os.utime(self.root / name, (self.past, self.past))
        self.git("update-index", "--refresh")

    def begin(self) -> None:
        """All that is there now is the person's."""
        self.theirs = {str(p) for p in self.root.rglob("*")}

    def git(self, *words: str) -> str:
        done = subprocess.run(["git", *words], cwd=self.root, env=_ENV, stdout=subprocess.PIPE, text=True, check=True)
        return done.stdout

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def commit(self, name: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", name)

    def own(self, *question: str) -> bool:
        def ask(words: Sequence[str]) -> str | None:
            try:
                return self.git(*words)
            except subprocess.CalledProcessError:
                return None

        def made(path: str) -> bool:
            below = [path, *(str(p) for p in Path(path).rglob("*"))] if os.path.isdir(path) else [path]
            return not self.theirs.intersection(below)

        return Belongings(str(self.root), ask, made, self.edited.__contains__).are_own("\0".join(question))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path.resolve())


def test_a_clean_checkout_loses_no_edits(place: Place) -> None:
    assert place.own("edits", "HEAD")


@pytest.mark.parametrize("staged", [False, True])
def test_an_edit_of_the_persons_is_theirs_staged_or_not(place: Place, staged: bool) -> None:
    place.write("a.txt", "2")
    place.git("add", "-A") if staged else None
    assert not place.own("edits", "HEAD")
    place.edited.add(str(place.root / "a.txt"))
    assert place.own("edits", "HEAD")


def test_an_edit_of_the_same_size_in_the_same_moment_counts(place: Place) -> None:
    index = place.root / ".git/index"
    place.write("a.txt", "2")
    place.git("add", "-A")
    place.git("commit", "-qm", "x")
    found = os.stat(place.root / "a.txt")
    os.utime(index, ns=(found.st_mtime_ns, found.st_mtime_ns))
    assert not place.own("edits", "HEAD")


def test_a_file_that_was_removed_or_that_is_new_to_git(place: Place) -> None:
    (place.root / "a.txt").unlink()
    assert not place.own("edits", "HEAD")
    place.git("checkout", "-q", "a.txt")
    place.settle()
    place.write("new.txt", "1")
    assert place.own("edits", "HEAD")
    place.begin()
    place.git("add", "new.txt")
    assert not place.own("edits", "HEAD")


def test_an_untracked_file_in_the_way_of_another_commit(place: Place) -> None:
    place.git("switch", "-qc", "other")
    place.write("new.txt", "1")
    place.commit("other")
    place.git("switch", "-q", "main")
    place.settle()
    assert place.own("edits", "other")
    place.write("new.txt", "2")
    place.begin()
    assert not place.own("edits", "other")
    assert place.own("edits", "HEAD")


def test_only_edits_below_the_paths_that_are_meant_count(place: Place) -> None:
    place.write("a.txt", "2")
    root = place.root
    assert not place.own("edits", "HEAD") and not place.own("edits", "HEAD", str(root))
    assert place.own("edits", "HEAD", str(root / "d")) and place.own("edits", "HEAD", str(root / "a"))
    assert not place.own("edits", "HEAD", str(root / "d"), str(root / "a.txt"))
    assert not place.own("edits", "HEAD", str(root.parent))
    place.write("d/b.txt", "2")
    assert not place.own("edits", "HEAD", str(root / "d")) and not place.own("edits", "HEAD", str(root / "d/b.txt"))
    place.edited.add(str(root / "d/b.txt"))
    assert place.own("edits", "HEAD", str(root / "d"))


@pytest.mark.parametrize("name", ["--output=x", "", "-p", "HEAD --not"])
def test_only_names_of_revisions_are_handed_to_git(place: Place, name: str) -> None:
    assert not place.own("edits", name)
    assert not place.own("commits", "HEAD", "--not", name)
    assert not place.own("branch", name)


def test_commits_are_the_sessions_when_it_made_each(place: Place) -> None:
    assert not place.own("commits", "HEAD")
    place.commit("own")
    assert place.own("commits", "HEAD", "--not", "HEAD~1")
    assert not place.own("commits", "HEAD")
    place.begin()
    place.commit("later")
    assert not place.own("commits", "HEAD", "--not", "HEAD~2")
    assert not place.own("commits", "nowhere")


def test_a_branch_that_was_renamed_keeps_whose_it_is(place: Place) -> None:
    place.git("switch", "-qc", "theirs")
    place.commit("their work")
    place.git("switch", "-q", "main")
    place.begin()
    place.git("branch", "-m", "theirs", "x")
    place.git("branch", "empty")
    assert not place.own("branch", "x")
    assert place.own("branch", "empty")
    place.git("tag", "kept", "x")
    assert place.own("branch", "x")


def test_untracked_files_are_the_sessions_or_not(place: Place) -> None:
    root = str(place.root)
    place.write("draft.txt", "1")
    place.write("x.log", "1")
    place.begin()
    place.write("own/y.txt", "1")
    place.write("own.log", "1")
    assert place.own("untracked", f"{root}/own")
    assert place.own("left", f"{root}/own", f"{root}/own.log")
    assert not place.own("untracked", root)
    assert not place.own("untracked", f"{root}/own", f"{root}/draft.txt")
    assert not place.own("untracked", os.path.dirname(root))
    (place.root / "draft.txt").unlink()
    assert place.own("untracked", root)
    assert not place.own("left", root)


def test_a_repository_is_the_sessions_as_a_whole(place: Place) -> None:
    own = place.root / "own"
    subprocess.run(["git", "clone", "-q", str(place.root), str(own)], env=_ENV, check=True)
    assert place.own("repository", str(own))
    place.theirs.add(str(own / "a.txt"))
    assert not place.own("repository", str(own))
    place.theirs.remove(str(own / "a.txt"))
    for change in (
        lambda: (own / ".git/refs/heads/way").symlink_to(place.root / ".git/refs/heads/main"),
        lambda: subprocess.run(["git", "-C", own, "config", "core.worktree", place.root], env=_ENV, check=True),
        lambda: subprocess.run(["git", "-C", own, "config", "include.path", "x"], env=_ENV, check=True),
        lambda: (own / ".git/commondir").write_text("../../.git"),
    ):
        kept = subprocess.run(["cp", "-a", own / ".git", place.root / "kept"], check=True)
        change()
        assert not place.own("repository", str(own))
        subprocess.run(["rm", "-rf", own / ".git"], check=True)
        (place.root / "kept").rename(own / ".git")
        assert place.own("repository", str(own)), kept
    place.git("worktree", "add", "-q", str(place.root / "tree"))
    assert not place.own("repository", str(place.root / "tree"))
    assert not place.own("repository", str(place.root))


def test_a_history_that_is_told_otherwise_is_nobodys(place: Place) -> None:
    place.commit("own")
    place.commit("own again")
    assert place.own("commits", "HEAD", "--not", "HEAD~1")
    place.git("replace", "--graft", "HEAD", "HEAD~2")
    assert not place.own("commits", "HEAD", "--not", "HEAD~1")
    place.git("pack-refs", "--all")
    assert not place.own("commits", "HEAD", "--not", "HEAD~1")
    place.git("replace", "-d", place.git("rev-parse", "HEAD").strip())
    (place.root / ".git/refs/replace").rmdir() if (place.root / ".git/refs/replace").exists() else None
    assert place.own("commits", "HEAD", "--not", "HEAD~1")
    place.write(".git/info/grafts", "")
    assert not place.own("commits", "HEAD", "--not", "HEAD~1")


def test_a_repository_of_too_many_files_is_nobodys(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """All else waits while they are looked at."""
    own = place.root / "own"
    subprocess.run(["git", "clone", "-q", str(place.root), str(own)], env=_ENV, check=True)
    assert place.own("repository", str(own))
    monkeypatch.setattr("leashtui.supervisor.belongings._NAMES", 10)
    assert not place.own("repository", str(own))


def test_a_bare_repository_of_the_sessions_keeps_nothing_elsewhere(place: Place) -> None:
    bare = place.root / "r.git"
    place.git("init", "-q", "--bare", "r.git")
    assert place.own("bare", str(bare))
    place.git("-C", "r.git", "config", "receive.denyCurrentBranch", "updateInstead")
    assert not place.own("bare", str(bare))
    place.git("-C", "r.git", "config", "--unset", "receive.denyCurrentBranch")
    assert place.own("bare", str(bare))
    (bare / "refs" / "heads").rmdir()
    (bare / "refs" / "heads").symlink_to(place.root / ".git/refs/heads")
    assert not place.own("bare", str(bare))
    assert not place.own("bare", str(place.root / ".git")) and not place.own("bare", str(place.root))


def test_a_submodule_is_the_sessions_where_it_made_both_its_folders(place: Place) -> None:
    root, sub = place.root, place.root / "vendor" / "lib"
    place.git("init", "-q", "lib")
    place.git("-C", "lib", "commit", "-q", "--allow-empty", "-m", "x")
    place.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(root / "lib"), "vendor/lib")
    assert place.own("repository", str(sub))
    kept = root / ".git/modules/vendor/lib"
    settings = (kept / "config").read_text()
    for other in ("worktree = ../../../..", "worktree = ../../../../vendor/lib\n\tworktree = /home", "worktree=/home"):
        (kept / "config").write_text(settings.replace("worktree = ../../../../vendor/lib", other))
        assert not place.own("repository", str(sub)), other
    (kept / "config").write_text(settings)
    assert place.own("repository", str(sub))
    (sub / ".git").write_text(f"gitdir: {root}/lib/.git\n")
    assert not place.own("repository", str(sub))
    (sub / ".git").write_text(f"gitdir: {kept}\n")
    place.theirs.add(str(kept / "HEAD"))
    assert not place.own("repository", str(sub))


def test_a_stash_that_was_applied_holds_nothing_more(place: Place) -> None:
    place.write("a.txt", "2")  # the person's edit
    place.git("stash", "-q")
    assert not place.own("stash", "0")
    place.git("stash", "apply", "-q")
    assert place.own("stash", "0")
    assert place.own("stash", "")
    place.write("a.txt", "3")
    assert not place.own("stash", "0")


def test_a_stash_of_the_persons_is_theirs(place: Place) -> None:
    place.write("a.txt", "2")
    place.git("stash", "-q")
    place.git("stash", "apply", "-q")
    place.begin()
    assert not place.own("stash", "0")
    assert not place.own("stash", "")


def test_no_stash_is_nobodys(place: Place) -> None:
    assert place.own("stash", "")
    assert not place.own("stash", "0")


def test_what_a_stash_kept_may_be_written_anew(place: Place) -> None:
    place.write("a.txt", "2")
    place.write("new.txt", "1")
    place.git("add", "-A")
    place.git("stash", "store", "-q", place.git("stash", "create").strip())  # as lint-staged does
    place.write("new.txt", "formatted")
    place.write("a.txt", "formatted")
    assert place.own("stash", "0")  # the index has all of it
    place.git("add", "-A")
    assert not place.own("stash", "0")  # undo does not know of a.txt
    place.edited.add(str(place.root / "a.txt"))
    assert place.own("stash", "0")
    place.git("checkout", "-q", "HEAD", "--", "a.txt")
    assert not place.own("stash", "0")  # git put the old one there, nobody wrote another


def test_untracked_files_of_a_stash_count(place: Place) -> None:
    place.write("theirs.txt", "1")
    place.begin()
    place.git("stash", "-q", "-u")
    assert not place.own("stash", "0")
    place.git("stash", "apply", "-q")
    assert place.own("stash", "0")


def test_of_several_stashes_the_one_that_is_meant(place: Place) -> None:
    for text in ("2", "3"):
        place.write("a.txt", text)
        place.git("stash", "-q")
    place.git("stash", "apply", "-q", "stash@{1}")
    assert place.own("stash", "1")
    assert not place.own("stash", "0")
    assert not place.own("stash", "")


def test_what_the_newest_stash_holds_may_be_cleaned(place: Place) -> None:
    place.write("theirs.txt", "1")
    place.begin()
    assert not place.own("stashed")
    place.git("stash", "-q", "-u")
    assert place.own("stashed")
    place.write("theirs.txt", "1")
    assert place.own("stashed")
    place.write("theirs.txt", "2")
    assert not place.own("stashed")
    place.git("stash", "-q")
    assert not place.own("stashed")


def test_edits_that_a_stash_holds_may_be_taken_back(place: Place) -> None:
    place.write("a.txt", "2")
    place.write("d/b.txt", "2")
    place.git("add", "d/b.txt")
    assert not place.own("edits", "HEAD")
    place.git("stash", "store", "-q", place.git("stash", "create").strip())
    assert place.own("edits", "HEAD")
    place.write("d/b.txt", "3")
    assert not place.own("edits", "HEAD")
    assert place.own("edits", "HEAD", str(place.root / "a.txt"))
    place.git("add", "d/b.txt")
    place.write("d/b.txt", "2")
    assert not place.own("edits", "HEAD")  # what is staged is nowhere else
