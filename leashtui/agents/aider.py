"""aider. Edits files itself and runs commands only when the person or its model asks for them; it has no hooks."""

import os

from leashtui.agents import spending
from leashtui.agents.adapter import MODEL_KEYS, Adapter, Footprint, Form, Run, Tally


class Aider(Adapter, frozen=True):
    """aider, whose chat history says in words what each message took."""

    def tally(self, run: Run) -> Tally:
        """See Adapter."""
        return spending.Aider(run)

    def written(self, run: Run) -> tuple[str, ...]:
        """Where it was told to, else at the top of the project."""
        named = run.option("--chat-history-file") or run.env.get("AIDER_CHAT_HISTORY_FILE") or ".aider.chat.history.md"
        return (os.path.join(run.workspace, named),)


AGENT = Aider(
    kind="aider",
    names=("aider",),
    quiet=("--yes-always",),
    tried="0.86.2",
    state=(".aider/",),
    keys=("AIDER_*API_KEY", *MODEL_KEYS),
    form=Form.LINES,
    footprint=Footprint(
        settings=("~/.aider.conf.yml", "./.aider.conf.yml"),
        instructions=("./CONVENTIONS.md",),
        transcripts="./.aider.chat.history.md",
        bypasses=("--yes-always", "--yes"),
        package="aider-chat",
        weak=(("yes-always", "true", "it says yes to every question of its own"),),
    ),
)
