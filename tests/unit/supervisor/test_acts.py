"""Which exec makes the agent, and which file and network acts were foreseen."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from leashtui.classify import summary
from leashtui.classify.ledger import Ledger
from leashtui.model.facts import Effect, Facts, Parse, Place, Severity, Verb
from leashtui.model.request import Action, Layer, Mode, ProcessRef, Request
from leashtui.supervisor.acts import Acts
from leashtui.supervisor.covering import Act


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
    return summary.facts_of(ledger, " ".join(programs), Mode.KERNEL, ())


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


AGENT = ProcessRef(7, 100)
CHILD = ProcessRef(8, 100)
WORDS = ("command", "normalised", "undo")


def facts_of(*effects: Effect) -> Facts:
    flags = {f.name: False if f.type is bool else () for f in msgspec.structs.fields(Facts)}
    words = dict.fromkeys(WORDS, "")
    return Facts(**{**flags, **words, "parse": Parse.FULL, "mode": Mode.KERNEL, "effects": effects})  # type: ignore[arg-type]


RC = facts_of(Effect(Verb.PERSIST, "/home/u/.bashrc", severity=Severity.HIGH))


def file_act(path: str, process: ProcessRef = AGENT, argv: tuple[str, ...] = ()) -> Request:
    return Request(Action.FILE_WRITE, Layer.KERNEL, "/", argv, path=path, process=process)


def acts_of(typed: tuple[str, ...] = ("claude", "go"), *, reaches: bool = False) -> Acts:
    acts = Acts(lambda process: True)
    acts.adopt_agent(AGENT, typed, reaches=reaches)
    return acts


def test_a_file_act_of_the_agent_is_not_its_start() -> None:
    acts = acts_of()
    assert acts.starts(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", ("claude", "go"), process=AGENT))
    assert not acts.starts(file_act("/x", argv=("claude", "go")))
    connect = Request(Action.NET_CONNECT, Layer.KERNEL, "/", ("claude", "go"), host="192.0.2.1", process=AGENT)
    assert not acts.starts(connect)


def test_an_edit_approved_in_the_hook_is_foreseen_until_its_tool_call_is_over() -> None:
    acts = acts_of()
    asked = Request(Action.FILE_WRITE, Layer.HOOK, "/", path="/home/u/.bashrc", call="t1")
    assert not acts.foresaw(file_act("/home/u/.bashrc"), RC)
    acts.announced.expect_edit(asked)
    assert acts.foresaw(file_act("/home/u/.bashrc"), RC)
    assert acts.foresaw(file_act("/home/u/.bashrc.tmp.12.ab"), RC)
    assert not acts.foresaw(file_act("/home/u/.bashrc_other"), RC)
    assert not acts.foresaw(file_act("/home/u/.bashrc", CHILD), RC)
    acts.announced.forget("t2")
    acts.announced.forget("t1", "a sub-agent")
    assert acts.foresaw(file_act("/home/u/.bashrc"), RC)
    acts.announced.forget("t1")
    assert not acts.foresaw(file_act("/home/u/.bashrc"), RC)


def test_an_edit_that_was_never_made_is_not_expected_in_the_next_turn() -> None:
    acts = acts_of()
    acts.announced.expect_edit(Request(Action.FILE_WRITE, Layer.HOOK, "/", path="/home/u/.bashrc", call="t1"))
    acts.announced.end_turn()
    assert not acts.foresaw(file_act("/home/u/.bashrc"), RC)


@pytest.mark.parametrize(
    ("reaches", "process", "verb", "expected"),
    [
        (True, AGENT, Verb.NET_CONNECT, True),
        (True, AGENT, Verb.SERVICE, False),
        (True, CHILD, Verb.NET_CONNECT, False),
        (False, AGENT, Verb.NET_CONNECT, False),
    ],
)
def test_only_a_known_agent_itself_may_be_expected_to_reach_its_model(
    reaches: bool, process: ProcessRef, verb: Verb, expected: bool
) -> None:
    request = Request(Action.NET_CONNECT, Layer.KERNEL, "/", ("claude", "go"), host="192.0.2.1", process=process)
    facts = facts_of(Effect(verb, "192.0.2.1:443", severity=Severity.MEDIUM))
    assert acts_of(reaches=reaches).foresaw(request, facts) is expected


def test_a_port_for_others_is_never_expected_of_an_agent() -> None:
    request = Request(Action.NET_BIND, Layer.KERNEL, "/", ("claude", "go"), host="0.0.0.0", port=80, process=AGENT)
    facts = facts_of(Effect(Verb.LISTEN, "0.0.0.0:80", severity=Severity.MEDIUM))
    assert not acts_of(reaches=True).foresaw(request, facts)


@pytest.mark.parametrize(("verb", "expected"), [(Verb.NET_GET, False), (Verb.LISTEN, True)])
def test_a_port_is_expected_of_what_said_that_it_listens_not_of_what_fetches(verb: Verb, expected: bool) -> None:
    acts = acts_of()
    acts.ran(Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", ("npm", "ci"), process=CHILD), facts_of(Effect(verb)))
    request = Request(Action.NET_BIND, Layer.KERNEL, "/", ("npm", "ci"), host="0.0.0.0", port=80, process=CHILD)
    assert acts.foresaw(request, facts_of(Effect(Verb.LISTEN, "0.0.0.0:80"))) is expected


def test_a_file_act_never_takes_the_place_of_the_command_a_hook_announced() -> None:
    acts = Acts(lambda process: True, lambda argv: argv[-1] if argv[:2] == ("sh", "-c") else "")
    acts.adopt_agent(AGENT, ("claude", "go"))
    announced = acts.open("A1", Request(Action.PROCESS_EXEC, Layer.HOOK, "/w", script="rm -r notes", call="t1"))
    acts.announced.expect(announced, Request(Action.PROCESS_EXEC, Layer.HOOK, "/w", script="rm -r notes", call="t1"))
    words = ("sh", "-c", "rm -r notes")
    stray = Request(Action.FILE_WRITE, Layer.KERNEL, "/w", words, path="/w/x", process=ProcessRef(9, 1, 1))
    assert acts.find(stray) is None
    assert not acts.is_same(announced, stray)
    run = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/w", words, process=CHILD, ancestry=(AGENT,))
    assert acts.find(run) is announced
    assert acts.is_same(announced, run)


@pytest.mark.parametrize(
    ("exe", "verb", "expected"),
    [
        ("/usr/bin/bash", Verb.NET_GET, False),
        ("/usr/bin/bash", Verb.NET_SEND, True),
        ("/usr/bin/curl", Verb.NET_GET, True),
        ("/usr/bin/zsh", Verb.NET_GET, False),
    ],
)
def test_a_shell_does_not_connect_on_what_its_programs_may(exe: str, verb: Verb, expected: bool) -> None:
    acts = acts_of()
    acts.ran(_exec(20, "x"), msgspec.structs.replace(facts_of(Effect(verb, "example.com")), network=True))
    connect = Request(Action.NET_CONNECT, Layer.KERNEL, "/", ("x",), exe, host="192.0.2.1", process=ProcessRef(20, 100))
    assert acts.foresaw(connect, facts_of(Effect(Verb.NET_CONNECT, "192.0.2.1:1"))) is expected


@pytest.mark.parametrize(
    ("exe", "path", "words", "expected"),
    [
        ("/usr/bin/tar", "/w/a/b", ("tar", "xf", "t.tar"), True),
        ("/usr/bin/tar", "/w/a/b", ("tar", "--recursive-unlink", "-xf", "t.tar"), False),
        ("/usr/bin/tar", "/elsewhere", ("tar", "xf", "t.tar"), False),
        ("/w/tar", "/w/a/b", ("tar", "xf", "t.tar"), False),
        ("/usr/bin/rm", "/w/a/b", ("tar", "xf", "t.tar"), False),
    ],
)
def test_a_program_that_puts_files_in_place_may_make_room_for_them(
    exe: str, path: str, words: tuple[str, ...], expected: bool
) -> None:
    acts = acts_of()
    said = facts_of(Effect(Verb.WRITE, "/w", Place.WORKSPACE))
    acts.ran(_exec(20, *words), msgspec.structs.replace(said, programs=("tar",)))
    request = Request(Action.FILE_DELETE, Layer.KERNEL, "/", words, exe, path=path, process=ProcessRef(20, 100))
    lost = facts_of(Effect(Verb.DELETE, path, Place.SOURCE, severity=Severity.HIGH))
    assert acts.foresaw(request, lost) is expected
    hook = facts_of(Effect(Verb.DELETE, path, Place.HOOK, severity=Severity.HIGH))
    assert not acts.foresaw(request, hook)


OWN = "/pkg/bin/.agent"


@pytest.mark.parametrize(
    ("parent", "exe", "then", "expected"),
    [
        (7, OWN, "", True),
        (9, OWN, "", False),
        (7, "/usr/bin/python3", "", False),
        (7, OWN, "/usr/bin/python3", False),
        (7, "/usr/bin/git", "", False),
    ],
)
def test_the_agents_own_program_reaches_out_where_the_agent_itself_started_it(
    parent: int, exe: str, then: str, expected: bool
) -> None:
    """Not where a shell did, nor what its process becomes."""
    acts = Acts(lambda process: True, is_kin=lambda exe: exe in {OWN, "/usr/bin/git"})
    acts.adopt_agent(AGENT, ("agent",), reaches=True)
    for at, program in enumerate(filter(None, (exe, then)), 1):
        process = ProcessRef(20, 100, at)
        made = Request(Action.PROCESS_EXEC, Layer.KERNEL, "/", (program,), program, process=process,
                       ancestry=(ProcessRef(parent, 100),))  # fmt: skip
        acts.ran(made, facts_of())
    connect = Request(Action.NET_CONNECT, Layer.KERNEL, "/", ("x",), then or exe, host="192.0.2.1", process=process)
    assert acts.foresaw(connect, facts_of(Effect(Verb.NET_CONNECT, "192.0.2.1:443"))) is expected


@pytest.mark.parametrize(
    ("shown", "aim", "within"),
    [
        ("--context=a", "--context=a", True),
        ("--context=a", "--context=b", False),
        ("--context=…", "--context=b", True),
        ("--context=… in /w", "--context=b in /w", True),
        ("--context=… in /w", "--context=b in /x", False),
        ("a … b … c", "a 1 b 2 c", True),
        ("a … b … c", "a 1 2 c", False),
        ("aa…aa", "aaa", False),
        ("…" * 300 + "x", "y" * 400, False),
        ("a…" * 200 + "x", "a" * 400, False),
    ],
    ids=range(10),
)
def test_what_was_not_told_of_where_it_lands_may_be_anything(shown: str, aim: str, within: bool) -> None:
    parent = Act("1", AGENT)
    effect = Effect(Verb.CLOUD_CHANGE, "", Place.NONE, "changes a cluster", severity=Severity.HIGH, aim=shown)
    parent.approve(facts_of(effect))
    assert parent.covers(facts_of(msgspec.structs.replace(effect, aim=aim)), same=False) is within


def test_what_an_approved_act_leaves_behind_stays_its_own() -> None:
    """Processes that it was seen to start, and those in the session it led; control: refused, or another's."""
    ends: dict[ProcessRef, Callable[[], None]] = {}

    def watch(process: ProcessRef, ended: Callable[[], None]) -> bool:
        ends[process] = ended
        return True

    acts = Acts(lambda process: True, watch=watch, left=lambda process: [ProcessRef(31, 100)])
    approved, other = _exec(20, "sh"), _exec(40, "sh")
    act = acts.open("A", approved)
    acts.open("B", other)
    acts.approved(act, approved, _facts("find"))
    inner = Request(
        Action.PROCESS_EXEC, Layer.KERNEL, "/", argv=("sleep",), process=ProcessRef(22, 100),
        ancestry=(ProcessRef(21, 100), ProcessRef(20, 100)),
    )  # fmt: skip
    assert acts.find(inner) is act
    assert acts.find(_exec(23, "find", parent=21)) is act
    assert acts.find(_exec(32, "find", parent=31)) is None
    ends[ProcessRef(20, 100)]()
    assert acts.find(_exec(32, "find", parent=31)) is act
    assert list(ends) == [ProcessRef(20, 100)]
    assert acts.find(_exec(33, "find", parent=34)) is None
