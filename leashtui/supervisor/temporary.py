"""Where the person keeps temporary files, when that is not one of the usual places: `TMPDIR=/scratch/me`.

Knows TMPDIR and whose the folder is. Refuses to know what lies in it. Invariant: no folder that holds the home, the
workspace or the system, nor one within them, is ever taken for temporary.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping

from leashtui.classify.places import SYSTEM_TOPS, is_within

_DATA = frozenset("home media mnt opt srv var Users Volumes".split())
_KEPT = SYSTEM_TOPS - _DATA


def temps_of(env: Mapping[str, str], home: str, workspace: str) -> tuple[str, ...]:
    """The real path of the folder that TMPDIR names where temporary files may be made and removed unasked, or ().

    It must be the person's own or sticky, as /tmp is.
    """
    named = env.get("TMPDIR", "")
    place = os.path.realpath(named) if os.path.isabs(named) else "/"
    top, _, rest = place[1:].partition("/")
    if not top or top in _KEPT or (top in _DATA and not rest):
        return ()
    if any(is_within(held, place) or is_within(place, held) for held in (home, workspace) if held):
        return ()
    try:
        found = os.stat(place)
    except OSError:
        return ()
    own = found.st_uid == os.geteuid() != 0 or bool(found.st_mode & stat.S_ISVTX)
    return (place,) if stat.S_ISDIR(found.st_mode) and own else ()
