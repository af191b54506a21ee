"""What happened to leash between two sessions: settings that are not what they were, agents that ran without it.

Knows the configuration directory, what was patched, and the lines hooks leave. Refuses to judge. Invariant: the
machine chain holds the digest of every settings file, so that a change shows whoever made it, and when it was noticed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from leashtui.model import codec
from leashtui.model.errors import LeashError
from leashtui.model.event import AgentUnsupervised, HookUnanswered, Notice, SettingsChanged
from leashtui.stores.database import open_for_reading
from leashtui.stores.machine import FILE, Machine

SPOOL = "unsupervised"
"""Below the state directory: a line an agent, written by client.hook."""
UNANSWERED = "unanswered"
"""The same for hooks that refused because nobody answered them."""

_MOST = 2000
_LAST = "SELECT body FROM event WHERE instr(body, ?) ORDER BY seq DESC LIMIT 1"
_KIND = b'"kind":"settings.changed"'


def digests(config: Path, state: Path) -> dict[str, str]:
    """sha256 (hex) of every settings file by name, and of what leash wrote into the settings of others."""
    found: dict[str, str] = {}
    for root, before in ((config, ""), (state / "patches", "patches/")):
        for path in sorted(_files(root))[:_MOST]:
            try:
                found[before + str(path.relative_to(root))] = hashlib.sha256(path.read_bytes()).hexdigest()
            except OSError as error:
                found[before + str(path.relative_to(root))] = error.strerror or "unreadable"
    return found


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(folder, name) for name in names if not name.startswith(".") and not name.endswith(".lock"))


def note(config: Path, state: Path, machine: Machine, *, command: str, who: str) -> Notice | None:
    """Enter into the machine chain what changed since it was last entered. Returns why that could not be done."""
    found, known = digests(config, state), _known(state)
    changed = tuple(sorted(name for name in found.keys() | known.keys() if found.get(name) != known.get(name)))
    if not changed:
        return None
    return machine.learned(SettingsChanged(tuple(sorted(found.items())), changed, command, who))


def _known(state: Path) -> Mapping[str, str]:
    """What the machine chain last said; nothing where there is none, or it cannot be read."""
    try:
        connection = open_for_reading(state / FILE)
    except LeashError:
        return {}
    try:
        row = connection.execute(_LAST, (_KIND,)).fetchone()
    finally:
        connection.close()
    try:
        event = codec.decode_record(bytes(row[0])).event if row is not None else None
    except (msgspec.DecodeError, TypeError):
        return {}
    return dict(event.files) if isinstance(event, SettingsChanged) else {}


def gather(state: Path, machine: Machine) -> Notice | None:
    """Enter the agents that ran without a session, and hooks that nobody answered. Returns why that failed."""
    events: list[AgentUnsupervised | HookUnanswered] = []
    for name in (SPOOL, UNANSWERED):
        try:
            lines = _taken(state, name)
        except OSError as error:
            return Notice(level="warn", text=f"{state / name} cannot be read: {error.strerror}", hint="remove it")
        for words in (line.split(" ") for line in lines):
            if len(words) != 4 or not words[0].isdigit():
                continue
            if name == UNANSWERED:
                events.append(HookUnanswered(words[1], words[2], words[3].replace("_", " "), int(words[0])))
            elif words[1].isdigit():
                events.append(AgentUnsupervised(words[3], int(words[1]), int(words[0])))
    return next((notice for event in events if (notice := machine.learned(event)) is not None), None)


def _taken(state: Path, name: str) -> list[str]:
    """The lines of a spool, which is gone then. Raises OSError."""
    taken = state / f".{name}.{os.getpid()}"
    try:
        (state / name).rename(taken)
    except FileNotFoundError:
        return []
    lines = taken.read_text("utf-8", "replace").splitlines()
    taken.unlink()
    return lines
