"""aider. Edits files itself and runs commands only when the person or its model asks for them; it has no hooks."""

from leashtui.agents.adapter import MODEL_KEYS, Adapter, Footprint

AGENT = Adapter(
    kind="aider",
    names=("aider",),
    quiet=("--yes-always",),
    tried="0.86.2",
    state=(".aider/",),
    keys=("AIDER_*API_KEY", *MODEL_KEYS),
    footprint=Footprint(
        settings=("~/.aider.conf.yml", "./.aider.conf.yml"),
        instructions=("./CONVENTIONS.md",),
        transcripts="./.aider.chat.history.md",
        bypasses=("--yes-always", "--yes"),
        package="aider-chat",
    ),
)
