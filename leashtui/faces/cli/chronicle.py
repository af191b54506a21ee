"""After a command (table.CHANGING) that may change leash's settings: what changed goes into the machine's log.

Knows the machine's log. Invariant: a command that did its work is not undone because its change could not be
entered; it is said instead.
"""

from __future__ import annotations

import getpass
import secrets
import sys
import time

from leashtui.stores import settings
from leashtui.stores.directories import config_dir, state_dir
from leashtui.stores.machine import FILE, Machine
from leashtui.supervisor.ulid import Ulids
from leashtui.words.plain import one_line


def enter(command: str) -> None:
    """Enter what `command` changed, if anything."""
    machine = Machine(state_dir() / FILE, _now, Ulids(_now, secrets.randbits))
    notice = settings.note(config_dir(), state_dir(), machine, command=command, who=getpass.getuser())
    if notice is not None:
        print(f"leash: {one_line(notice.text, 400)}", file=sys.stderr)


def _now() -> int:
    return time.time_ns() // 1000
