"""What explains a change of a protected file, and when: by the clock, by what was said, and by git's index."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from leashtui.classify.engine import Engine
from leashtui.classify.probe import NoProbe
from leashtui.classify.workspace import Workspace
from leashtui.guards.watcher.difference import compare
from leashtui.model.event import AgentTold, Answered, Decided, Event, Record
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Layer, Mode, ProcessRef, Request
from leashtui.model.verdict import By, Decision, Outcome, Ruling, Verdict
from leashtui.supervisor.alibis import Alibis, is_nobodys

ROOT = "/home/dev/proj"
FILE = f"{ROOT}/.envrc"
SECOND = 1_000_000
ALLOW, DENY = Verdict(Ruling.ALLOW, By.PERSON), Verdict(Ruling.DENY, By.PERSON)
engine = Engine(Workspace(ROOT), "/home/dev", "dev", Mode.KERNEL, NoProbe())


class Session:
    """A stream of records by a clock that is set, and processes that end when told to."""

    def __init__(self, index: dict[str, str] | None = None) -> None:
        self.now = 100 * SECOND
        self.ends: list[Callable[[], None]] = []
        self.seen = 0
        self.gone: set[str] = set()
        held = index or {}
        self.alibis = Alibis(self._watch, lambda: self.now, lambda path: held.get(path, ""), self.gone.__contains__)

    def _watch(self, process: ProcessRef, told: Callable[[], None]) -> bool:
        self.ends.append(told)
        return True

    def hear(self, event: Event, parent: str = "") -> str:
        self.seen += 1
        self.alibis.heard(self.seen, Record(1, f"R{self.seen}", self.now, "S", event, parent), "")
        return f"R{self.seen}"

    def act(self, request: Request, verdict: Verdict | None = ALLOW) -> str:
        return self.hear(Decided(request, engine(request), Decision(Outcome.ASK, "b"), verdict))

    def explains(self, at: int, path: str = FILE, content: str = "c0ffee", added: str = "x") -> bool:
        return self.alibis.explain(path, change(path), at * SECOND, content, added)


def change(path: str) -> Facts:
    return engine(Request(Action.FILE_WRITE, Layer.WATCHER, "/", path=path))


def shell(text: str, **more: Any) -> Request:
    words = ("sh", "-c", text)
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, ROOT, words, "/usr/bin/sh", process=ProcessRef(7, 9), **more)


def test_a_command_explains_what_it_said_while_it_runs() -> None:
    session = Session()
    session.act(shell("echo x >> .envrc"))
    session.now = 102 * SECOND
    session.ends[0]()
    session.now = 110 * SECOND
    assert session.explains(at=101)
    assert not session.explains(at=99) and not session.explains(at=103)
    assert not session.explains(at=101, path=f"{ROOT}/.mcp.json")


def test_what_the_session_had_made_it_may_have_removed() -> None:
    session = Session()
    session.gone.add(FILE)
    assert session.alibis.explain(FILE, change(FILE), 0, "", "", deleted=True)
    assert not session.alibis.explain(FILE, change(FILE), 0, "", "x")
    assert not session.alibis.explain(f"{ROOT}/.mcp.json", change(FILE), 0, "", "", deleted=True)


def test_an_answer_explains_from_when_it_was_given() -> None:
    session = Session()
    asked = session.act(shell("echo x >> .envrc"), None)
    session.now = 105 * SECOND
    session.hear(Answered("L-1", ALLOW), parent=asked)
    assert session.explains(at=106) and not session.explains(at=104)


@pytest.mark.parametrize("verdict", [DENY, None])
def test_what_was_refused_or_has_no_answer_explains_nothing(verdict: Verdict | None) -> None:
    session = Session()
    session.act(shell("echo x >> .envrc"), verdict)
    assert not session.explains(at=100)


def test_an_edit_in_a_hook_explains_until_its_tool_is_done() -> None:
    session = Session()
    session.act(Request(Action.FILE_WRITE, Layer.HOOK, ROOT, path=FILE, call="t1"))
    session.now = 103 * SECOND
    session.hear(AgentTold("tool_done", call="another"))
    assert session.explains(at=104)
    session.hear(AgentTold("tool_done", call="t1"))
    assert session.explains(at=102) and not session.explains(at=104)


def test_the_end_of_a_turn_ends_every_edit() -> None:
    session = Session()
    session.act(Request(Action.FILE_WRITE, Layer.HOOK, ROOT, path=FILE, call="t1"))
    session.hear(AgentTold("stop"))
    assert not session.explains(at=102)


@pytest.mark.parametrize(
    ("command", "content", "explained"),
    [
        ("git checkout other", "c0ffee", True),
        ("git checkout other", "decaf", False),
        ("git log", "c0ffee", False),
        ("make", "c0ffee", False),
    ],
)
def test_git_explains_what_is_in_its_index(command: str, content: str, explained: bool) -> None:
    session = Session({FILE: "c0ffee"})
    words = tuple(command.split())
    request = Request(Action.PROCESS_EXEC, Layer.KERNEL, ROOT, words, f"/usr/bin/{words[0]}", process=ProcessRef(7, 9))
    session.act(request)
    assert session.explains(at=101, content=content) is explained


@pytest.mark.parametrize(
    ("added", "explained"),
    [
        ('[remote "origin"]\n\turl = https://example.com/x.git\n\tfetch = +refs/heads/*:refs/remotes/origin/*', True),
        ('[branch "main"]\n\tremote = origin\n\tmerge = refs/heads/main', True),
        ("[core]\n\tfsmonitor = evil", False),
        ("[core] bare = false\n\tsshCommand = evil", False),
        ('[remote "x"]\n\turl = ext::sh -c evil', False),
        ("[alias]\n\tst = !evil", False),
        ("[include]\n\tpath = evil", False),
        ("", False),
    ],
)
def test_git_explains_settings_that_name_no_program(added: str, explained: bool) -> None:
    session = Session()
    words = ("git", "remote", "add", "origin", "x")
    session.act(Request(Action.PROCESS_EXEC, Layer.KERNEL, ROOT, words, "/usr/bin/git", process=ProcessRef(7, 9)))
    assert session.explains(at=101, path=f"{ROOT}/.git/config", added=added) is explained


CORE = "[core]\n\tbare = false\n"
MORE = CORE + "[alias]\n\tst = status\n\tco = checkout \\\n"


def nobodys(before: str | None, after: str, path: str = ".git/config") -> bool:
    old = None if before is None else before.encode()
    return is_nobodys(f"{ROOT}/{path}", compare(old, after.encode(), path).diff)


def test_a_branch_to_follow_and_a_name_are_nobodys_to_ask_about() -> None:
    branch = '[branch "fix/x"]\n\tremote = origin\n\tmerge = refs/heads/fix/x\n'
    assert nobodys(CORE, CORE + branch)
    assert nobodys(CORE, branch + CORE)
    assert nobodys(CORE + "[user]\n\tname = A\n", CORE + "[user]\n\tname = B C\n\temail = b.c@x.example\n")
    assert nobodys(None, "[core]\n\trepositoryformatversion = 0\n\tbare = false\n")


def test_a_repository_that_is_being_made_is_written_line_by_line() -> None:
    written = "[core]\n\trepositoryformatversion = 0\n"
    for line in ("\tfilemode = true\n", "\tbare = false\n", "\tlogallrefupdates = true\n"):
        assert nobodys(written, written + line)
        written += line


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (CORE, CORE + "\tfsmonitor = ./evil\n"),
        (CORE, CORE + "[core]\n"),
        (None, CORE + "\thooksPath = x\n"),
        (CORE, CORE + '[branch "x"]\n\tremote = https://x.example/a\n'),
        (CORE, CORE + '[branch "x"]\n\tremote = ext::sh\n'),
        (CORE, CORE + '[branch "x"]\n\tmerge = refs/heads/x\\\n'),
        (CORE, CORE + "[user]\n\tname = x\f\n[alias]\n\ta = !evil\n"),
        (CORE, CORE + "[user] name = x ; y\n"),
        (CORE, CORE + "[user]\n\tname = !evil\n"),
        (CORE, CORE + "\tremote = x\n"),
        (CORE + "\tx = y\\\n", CORE + "\tx = y\\\n\tbare = false\n"),
        (CORE, "[user]\n\tbare = false\n"),
        (MORE, MORE.replace("\tst", "[user]\n\tst")),
        (MORE, MORE + "\tname = x\n"),
        (MORE, CORE),
        (CORE + "[user]\n\tname = A\n", CORE),
        (CORE, CORE + "++ x\n"),
        (CORE, CORE),
    ],
)
def test_whatever_else_is_in_it_is_asked_about(before: str | None, after: str) -> None:
    assert not nobodys(before, after)


def test_only_gits_settings_are_such() -> None:
    assert nobodys(CORE, CORE + "[user]\n\tname = x\n")
    assert not nobodys(CORE, CORE + "[user]\n\tname = x\n", path="AGENTS.md")
    mode = compare(CORE.encode(), (CORE + "[user]\n\tname = x\n").encode(), "x").diff
    assert not is_nobodys(f"{ROOT}/.git/config", f"old mode 100644\nnew mode 100755\n{mode}")
    assert not is_nobodys(f"{ROOT}/.git/config", "")
