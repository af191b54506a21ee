"""Claude Code. Its tool runs `/bin/bash -c '... eval CMD ...'` from $SHELL and gives up on a command after 120 s.

Seen with 2.0.77, 2.1.197 and 2.1.330: CLAUDE_CODE_SHELL and SHELL choose the shell, BASH_ENV is not read; a hook's
time-out is not the command's, so a command can be held in the hook before its shell starts. Settings for one session
come by `--settings`, which is merged with all others. What it fetches and registers by itself at a first start (a
marketplace of plugins, a handler of links) it leaves alone under leash: nobody asked for it.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leashtui.agents import dialect, servers, spending
from leashtui.agents.adapter import Adapter, Armed, Armory, Footprint, Form, Run, Settings, Tally, shell_text
from leashtui.model.errors import LeashError
from leashtui.model.hook import Answer, Happening, Kind, Moment, Reply, ToolUse


def _monitor(name: str, fields: dialect.Fields, cwd: str) -> ToolUse:
    """A shell command whose lines are events, or a socket's."""
    shape = dialect.shell("command") if "command" in fields else dialect.plain(Kind.FETCH)
    return shape(name, fields, cwd)


_EVENTS = {
    "SessionStart": Moment.SESSION_START,
    "UserPromptSubmit": Moment.PROMPT,
    "PreToolUse": Moment.TOOL,
    "PostToolUse": Moment.TOOL_DONE,
    "PermissionRequest": Moment.PERMISSION,
    "Notification": Moment.NOTIFICATION,
    "Stop": Moment.STOP,
    "SubagentStop": Moment.SUBAGENT_END,
    "SessionEnd": Moment.SESSION_END,
}
_NAMES = {moment: event for event, moment in _EVENTS.items()}
_TOOLS = {
    "Bash": dialect.shell("command"),
    "Monitor": _monitor,
    "Read": dialect.files(Kind.READ, "file_path", home=True),
    "Grep": dialect.searched("path", "glob"),
    "Write": dialect.files(Kind.WRITE, "file_path", "content", home=True),
    "Edit": dialect.files(Kind.WRITE, "file_path", "new_string", "old_string", home=True),
    "MultiEdit": dialect.edits("file_path", "edits", "new_string", "old_string", home=True),
    "NotebookEdit": dialect.files(Kind.WRITE, "notebook_path", "new_source", home=True),
    "Agent": dialect.plain(Kind.SUBAGENT),
    "Task": dialect.plain(Kind.SUBAGENT),
    "Workflow": dialect.plain(Kind.SUBAGENT),
    "WebFetch": dialect.plain(Kind.FETCH),
    "WebSearch": dialect.plain(Kind.FETCH),
}
_OFF = r"\\builtin (?:unalias|unset -f) -- '[\w.-]+'"
_SNAPSHOT = r"/shell-snapshots/snapshot-[\w-]+\.sh"  # in ~/.claude, or where CLAUDE_CONFIG_DIR says
_EVAL = re.compile(
    rf"(?:source (?:[\w./@%+=:,-]+{_SNAPSHOT}|'[^'\n]+{_SNAPSHOT}')(?: 2>/dev/null \|\| true)? && )?"
    r"(?:(?:\\builtin )?(?:shopt -u|setopt|unsetopt) [\w ]+ 2>/dev/null \|\| true && "
    rf"|\{{ {_OFF}; {_OFF}; \}} >/dev/null 2>&1 \|\| true && )*"
    r"eval (.*?)(?: \\?< /dev/null)? && pwd -P >\| [\w./-]+/claude-\w+-cwd",
    re.S,
)
"""Its preamble: loading its snapshot of the shell, switching some things off; the command; where it ended up."""
_FUNCTION = "f() { git --git-dir=\"$1\" for-each-ref --format='%(objectname)'; }; f"
_QUIET = {"disableDeepLinkRegistration": "disable"}
"""What it would do to the person's desktop by itself at its first start."""
_BEDROCK = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK")
_REFS = f"core.alternateRefsCommand={_FUNCTION}"


class Claude(Adapter, frozen=True):
    """Claude Code with hooks by `--settings`."""

    def arm(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """A settings file of the session, holding what the person passed by --settings as well."""
        words = list(argv)
        given: dict[str, Any] = {}
        for at, word in enumerate(words[1:], 1):
            if word == "--":
                break
            if word == "--settings" and at + 1 < len(words):
                given = _settings(words[at + 1])
                del words[at : at + 2]
                break
            if word.startswith("--settings="):
                given = _settings(word.partition("=")[2])
                del words[at]
                break
        hooks = dialect.table(_EVENTS, self.hold, armory.command, onFailure="block")
        path = armory.write("claude.json", json.dumps(dialect.merge({**_QUIET, **given}, hooks)).encode())
        words, servers, notes = _served(words, env, armory, given)
        if servers:  # before --settings: the option takes every word up to the next one
            mine = armory.write("claude-mcp.json", json.dumps({"mcpServers": servers}).encode())
            words[1:1] = ["--mcp-config", mine]
        at = 3 if servers else 1
        return Armed([*words[:at], "--settings", path, *words[at:]], dict(env), notes)

    def settings(self, command: dialect.Command) -> Settings:
        """See Adapter."""
        return Settings(
            "~/.claude/settings.json",
            "./.claude/settings.local.json",
            dialect.table(_EVENTS, self.hold, command, onFailure="block"),
        )

    def hear(self, event: str, data: bytes) -> Happening | None:
        """See Adapter."""
        return dialect.hear(event, data, _EVENTS, _TOOLS)

    def answer(self, happening: Happening, answer: Answer) -> Reply:
        """See Adapter."""
        return dialect.answer(happening, answer, _NAMES[happening.moment], allows=True)

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.Claude()

    def plain(self, argv: Sequence[str]) -> tuple[str, ...]:
        """A shell with the command alone; its own git calls without the one setting that names a function."""
        words = tuple(argv)
        if words[:1] and os.path.basename(words[0]) == "git" and _REFS in words:
            at = words.index(_REFS)
            return (*words[: at - 1], *words[at + 1 :]) if words[at - 1] == "-c" else words
        if _EVAL.fullmatch(shell_text(words)) is None:
            return words
        command = self.command_of(words)
        return (words[0], "-c", command)

    def command_of(self, argv: Sequence[str]) -> str:
        """What stands behind `eval` in its preamble."""
        text = shell_text(argv)
        found = _EVAL.fullmatch(text)
        if found is None:
            return text
        try:
            words = shlex.split(found[1])
        except ValueError:
            return text
        return words[0] if len(words) == 1 else text


def _served(
    argv: list[str], env: Mapping[str, str], armory: Armory, settings: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any], tuple[str, ...]]:
    """(words without --mcp-config, every server led through leash, what a person should know).

    A server of this name given on the command line counts before those of the files, so that each file stays as it is.
    """
    if not armory.own:
        return argv, {}, ()
    words, given, strict = _without_servers(argv)
    folder = Path(env.get("CLAUDE_CONFIG_DIR") or env.get("HOME", "/"))
    made: dict[str, Any] = {}
    waiting: list[str] = []
    if not strict:
        user = folder / ".claude.json"
        made |= servers.led(servers.table_of(user, "mcpServers"), str(user), armory.relay, env)
        asked = _approved(folder, words, settings, armory)
        for place in servers.above(armory.cwd, armory.top):
            file = place / ".mcp.json"
            table = servers.table_of(file, "mcpServers")
            waiting += [name for name in table if not asked(name)]
            table = {name: entry for name, entry in table.items() if asked(name)}
            made |= servers.led(table, str(file), armory.relay, env)
        for root in dict.fromkeys((armory.top, armory.cwd)):
            local = servers.table_of(user, "projects", root, "mcpServers")
            made |= servers.led(local, f"{user} for {root}", armory.relay, env)
            for name in servers.table_of(user, "projects", root).get("disabledMcpServers") or ():
                made.pop(name, None)
    for word in given:
        inline = word.lstrip().startswith("{")
        path = Path(armory.cwd, word)
        theirs = servers.below(_settings(word), "mcpServers") if inline else servers.table_of(path, "mcpServers")
        led = servers.led(theirs, "the command line" if inline else str(path), armory.relay, env)
        made |= {name: led.get(name, entry) for name, entry in theirs.items()}
    notes: tuple[str, ...] = ()
    if waiting:
        notes = (
            f"claude asks about {', '.join(waiting)} of .mcp.json itself; leash is between them from the next session",
        )
    if servers.OWN not in made:
        made[servers.OWN] = servers.own_entry(armory.own)
    if strict:
        words[1:1] = ["--strict-mcp-config"]
    return words, made, notes


def _without_servers(argv: list[str]) -> tuple[list[str], list[str], bool]:
    """(the words without --mcp-config and its values, those values, whether only they count)."""
    words, given, at = list(argv[:1]), [], 1
    while at < len(argv) and argv[at] != "--":
        word = argv[at]
        at += 1
        if word.startswith("--mcp-config="):
            given.append(word.partition("=")[2])
        elif word == "--mcp-config":
            while at < len(argv) and not argv[at].startswith("-"):
                given.append(argv[at])
                at += 1
        elif word != "--strict-mcp-config":
            words.append(word)
    return [*words, *argv[at:]], given, "--strict-mcp-config" in argv


def _approved(folder: Path, words: Sequence[str], settings: Mapping[str, Any], armory: Armory) -> Callable[[str], bool]:
    """Whether Claude Code would start a server of .mcp.json without asking the person: headless it always does."""
    headless = not {"-p", "--print"}.isdisjoint(words)
    tables: list[Mapping[str, Any]] = [settings, *(servers.table_of(folder / ".claude.json", "projects", root)
              for root in (armory.top, armory.cwd))]  # fmt: skip
    tables += [servers.table_of(place) for place in (
        folder / "settings.json", folder / ".claude/settings.json", Path(armory.cwd, ".claude/settings.json"),
        Path(armory.cwd, ".claude/settings.local.json"))]  # fmt: skip
    every = any(table.get("enableAllProjectMcpServers") is True for table in tables)
    yes = {name for table in tables for name in table.get("enabledMcpjsonServers") or ()}
    no = {name for table in tables for name in table.get("disabledMcpjsonServers") or ()}
    return lambda name: name not in no and (headless or every or name in yes)


def _settings(word: str) -> dict[str, Any]:
    """What `--settings WORD` holds: a JSON text or a file. Raises LeashError."""
    try:
        text = word if word.lstrip().startswith("{") else Path(word).read_text(encoding="utf-8")
        document = json.loads(text)
    except (OSError, ValueError) as error:
        raise LeashError(
            f"claude --settings {word[:60]}: {error}", "mend that file, or leave the option out"
        ) from error
    if not isinstance(document, dict):
        raise LeashError(f"claude --settings {word[:60]}: not a JSON object", "mend that file, or leave the option out")
    return document


AGENT = Claude(
    kind="claude",
    names=("claude",),
    patience=120,
    hold=3600,
    quiet=("--dangerously-skip-permissions",),
    answered=True,
    surroundings=(("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1"),),
    tried="2.1.330",
    habits=(
        r"/bin/(?:ba|z)?sh\0-c\0env",
        r"/bin/(?:ba|z)sh\0-c\0-l\0SNAPSHOT_FILE=[^\n;&|`$]*/shell-snapshots/snapshot-[\w-]+\.sh'?\n.*",
    ),
    needless=(
        r"ssh\0-T\0(?:-o\0[A-Za-z]+=[\w-]+\0)*git@github\.com",
        r"git(?:\0-c\0[\w.]+=[^\0]*)*\0clone\0--depth\x001\0(?:https://github\.com/|git@github\.com:)anthropics"
        r"/claude-plugins-official\.git"
        r"\0/[^\0]*/plugins/marketplaces/[\w.-]+",
    ),
    settings_of_git=(_FUNCTION,),
    files_of_git=(r"/[\w./-]+/claude-\d+/bash-edit-diff/[\da-f-]+/config\.global",),
    state=(
        ".claude/",
        ".claude.json",
        ".claude/plugins/store/",
        ".config/claude/",
        ".local/share/claude/",
        ".local/state/claude/",
        ".cache/claude/",
    ),
    kept=(".claude/settings", ".claude/hooks", ".claude/commands"),
    shared=(".claude/shell-snapshots/snapshot-", ".claude/session-env/"),
    keys=("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "CLAUDE_CODE_OAUTH_TOKEN"),
    keys_when=(
        ("CLAUDE_CODE_USE_BEDROCK", _BEDROCK),
        ("CLAUDE_CODE_USE_FOUNDRY", ("ANTHROPIC_FOUNDRY_API_KEY",)),
    ),
    places=(
        ("CLAUDE_CODE_USE_BEDROCK", (".aws",)),
        ("CLAUDE_CODE_USE_VERTEX", (".config/gcloud",)),
        ("CLAUDE_CODE_USE_FOUNDRY", (".azure",)),
    ),
    form=Form.LINES,
    moved=(("CLAUDE_CONFIG_DIR", "~/.claude/", ""), ("CLAUDE_CONFIG_DIR", "~/.claude.json", ".claude.json")),
    footprint=Footprint(
        settings=("~/.claude/settings.json", "./.claude/settings.json", "./.claude/settings.local.json"),
        mcp=(("~/.claude.json", "mcpServers"), ("./.mcp.json", "mcpServers")),
        bundled=(
            ("~/.claude/plugins/cache/*/*/*/.mcp.json", "mcpServers"),
            ("~/.claude/plugins/cache/*/*/*/.claude-plugin/plugin.json", "mcpServers"),
        ),
        skills=("~/.claude/skills", "./.claude/skills", "~/.claude/plugins", "~/.claude/agents", "./.claude/agents"),
        instructions=("~/.claude/CLAUDE.md", "./CLAUDE.md", "./CLAUDE.local.md", "./AGENTS.md"),
        transcripts="~/.claude/projects/*/*.jsonl",
        bypasses=(
            "--dangerously-skip-permissions",
            "--allow-dangerously-skip-permissions",
            "--permission-mode bypassPermissions",
        ),
        package="@anthropic-ai/claude-code",
        weak=(
            ("permissions.defaultMode", '"bypassPermissions"', "its own prompts are off for every session"),
            ("permissions.allow", '"Bash"', "every shell command is approved beforehand"),
            ("permissions.allow", '"Bash(*)"', "every shell command is approved beforehand"),
            ("permissions.allow", '"Bash(:*)"', "every shell command is approved beforehand"),
            ("permissions.allow", '"*"', "every tool is approved beforehand"),
            ("permissions.additionalDirectories", '"/"', "it works in every folder of the machine"),
            ("permissions.additionalDirectories", '"~"', "it works in the whole home"),
            ("enableAllProjectMcpServers", "true", "it starts every MCP server that a project names, unasked"),
            ("skipDangerousModePermissionPrompt", "true", "it enters its bypass mode without a warning"),
            ("disableAllHooks", "true", "no hook runs, leash's neither"),
        ),
    ),
)
