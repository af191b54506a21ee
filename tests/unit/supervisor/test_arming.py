"""What an agent's own habits excuse: its programs, never what they do to files and sockets."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from leashtui.agents.registry import AGENTS, adapter_of
from leashtui.model.request import Action, Layer, Request
from leashtui.supervisor.arming import Arming
from leashtui.supervisor.limits import Limits
from leashtui.supervisor.mcparming import relay_words
from leashtui.supervisor.strictness import own_state

GIT = ("/usr/bin/git", "status")


@pytest.fixture
async def limits(tmp_path: Path) -> Limits:
    return Arming(("claude",), tmp_path, hooks=True, patience=0).limits("b", lambda: 0)


def exec_of(*argv: str, env: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request(Action.PROCESS_EXEC, Layer.KERNEL, "/w", argv, exe=argv[0], env=env)


async def test_a_habit_is_an_exec_and_never_what_the_program_then_does(limits: Limits) -> None:
    habit = exec_of("/bin/bash", "-c", "env")
    assert limits.habit(habit)
    for action in (Action.FILE_WRITE, Action.FILE_DELETE, Action.NET_CONNECT, Action.NET_BIND):
        assert not limits.habit(replace(habit, action=action, path="/home/u/.bashrc"))


async def test_the_hook_client_is_leashs_own_by_its_exec_only(tmp_path: Path) -> None:
    arming = Arming(("claude",), tmp_path, hooks=True, patience=0)
    limits = arming.limits("b", lambda: 0)
    words = arming._directory.words("PreToolUse", 9, gate=True)
    client = exec_of(*words)
    assert limits.own(client)
    assert not limits.own(replace(client, action=Action.FILE_WRITE, path="/home/u/.bashrc"))
    assert not limits.own(replace(client, action=Action.NET_CONNECT, host="192.0.2.1"))


async def test_the_relay_is_leashs_own_and_its_server_is_not(tmp_path: Path) -> None:
    arming = Arming(("python3",), tmp_path, hooks=True, patience=0, mcp=True)
    own = arming.limits("b", lambda: 0).own
    words = (*relay_words(str(tmp_path / "hook"), "forge"), "--", "forge", "--stdio")
    relay = exec_of(*words)
    assert own(relay)
    assert own(replace(relay, env=(("NODE_OPTIONS", "--require x"),)))  # -I reads none; the server is judged with it
    assert not own(replace(relay, env=(("LD_PRELOAD", "/tmp/x.so"),)))
    assert not own(replace(relay, exe="/tmp/python3"))
    assert not own(exec_of(words[0], "-IS", "/tmp/relay.py", *words[3:]))
    assert not own(exec_of(words[0], "-IS", words[2], "/tmp/elsewhere", *words[4:]))
    assert not own(exec_of(words[0], "-ISc", *words[2:]))
    assert not own(exec_of("forge", "--stdio"))
    assert not Arming(("python3",), tmp_path, hooks=True, patience=0).limits("b", lambda: 0).own(relay)


@pytest.mark.parametrize(
    ("name", "value", "layer", "expected"),
    [
        ("GIT_CONFIG_GLOBAL", "/tmp/claude-0/bash-edit-diff/12-34-ab9/config.global", Layer.KERNEL, ""),
        ("GIT_CONFIG_GLOBAL", "/tmp/claude-0/bash-edit-diff/12-34-ab9/config.global", Layer.SHIM, "same"),
        ("GIT_CONFIG_GLOBAL", "/tmp/claude-0/bash-edit-diff/../../evil/config.global", Layer.KERNEL, "same"),
        ("GIT_CONFIG_GLOBAL", "/tmp/evil/config.global", Layer.KERNEL, "same"),
        ("LD_PRELOAD", "/tmp/claude-0/bash-edit-diff/12-34-ab9/config.global", Layer.KERNEL, "same"),
    ],
)
async def test_settings_it_writes_for_its_own_git_calls_are_read_past(
    limits: Limits, name: str, value: str, layer: Layer, expected: str
) -> None:
    plain = limits.plain(replace(exec_of(*GIT, env=((name, value),)), layer=layer), True)
    assert plain.env == ((name, value if expected == "same" else expected),)


async def test_so_are_they_in_what_git_starts_in_turn_and_nothing_else_is(limits: Limits) -> None:
    known = adapter_of("claude").settings_of_git[0]
    handed = "'{}'".format(known.replace("'", "'\\''"))
    env = (
        ("GIT_CONFIG_VALUE_0", known),
        ("GIT_CONFIG_VALUE_1", "/bin/evil"),
        ("GIT_CONFIG_PARAMETERS", f"'core.alternateRefsCommand'={handed} 'core.pager'='evil'"),
        ("GIT_CONFIG_GLOBAL", "/tmp/claude-0/bash-edit-diff/12-34-ab9/config.global"),
    )
    plain = limits.plain(exec_of(*GIT, env=env), False)
    expected = ("", "/bin/evil", "'core.alternateRefsCommand'='' 'core.pager'='evil'", env[3][1])
    assert tuple(value for _, value in plain.env) == expected


@pytest.mark.parametrize("kind", [agent.kind for agent in AGENTS])
def test_what_an_agent_obeys_is_never_its_own_state(kind: str) -> None:
    agent = adapter_of(kind)
    state = own_state(agent, "/home/u", {})
    own, kept = (*state.agents, *state.tools), state.kept
    obeyed = (*agent.footprint.settings, *agent.footprint.skills, *agent.footprint.instructions)
    for path in (name.replace("~", "/home/u", 1) for name in obeyed if name.startswith("~/")):
        assert any(path.startswith(place) for place in kept), path
        longest = max(len(place) for place in kept if path.startswith(place))
        assert not any(path.startswith(place) and len(place) > longest for place in own), path


@pytest.mark.parametrize("folder", ["/home/u", "/home", "/", "relative"])
def test_the_whole_home_is_no_agents_wherever_its_files_were_moved(folder: str) -> None:
    claude = adapter_of("claude")
    assert own_state(claude, "/home/u", {"CLAUDE_CONFIG_DIR": folder}) == own_state(claude, "/home/u", {})
    moved = own_state(claude, "/home/u", {"CLAUDE_CONFIG_DIR": "/srv/claude"})
    assert any(place.startswith("/srv/claude/") for place in moved.agents)


@pytest.mark.parametrize(("argv", "expected"), [(("claude",), True), (("bash",), False)])
def test_only_what_has_hooks_gets_a_window_and_a_socket(tmp_path: Path, argv: tuple[str, ...], expected: bool) -> None:
    arming = Arming(argv, tmp_path, hooks=True, patience=0)
    assert bool(arming.window) is expected
    assert arming.sockets == (frozenset({str(tmp_path / "hook" / "ask.sock")}) if expected else frozenset())


@pytest.mark.parametrize(("kind", "own"), [("opencode", True), ("claude", False)])
def test_what_another_agent_runs_from_its_cache_is_asked_about(kind: str, own: bool) -> None:
    state = own_state(adapter_of(kind), "/home/dev", {})
    assert ("/home/dev/.cache/opencode/" in state.agents) is own
    assert ("/home/dev/.cache/opencode/" in state.kept) is not own


def test_where_programs_note_where_they_were_is_no_door_to_what_lies_beside() -> None:
    own = own_state(adapter_of("codex"), "/home/dev", {})
    for name in (
        ".local/share/nvim/swap/%a.swp", ".local/state/nvim/shada/main.shada", ".gunicorn/gunicorn.ctl",
        ".ansible/tmp/ansible-local-11577y5", ".cookiecutter_replay/x.json", ".local/state/scrapy/job_files/1.json",
    ):  # fmt: skip
        assert f"/home/dev/{name}".startswith(own.tools)
    for name in (
        ".local/share/nvim/site/x.vim", ".local/state/nvim/view/x", ".gunicorn/conf.py", ".gunicorn/",
        ".ansible/tmp/ansible-tmp-1", ".ansible/plugins/x.py", ".ansible/collections/x", ".cookiecutters/x/hooks/x.py",
        ".cookiecutterrc",
    ):  # fmt: skip
        assert not f"/home/dev/{name}".startswith(own.tools)
