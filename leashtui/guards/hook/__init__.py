"""The agent's own hooks: they ask before a tool runs, and tell what happened.

Knows the session's hook directory and the frames of client/hook.py. Refuses to decide and to know any agent's dialect.
Invariant: an agent that ignores its hook loses nothing of the other guards; a hook only adds words and refuses early.
"""

from leashtui.guards.hook.directory import HookDirectory
from leashtui.guards.hook.guard import HookGuard

__all__ = ["HookDirectory", "HookGuard"]
