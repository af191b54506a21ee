"""Is this process already inside a leash?

Knows what every descendant of an agent carries: LEASH_SESSION unless it was scrubbed, and NO_NEW_PRIVS with a seccomp
filter where the kernel guards. Refuses to believe the variable alone, because a terminal server may have kept it from a
session that is long over.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping

from leashtui.stores.directories import runtime_dir
from leashtui.words.plain import one_line


def locked_up() -> bool:
    """Whether this process carries NO_NEW_PRIVS and a seccomp filter (ours, or a container's)."""
    wanted = {"NoNewPrivs": 0, "Seccomp": 0}
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as status:
            for line in status:
                name, _, value = line.partition(":")
                if name in wanted:
                    wanted[name] = int(value)
    except (OSError, ValueError):
        return False
    return wanted["NoNewPrivs"] == 1 and wanted["Seccomp"] == 2


def outer_session(env: Mapping[str, str]) -> str:
    """The session this process runs in, '' when it runs in none that lives; '?' when its name was scrubbed."""
    name = env.get("LEASH_SESSION", "")
    if name and (locked_up() or os.path.lexists(runtime_dir() / os.path.basename(name) / "session.json")):
        return name
    if not name and locked_up() and _listener_above():
        return "?"
    return ""


def _listener_above() -> bool:
    """Whether the kernel refuses another listener because one stands above us."""
    from leashtui.guards.kernel.probe import probe

    return any("another listener" in detail for _, ok, detail in probe().found if not ok)


def one_is_enough(program: str = "") -> str:
    """What to do where a second leash was asked for. program: what it was to run, '' for none."""
    here = f"run {one_line(shlex.quote(program), 60)} as it is" if program else "run programs as they are"
    return f"one leash is enough: {here}; a session of its own starts in a terminal outside of this one"
