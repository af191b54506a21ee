"""What the watcher tells a person beside the changes themselves: one sentence and the remedy. Pure."""

from __future__ import annotations

import errno

from leashtui.guards.watcher.territory import WORDS
from leashtui.model.event import FileChanged, Notice
from leashtui.model.facts import Place

NOTICES = 50
"""Protected files named one by one at once."""


def protected_change(event: FileChanged) -> Notice:
    """A protected file changed. The watcher knows no process, so it accuses nobody."""
    what = WORDS.get(Place(event.place), "a protected file")
    done = f"was moved to {event.to}" if event.to else f"was {event.change}"
    return Notice(
        level="warn",
        text=f"{event.path} ({what}) {done} during this session",
        hint="No act of the session was judged for it: git took it out, or somebody else changed it."
        " Look at it before you run, commit or trust what it controls.",
    )


def protected_many(more: int) -> Notice:
    """More protected files changed at once than are worth a line each."""
    return Notice(level="warn", text=f"{more} more protected files changed at once", hint="leash log shows them")


def overflow() -> Notice:
    """The kernel dropped events."""
    return Notice(
        level="warn",
        text="files changed faster than the kernel could say; the workspace is read again, nothing stays unseen",
        hint="sudo sysctl fs.inotify.max_queued_events=131072",
    )


def blindness(directories: int, why: int, seconds: int) -> Notice:
    """Some directories cannot be watched."""
    limit = "max_user_instances=512" if why == errno.EMFILE else "max_user_watches=1048576"
    return Notice(
        level="warn",
        text=f"{directories} directories cannot be watched (the kernel's limit is reached);"
        f" everything is read again every {seconds} s instead",
        hint=f"sudo sysctl fs.inotify.{limit}",
    )


def too_many(files: int) -> Notice:
    """The snapshot is full."""
    return Notice(
        level="warn",
        text=f"the workspace has more than {files} files; changes to the rest are not reported",
        hint="Choose a smaller --workspace, or ignore generated directories.",
    )


def shared(workspace: str) -> Notice:
    """Another session watches the same workspace."""
    return Notice(
        level="info",
        text=f"another session works in {workspace} too: changes by either appear in both logs",
        hint="",
    )


def vanished(workspace: str) -> Notice:
    """The workspace is gone."""
    return Notice(level="alarm", text=f"the workspace {workspace} is gone", hint="")


def failed(error: Exception) -> Notice:
    """The watcher's own end."""
    return Notice(level="alarm", text=f"the file watcher failed: {type(error).__name__}: {error}", hint="leash doctor")
