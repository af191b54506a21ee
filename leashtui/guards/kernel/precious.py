"""Which files below a directory would be carried along when it is renamed, though each is guarded by its own name.

`mv .git x` changes every hook without touching one. Knows conventional names only; what they are worth is judged like
any act. Invariant: the walk is bounded, and what lies beyond the bound is named by the directory that was not read.
"""

from __future__ import annotations

import os

_NAMES = frozenset(
    """
    .git .github .gitlab-ci.yml .vscode .idea .husky .githooks .circleci .devcontainer .envrc .mcp.json .claude .codex
    .gemini .cursor .leash .leashtui CLAUDE.md AGENTS.md GEMINI.md .pre-commit-config.yaml .bashrc .profile .zshrc
    .gitconfig .ssh .env
    """.split()
)
_INSIDE = {".git": ".git/hooks/pre-commit", ".github": ".github/workflows/x.yml", ".vscode": ".vscode/tasks.json"}
_FOLDERS = frozenset(
    ".idea .husky .githooks .circleci .devcontainer .claude .codex .gemini .cursor .leash .ssh".split()
)
_MOST = 2000


def stands_for(path: str) -> str:
    """The path to judge by when something that was made elsewhere gets this name."""
    head, _, name = path.rpartition("/")
    if name in _INSIDE:
        return f"{head}/{_INSIDE[name]}"
    return f"{path}/x" if name in _FOLDERS else path


def precious_below(folder: str) -> list[str]:
    """Paths of guarded kinds at or below the directory, at most one for each directory that holds some."""
    head, _, name = folder.rpartition("/")
    if name in _NAMES:
        return [f"{head}/{_INSIDE.get(name, name + '/x')}"]
    found: list[str] = []
    seen = 0
    queue = [folder]
    while queue:
        place = queue.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda e: e.name)
        except OSError:
            continue
        for entry in entries:
            seen += 1
            if entry.name in _NAMES:
                found.append(f"{place}/{_INSIDE.get(entry.name, entry.name)}")
                break
            if entry.is_dir(follow_symlinks=False) and entry.name not in ("node_modules", "__pycache__"):
                queue.append(entry.path)
        if seen > _MOST:
            break
    return found
