"""aider. Edits files itself and runs commands only when the person or its model asks for them; it has no hooks."""

from leashtui.agents.adapter import Adapter, Footprint

AGENT = Adapter(
    kind="aider",
    names=("aider",),
    quiet=("--yes-always",),
    state=(".aider/",),
    footprint=Footprint(
        settings=("~/.aider.conf.yml", "./.aider.conf.yml"),
        instructions=("./CONVENTIONS.md",),
        transcripts="./.aider.chat.history.md",
        bypasses=("--yes-always", "--yes"),
        package="aider-chat",
    ),
)
