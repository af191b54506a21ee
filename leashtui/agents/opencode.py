"""OpenCode. Runs `$SHELL -c CMD` and kills it after 120 s; its prompts are a setting, not an argument."""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(
    kind="opencode",
    names=("opencode",),
    patience=120,
    state=(".local/share/opencode/", ".local/state/opencode/", ".config/opencode/"),
    kept=(
        ".config/opencode/opencode.json",
        ".config/opencode/AGENTS.md",
        ".config/opencode/plugin",
        ".config/opencode/command",
    ),
)
