"""What real agents sent to their hooks and started as shells, as recorded; only names and directories were changed.

Claude Code 2.1.329, Codex 0.169.0, Gemini CLI 0.61.0, OpenCode 1.18.33.
"""

from __future__ import annotations

import json
from typing import Any

CWD = "/home/dev/proj"


def _claude(event: str, **more: Any) -> bytes:
    base = {
        "session_id": "4c23eb76-135e-42ab-8fe6-035d259dee52",
        "transcript_path": "/home/dev/.claude/projects/-home-dev-proj/4c23eb76.jsonl",
        "cwd": CWD,
        "prompt_id": "d88f17be-ad45-4e39-8b9d-bcb902a7d82d",
        "permission_mode": "bypassPermissions",
        "hook_event_name": event,
    }
    return json.dumps(base | more).encode()


def _codex(event: str, **more: Any) -> bytes:
    base = {
        "session_id": "01a1fd62-1dea-7c10-bc19-15a5935d6b52",
        "turn_id": "01a1fd62-1e03-71e0-8158-7b192f0f5ec1",
        "transcript_path": "/home/dev/.codex/sessions/2026/11/21/rollout-2026-11-21T09-13-48.jsonl",
        "cwd": CWD,
        "hook_event_name": event,
        "model": "gpt-5.5",
        "permission_mode": "bypassPermissions",
    }
    return json.dumps(base | more).encode()


def _gemini(event: str, **more: Any) -> bytes:
    base = {
        "session_id": "bbcfaaba-2289-4453-a36e-f41eac7e11a5",
        "transcript_path": "/home/dev/.gemini/tmp/proj/chats/session-2026-11-21T09-16-bbcfaaba.jsonl",
        "cwd": CWD,
        "hook_event_name": event,
        "timestamp": "2026-11-21T09:16:51.255Z",
    }
    return json.dumps(base | more).encode()


PATCH = (
    "*** Begin Patch\n*** Add File: n.txt\n+new\n*** Update File: src/a.py\n*** Move to: src/b.py\n@@\n-old\n+young\n"
    "*** Delete File: gone.txt\n*** End Patch\n"
)

SHELL = {
    "claude": ("PreToolUse", _claude("PreToolUse", tool_name="Bash", tool_use_id="toolu_0000",
        tool_input={"command": "echo hi > x.txt", "description": "a step"})),
    "codex": ("PreToolUse", _codex("PreToolUse", tool_name="Bash", tool_use_id="call_0",
        tool_input={"command": "echo hi > x.txt"})),
    "gemini": ("BeforeTool", _gemini("BeforeTool", tool_name="run_shell_command",
        tool_input={"command": "echo hi > x.txt", "description": "a step"})),
    "opencode": ("before", json.dumps({"cwd": CWD, "session_id": "ses_e029", "tool_use_id": "call_0",
        "tool_name": "bash", "tool_input": {"command": "echo hi > x.txt", "description": "a step"}}).encode()),
}  # fmt: skip
"""agent -> (event, input) of a shell tool about to run `echo hi > x.txt`."""

WRITE = {
    "claude": ("PreToolUse", _claude("PreToolUse", tool_name="Write", tool_use_id="toolu_0001",
        tool_input={"file_path": f"{CWD}/n.txt", "content": "new"})),
    "codex": ("PreToolUse", _codex("PreToolUse", tool_name="apply_patch", tool_use_id="call_1",
        tool_input={"command": f"*** Begin Patch\n*** Add File: {CWD}/n.txt\n+new\n*** End Patch\n"})),
    "gemini": ("BeforeTool", _gemini("BeforeTool", tool_name="write_file",
        tool_input={"file_path": f"{CWD}/n.txt", "content": "new"})),
    "opencode": ("before", json.dumps({"cwd": CWD, "session_id": "ses_e029", "tool_use_id": "call_1",
        "tool_name": "write", "tool_input": {"filePath": f"{CWD}/n.txt", "content": "new"}}).encode()),
}  # fmt: skip
"""agent -> (event, input) of its own tool about to write n.txt."""

MCP = {
    "claude": ("PreToolUse", _claude("PreToolUse", tool_name="mcp__files__read", tool_use_id="t", tool_input={})),
    "codex": ("PreToolUse", _codex("PreToolUse", tool_name="mcp__files__read", tool_use_id="t", tool_input={})),
    "gemini": ("BeforeTool", _gemini("BeforeTool", tool_name="mcp_files_read", tool_input={})),
    "opencode": ("before", json.dumps({"cwd": CWD, "tool_name": "files_read", "tool_input": {}}).encode()),
}

SHELLS = {
    "claude": (
        "/bin/bash", "-c",
        "source /home/dev/.claude/shell-snapshots/snapshot-bash-1795254516508-2v4dzw.sh 2>/dev/null || true && "
        "shopt -u extglob 2>/dev/null || true && eval 'echo '\"'\"'a b'\"'\"' > x.txt' < /dev/null && pwd -P >| "
        "/tmp/claude-8680-cwd",
    ),
    "codex": (
        "/proc/self/exe", "--codex-run-as-process-setup", "49", "7857", "pipe", "", CWD, "/bin/bash", "/bin/bash", "-c",
        '__CODEX_SNAPSHOT_OVERRIDE_SET_0="${CODEX_VERSION+x}"\n\nif . \'/home/dev/.codex/shell_snapshots/01a1.sh\' '
        ">/dev/null 2>&1; then :; fi\n\nexec '/bin/bash' -c 'echo '\"'\"'a b'\"'\"' > x.txt'",
    ),
    "gemini": (
        "/usr/bin/bash", "-c",
        "shopt -u promptvars nullglob extglob nocaseglob dotglob; _bgpids_file=/tmp/gemini-shell-yTiwW6/bgpids.tmp\n(\n"
        "  trap 'jobs -p > \"$_bgpids_file\"' EXIT\necho 'a b' > x.txt\n)\n__code=$?\nexit $__code",
    ),
    "opencode": ("/bin/bash", "-c", "echo 'a b' > x.txt"),
}  # fmt: skip
"""agent -> words of the shell in which it runs `echo 'a b' > x.txt`."""
