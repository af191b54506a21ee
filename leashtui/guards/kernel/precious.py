"""Which files below a directory would be carried along when it is renamed, though each is guarded by its own name.

`mv .git x` changes every hook without touching one. Knows conventional names only; what they are worth is judged like
any act. Invariant: the walk is bounded, and a directory that was not read to its end counts as one that holds hooks.
"""

from __future__ import annotations

import os

from leashtui.classify.places import is_telling

_INSIDE = {
    ".git": ".git/hooks/pre-commit", ".github": ".github/workflows/x.yml", ".vscode": ".vscode/tasks.json",
    ".forgejo": ".forgejo/workflows/x.yml", ".gitea": ".gitea/workflows/x.yml",
}  # fmt: skip
_MOST = 100_000
REPOSITORY = frozenset({"HEAD", "objects", "refs", "commondir", "config", "config.worktree", "hooks"})
"""Names in a directory of git's, whatever that is called itself: git takes any directory for its own that has them."""


def stands_for(path: str) -> str:
    """The path to judge by when something that was made elsewhere gets this name."""
    head, _, name = path.rpartition("/")
    return f"{head}/{_telling(name, folder=True) or name}"


def in_repository(path: str) -> str:
    """The path to judge by what steers git in a directory that it takes for its own though it is not called `.git`, or
    what makes it one that has settings or hooks already; '' for all else."""
    top, _, name = path.rpartition("/")
    steers = name.startswith("config") or name == "hooks"
    hook = top.endswith("/hooks")
    if hook:
        top, steers = top[:-6], True
    if not (hook or name in REPOSITORY) or "/.git/" in path:
        return ""

    def has(part: str) -> bool:
        return part == name and not hook or os.path.lexists(f"{top}/{part}")

    whole = has("HEAD") and (has("commondir") or has("objects") and has("refs"))
    if not whole or not (steers or has("config") or has("hooks")):
        return ""
    return f"{top}/.git/hooks/{name}" if hook else f"{top}/.git/config"


def _telling(name: str, *, folder: bool) -> str:
    """What to judge such a file or folder by, '' where its name says nothing."""
    if name == ".git" or (folder and is_telling(name, folder=True)):
        return _INSIDE.get(name, f"{name}/x")
    return name if not folder and is_telling(name, folder=False) else ""


def precious_below(folder: str) -> list[str]:
    """Paths of guarded kinds at or below the directory, at most one of a name in each directory."""
    head, _, name = folder.rpartition("/")
    own = _telling(name, folder=True)
    if own:
        return [f"{head}/{own}"]
    found: list[str] = []
    seen = 0
    queue = [folder]
    while queue:
        place = queue.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda e: e.name)
        except OSError:
            continue
        seen += len(entries)
        if seen > _MOST:
            return [*found, f"{place}/{_INSIDE['.git']}"]
        if in_repository(f"{place}/config"):
            found.append(f"{place}/.git/config")
        for entry in entries:
            is_folder = entry.is_dir(follow_symlinks=False)
            telling = _telling(entry.name, folder=is_folder or entry.is_symlink())
            if telling:
                found.append(f"{place}/{telling}")
            elif is_folder and entry.name not in ("node_modules", "__pycache__"):
                queue.append(entry.path)
    return found
