"""Where the watcher looks, what it reports, and what is protected there. Pure words: no I/O.

Knows directory names that are not worth a watch, the few files inside a git directory that run programs, and the
rc files of the home directory. Refuses to know contents. Invariant: a protected file is never inside a directory that
is skipped for convenience, but for dependencies and caches, which SECURITY.md names.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from leashtui.classify.places import START_UP
from leashtui.model.facts import Place

Placer = Callable[[str], Place]

SKIPPED = frozenset(
    {
        "node_modules",
        "__pycache__",
        ".venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".ruff_cache",
        ".pytest_cache",
        ".hypothesis",
        ".import_linter_cache",
    }
)
PROTECTED = frozenset(
    {Place.HOOK, Place.CI, Place.AGENT_CONFIG, Place.SHELL_RC, Place.GUARD, Place.LOCKFILE, Place.SECRET}
)
WORDS = {
    Place.HOOK: "a hook",
    Place.CI: "a CI file",
    Place.AGENT_CONFIG: "an agent's configuration",
    Place.SHELL_RC: "a shell start-up file",
    Place.GUARD: "leash's own file",
    Place.LOCKFILE: "a lockfile",
    Place.SECRET: "a secret",
    Place.GIT: "git configuration that can run programs",
}

_GIT_FILES = frozenset({"config", "config.worktree"})
_GIT_FOLDERS = frozenset({"hooks", "info", "modules", "worktrees"})
_RC = START_UP | {".npmrc", ".pypirc", ".netrc"}


class Territory:
    """root: the workspace. also: git directories outside it. home: whose rc files are watched too ('' for none)."""

    def __init__(
        self, root: str, placer: Placer, *, also: Sequence[str] = (), home: str = "", ignore: Sequence[str] = ()
    ) -> None:
        self.root = root
        self._placer = placer
        self._home = home
        self._ignore = SKIPPED | frozenset(ignore)
        inside = root.rstrip("/") + "/"
        self._git = tuple(g for g in also if not (g + "/").startswith(inside))
        self.roots = (root, *self._git)

    @property
    def shallow(self) -> tuple[str, ...]:
        """Directories of which only the files directly inside count."""
        return (self._home,) if self._home and self._home != self.root else ()

    def enters(self, directory: str) -> bool:
        """Whether to watch and read `directory`, a directory below a root (or a root)."""
        if directory in self.roots:
            return True
        if not any(directory.startswith(outer.rstrip("/") + "/") for outer in self.roots):
            return False
        name = os.path.basename(directory)
        git = self._in_git(directory)
        if git is None:
            return name not in self._ignore
        parts = git.split("/") if git else []
        if not parts:
            return True
        if parts[0] in ("modules", "worktrees"):  # a module's own git directory, at any depth
            rest = {"objects", "refs", "logs", "lfs", "rr-cache", "rebase-merge", "rebase-apply"}
            return not rest & set(parts)
        return parts[0] in _GIT_FOLDERS

    def reports(self, path: str) -> bool:
        """Whether changes of the file `path` are told."""
        if os.path.dirname(path) in self.shallow:
            return os.path.basename(path) in _RC
        git = self._in_git(path)
        if git is None:
            return os.path.basename(path) not in self._ignore
        return _git_runs(git)

    def place(self, path: str) -> Place:
        """The class of `path`."""
        git = self._in_git(path)
        if git is not None:
            return Place.HOOK if "hooks" in git.split("/")[:-1] else Place.GIT
        return self._placer(path)

    def protected(self, path: str, place: Place) -> bool:
        """Whether a change of `path` is worth a warning."""
        return place in PROTECTED or (place is Place.GIT and self._in_git(path) is not None)

    def shown(self, path: str) -> str:
        """`path` as it is reported: relative inside the workspace, absolute elsewhere."""
        inside = self.root.rstrip("/") + "/"
        return path[len(inside) :] if path.startswith(inside) else path

    def _in_git(self, path: str) -> str | None:
        """The part of `path` inside its git directory ('' for the directory itself), None outside of any."""
        for outer in self._git:
            if path == outer:
                return ""
            if path.startswith(outer + "/"):
                return path[len(outer) + 1 :]
        head, found, tail = (path + "/").partition("/.git/")
        return tail.rstrip("/") if found and len(head) >= len(self.root.rstrip("/")) else None


def _git_runs(inside: str) -> bool:
    """Whether the file `inside` a git directory can make git run a program."""
    if not inside:  # `.git` itself, a file in worktrees: it says where the git directory is
        return True
    folder, _, name = inside.rpartition("/")
    last = folder.rpartition("/")[2]
    if last == "hooks":
        return not name.endswith(".sample")
    return name in _GIT_FILES | _GIT_FOLDERS or (last == "info" and name in ("attributes", "exclude"))
