"""Which closed keys an act needs: none where nobody asks for one."""

from __future__ import annotations

from pathlib import Path

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Verb
from leashtui.model.request import Action, Layer, Mode, Request
from leashtui.supervisor.keys import Keys
from leashtui.supervisor.repository import RepositoryProbe


@pytest.mark.parametrize(
    ("remote", "address", "needed"),
    [
        ("origin", "git@example.com:a/b.git", {".ssh"}),
        ("origin", "ssh://example.com/a/b.git", {".ssh"}),
        ("origin", "https://example.com/a/b.git", {".git-credentials"}),
        ("https://example.com/a/b.git", "", {".git-credentials"}),
        ("--signed https://example.com/a/b.git", "", {".git-credentials", ".ssh"}),
        ("origin", "", {".git-credentials", ".ssh"}),  # made during the session: nobody knows where it leads
        ("origin", "ext::sh -c x", {".git-credentials", ".ssh"}),
        ("origin", "s3://bucket/b", {".git-credentials", ".ssh"}),
        ("origin", "../b.git", set()),
        ("origin", "/srv/git/b.git", set()),
        ("../b.git", "", set()),
        ("file:///srv/git/b.git", "", set()),
    ],
)
def test_a_push_opens_what_its_way_needs(tmp_path: Path, remote: str, address: str, needed: set[str]) -> None:
    workspace = tmp_path / "home" / "work"
    workspace.mkdir(parents=True)
    keys = Keys(
        str(tmp_path / "home"),
        lambda path, *, away: None,
        lambda process, then: True,
        lambda text, hint: None,
        leads=lambda name: address if name == "origin" else "",
    )
    keys.cover([str(tmp_path / "home" / name) for name in (".ssh", ".git-credentials")])
    probe = RepositoryProbe(str(workspace))
    engine = Engine(Workspace(str(workspace)), str(tmp_path / "home"), "ada", Mode.KERNEL, probe)
    argv = ("git", "push", *remote.split(), "main")
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(workspace), argv=argv)
    facts = keys.judged(request, engine(request))
    assert {Path(e.target).name for e in facts.effects if e.verb is Verb.KEY_USE} == needed


@pytest.mark.parametrize(
    ("argv", "variable", "needed"),
    [
        (("gpg", "--detach-sign", "m"), "", True),
        (("gpg", "--detach-sign", "m"), "keys", False),
        (("gpg", "--homedir", "keys", "--detach-sign", "m"), "", False),
        (("bash", "-c", "export GNUPGHOME=keys; gpg --detach-sign m"), "", False),
        (("gpg", "--detach-sign", "m"), "../.gnupg", True),
        (("gpg", "--homedir", "keys", "--detach-sign", "m"), "../.gnupg", True),
        (("gpg", "--homedir", "../.gnupg", "--detach-sign", "m"), "", True),
    ],
)
def test_keys_of_another_folder_are_no_closed_ones(
    tmp_path: Path, argv: tuple[str, ...], variable: str, needed: bool
) -> None:
    home, workspace = tmp_path / "home", tmp_path / "home" / "work"
    workspace.mkdir(parents=True)
    keys = Keys(str(home), lambda path, *, away: None, lambda process, then: True, lambda text, hint: None)
    keys.cover([str(home / ".gnupg")])
    engine = Engine(Workspace(str(workspace)), str(home), "ada", Mode.KERNEL, RepositoryProbe(str(workspace)))
    env = (("GNUPGHOME", variable),) if variable else ()
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(workspace), argv=argv, env=env)
    assert (Verb.KEY_USE in keys.judged(request, engine(request)).verbs()) is needed
