"""What agents say in their hooks and shells is understood, and answered in the way each of them honours."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from unit.agents.recorded import CWD, MCP, PATCH, SHELL, SHELLS, WRITE

from leashtui.agents.adapter import Armory
from leashtui.agents.registry import AGENTS, adapter_for, placed
from leashtui.model.errors import LeashError
from leashtui.model.hook import Answer, Kind, Moment

KINDS = sorted(SHELL)


@pytest.mark.parametrize("kind", KINDS)
def test_a_shell_tool_is_its_command(kind: str) -> None:
    event, data = SHELL[kind]
    heard = adapter_for(kind).hear(event, data)
    assert heard is not None and heard.tool is not None
    assert (heard.moment, heard.tool.kind, heard.tool.command) == (Moment.TOOL, Kind.SHELL, "echo hi > x.txt")
    assert heard.tool.cwd == CWD


@pytest.mark.parametrize("kind", KINDS)
def test_a_write_tool_is_its_file_and_its_text(kind: str) -> None:
    event, data = WRITE[kind]
    heard = adapter_for(kind).hear(event, data)
    assert heard is not None and heard.tool is not None
    (act,) = heard.tool.files
    assert (act.kind, act.path, act.new) == (Kind.WRITE, f"{CWD}/n.txt", "new")


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_of_a_server_is_told_by_its_server(kind: str) -> None:
    event, data = MCP[kind]
    heard = adapter_for(kind).hear(event, data)
    assert heard is not None and heard.tool is not None
    assert (heard.tool.kind, heard.tool.server) == (Kind.MCP, "files")


def test_a_search_in_a_named_file_reads_it() -> None:
    for kind, event, name, path, only in (
        ("claude", "PreToolUse", "Grep", "path", "glob"),
        ("gemini", "BeforeTool", "grep_search", "dir_path", "include_pattern"),
        ("opencode", "before", "grep", "path", "include"),
    ):
        for given, read in (
            ({path: ".env"}, [f"{CWD}/.env"]),
            ({path: "/root/.ssh", only: "*"}, ["/root/.ssh"]),
            ({only: ".env"}, [f"{CWD}/.env"]),
            ({path: "src", only: "a.py"}, [f"{CWD}/src/a.py"]),
            ({only: "*.py"}, []),
            ({}, []),
        ):
            data = json.dumps({"cwd": CWD, "tool_name": name, "tool_input": {"pattern": "x", **given}}).encode()
            heard = adapter_for(kind).hear(event, data)
            assert heard is not None and heard.tool is not None
            assert heard.tool.kind is (Kind.READ if read else Kind.OTHER)
            assert [act.path for act in heard.tool.files] == read


def test_every_file_of_a_patch_is_an_act() -> None:
    data = json.dumps({"cwd": CWD, "tool_name": "apply_patch", "tool_input": {"command": PATCH}}).encode()
    heard = adapter_for("codex").hear("PreToolUse", data)
    assert heard is not None and heard.tool is not None
    assert [(a.kind, *(p.removeprefix(CWD + "/") for p in (a.path, a.was))) for a in heard.tool.files] == [
        (Kind.WRITE, "n.txt", ""),
        (Kind.WRITE, "src/b.py", "src/a.py"),
        (Kind.DELETE, "gone.txt", ""),
    ]


@pytest.mark.parametrize(
    ("command", "files"),
    [
        ("apply_patch <<'EOF'\n{}\nEOF", ["n.txt"]),
        ("apply_patch <<EOF\n{}\nEOF\n", ["n.txt"]),
        ("cd src && apply_patch <<'X'\n{}\nX", ["src/n.txt"]),
        ("cd 'my src' && applypatch << \"X\"\n{}\nX", ["my src/n.txt"]),
        ("echo hi; apply_patch <<'EOF'\n{}\nEOF", []),
        ("apply_patch <<'EOF'\nnothing\nEOF", []),
    ],
)
def test_a_command_that_is_a_patch_is_an_edit_to_codex(command: str, files: list[str]) -> None:
    patch = "*** Begin Patch\n*** Add File: n.txt\n+new\n*** End Patch"
    given = {"command": command.replace("{}", patch)}
    heard = adapter_for("codex").hear(
        "PreToolUse", json.dumps({"cwd": CWD, "tool_name": "Bash", "tool_input": given}).encode()
    )
    assert heard is not None and heard.tool is not None
    assert heard.tool.kind is Kind.SHELL and heard.tool.command == given["command"]
    assert [act.path for act in heard.tool.files] == [f"{CWD}/{name}" for name in files]


def test_a_home_is_meant_where_the_agent_means_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Claude Code 2.0 hands `~` to its hooks as its model wrote it, and writes to the home."""
    monkeypatch.setenv("HOME", "/home/ann")
    for kind, event, name, meant in (
        ("claude", "PreToolUse", "Write", "/home/ann/x"),
        ("gemini", "BeforeTool", "write_file", f"{CWD}/~/x"),
    ):
        data = {"cwd": CWD, "tool_name": name, "tool_input": {"file_path": "~/x", "content": "y"}}
        heard = adapter_for(kind).hear(event, json.dumps(data).encode())
        assert heard is not None and heard.tool is not None
        assert heard.tool.files[0].path == meant


@pytest.mark.parametrize(
    ("words", "name", "text", "forgone"),
    [
        ("run -m s/m x", "opencode.json", b'{"a": 1}', True),
        ("", "opencode.jsonc", b'{"a": 1, // mine\n}', True),
        ("run x", "opencode.json", b'{"$schema": "y"}', False),
        ("mcp add x", "opencode.json", b"{}", False),
        ("run x", "opencode.json", b"{", False),
        ("run x", "tui.json", b"{}", False),
    ],
)
def test_opencode_does_without_a_schema_and_nothing_else(words: str, name: str, text: bytes, forgone: bool) -> None:
    argv = ["opencode", *words.split()]
    assert adapter_for("opencode").forgoes(argv, f"{CWD}/{name}", text) is forgone
    assert not adapter_for("claude").forgoes(argv, f"{CWD}/{name}", text)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"cwd": "x", "tool_name": "B"}', b'{"cwd": "/"}', b"\xff"])
def test_rubbish_before_a_tool_is_no_question(kind: str, data: bytes) -> None:
    with pytest.raises(ValueError):
        adapter_for(kind).hear(SHELL[kind][0], data)


@pytest.mark.parametrize("kind", KINDS)
def test_a_tool_without_its_arguments_is_no_question(kind: str) -> None:
    event, data = SHELL[kind]
    fields = json.loads(data) | {"tool_input": {}}
    with pytest.raises(ValueError):
        adapter_for(kind).hear(event, json.dumps(fields).encode())


@pytest.mark.parametrize("kind", KINDS)
def test_a_refusal_is_exit_2_with_the_words_on_stderr(kind: str) -> None:
    agent = adapter_for(kind)
    heard = agent.hear(*SHELL[kind])
    assert heard is not None
    reply = agent.answer(heard, Answer(refused=True, feedback="leash: REFUSED: no."))
    assert (reply.code, reply.stderr) == (2, b"leash: REFUSED: no.\n")
    assert agent.answer(heard, Answer()).code == 0
    assert b"allow" not in agent.answer(heard, Answer()).stdout, "what leash allows, the agent may still ask about"


def test_only_claude_is_told_that_a_person_approved_before_a_tool() -> None:
    for kind in KINDS:
        heard = adapter_for(kind).hear(*SHELL[kind])
        assert heard is not None
        said = adapter_for(kind).answer(heard, Answer(approved=True)).stdout
        assert (b'"allow"' in said) is (kind == "claude")


@pytest.mark.parametrize("kind", KINDS)
def test_the_command_is_found_in_the_shell_that_runs_it(kind: str) -> None:
    agent = adapter_for(kind)
    assert agent.command_of(SHELLS[kind]) == "echo 'a b' > x.txt"
    assert agent.plain(SHELLS[kind])[-2:] == ("-c", "echo 'a b' > x.txt")


@pytest.mark.parametrize(
    "text",
    [
        "rm -rf ~; eval 'ls' && pwd -P >| /tmp/claude-1-cwd",
        "source /x/.claude/shell-snapshots/snapshot-a.sh; rm -rf ~ && eval 'ls' && pwd -P >| /tmp/claude-1-cwd",
        "eval 'ls' 'rm -rf ~' && pwd -P >| /tmp/claude-1-cwd",
        "eval 'ls' ; rm -rf ~ ; eval 'ls' && pwd -P >| /tmp/claude-1-cwd",
        "eval 'ls' && pwd -P >| /tmp/claude-1-cwd; rm -rf ~",
        "shopt -u x 2>/dev/null || true && rm -rf ~ && eval 'ls' && pwd -P >| /tmp/claude-1-cwd",
        'eval "$(cat x)" && pwd -P >| /tmp/claude-1-cwd; true',
    ],
)
def test_a_wrapping_that_is_not_exactly_claudes_is_judged_whole(text: str) -> None:
    argv = ("/bin/bash", "-c", text)
    assert adapter_for("claude").plain(argv) == argv or "rm -rf ~" in adapter_for("claude").plain(argv)[-1]


def _armory(written: dict[str, bytes]) -> Armory:
    def write(name: str, data: bytes) -> str:
        written[name] = data
        return f"/run/leash/{name}"

    return Armory(
        command=lambda event, seconds, gate: f"hook {event} {seconds:g} {gate}",
        words=lambda event, seconds, gate: ["hook", event],
        write=write,
        directory="/tmp",
    )


def test_arming_adds_and_never_takes_away() -> None:
    for agent in AGENTS:
        written: dict[str, bytes] = {}
        armed = agent.arm([agent.names[0], "-x", "do it"], {"HOME": "/h", "KEEP": "me"}, _armory(written))
        left = iter(armed.argv)
        assert all(word in left for word in (agent.names[0], "-x", "do it")), armed.argv
        assert armed.env["KEEP"] == "me"


def test_claude_keeps_the_settings_a_person_passed() -> None:
    written: dict[str, bytes] = {}
    given = json.dumps({"model": "opus", "hooks": {"Stop": [{"hooks": []}]}})
    armed = adapter_for("claude").arm(["claude", "--settings", given, "-p", "x"], {}, _armory(written))
    made = json.loads(written["claude.json"])
    assert made["model"] == "opus"
    assert len(made["hooks"]["Stop"]) == 2
    assert armed.argv == ["claude", "--settings", "/run/leash/claude.json", "-p", "x"]
    with pytest.raises(LeashError):
        adapter_for("claude").arm(["claude", "--settings", "{broken"], {}, _armory({}))


def test_opencode_keeps_what_its_variable_held() -> None:
    env = {"OPENCODE_CONFIG_CONTENT": json.dumps({"plugin": ["mine"], "theme": "x"})}
    armed = adapter_for("opencode").arm(["opencode"], env, _armory({}))
    made = json.loads(armed.env["OPENCODE_CONFIG_CONTENT"])
    assert made["theme"] == "x"
    assert made["plugin"] == ["mine", "file:///run/leash/leash-opencode.js"]


def test_opencodes_cleaning_of_its_own_snapshots_is_a_habit_and_no_other_is() -> None:
    opencode = adapter_for("opencode")
    store = "/home/dev/.local/share/opencode/snapshot/0a1b/2c3d"
    words = ["git", "--git-dir", store, "--work-tree", "/home/dev/proj", "gc", "--prune=7.days"]
    assert opencode.is_habit(words)
    assert opencode.is_habit([words[0], "-c", "core.symlinks=true", *words[1:]])
    for other in (
        ["git", "gc", "--prune=7.days"],
        [*words[:2], "/home/dev/proj/.git", *words[3:]],
        [*words[:2], "/x/opencode/snapshot/../../.git", *words[3:]],
        [*words[:-1], "--prune=now"],
        [words[0], "-c", "core.fsmonitor=x", *words[1:]],
        [*words, "-q"],
    ):
        assert not opencode.is_habit(other)


@pytest.mark.parametrize(
    ("kind", "event", "tool", "given", "meant"),
    [
        ("claude", "PreToolUse", "Monitor", {"command": "rm -rf x", "persistent": True}, Kind.SHELL),
        ("claude", "PreToolUse", "Monitor", {"ws": {"url": "ws://h/x"}}, Kind.FETCH),
        ("claude", "PreToolUse", "Workflow", {"script": "x"}, Kind.SUBAGENT),
        ("gemini", "BeforeTool", "invoke_agent", {"agent_name": "generalist", "prompt": "x"}, Kind.SUBAGENT),
        ("codex", "PreToolUse", "view_image", {"path": "a.png"}, Kind.READ),
        ("codex", "PreToolUse", "a_new_one", {"path": "a.png"}, Kind.OTHER),
    ],
)
def test_what_newer_tools_do_is_known(kind: str, event: str, tool: str, given: dict[str, object], meant: Kind) -> None:
    data = {"session_id": "s", "cwd": CWD, "hook_event_name": event, "tool_name": tool, "tool_input": given}
    happening = adapter_for(kind).hear(event, json.dumps(data).encode())
    assert happening is not None and happening.tool is not None
    assert happening.tool.kind is meant
    assert happening.tool.command == ("rm -rf x" if meant is Kind.SHELL else "")


OPTIONS = "shopt -u promptvars nullglob extglob nocaseglob dotglob; "
OLDER_GEMINIS = (
    OPTIONS + "(\n{}\n)\n__code=$?; pgrep -g 0 >/tmp/gemini-shell-aB1/pgrep.tmp 2>&1; exit $__code;",
    "(\n{}\n)\n__code=$?; pgrep -g 0 >'/tmp/gemini-shell-aB1/pgrep.tmp' 2>&1; exit $__code;",
    OPTIONS + "{{ {}; }}; __code=$?; pgrep -g 0 >/tmp/shell_pgrep_0a1b2c.tmp 2>&1; exit $__code;",
    "{{\n{}\n}}\n__code=$?; pwd > /tmp/gemini-shell-aB1/pwd.tmp; exit $__code",
)


@pytest.mark.parametrize("form", OLDER_GEMINIS)
def test_what_older_geminis_wrap_around_a_command_is_taken_off(form: str) -> None:
    gemini = adapter_for("gemini")
    for command in ("echo 'a b' > x.txt", "rm -rf x\necho y; } z"):
        assert gemini.command_of(("/usr/bin/bash", "-c", form.format(command))) == command
    for text in (form.format("ls") + " rm -rf x", "rm x; " + form.format("ls"), form.replace("/tmp/", "/x y/")):
        assert gemini.plain(("/usr/bin/bash", "-c", text)) == ("/usr/bin/bash", "-c", text)


def test_what_older_versions_wrap_around_a_command_is_taken_off() -> None:
    claude, codex = adapter_for("claude"), adapter_for("codex")
    text = (
        "source /home/dev/.claude/shell-snapshots/snapshot-bash-1-ab.sh && shopt -u extglob 2>/dev/null || true"
        " && eval 'rm -rf x' \\< /dev/null && pwd -P >| /tmp/claude-1-cwd"
    )
    assert claude.plain(("/bin/bash", "-c", "-l", text)) == ("/bin/bash", "-c", "rm -rf x")
    loaded = (
        "if . '/home/dev/.codex/shell_snapshots/1.sh' >/dev/null 2>&1; then :; fi\n\nexec '/bin/bash' -c 'rm -rf x'"
    )
    assert codex.command_of(("/bin/bash", "-c", loaded)) == "rm -rf x"
    assert codex.plain(("/x/codex-linux-sandbox", "--a", "b", "--", "/bin/bash", "-lc", "ls")) == (
        "/bin/bash",
        "-lc",
        "ls",
    )
    assert codex.command_of(()) == ""
    assert claude.command_of(("bash", "-c", "-o", "pipefail", "ls")) == ""
    assert claude.command_of(("bash", "-l", "x.sh")) == ""


def test_snapshots_that_lie_where_the_person_keeps_the_agents_files_are_snapshots() -> None:
    claude, codex = adapter_for("claude"), adapter_for("codex")
    name = "shell-snapshots/snapshot-bash-1-ab.sh"
    tail = "shopt -u extglob 2>/dev/null || true && eval 'rm -rf x' < /dev/null && pwd -P >| /tmp/claude-1-cwd"
    for path in (f"/data/claude+2/{name}", f"'/home/a b/.claude/{name}'"):
        text = f"source {path} 2>/dev/null || true && {tail}"
        assert claude.plain(("/bin/bash", "-c", text)) == ("/bin/bash", "-c", "rm -rf x")
    for path in (f"'/x'; rm -rf ~; '/{name}'", f"$(rm -rf ~)/{name}", f"/x;y/{name}", f"/x y/{name}"):
        text = f"source {path} 2>/dev/null || true && {tail}"
        assert claude.plain(("/bin/bash", "-c", text)) == ("/bin/bash", "-c", text)
    assert claude.is_habit(("/bin/bash", "-c", "-l", f"SNAPSHOT_FILE=/data/claude/{name}\nx"))
    tried = 'set -e; . "/data/codex/shell_snapshots/01a2.1.sh"'
    assert codex.plain(("/bin/bash", "-c", tried)) == ("true",)
    assert codex.plain(("/bin/bash", "-c", tried + "; rm x")) != ("true",)


def test_agents_files_are_where_the_persons_variables_say() -> None:
    env = {"CODEX_HOME": "/data/codex", "CLAUDE_CONFIG_DIR": "relative", "XDG_DATA_HOME": "/data/share"}
    for pattern, place in (
        ("~/.codex/config.toml", "/data/codex/config.toml"),
        ("~/.claude/settings.json", "~/.claude/settings.json"),
        ("~/.local/share/opencode/opencode.db", "/data/share/opencode/opencode.db"),
        ("./.codex/config.toml", "./.codex/config.toml"),
    ):
        assert placed(pattern, env) == place
    assert placed("~/.claude.json", {"CLAUDE_CONFIG_DIR": "/data/c"}) == "/data/c/.claude.json"


def test_what_claude_fetches_unasked_it_does_without_and_nothing_else() -> None:
    clone = ["git", "-c", "credential.helper=", "clone", "--depth", "1"]
    theirs, place = "anthropics/claude-plugins-official.git", "/home/ann/.claude/plugins/marketplaces/x"
    does_without = adapter_for("claude").does_without
    assert does_without([*clone, f"https://github.com/{theirs}", place])
    assert does_without([*clone, f"git@github.com:{theirs}", place])
    assert does_without(["ssh", "-T", "-o", "BatchMode=yes", "git@github.com"])
    assert not does_without([*clone, "https://github.com/evil/x.git", place])
    assert not does_without([*clone, f"https://github.com/{theirs}", "/home/ann/proj"])
    assert not does_without(["ssh", "-T", "git@github.com", "rm"])


@pytest.mark.parametrize(
    ("rules", "off"),
    [
        ([], False),
        (["!/home/dev/*"], True),
        (["!/home/dev/*", "/home/dev/proj/*"], False),
        (["/home/dev/*", "!/home/dev/proj/"], True),
        (["!/home/dev/"], False),
        (["!/home/dev/pro"], False),
        ("!/home/dev/*", False),
        ([7, "!/home/d?v/*"], False),
    ],
)
def test_a_server_of_an_extension_is_off_where_the_person_switched_it_off(
    tmp_path: Path, rules: object, off: bool
) -> None:
    place = tmp_path / ".gemini/extensions"
    source = place / "folder/gemini-extension.json"
    source.parent.mkdir(parents=True)
    source.write_text('{"name": "x"}')
    (place / "extension-enablement.json").write_text(json.dumps({"x": {"overrides": rules}}))
    is_off = adapter_for("gemini").is_off
    env = {"HOME": str(tmp_path)}
    assert is_off("peer", (), env, "/home/dev/proj", str(source)) is off
    assert not is_off("peer", (), env, "/home/dev/proj", str(tmp_path / ".gemini/settings.json"))
