"""Which class a path has for the watcher: what `classify.places` says of it, and of a link in a folder's place.

Refuses to know the disk, and to have names of its own: what is protected before an act is protected after it.
Invariant: a name that is protected is protected wherever it stands, in any directory.
"""

from __future__ import annotations

from collections.abc import Callable

from leashtui.classify.places import START_UP, is_telling, place_of
from leashtui.classify.workspace import Workspace
from leashtui.model.facts import Place

_FORGES = frozenset({".github", ".forgejo", ".gitea"})
_EDITORS = "/.idea/"
"""Written by the person's editor as they work in it."""


def place_in(root: str, home: str = "") -> Callable[[str], Place]:
    """The classifier of absolute paths for the workspace `root` of who lives in `home`."""
    workspace = Workspace(root)

    def placed(path: str) -> Place:
        name = path.rpartition("/")[2]
        if name in _FORGES:  # a link in the folder's place
            return Place.CI
        if name in START_UP:  # that `.envrc` may hold a secret is no reason not to look at what it runs
            return Place.SHELL_RC
        if is_telling(name, folder=True):
            path += "/x"
        return Place.SOURCE if _EDITORS in path else place_of(path, workspace, home)

    return placed
