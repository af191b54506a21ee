"""Cursor CLI. Not on a registry that could be tried: its execs are guarded like any program's, no more is known."""

from leashtui.agents.adapter import Adapter, Footprint

AGENT = Adapter(
    kind="cursor",
    names=("cursor-agent",),
    state=(".cursor/", ".config/cursor/"),
    keys=("CURSOR_API_KEY", "CURSOR_AUTH_TOKEN"),
    footprint=Footprint(
        settings=("~/.cursor/cli-config.json", "./.cursor/cli.json"),
        mcp=(("~/.cursor/mcp.json", "mcpServers"), ("./.cursor/mcp.json", "mcpServers")),
        instructions=("./AGENTS.md", "./.cursor/rules"),
        bypasses=("--force", "-f"),
        weak=(
            ("approvalMode", '"unrestricted"', "it approves everything itself"),
            ("permissions.allow", '"Shell(*)"', "every shell command is approved beforehand"),
        ),
    ),
)
