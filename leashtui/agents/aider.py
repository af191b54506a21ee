"""aider. Edits files itself and runs commands only when the person or its model asks for them."""

from leashtui.agents.adapter import Adapter

AGENT = Adapter(kind="aider", names=("aider",), quiet=("--yes-always",), state=(".aider/",), kept=())
