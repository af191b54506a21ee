"""Codex. Runs `/bin/bash -lc CMD`; hands a slow command back to its model after 10 s.

Its terminal interface starts a daemon that runs the commands and outlives the session: `--no-daemon` keeps them below
us. Its own sandbox (bwrap) does not run under a Landlock file domain, so compat is its best tier. Hooks come by `-c`
for one session; because it runs only hooks that were reviewed, its review is bypassed for ours, and said.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from leashtui.agents import dialect, servers, spending
from leashtui.agents.adapter import (
    Adapter,
    Armed,
    Armory,
    Footprint,
    Form,
    Named,
    Run,
    Settings,
    Tally,
    before,
    refuse,
    shell_text,
)
from leashtui.model.hook import Answer, Happening, Kind, Moment, Reply, ToolUse
from leashtui.model.request import Tier

_HEADLESS = frozenset({"exec", "e", "login", "logout", "mcp", "apply", "help", "--help", "--version", "-V"})
_OWN_SANDBOX = frozenset({"--dangerously-bypass-approvals-and-sandbox", "--yolo", "danger-full-access"})
_NO_HOOKS = _HEADLESS - {"exec", "e"}
_TRIED = re.compile(r"(?:/usr)?/bin/bash\0-c\0set -e; \. \"[^\"$`\\]*/shell_snapshots/[\w.-]+\"")
_LOADED = re.compile(r"if \. '[^']*/shell_snapshots/[\w.-]+' >/dev/null 2>&1; then :; fi\n\nexec '/")
"""How versions before 0.131 load their snapshot."""
_EXEC = "\n\nexec '/"
_SETUP = "--codex-run-as-process-setup"
_SANDBOX = "codex-linux-sandbox"
"""A link to itself, by which older versions start a command in their own sandbox."""
_NAME = re.compile(r"[\w-]+")
_HOOKS_SINCE = "0.131"
_DAEMON_SINCE = "0.157"
_TRUST = "--dangerously-bypass-hook-trust"
_EVENTS = {
    "SessionStart": Moment.SESSION_START,
    "UserPromptSubmit": Moment.PROMPT,
    "PreToolUse": Moment.TOOL,
    "PostToolUse": Moment.TOOL_DONE,
    "PermissionRequest": Moment.PERMISSION,
    "SubagentStart": Moment.SUBAGENT_START,
    "SubagentStop": Moment.SUBAGENT_END,
    "Stop": Moment.STOP,
}
_NAMES = {moment: event for event, moment in _EVENTS.items()}
_SETTLED = (
    r'(?:tui|notice)\.[^=]+=(?:true|false|\d+)|notice\.model_migrations\.[^=]+="[\w.-]+"'
    r'|model="[\w./:-]+"|model_reasoning_effort="\w+"'
)
"""What its screen keeps in config.toml: hints that were shown, the model that was chosen."""
_PATCHED = re.compile(
    r"\s*(?:cd (?P<folder>[\w./@%+~-]+|'[^'\n]+'|\"[^\"$`\\\n]+\") && )?apply_?patch\s+<<-?\s*"
    r"(?P<quote>['\"]?)(?P<end>\w+)"
    r"(?P=quote)\s*?\n(?P<patch>.*)\n\s*(?P=end)\s*",
    re.S,
)
"""A command that is nothing but a patch: it starts no shell, Codex makes the edits itself."""
_patched = dialect.patch("patch")


def _shell(name: str, fields: dialect.Fields, cwd: str) -> ToolUse:
    """A shell command, with the files of a patch that it is."""
    use = dialect.shell("command", "workdir")(name, fields, cwd)
    found = _PATCHED.fullmatch(use.command)
    if found is None:
        return use
    folder = os.path.normpath(os.path.join(use.cwd, (found["folder"] or "").strip("'\"")))
    try:
        return replace(use, files=_patched(name, {"patch": found["patch"]}, folder).files)
    except ValueError:  # no patch to Codex either, which then has its shell look for the program
        return use


_TOOLS = {
    "Bash": _shell,
    "shell": _shell,
    "apply_patch": dialect.patch("command"),
    "view_image": dialect.files(Kind.READ, "path"),
    "spawn_agent": dialect.plain(Kind.SUBAGENT),
    "collaborationspawn_agent": dialect.plain(Kind.SUBAGENT),  # a tool's namespace and its name, as its hooks say it
    "multi_agent_v1spawn_agent": dialect.plain(Kind.SUBAGENT),
    "web_search": dialect.plain(Kind.FETCH),
}


class Codex(Adapter, frozen=True):
    """Codex with hooks by `-c`, and `--no-daemon` in its terminal interface only."""

    def command(self, argv: Sequence[str], *, quiet: bool = False, version: str = "") -> list[str]:
        """As typed, with `--no-daemon` unless a subcommand runs without the daemon, or the version has none."""
        words = super().command(argv, quiet=quiet)
        if not _HEADLESS.isdisjoint(argv[1:]):
            return words
        daemon = "--no-daemon" in words or before(version, _DAEMON_SINCE)
        # each tip is counted in config.toml, a file that is asked about
        return [*words[:1], *(() if daemon else ("--no-daemon",)), "-c", "tui.show_tooltips=false", *words[1:]]

    def keys_in(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """Besides the usual ones, those that the person's settings name for a provider."""
        table = servers.table_of(_settings_of(env), "model_providers")
        return (*super().keys_in(env), *servers.variables_in(table, r'"env_key": "NAME"'))

    def arm(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """Hooks as configuration values of this run; they stand beside those of ~/.codex/hooks.json."""
        if not _NO_HOOKS.isdisjoint(argv[1:2]):
            return Armed(list(argv), dict(env))
        served, left = _served(env, armory)
        at = 2 if argv[1:2] in (["exec"], ["e"]) else 1
        if before(armory.version, _HOOKS_SINCE):
            old = f"codex {armory.version} has no hooks yet: the programs it starts are guarded, its own edits are not"
            return Armed([*argv[:at], *served, *argv[at:]], dict(env), (*left, old))
        added = [] if _TRUST in argv else [_TRUST]
        for event, entries in dialect.table(_EVENTS, self.hold, armory.command).items():
            hook = entries[0]["hooks"][0]
            text = f'{{type="command",command={json.dumps(hook["command"])},timeout={hook["timeout"]}}}'
            added += ["-c", f'hooks.{event}=[{{matcher="*",hooks=[{text}]}}]']
        added += served
        if os.geteuid() == 0 and _OWN_SANDBOX.isdisjoint(argv[1:]):
            left = (*left, "codex's own sandbox cannot run as root in a session: codex --sandbox danger-full-access")
        note = "codex runs every hook of its own configuration without asking for trust in this session"
        return Armed([*argv[:at], *added, *argv[at:]], dict(env), (*left, *((note,) if _TRUST not in argv else ())))

    def files(self, argv: Sequence[str], folder: str, env: Mapping[str, str]) -> tuple[Named, ...]:
        """A profile's own layer, and the machine's."""
        at = next((at for at, word in enumerate(argv[:-1]) if word in ("-p", "--profile")), -1)
        name = argv[at + 1] if at >= 0 else next((w[10:] for w in argv if w.startswith("--profile=")), "")
        own = (f"~/.codex/{name}.config.toml", "~/.codex/managed_config.toml") if "/" not in name else ()
        named = (*own, "/etc/codex/config.toml", "/etc/codex/managed_config.toml")
        return tuple((path, ("mcp_servers",)) for path in named)

    def typed(self, argv: Sequence[str]) -> Mapping[str, Any]:
        """Those of `-c mcp_servers.NAME.KEY=VALUE`."""
        made: dict[str, Any] = {}
        for at, word in enumerate(argv):
            given = argv[at + 1] if word in ("-c", "--config") and at + 1 < len(argv) else ""
            key, _, value = given.partition("=")
            if key.startswith("mcp_servers."):
                try:
                    read = tomllib.loads(f"{key}={value}")
                except ValueError:  # no TOML: the value is the text as it stands
                    read = tomllib.loads(f"{key}={json.dumps(value)}")
                for name, entry in servers.below(read, "mcp_servers").items():
                    made[name] = {**made.get(name, {}), **entry} if isinstance(entry, dict) else entry
        return made

    def settings(self, command: dialect.Command) -> Settings:
        """See Adapter."""
        return Settings("~/.codex/hooks.json", "./.codex/hooks.json", dialect.table(_EVENTS, self.hold, command))

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.Codex()

    def plain(self, argv: Sequence[str]) -> tuple[str, ...]:
        """The program behind its own process setup; nothing for the trial of its snapshot of the shell."""
        words = tuple(argv)
        if _TRIED.fullmatch("\0".join(words)):
            return ("true",)
        words = words[8:] if words[1:2] == (_SETUP,) and len(words) > 8 else words
        if words and words[0].rpartition("/")[2] == _SANDBOX and "--" in words[1:-1]:
            words = words[words.index("--") + 1 :]
        text = shell_text(words)
        command = _behind_snapshot(text)
        return (words[0], "-c", command) if command else words

    def folder(self, argv: Sequence[str]) -> str:
        """What its process setup is told: a tool call has a folder of its own."""
        return argv[6] if argv[1:2] == (_SETUP,) and len(argv) > 8 else ""

    def command_of(self, argv: Sequence[str]) -> str:
        """TEXT of its shell, without what loads its snapshot of the shell first."""
        return shell_text(self.plain(argv))

    def hear(self, event: str, data: bytes) -> Happening | None:
        """See Adapter."""
        return dialect.hear(event, data, _EVENTS, _TOOLS)

    def answer(self, happening: Happening, answer: Answer) -> Reply:
        """Exit 2 refuses; an unknown key in its JSON makes it ignore the whole answer, so there are few."""
        if answer.refused:
            return refuse(answer.feedback)
        return dialect.answer(happening, answer, _NAMES[happening.moment], allows=False)


def _settings_of(env: Mapping[str, str]) -> Path:
    return Path(env.get("CODEX_HOME") or Path(env.get("HOME", "/"), ".codex")) / "config.toml"


def _served(env: Mapping[str, str], armory: Armory) -> tuple[list[str], tuple[str, ...]]:
    """(every configured MCP server led through leash, as `-c` values; what stays outside, in a sentence)."""
    user = _settings_of(env)
    trusted = any(
        servers.table_of(user, "projects", root).get("trust_level") == "trusted" for root in (armory.top, armory.cwd)
    )
    nearer = [place / ".codex/config.toml" for place in servers.above(armory.cwd, armory.top)] if trusted else []
    table: dict[str, Any] = {}
    source: dict[str, str] = {}
    for path in dict.fromkeys((user, *nearer)):  # a nearer file's keys count before a farther one's
        for name, entry in servers.table_of(path, "mcp_servers").items():
            table[name] = {**table.get(name, {}), **entry} if isinstance(entry, dict) else entry
            source[name] = str(path)
    odd = [name for name in table if not _NAME.fullmatch(name)]
    made: dict[str, Any] = {}
    for name in table:
        if name not in odd:
            made |= servers.led({name: table[name]}, source[name], armory.relay, env)
    added: list[str] = []
    for name, entry in made.items():
        for key in ("command", "args", "url"):
            if entry.get(key) != table[name].get(key):
                added += ["-c", f"mcp_servers.{name}.{key}={json.dumps(entry[key], ensure_ascii=False)}"]
    if armory.own and servers.OWN not in table:
        own = servers.own_entry(armory.own)
        value = ",".join(f"{key}={json.dumps(word, ensure_ascii=False)}" for key, word in own.items())
        added += ["-c", f"mcp_servers.{servers.OWN}={{{value}}}"]
    return added, (
        f"leash is not between codex and {', '.join(odd)}: their names cannot be given to it",
    ) if odd else ()


def _behind_snapshot(text: str) -> str:
    """What a shell execs at the end of the lines that load a snapshot; '' for any other text."""
    at = text.find(_EXEC) if text.startswith("__CODEX_SNAPSHOT_") or _LOADED.match(text) else -1
    if at < 0:
        return ""
    try:
        words = shlex.split(text[at:])
    except ValueError:
        return ""
    return words[3] if len(words) == 4 and words[2] in {"-c", "-lc"} else ""


AGENT = Codex(
    kind="codex",
    names=("codex",),
    tier=Tier.COMPAT,
    patience=10,
    yields=True,
    hold=3600,
    quiet=("--dangerously-bypass-approvals-and-sandbox",),
    answered=True,
    tried="0.169.0",
    settled=(("~/.codex/config.toml", _SETTLED),),
    state=(".codex/", ".codex/skills/.system/"),
    kept=(".codex/rules",),
    keys=("OPENAI_API_KEY", "CODEX_API_KEY", "CODEX_ACCESS_TOKEN", "AZURE_OPENAI_API_KEY"),
    form=Form.LINES,
    moved=(("CODEX_HOME", "~/.codex/", ""),),
    footprint=Footprint(
        settings=("~/.codex/config.toml", "~/.codex/hooks.json", "./.codex/config.toml"),
        mcp=(("~/.codex/config.toml", "mcp_servers"), ("./.codex/config.toml", "mcp_servers")),
        bundled=(
            ("~/.codex/plugins/cache/*/*/*/.mcp.json", "mcpServers"),
            ("~/.codex/plugins/cache/*/*/*/.codex-plugin/plugin.json", "mcpServers"),
        ),
        skills=("~/.codex/skills", "~/.codex/prompts", "./.codex/skills", "~/.codex/plugins/cache"),
        unpacked=("~/.codex/skills/.system",),
        instructions=("~/.codex/AGENTS.md", "./AGENTS.md", "./AGENTS.override.md"),
        transcripts="~/.codex/sessions/*/*/*/rollout-*.jsonl",
        bypasses=(
            "--dangerously-bypass-approvals-and-sandbox",
            "--yolo",
            "--full-auto",
            _TRUST,
            "-a never",
            "--ask-for-approval never",
            "approval_policy never",
            "-s danger-full-access",
            "--sandbox danger-full-access",
            "sandbox_mode danger-full-access",
        ),
        package="@openai/codex",
        weak=(
            ("approval_policy", '"never"', "it never asks"),
            ("sandbox_mode", '"danger-full-access"', "its sandbox is off"),
            ("profiles.?.approval_policy", '"never"', "it never asks in this profile"),
            ("profiles.?.sandbox_mode", '"danger-full-access"', "its sandbox is off in this profile"),
            ("projects./.trust_level", '"trusted"', "it trusts every folder of the machine"),
            ("projects.~.trust_level", '"trusted"', "it trusts the whole home"),
            ("sandbox_workspace_write.network_access", "true", "its sandbox leaves the network open"),
            ("sandbox_workspace_write.writable_roots", '"/"', "its sandbox lets every file be written"),
            ("sandbox_workspace_write.writable_roots", '"~"', "its sandbox lets the whole home be written"),
        ),
    ),
)
