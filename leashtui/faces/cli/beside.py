"""What leash starts beside a session and never waits for: the courier to the team, and taking old sessions away.

Knows when there is something to do. Refuses to do it: each is a process of its own, nobody's child, at low priority.
Invariant: whatever goes wrong here changes nothing about the session.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from importlib.util import find_spec

from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir
from leashtui.supervisor.config import Retention

_NICE = 10


def attend() -> None:
    """Start the courier where this machine belongs to a team store and somebody elsewhere may answer."""
    folder = config_dir()
    with contextlib.suppress(OSError):
        if not (folder / enrolment.FILE).exists():
            return
        from leashtui.supervisor.council import FILE  # it knows signatures, which most sessions start without

        if (folder / FILE).stat().st_size and find_spec("psycopg") is not None:
            _start("review", "offer", "--attend", "--quiet")


def retain(limits: Retention) -> None:
    """Take away what the configuration no longer keeps."""
    words = [
        *(("--older", f"{limits.days}d") if limits.days else ()),
        *(("--size", limits.size) if limits.size else ()),
    ]
    if words:
        _start("audit", "prune", *words)


def _start(*words: str) -> None:
    """`leash WORDS`, as a process that outlives this one."""
    with contextlib.suppress(OSError):
        child = os.fork()
        if child:
            os.waitpid(child, 0)
            return
        try:
            subprocess.Popen(
                [sys.executable, "-I", "-m", "leashtui", *words],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                preexec_fn=lambda: os.nice(_NICE) and None,
            )
        finally:
            os._exit(0)
