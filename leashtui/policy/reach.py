"""What an act changes, in the words a policy author thinks in: files and folders as they stand in the workspace.

Knows the effects of an act and where the workspace lies. Refuses to look at the disk. Invariant: a path stands here
with every folder above it, so that `context.changes.contains("infra")` holds for whatever lies below infra.
"""

from __future__ import annotations

import posixpath

from leashtui.model.facts import Facts, Verb

CHANGING = frozenset({Verb.WRITE, Verb.DELETE, Verb.TRUNCATE, Verb.PERSIST, Verb.DISCARD_WORK})


def changes(facts: Facts, workspace: str) -> tuple[str, ...]:
    """Sorted paths that are written, removed or emptied, with all folders above them.

    Inside the workspace they are relative to it ('.' is itself), elsewhere absolute.
    """
    found: set[str] = set()
    for effect in facts.effects:
        if effect.target and effect.verb in CHANGING:
            found.update(_upward(effect.target, workspace.rstrip("/")))
    return tuple(sorted(found))


def _upward(target: str, workspace: str) -> list[str]:
    path = posixpath.normpath(target if target.startswith("/") else f"{workspace}/{target}")
    if workspace and path == workspace:
        return ["."]
    if workspace and path.startswith(workspace + "/"):
        path = path[len(workspace) + 1 :]
    parts = path.split("/")
    return ["/".join(parts[: n + 1]) for n in range(len(parts)) if "/".join(parts[: n + 1])]
