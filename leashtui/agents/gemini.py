"""Gemini CLI. Runs `bash -c '( trap ... CMD ... )'` from PATH; cancels a command after 5 minutes without output."""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(
    kind="gemini",
    names=("gemini",),
    patience=300,
    quiet=("--yolo",),
    state=(".gemini/",),
    kept=(".gemini/settings", ".gemini/GEMINI.md", ".gemini/extensions", ".gemini/commands"),
)
