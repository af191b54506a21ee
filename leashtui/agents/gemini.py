"""Gemini CLI. Runs `bash -c '( trap ... CMD ... )'` from PATH; cancels a command after 5 minutes without output.

Its hooks count milliseconds. Settings for one session come by GEMINI_CLI_SYSTEM_SETTINGS_PATH: a file of the session
that holds what the real system file holds, and our hooks; lists of hooks are joined with the user's. It reads that file
only where root owns it and everything above it, so that others need `leash hooks install gemini` once.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leashtui.agents import dialect, servers, spending
from leashtui.agents.adapter import Adapter, Armed, Armory, Footprint, Form, Run, Settings, Tally, refuse, shell_text
from leashtui.model.errors import LeashError
from leashtui.model.hook import Answer, Happening, Kind, Moment, Reply

SETTINGS = "GEMINI_CLI_SYSTEM_SETTINGS_PATH"
_SYSTEM = "/etc/gemini-cli/settings.json"
_EVENTS = {
    "SessionStart": Moment.SESSION_START,
    "BeforeAgent": Moment.PROMPT,
    "BeforeTool": Moment.TOOL,
    "AfterTool": Moment.TOOL_DONE,
    "AfterAgent": Moment.STOP,
    "Notification": Moment.NOTIFICATION,
    "SessionEnd": Moment.SESSION_END,
}
_NAMES = {moment: event for event, moment in _EVENTS.items()}
_TOOLS = {
    "run_shell_command": dialect.shell("command", "dir_path"),
    "read_file": dialect.files(Kind.READ, "file_path"),
    "grep_search": dialect.searched("dir_path", "include_pattern"),
    "search_file_content": dialect.searched("dir_path", "include"),
    "write_file": dialect.files(Kind.WRITE, "file_path", "content"),
    "replace": dialect.files(Kind.WRITE, "file_path", "new_string", "old_string"),
    "invoke_agent": dialect.plain(Kind.SUBAGENT),
    "delegate_to_agent": dialect.plain(Kind.SUBAGENT),
    "codebase_investigator": dialect.plain(Kind.SUBAGENT),
    "web_fetch": dialect.plain(Kind.FETCH),
    "google_web_search": dialect.plain(Kind.FETCH),
}
_FILE = r"'?[\w./-]+/(?:gemini-shell-\w+/(?:bgpids|pgrep|pwd)|shell_pgrep_\w+)\.tmp'?"
_AROUND = tuple(
    re.compile(rf"(?:shopt -u promptvars[\w ]*; ?)?{form}", re.S)
    for form in (
        rf"_bgpids_file={_FILE}\n\(\n  trap 'jobs -p > \"\$_bgpids_file\"' EXIT\n(.*)\n\)\n__code=\$\?\nexit \$__code",
        rf"\(\n(.*)\n\)\n__code=\$\?; pgrep -g 0 >{_FILE} 2>&1; exit \$__code;",
        rf"\{{ (.*?);? \}}; __code=\$\?; pgrep -g 0 >{_FILE} 2>&1; exit \$__code;",
        rf"\{{\n(.*)\n\}}\n__code=\$\?; pwd > {_FILE}; exit \$__code",
    )
)
"""What it puts around a command, in whole: now, before 0.55, before 0.39, and around what a person types behind `!`."""


def _server(name: str) -> str:
    """`mcp_server_tool`."""
    words = name.split("_")
    return words[1] if words[0] == "mcp" and len(words) > 2 else dialect.double_underscore(name)


class Gemini(Adapter, frozen=True):
    """Gemini CLI with hooks by a system settings file of the session."""

    def arm(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """Hooks beside whatever the system's own settings file says, where Gemini CLI would read it."""
        if not _is_trusted(armory.directory):
            return self.unarmed(argv, env, armory)
        document = _document(Path(env.get(SETTINGS) or _SYSTEM))
        hooks = dialect.table(_EVENTS, self.hold, armory.command, scale=1000)
        files = (Path(env.get("HOME", "/"), ".gemini/settings.json"), Path(armory.cwd, ".gemini/settings.json"))
        document = servers.joined(document, _SYSTEM, files, armory, env)
        path = armory.write("gemini.json", json.dumps(dialect.merge(document, hooks)).encode())
        return Armed(list(argv), {**env, SETTINGS: path})

    def brought(self, argv: Sequence[str], find: Callable[[str], list[Path]]) -> tuple[Path, ...]:
        """Extensions that are only linked to where they are made."""
        told = [servers.table_of(path) for path in find("~/.gemini/extensions/*/.gemini-extension-install.json")]
        sources = [one.get("source") for one in told if one.get("type") == "link"]
        return tuple(Path(source, "gemini-extension.json") for source in sources if isinstance(source, str))

    def is_off(self, name: str, argv: Sequence[str], env: Mapping[str, str], folder: str, source: str) -> bool:
        """Whether its extension is, in this folder: the last rule that fits it counts."""
        if os.path.basename(source) != "gemini-extension.json":
            return False
        home = env.get("GEMINI_CLI_HOME") or env.get("HOME", "/")
        extension = str(servers.table_of(Path(source)).get("name"))
        kept = servers.table_of(Path(home, ".gemini/extensions/extension-enablement.json"), extension)
        rules = [rule for rule in kept.get("overrides") or () if isinstance(rule, str)]
        fits = [rule for rule in rules if _rule(rule.removeprefix("!")).fullmatch(folder.rstrip("/") + "/")]
        return bool(fits) and fits[-1].startswith("!")

    def settings(self, command: dialect.Command) -> Settings:
        """See Adapter."""
        return Settings(
            "~/.gemini/settings.json", "./.gemini/settings.json", dialect.table(_EVENTS, self.hold, command, scale=1000)
        )

    def hear(self, event: str, data: bytes) -> Happening | None:
        """See Adapter."""
        return dialect.hear(event, data, _EVENTS, _TOOLS, _server)

    def answer(self, happening: Happening, answer: Answer) -> Reply:
        """Exit 2 refuses; what is said after a turn makes it take another."""
        if answer.refused:
            return refuse(answer.feedback)
        if happening.moment is Moment.STOP:
            held = answer.context and not happening.repeated
            said = {"decision": "deny", "reason": answer.context} if held else {}
            return Reply(stdout=json.dumps(said).encode())
        return dialect.answer(happening, answer, _NAMES[happening.moment], allows=False)

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.Gemini()

    def plain(self, argv: Sequence[str]) -> tuple[str, ...]:
        """A shell with the command alone."""
        words = tuple(argv)
        return (words[0], "-c", self.command_of(words)) if _inside(shell_text(words)) is not None else words

    def command_of(self, argv: Sequence[str]) -> str:
        """What stands between its beginning and its end."""
        text = shell_text(argv)
        found = _inside(text)
        return text if found is None else found


def _inside(text: str) -> str | None:
    """The command in what it puts around one, None where it is none of its forms."""
    found = next((match for form in _AROUND if (match := form.fullmatch(text))), None)
    return found[1] if found else None


def _rule(text: str) -> re.Pattern[str]:
    """The folders that a rule of its extensions means: `/a/*` is /a/ and all below."""
    return re.compile(re.sub(r"(/?)\\\*", r"(\1.*)?", re.escape(text)), re.S)


def _is_trusted(path: str) -> bool:
    """Whether Gemini CLI takes a system file from there: root's, and writable by nobody else, all the way up."""
    place = os.path.realpath(path)
    while True:
        found = os.stat(place)
        if found.st_uid != 0 or found.st_mode & 0o022:
            return False
        if place == "/":
            return True
        place = os.path.dirname(place)


def _document(path: Path) -> dict[str, Any]:
    """A system settings file that may not exist. Raises LeashError."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise LeashError(f"{path}: {error}", "mend that file: Gemini CLI cannot read it either") from error
    return document if isinstance(document, dict) else {}


AGENT = Gemini(
    kind="gemini",
    names=("gemini",),
    patience=300,
    beats=60,
    hold=3600,
    by_install=True,
    quiet=("--yolo",),
    tried="0.61.0",
    state=(".gemini/",),
    kept=(".gemini/settings", ".gemini/commands"),
    keys=("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    form=Form.LINES,
    moved=(("GEMINI_CLI_HOME", "~/.gemini/", ".gemini/"),),
    footprint=Footprint(
        settings=("~/.gemini/settings.json", "./.gemini/settings.json", "~/.gemini/trustedFolders.json", _SYSTEM),
        mcp=(
            ("~/.gemini/settings.json", "mcpServers"),
            ("./.gemini/settings.json", "mcpServers"),
            (_SYSTEM, "mcpServers"),
            ("/etc/gemini-cli/system-defaults.json", "mcpServers"),
        ),
        bundled=(
            ("~/.gemini/extensions/*/gemini-extension.json", "mcpServers"),
            ("./.gemini/extensions/*/gemini-extension.json", "mcpServers"),
        ),
        skills=("~/.gemini/extensions", "~/.gemini/skills", "./.gemini/skills", "./.gemini/extensions"),
        instructions=("~/.gemini/GEMINI.md", "./GEMINI.md", "./AGENTS.md"),
        transcripts="~/.gemini/tmp/*/chats/session-*.jsonl",
        bypasses=("--yolo", "-y", "--approval-mode yolo", "--skip-trust"),
        package="@google/gemini-cli",
        weak=(
            ("general.defaultApprovalMode", '"yolo"', "it approves everything itself"),
            ("tools.autoAccept", "true", "it approves tools itself"),
            ("autoAccept", "true", "it approves tools itself"),
            ("tools.allowed", '"run_shell_command"', "every shell command is approved beforehand"),
            ("mcpServers.?.trust", "true", "every tool of this server is approved beforehand"),
            ("security.folderTrust.enabled", "false", "it trusts every folder"),
            ("/", '"TRUST_FOLDER"', "it trusts every folder of the machine"),
            ("~", '"TRUST_FOLDER"', "it trusts the whole home"),
            ("hooksConfig.enabled", "false", "no hook runs, leash's neither"),
        ),
    ),
)
