"""`leash audit prune`: what to take away, what was, and what stays and why.

Knows ages and sizes as people write them. Refuses to decide what may go (stores.retention does).
"""

from __future__ import annotations

import argparse
import getpass
import os
import re
import secrets
import sys
import time

from leashtui.faces.cli.columns import Paper
from leashtui.faces.cli.sessions import live_sessions
from leashtui.model.errors import Exit, LeashError
from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir, state_dir
from leashtui.stores.machine import FILE, Machine
from leashtui.stores.retention import Limits, prune
from leashtui.words.plain import count, one_line

_AGE = {"d": 86_400, "w": 604_800, "h": 3_600}
_SIZE = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leash audit prune`."""
    parser.add_argument("--older", default="", metavar="AGE", help="sessions that ended longer ago, like 90d")
    parser.add_argument("--size", default="", metavar="BYTES", help="oldest sessions until the rest fits, like 2G")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would go")


def run(args: argparse.Namespace) -> int:
    """Prune. Raises LeashError."""
    limits = Limits(before(args.older), _bytes(args.size))
    if not args.older and not args.size:
        raise LeashError("say what may go", "leash audit prune --older 90d, or --size 2G", Exit.USAGE)
    joined = enrolment.enrolled(config_dir()) is not None
    sent = enrolment.progress(state_dir()).acked if joined else None
    machine = Machine(state_dir() / FILE, _now, lambda: f"P{secrets.token_hex(12).upper()}")
    paper = Paper(sys.stdout, os.environ)
    gone = freed = 0
    running = {live.session for live in live_sessions()}
    who = getpass.getuser()
    for one in prune(state_dir(), limits, machine, who=who, sent=sent, rehearse=args.dry_run, running=running):
        word = "stays" if one.reason else "would go" if args.dry_run else "gone"
        text = f"{word:<9}{one.session:<22} {count(one.records, 'record'):>14}  {one_line(one.reason, 200)}"
        print(paper.fit(text.rstrip()))
        if not one.reason:
            gone, freed = gone + 1, freed + one.size
    print(f"{count(gone, 'session')}, {freed / 1e6:.1f} MB {'would go' if args.dry_run else 'gone'}")
    return Exit.OK


def _now() -> int:
    return time.time_ns() // 1000


def before(age: str) -> int:
    """The moment so long ago, microseconds since the epoch; 0 for no age. Raises LeashError."""
    match = re.fullmatch(r"(\d{1,5})([dwh])", age)
    if age and match is None:
        raise LeashError(f"{age!r} is no age", "like 90d, 12w or 36h", Exit.USAGE)
    return _now() - int(match[1]) * _AGE[match[2]] * 1_000_000 if match else 0


def _bytes(size: str) -> int:
    match = re.fullmatch(r"(\d{1,12})([KMG]?)B?", size.upper())
    if size and match is None:
        raise LeashError(f"{size!r} is no size", "like 500M or 2G", Exit.USAGE)
    return int(match[1]) * _SIZE[match[2]] if match else -1
