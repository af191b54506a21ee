"""Which closed keys an act needs: none where nobody asks for one."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from leashtui.classify.engine import Engine
from leashtui.classify.workspace import Workspace
from leashtui.model.event import AgentTold, Record
from leashtui.model.facts import Effect, Place, Verb
from leashtui.model.hook import Moment
from leashtui.model.request import Action, Layer, Mode, ProcessRef, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.keys import Keys
from leashtui.supervisor.lending import Lending
from leashtui.supervisor.repository import RepositoryProbe
from leashtui.supervisor.tree import stat_of

Work = Callable[[], None]


def lending(moves: list[bool] | None = None, timers: list[Work] | None = None) -> Lending:
    """moves: gets whether a cover goes away, of each move. timers: gets what is to be done later."""
    return Lending(
        lambda path, *, away: None if moves is None else moves.append(away),
        lambda process, then: True,
        lambda text, hint: None,
        later=lambda seconds, work: None if timers is None else timers.append(work),
    )


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
    keys = Keys(str(tmp_path / "home"), lending(), lambda name: address if name == "origin" else "")
    keys.cover([str(tmp_path / "home" / name) for name in (".ssh", ".git-credentials")])
    probe = RepositoryProbe(str(workspace))
    engine = Engine(Workspace(str(workspace)), str(tmp_path / "home"), "ada", Mode.KERNEL, probe)
    argv = ("git", "push", *remote.split(), "main")
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(workspace), argv=argv)
    facts = keys.judged(request, engine(request))
    assert {Path(e.target).name for e in facts.effects if e.verb is Verb.KEY_USE} == needed


def test_ssh_goes_by_the_account_s_home_and_opens_its_keys(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    keys = Keys(str(tmp_path / "told"), lending(), account=str(tmp_path / "account"))
    keys.cover([str(tmp_path / "account" / ".ssh")])
    engine = Engine(Workspace(str(tmp_path / "w")), str(tmp_path / "told"), "ada", Mode.KERNEL, RepositoryProbe("/"))
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(tmp_path / "w"), argv=("ssh", "example.com"))
    wanted = [e.target for e in keys.judged(request, engine(request)).effects if e.verb is Verb.KEY_USE]
    assert wanted == [str(tmp_path / "account" / ".ssh")]
    assert f"{tmp_path}/account/.ssh/known_hosts" in keys.states(wanted)


@pytest.mark.parametrize(
    ("command", "opens"),
    [
        ("remote add up https://example.com/a/b.git", False),
        ("remote add up git@example.com:a/b.git", False),
        ("remote set-url origin git@example.com:a/c.git", False),
        ("remote rename origin up", False),
        ("remote remove origin", False),
        ("config remote.origin.url git@example.com:a/c.git", False),
        ("lfs push origin", True),
        ("-c remote.origin.url=git@example.com:a/c.git push origin main", True),
    ],
)
def test_who_only_names_a_remote_opens_nothing(tmp_path: Path, command: str, opens: bool) -> None:
    (tmp_path / "w").mkdir()
    keys = Keys(str(tmp_path), lending(), lambda name: "git@example.com:a/b.git")
    keys.cover([str(tmp_path / ".ssh")])
    engine = Engine(Workspace(str(tmp_path / "w")), str(tmp_path), "ada", Mode.KERNEL, RepositoryProbe(str(tmp_path)))
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(tmp_path / "w"), argv=("git", *command.split()))
    verbs = keys.judged(request, engine(request)).verbs()
    assert Verb.REMOTE_CHANGE in verbs and (Verb.KEY_USE in verbs) is opens


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
    keys = Keys(str(home), lending())
    keys.cover([str(home / ".gnupg")])
    engine = Engine(Workspace(str(workspace)), str(home), "ada", Mode.KERNEL, RepositoryProbe(str(workspace)))
    env = (("GNUPGHOME", variable),) if variable else ()
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(workspace), argv=argv, env=env)
    assert (Verb.KEY_USE in keys.judged(request, engine(request)).verbs()) is needed


def test_what_starts_next_finds_closed_what_was_open_for_who_has_ended(tmp_path: Path) -> None:
    """That it has ended may be told later than the next program asks."""
    moves: list[bool] = []
    keys = Keys(str(tmp_path / "home"), lending(moves))
    keys.cover([str(tmp_path / "home" / ".kube")])
    plain = Engine(
        Workspace(str(tmp_path)), str(tmp_path / "home"), "ada", Mode.KERNEL, RepositoryProbe(str(tmp_path))
    ).text("true", str(tmp_path))
    child = subprocess.Popen(["sleep", "60"])
    found = stat_of(child.pid)
    assert found is not None
    use = Effect(Verb.KEY_USE, str(tmp_path / "home" / ".kube"), Place.SECRET, "opens ~/.kube")
    first = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(tmp_path), process=ProcessRef(child.pid, found.start))
    verdict = Verdict(Ruling.ALLOW, By.POLICY, "")
    keys.opening(first, replace(plain, effects=(use,)), lambda verdict: None)(verdict)
    other = Request(Action.PROCESS_EXEC, Layer.KERNEL, str(tmp_path), process=ProcessRef(os.getpid(), 1))
    keys.opening(other, plain, lambda verdict: None)
    assert moves == [True]  # it still runs
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # ended, and nobody has taken note
    keys.opening(other, plain, lambda verdict: None)
    assert moves == [True, False]
    child.wait()


TOLD = {
    "that call": ("", "t1", Moment.TOOL_DONE, True),
    "another": ("", "t2", Moment.TOOL_DONE, False),
    "a sub-agent's of that name": ("explorer", "t1", Moment.TOOL_DONE, False),
    "that it begins": ("", "t1", Moment.TOOL, False),
    "the turn": ("", "", Moment.STOP, True),
}


@pytest.mark.parametrize("what", TOLD)
def test_what_the_agents_own_tool_reads_is_open_until_that_call_is_over(tmp_path: Path, what: str) -> None:
    helper, call, moment, closes = TOLD[what]
    moves: list[bool] = []
    timers: list[Work] = []
    lent = lending(moves, timers)
    keys = Keys(str(tmp_path / "home"), lent)
    letters = tmp_path / "letters"
    keys.cover([str(letters)])
    engine = Engine(
        Workspace(str(tmp_path)), str(tmp_path / "home"), "ada", Mode.KERNEL, RepositoryProbe(str(tmp_path))
    )
    reads = Request(Action.FILE_READ, Layer.HOOK, str(tmp_path), path=str(letters / "one"), call="t1")
    facts = keys.judged(reads, engine(reads))
    assert [e.target for e in facts.effects if e.verb is Verb.KEY_USE] == [str(letters)]
    keys.opening(reads, facts, lambda verdict: None)(Verdict(Ruling.DENY, By.PERSON, ""))
    assert moves == []
    keys.opening(reads, facts, lambda verdict: None)(Verdict(Ruling.ALLOW, By.PERSON, ""))
    assert moves == [True]
    lent.heard(1, Record(1, "R", 0, "s", AgentTold(moment, helper=helper, call=call)), "")
    assert moves == ([True, False] if closes else [True])
    for work in timers:
        work()
    assert moves == [True, False]


@pytest.mark.parametrize("path", ["letters2/one", "note"])
def test_what_the_agents_own_tool_reads_elsewhere_opens_nothing(tmp_path: Path, path: str) -> None:
    keys = Keys(str(tmp_path / "home"), lending())
    keys.cover([str(tmp_path / "letters")])
    engine = Engine(
        Workspace(str(tmp_path)), str(tmp_path / "home"), "ada", Mode.KERNEL, RepositoryProbe(str(tmp_path))
    )
    reads = Request(Action.FILE_READ, Layer.HOOK, str(tmp_path), path=str(tmp_path / path), call="t1")
    assert Verb.KEY_USE not in keys.judged(reads, engine(reads)).verbs()
