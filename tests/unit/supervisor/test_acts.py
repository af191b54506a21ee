"""Which exec makes the agent: the words the person typed, however they are wrapped."""

from __future__ import annotations

import pytest

from leashtui.classify.ledger import Ledger
from leashtui.classify.summary import facts_of
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Mode, ProcessRef, Request
from leashtui.supervisor.acts import Acts


@pytest.mark.parametrize(
    ("typed", "argv", "expected"),
    [
        (("python3", "x.py"), ("/usr/bin/python3.11", "x.py"), False),
        (("python3", "x.py"), ("/usr/bin/python3", "x.py"), True),
        (("python3", "x.py"), ("bash", "/home/me/.pyenv/shims/python3", "x.py"), True),
        (("claude", "--yolo"), ("node", "/usr/bin/claude", "--yolo"), True),
        (("env", "python3", "x.py"), ("python3", "x.py"), True),
        (("/usr/bin/env", "python3", "x.py"), ("/usr/bin/env", "bash", "/home/me/shims/python3", "x.py"), True),
        (("env", "python3", "x.py"), ("bash", "pyenv", "exec", "python3", "x.py"), True),
        (("python3", "x.py"), ("/tmp/other", "x.py"), False),
        (("python3", "x.py"), ("python3", "y.py"), False),
        (("bash",), ("bash", "-c", "rm -rf src"), False),
    ],
)
def test_the_agent_is_what_the_person_typed(typed: tuple[str, ...], argv: tuple[str, ...], expected: bool) -> None:
    acts = Acts(lambda process: True)
    agent = ProcessRef(7, 100)
    acts.adopt_agent(agent, typed)
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", argv=argv, process=ProcessRef(7, 100, 3))
    assert acts.starts(request) is expected
    other = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", argv=argv, process=ProcessRef(8, 100, 1))
    assert not acts.starts(other)


def _exec(pid: int, *argv: str, parent: int = 0) -> Request:
    above = (ProcessRef(parent, 100),) if parent else ()
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", argv=argv, process=ProcessRef(pid, 100), ancestry=above)


def _facts(*programs: str) -> Facts:
    ledger = Ledger()
    ledger.programs.update(dict.fromkeys(programs))
    return facts_of(ledger, " ".join(programs), Mode.KERNEL, ())


def test_git_starts_its_own_transport() -> None:
    acts = Acts(lambda process: True)
    acts.ran(_exec(20, "git", "fetch"), _facts("git"))
    assert acts.is_under_git(_exec(21, "git", "remote-https", parent=20))
    acts.ran(_exec(21, "git", "remote-https", parent=20), _facts("git"))
    assert acts.is_under_git(_exec(21, "/usr/lib/git-core/git-remote-https", parent=20))


def test_what_a_hook_or_an_alias_starts_is_not_started_by_git() -> None:
    acts = Acts(lambda process: True)
    acts.ran(_exec(20, "git", "commit"), _facts("git"))
    acts.ran(_exec(21, "sh", ".git/hooks/pre-commit", parent=20), _facts("sh"))
    assert not acts.is_under_git(_exec(21, "git", "remote-https", parent=20))
    assert not acts.is_under_git(_exec(22, "git", "remote-https", parent=21))
    assert not acts.is_under_git(_exec(30, "git", "remote-https"))
