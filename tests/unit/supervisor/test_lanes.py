"""What needs no second question, and what always does."""

from __future__ import annotations

import pytest

from leashtui.classify.workspace import Workspace
from leashtui.model.ports import Reply
from leashtui.model.request import Action, Layer, Request
from leashtui.model.verdict import By, Ruling, Verdict
from leashtui.supervisor.lanes import Lanes, OwnState

W, D = Action.FILE_WRITE, Action.FILE_DELETE


class Path:
    """A path that answers as it is told, and remembers what it was asked."""

    act = "A"

    def __init__(self) -> None:
        self.answer = Verdict(Ruling.ALLOW, By.POLICY)
        self.asked: list[Request] = []

    def withdraw(self, reason: str) -> None:
        """Nothing waits."""

    def submit(self, request: Request, reply: Reply) -> Path:
        self.asked.append(request)
        reply(self.answer)
        return self


class Judges:
    """What policies look at."""

    def __init__(self, by_class=None, by_program: frozenset[Action] = frozenset(), named=None) -> None:
        self._by_class = {W: (), D: ()} if by_class is None else by_class
        self._by_program = by_program
        self._named = named or {}
        self._by_host = False

    def by_host(self) -> bool:
        return self._by_host

    def by_words(self) -> frozenset[Action]:
        return frozenset()

    def by_class(self) -> dict[Action, tuple[str, ...]]:
        return self._by_class

    def by_program(self) -> frozenset[Action]:
        return self._by_program

    def named(self) -> dict[Action, tuple[tuple[str, str], ...]]:
        return self._named


@pytest.fixture
def path() -> Path:
    return Path()


@pytest.fixture
def lanes(path: Path) -> Lanes:
    own = OwnState(
        tools=("/home/u/.cache/",),
        agents=("/home/u/.claude/",),
        shared=("/home/u/.claude/shell-snapshots/",),
        kept=("/home/u/.claude/settings",),
    )
    return Lanes(
        path.submit,
        Workspace("/home/u/w"),
        "/home/u",
        by_class=(W, D),
        own=own,
        added=("/home/u/.bash_history",),
    )


def allow(lanes: Lanes, action: Action, path: str) -> None:
    lanes.submit(Request(action, Layer.KERNEL, "/", path=path), lambda verdict: None)


def test_one_allowed_write_of_a_kind_opens_that_kind_only(lanes: Lanes) -> None:
    assert not lanes.knows(W, "/home/u/w/a.py")
    allow(lanes, W, "/home/u/w/a.py")
    assert lanes.knows(W, "/home/u/w/sub/b.py")
    for other in ("/home/u/w/.envrc", "/home/u/w/.github/workflows/x.yml", "/home/u/b.py", "/etc/x", "/home/u/w/.env"):
        assert not lanes.knows(W, other), other
    assert not lanes.knows(D, "/home/u/w/a.py")


@pytest.mark.parametrize(
    "name", ["config", "config.worktree", "info/attributes", "hooks/pre-commit", "modules/m/config"]
)
def test_gits_routine_never_opens_gits_settings(lanes: Lanes, name: str) -> None:
    allow(lanes, W, "/home/u/w/.git/index")
    assert lanes.knows(W, "/home/u/w/.git/objects/ab/cdef")
    assert lanes.knows(W, "/home/u/w/.git/HEAD")
    assert not lanes.knows(W, f"/home/u/w/.git/{name}")


@pytest.mark.parametrize("by", [By.PERSON, By.GRANT, By.COVERED])
def test_what_no_policy_allowed_is_asked_again(lanes: Lanes, path: Path, by: By) -> None:
    path.answer = Verdict(Ruling.ALLOW, by)
    allow(lanes, W, "/home/u/w/a.py")
    assert not lanes.knows(W, "/home/u/w/a.py")


def test_a_denial_opens_nothing(lanes: Lanes, path: Path) -> None:
    path.answer = Verdict(Ruling.DENY, By.POLICY)
    allow(lanes, W, "/home/u/w/a.py")
    assert not lanes.knows(W, "/home/u/w/a.py")


def test_deleting_work_is_asked_each_time(lanes: Lanes) -> None:
    allow(lanes, D, "/home/u/w/a.py")
    assert not lanes.knows(D, "/home/u/w/a.py")
    allow(lanes, D, "/tmp/x")
    assert lanes.knows(D, "/tmp/y")


def test_in_dependencies_and_temporary_folders_a_name_means_nothing(lanes: Lanes, path: Path) -> None:
    allow(lanes, W, "/home/u/w/node_modules/p/.github/workflows/ci.yml")
    assert path.asked[-1].like == "/home/u/w/node_modules/file"
    assert path.asked[-1].path == "/home/u/w/node_modules/p/.github/workflows/ci.yml"  # what policies see
    assert lanes.knows(W, "/home/u/w/node_modules/q/AGENTS.md")
    allow(lanes, W, "/tmp/pip-1/CLAUDE.md")
    assert (path.asked[-1].like, path.asked[-1].path) == ("/tmp/file", "/tmp/pip-1/CLAUDE.md")


def test_what_git_obeys_means_what_it_says_wherever_it_lies(path: Path) -> None:
    place = Workspace("/home/u/w", also=("/tmp/r/.git",), steers=("/home/u/w/node_modules/hooks",))
    lanes = Lanes(path.submit, place, "/home/u", by_class=(W, D))
    allow(lanes, W, "/tmp/x")
    allow(lanes, W, "/home/u/w/node_modules/x")
    for name in ("/tmp/r/.git/hooks/x", "/home/u/w/node_modules/hooks/x"):
        assert not lanes.knows(W, name)
        assert not lanes.knows_all(name.rpartition("/")[0])
        assert not lanes.is_nameless(name)
    assert all(lanes.knows(W, name) for name in ("/tmp/r/notes.md", "/home/u/w/node_modules/hooks2"))


def test_own_state_is_free_but_for_what_tells_the_agent_what_to_run(lanes: Lanes) -> None:
    assert lanes.knows(W, "/home/u/.cache/pip/x")
    assert lanes.knows_agents(W, "/home/u/.claude/projects/x.jsonl")
    assert not lanes.knows_agents(W, "/home/u/.claude/settings.json")
    assert not lanes.knows_agents(W, "/home/u/.cache/pip/x")


def test_an_agents_state_is_not_anybodys(lanes: Lanes) -> None:
    for path in ("/home/u/.claude/projects/x.jsonl", "/home/u/.claude/shell-snapshots/x"):
        assert not lanes.knows(W, path)
        assert not lanes.knows(D, path)
    assert not lanes.knows_all("/home/u/.claude/projects")
    assert lanes.is_shared("/home/u/.claude/shell-snapshots/x")
    assert not lanes.is_shared("/home/u/.claude/projects/x.jsonl")


def test_a_history_may_be_added_to_and_not_removed(lanes: Lanes) -> None:
    assert lanes.knows(W, "/home/u/.bash_history")
    assert not lanes.knows(D, "/home/u/.bash_history")


def test_the_longer_beginning_tells_an_agents_state_from_what_is_the_persons(path: Path) -> None:
    own = OwnState(agents=("/home/u/.claude/", "/home/u/.claude/plugins/store/"), kept=("/home/u/.claude/plugins",))
    lanes = Lanes(path.submit, Workspace("/home/u/w"), "/home/u", by_class=(W, D), own=own)
    assert lanes.knows_agents(W, "/home/u/.claude/history.jsonl")
    assert lanes.knows_agents(W, "/home/u/.claude/plugins/store/x.json")
    assert lanes.knows_agents(W, "/home/u/.claude/plugins/store") and not lanes.knows_agents(W, "/home/u/.claude")
    assert not lanes.knows_agents(D, "/home/u/.claude/plugins/store")
    assert not lanes.knows_agents(W, "/home/u/.claude/plugins/evil/hooks.json")
    assert not lanes.knows_agents(W, "/home/u/.claude/plugins")
    assert not lanes.knows_agents(W, "/home/u/elsewhere")


def test_an_empty_folder_of_an_agents_state_needs_no_question(lanes: Lanes) -> None:
    assert lanes.knows_folder("/home/u/.claude/settings.d")
    assert not lanes.knows_folder("/home/u/.ssh")
    assert not lanes.knows_folder("/home/u/w/.git")
    assert lanes.knows_folder("/home/u/.claude")
    assert not lanes.knows_folder("/home/u")
    assert not lanes.knows_folder("/home/u/.claude/a\u202eb")


def test_the_way_to_an_agents_state_is_open_to_new_folders_only(path: Path) -> None:
    own = OwnState(agents=("/home/u/.config/mini/",))
    lanes = Lanes(path.submit, Workspace("/home/u/w"), "/home/u", by_class=(W, D), own=own)
    assert lanes.knows_folder("/home/u/.config")
    assert not lanes.knows_agents(
        W, "/home/u/.config"
    )  # a link there, or moving it away, would change what is not its own


def test_hidden_characters_are_always_asked(lanes: Lanes) -> None:
    allow(lanes, W, "/home/u/w/a.py")
    assert not lanes.knows(W, "/home/u/w/a\u202epy")


def test_while_a_policy_looks_at_names_nothing_is_known(path: Path) -> None:
    lanes = Lanes(path.submit, Workspace("/home/u/w"), "/home/u", by_class=())
    allow(lanes, W, "/home/u/w/a.py")
    assert not lanes.knows(W, "/home/u/w/a.py")


def test_a_door_opened_by_a_person_is_that_door_only(lanes: Lanes, path: Path) -> None:
    path.answer = Verdict(Ruling.ALLOW, By.PERSON)
    lanes.submit(Request(Action.NET_CONNECT, Layer.KERNEL, "/", host="192.0.2.1", port=443), lambda verdict: None)
    assert lanes.knows_door(Action.NET_CONNECT, "192.0.2.1", 443, lambda: "/a")
    assert not lanes.knows_door(Action.NET_CONNECT, "192.0.2.1", 80, lambda: "/a")
    assert not lanes.knows_door(Action.NET_BIND, "192.0.2.1", 443, lambda: "/a")


@pytest.mark.parametrize("by", [By.PERSON, By.POLICY])
def test_where_policies_look_at_the_program_a_door_is_that_programs(lanes: Lanes, path: Path, by: By) -> None:
    lanes.judge_by(Judges(by_program=frozenset({Action.NET_CONNECT})))
    path.answer = Verdict(Ruling.ALLOW, by)
    request = Request(Action.NET_CONNECT, Layer.KERNEL, "/", exe="/a", host="192.0.2.1", port=443)
    lanes.submit(request, lambda verdict: None)
    assert lanes.knows_door(Action.NET_CONNECT, "192.0.2.1", 443, lambda: "/a")
    assert not lanes.knows_door(Action.NET_CONNECT, "192.0.2.1", 443, lambda: "/b")
    lanes.judge_by(Judges())
    assert not lanes.knows_door(Action.NET_CONNECT, "192.0.2.1", 443, lambda: "/a")


def test_where_policies_name_places_names_count_there_alone(lanes: Lanes) -> None:
    lanes.judge_by(
        Judges({W: ("/home/u/w/infra",), D: ()}, named={D: (("Dir", "/home/u/w/infra"), ("File", "/home/u/w/one"))})
    )
    allow(lanes, W, "/home/u/w/a.py")
    assert lanes.knows(W, "/home/u/w/src/b.py")
    assert lanes.knows_all("/home/u/w/node_modules/x") is False
    allow(lanes, W, "/home/u/w/node_modules/x/y")
    assert lanes.knows_all("/home/u/w/node_modules/x")
    for path in ("/home/u/w/infra", "/home/u/w/infra/b.py", "/home/u/w", "/home/u"):
        assert not lanes.knows(W, path)
        assert not lanes.is_classed(W, path)
    assert lanes.is_classed(D, "/home/u/w/infra/b.py")
    assert not lanes.is_classed(Action.FILE_READ, "/home/u/w/a.py")
    assert lanes.is_apart("/home/u/w") is True
    assert "w" in lanes.leads("/home/u")
    assert lanes.named(D, "/home/u") == ["/home/u/w/infra/file", "/home/u/w/one"]
    assert lanes.named(D, "/home/u/w/infra") == ["/home/u/w/infra/file"]
    assert lanes.named(D, "/home/u/w/infra/more") == lanes.named(W, "/home/u") == []
    assert lanes.leaves("/home/u/w/infra/a", "/home/u/w/a")
    assert lanes.leaves("/home/u/w/one", "/home/u/w/two")
    assert not lanes.leaves("/home/u/w/infra/a", "/home/u/w/infra/b/a")
    assert not lanes.leaves("/home/u/w/a", "/home/u/w/infra/a")


def test_where_policies_judge_by_a_hosts_name_no_address_is_known_by_policy(lanes: Lanes, path: Path) -> None:
    judges = Judges()
    judges._by_host = True
    lanes.judge_by(judges)
    request = Request(Action.NET_CONNECT, Layer.KERNEL, "/", exe="/a", host="192.0.2.1", port=443)
    for by, known in ((By.POLICY, False), (By.PERSON, True)):
        path.answer = Verdict(Ruling.ALLOW, by)
        lanes.submit(request, lambda verdict: None)
        assert lanes.knows_door(Action.NET_CONNECT, "192.0.2.1", 443, lambda: "/a") is known


def test_a_port_of_this_machine_is_the_programs_that_came_to_it(lanes: Lanes, path: Path) -> None:
    request = Request(Action.NET_CONNECT, Layer.KERNEL, "/", exe="/a", host="127.0.0.1", port=443)
    for answer in (Verdict(Ruling.DENY, By.POLICY), Verdict(Ruling.ALLOW, By.GRANT)):
        path.answer = answer
        lanes.submit(request, lambda verdict: None)
        assert not lanes.knows_home(Action.NET_CONNECT, "127.0.0.1", 443, "/a")
    path.answer = Verdict(Ruling.ALLOW, By.POLICY)
    lanes.submit(request, lambda verdict: None)
    assert lanes.knows_home(Action.NET_CONNECT, "127.0.0.1", 443, "/a")
    assert not lanes.knows_home(Action.NET_CONNECT, "127.0.0.1", 443, "/b")
    assert not lanes.knows_home(Action.NET_BIND, "127.0.0.1", 443, "/a")
    assert not lanes.knows_door(Action.NET_CONNECT, "127.0.0.1", 443, lambda: "/a")
    lanes.change()
    assert not lanes.knows_home(Action.NET_CONNECT, "127.0.0.1", 443, "/a")


def test_where_the_name_means_nothing_anyway_the_real_one_is_told(lanes: Lanes, path: Path) -> None:
    allow(lanes, W, "/tmp/pip-1/x.whl")
    assert path.asked[-1].path == "/tmp/pip-1/x.whl"


@pytest.mark.parametrize(
    ("path_", "nameless", "fleeting"),
    [
        ("/home/u/w/a.py", False, False),
        ("/home/u/w/.git/objects/a", False, False),
        ("/home/u/w/build/a", False, True),
        ("/home/u/w/node_modules/a", True, True),
        ("/tmp/a", True, True),
        ("/home/u/.cache/a", True, True),
        ("/home/u/notes", False, False),
    ],
)
def test_where_names_mean_nothing_and_where_things_do_not_last(
    lanes: Lanes, path_: str, nameless: bool, fleeting: bool
) -> None:
    assert lanes.is_nameless(path_) is nameless
    assert lanes.is_fleeting(path_) is fleeting
