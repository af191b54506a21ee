"""Is this process already inside a leash?

Knows what every descendant of an agent carries: LEASH_SESSION unless it was scrubbed, and NO_NEW_PRIVS with a seccomp
filter where the kernel guards. Refuses to believe the variable alone, because a terminal server may have kept it from a
session that is long over.
"""

from __future__ import annotations

import errno
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
    if not name and locked_up() and _leash_answers():
        return "?"
    return ""


def _leash_answers() -> bool:
    """Whether a guard of leash stands above us: its filter refuses another listener unseen, before the kernel misses
    the program that is not handed over. A sandbox of somebody else's, whatever it listens to, lets that be missed."""
    from leashtui.guards.kernel import abi
    from leashtui.guards.kernel import numbers as nr

    try:
        abi.call(nr.SECCOMP, abi.SECCOMP_MODE_FILTER, abi.NEW_LISTENER, 0)
    except OSError as error:
        return error.errno == errno.EBUSY
    return False


def one_is_enough(program: str = "") -> str:
    """What to do where a second leash was asked for. program: what it was to run, '' for none."""
    here = f"run {one_line(shlex.quote(program), 60)} as it is" if program else "run programs as they are"
    return f"one leash is enough: {here}; a session of its own starts in a terminal outside of this one"
