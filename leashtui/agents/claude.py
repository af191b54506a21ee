"""Claude Code. Its tool runs `/bin/bash -c '... eval CMD ...'` from $SHELL and gives up on a command after 120 s.

Seen with 2.1.197 and 2.1.329: CLAUDE_CODE_SHELL and SHELL choose the shell, BASH_ENV is not read.
"""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(
    kind="claude",
    names=("claude",),
    patience=120,
    quiet=("--dangerously-skip-permissions",),
    state=(".claude/", ".claude.json", ".config/claude/", ".local/share/claude/", ".local/state/claude/"),
    kept=(
        ".claude/settings",
        ".claude/CLAUDE.md",
        ".claude/hooks",
        ".claude/commands",
        ".claude/agents",
        ".claude/skills",
        ".claude/plugins",
    ),
)
