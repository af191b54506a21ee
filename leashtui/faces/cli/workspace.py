"""Which directory is the agent's workspace, and which ones may not be without saying so.

Knows git's rev-parse and a few places that are too wide to hand to an agent. Refuses to run anything that lies inside
the directory it looks at. Invariant: the answer is a real path, and never $HOME, / or a parent of leash's own files
unless the person named it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from leashtui.model.errors import LeashError

_GIT = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
_ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C", "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull}
_PATIENCE = 10.0


class Place(Struct, frozen=True):
    """root: the workspace. also: git directories that belong to it and lie elsewhere. All absolute, links resolved."""

    root: str
    also: tuple[str, ...] = ()


def find_git(inside: str) -> str | None:
    """The git program, from the system's directories first, never from `inside` (the directory to be looked at)."""
    real = os.path.realpath(inside)
    places = [*os.defpath.split(os.pathsep), "/usr/local/bin", *os.environ.get("PATH", "").split(os.pathsep)]
    outside = [p for p in places if os.path.isabs(p) and not _within(os.path.realpath(p), real)]
    found = shutil.which("git", path=os.pathsep.join(outside))
    return None if found is None or _within(os.path.realpath(found), real) else found


def find(cwd: str, wanted: str | None, protected: Sequence[Path]) -> Place:
    """The workspace of a session started in `cwd`. wanted: `--workspace`. protected: leash's own directories.

    Raises LeashError when it would be too wide, naming the remedy.
    """
    if wanted is not None:
        root = os.path.realpath(os.path.join(cwd, wanted))
        if not os.path.isdir(root):
            raise LeashError(f"--workspace {wanted}: there is no such directory", "name an existing directory")
        return Place(root, _git_directories(root))
    root = _toplevel(cwd)
    why = _too_wide(root, protected)
    if why:
        raise LeashError(
            f"{root} is {why}: too wide to be a workspace by accident",
            f"go into a project, or say it: --workspace {root}",
        )
    return Place(root, _git_directories(root))


def _too_wide(root: str, protected: Sequence[Path]) -> str:
    """Why `root` is no workspace, or ''."""
    if root == "/":
        return "the root of the file system"
    if root == os.path.realpath(os.path.expanduser("~")):
        return "your home directory"
    for place in protected:
        if _within(os.path.realpath(place), root):
            return f"a parent of leash's own files ({place})"
    return ""


def _within(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _toplevel(cwd: str) -> str:
    lines = _rev_parse(cwd, "--show-toplevel")
    return os.path.realpath(lines[0]) if lines else os.path.realpath(cwd)


def _git_directories(root: str) -> tuple[str, ...]:
    """The git and the common directory (of a worktree or a submodule) that lie outside `root`."""
    found = {os.path.realpath(os.path.join(root, line)) for line in _rev_parse(root, "--git-dir", "--git-common-dir")}
    return tuple(sorted(path for path in found if not _within(path, root) and not _within(root, path)))


def _rev_parse(cwd: str, *questions: str) -> list[str]:
    """git's answers, one a question; [] outside a repository or without git."""
    git = find_git(_outermost(cwd))
    if git is None:
        return []
    try:
        done = subprocess.run(
            [git, *_GIT, "-C", cwd, "rev-parse", *questions],
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return []
    lines = os.fsdecode(done.stdout).split("\n")[:-1]
    return lines if done.returncode == 0 and len(lines) == len(questions) else []


def _outermost(cwd: str) -> str:
    """The nearest directory above `cwd` with a .git, else `cwd`: the place no program is taken from."""
    real = os.path.realpath(cwd)
    for directory in (real, *map(str, Path(real).parents)):
        if directory != "/" and os.path.lexists(os.path.join(directory, ".git")):
            return directory
    return real
