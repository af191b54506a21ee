"""Qwen Code. Runs `bash -c CMD` from PATH and kills it after 120 s. A fork of Gemini CLI with Claude's hook dialect.

Settings for one session come by QWEN_CODE_SYSTEM_SETTINGS_PATH.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from leashtui.agents import dialect, servers, spending
from leashtui.agents.adapter import MODEL_KEYS, Adapter, Armed, Armory, Footprint, Form, Run, Settings, Tally
from leashtui.model.errors import LeashError
from leashtui.model.hook import Answer, Happening, Kind, Moment, Reply

SETTINGS = "QWEN_CODE_SYSTEM_SETTINGS_PATH"
_SYSTEM = "/etc/qwen-code/settings.json"
_FORM = 4
"""The form of settings this writes; where it stood in no file, Qwen Code would want to bring the file up to date."""
_EVENTS = {
    "SessionStart": Moment.SESSION_START,
    "UserPromptSubmit": Moment.PROMPT,
    "PreToolUse": Moment.TOOL,
    "PostToolUse": Moment.TOOL_DONE,
    "Stop": Moment.STOP,
    "SessionEnd": Moment.SESSION_END,
}
_NAMES = {moment: event for event, moment in _EVENTS.items()}
_TOOLS = {
    "run_shell_command": dialect.shell("command", "directory"),
    "read_file": dialect.files(Kind.READ, "file_path"),
    "write_file": dialect.files(Kind.WRITE, "file_path", "content"),
    "edit": dialect.files(Kind.WRITE, "file_path", "new_string", "old_string"),
    "task": dialect.plain(Kind.SUBAGENT),
    "web_fetch": dialect.plain(Kind.FETCH),
}


class Qwen(Adapter, frozen=True):
    """Qwen Code with hooks by a system settings file of the session."""

    def keys_in(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """Besides the usual ones, those that the person's settings name for a provider."""
        table = servers.table_of(Path(env.get("HOME", "/"), ".qwen/settings.json"), "modelProviders")
        return (*super().keys_in(env), *servers.variables_in(table, r'"envKey": "NAME"'))

    def arm(self, argv: Sequence[str], env: Mapping[str, str], armory: Armory) -> Armed:
        """Hooks beside whatever the system's own settings file says."""
        path = Path(env.get(SETTINGS) or _SYSTEM)
        try:
            document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        except (OSError, ValueError) as error:
            raise LeashError(f"{path}: {error}", "mend that file: Qwen Code cannot read it either") from error
        hooks = dialect.table(_EVENTS, self.hold, armory.command, scale=1000)
        files = (Path(env.get("HOME", "/"), ".qwen/settings.json"), Path(armory.cwd, ".qwen/settings.json"))
        document = servers.joined(document or {"$version": _FORM}, str(path), files, armory, env)
        made = armory.write("qwen.json", json.dumps(dialect.merge(document, hooks)).encode())
        return Armed(list(argv), {**env, SETTINGS: made})

    def settings(self, command: dialect.Command) -> Settings:
        """See Adapter."""
        return Settings(
            "~/.qwen/settings.json", "./.qwen/settings.json", dialect.table(_EVENTS, self.hold, command, scale=1000)
        )

    def hear(self, event: str, data: bytes) -> Happening | None:
        """See Adapter."""
        return dialect.hear(event, data, _EVENTS, _TOOLS)

    def answer(self, happening: Happening, answer: Answer) -> Reply:
        """See Adapter."""
        return dialect.answer(happening, answer, _NAMES[happening.moment], allows=False)

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.Qwen()


AGENT = Qwen(
    kind="qwen",
    names=("qwen",),
    patience=120,
    hold=3600,
    quiet=("--yolo",),
    tried="0.24.4",
    state=(".qwen/", ".qwen/extensions/extension-enablement.json"),  # which it writes at its first start
    kept=(".qwen/settings",),
    keys=("QWEN_API_KEY", *MODEL_KEYS),
    form=Form.LINES,
    footprint=Footprint(
        settings=("~/.qwen/settings.json", "./.qwen/settings.json", _SYSTEM),
        mcp=(("~/.qwen/settings.json", "mcpServers"), ("./.qwen/settings.json", "mcpServers")),
        bundled=(("~/.qwen/extensions/*/qwen-extension.json", "mcpServers"),),
        skills=("~/.qwen/extensions", "~/.qwen/skills", "./.qwen/skills"),
        instructions=("~/.qwen/QWEN.md", "./QWEN.md", "./AGENTS.md"),
        transcripts="~/.qwen/projects/*/chats/*.jsonl",
        bypasses=("--yolo", "-y", "--approval-mode yolo"),
        package="@qwen-code/qwen-code",
        weak=(
            ("tools.approvalMode", '"yolo"', "it approves everything itself"),
            ("approvalMode", '"yolo"', "it approves everything itself"),
            ("tools.autoAccept", "true", "it approves tools itself"),
            ("tools.allowed", '"run_shell_command"', "every shell command is approved beforehand"),
            ("mcpServers.?.trust", "true", "every tool of this server is approved beforehand"),
        ),
    ),
)
