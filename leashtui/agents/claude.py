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

from leashtui.agents import claude_mcp, dialect, spending
from leashtui.agents.adapter import Adapter, Armed, Armory, Footprint, Form, Named, Run, Settings, Tally, shell_text
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
                given = claude_mcp.settings_in(words[at + 1])
                del words[at : at + 2]
                break
            if word.startswith("--settings="):
                given = claude_mcp.settings_in(word.partition("=")[2])
                del words[at]
                break
        hooks = dialect.table(_EVENTS, self.hold, armory.command, onFailure="block")
        path = armory.write("claude.json", json.dumps(dialect.merge({**_QUIET, **given}, hooks)).encode())
        words, served = claude_mcp.served(words, env, armory, given)
        if served:  # before --settings: the option takes every word up to the next one
            mine = armory.write("claude-mcp.json", json.dumps({"mcpServers": served}).encode())
            words[1:1] = ["--mcp-config", mine]
        at = 3 if served else 1
        return Armed([*words[:at], "--settings", path, *words[at:]], dict(env))

    def files(self, argv: Sequence[str], folder: str, env: Mapping[str, str]) -> tuple[Named, ...]:
        """What the person keeps for this project alone."""
        return (("~/.claude.json", ("projects", folder, "mcpServers")),)

    def brought(self, argv: Sequence[str], find: Callable[[str], list[Path]]) -> tuple[Path, ...]:
        """See Adapter."""
        return tuple(path for root in claude_mcp.roots(argv, find) for path in claude_mcp.files_of(root))

    def called(self, name: str, path: Path) -> str:
        """See Adapter."""
        return claude_mcp.called(name, path)

    def is_off(self, name: str, argv: Sequence[str], env: Mapping[str, str], folder: str, source: str) -> bool:
        """See Adapter."""
        return "--strict-mcp-config" in argv or claude_mcp.is_off(name, env, folder)

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
        mcp=(("~/.claude.json", "mcpServers"), ("./.mcp.json", "mcpServers"), (claude_mcp.MANAGED, "mcpServers")),
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
