"""What in the workspace git's own settings name: the folder of its hooks, further settings, programs it runs by itself.

Whoever writes there decides what runs at the person's next commit, or the next `git status`. Reads configuration as
files. Refuses to run git. Invariant: only what lies within the workspace is named, never the workspace as a whole.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from leashtui.classify.gitsettings import RUNS
from leashtui.classify.places import is_within
from leashtui.supervisor.gitaddress import entries, sources

_MOST = 16
"""Files of settings that include each other."""


def steers(configs: list[Path], root: str) -> tuple[str, ...]:
    """Paths as they are named and as they are. configs: the repository's own files of settings."""
    queue = list(dict.fromkeys(path for config in configs for path in sources(config)))
    found: dict[str, None] = {}
    for number, config in enumerate(queue):
        if number >= _MOST:
            break
        for section, subsection, name, value in entries(config):
            key = ".".join(part for part in (section, subsection, name) if part)
            if not value or RUNS.match(key) is None:
                continue
            included = section.startswith("include")
            base = str(config.parent) if included else root
            whole = included or name in ("hookspath", "templatedir")
            for word in [value] if whole else _words(value):
                path = os.path.normpath(os.path.join(base, os.path.expanduser(word)))
                if not whole and not os.path.isfile(path):
                    continue
                for spelling in (path, os.path.realpath(path)):
                    if is_within(spelling, root) and spelling != root:
                        found[spelling] = None
                        if included and Path(spelling) not in queue:
                            queue.append(Path(spelling))
    return tuple(found)


def _words(command: str) -> list[str]:
    """The words of a command line that may be files: those with a slash or a dot."""
    try:
        words = shlex.split(command.lstrip("!"))
    except ValueError:
        words = command.split()
    return [word for word in words if "/" in word or "." in word]
