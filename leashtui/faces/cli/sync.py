"""`leash sync`: send what the team store does not have yet; `--follow` keeps sending, `status` says what is left.

Knows when to try again. Refuses to know how records are sent (stores.sync) and never touches a session: it only reads
logs. Invariant: at most one uploader a machine runs, and its exit code is 0 only when both sides agree.
"""

from __future__ import annotations

import argparse

from leashtui.faces.cli.extra import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leash sync`."""
    parser.add_argument("what", nargs="?", choices=("now", "status"), default="now", help="send (default), or look")
    parser.add_argument("-f", "--follow", action="store_true", help="go on sending; waits while the store is away")
    parser.add_argument("-q", "--quiet", action="store_true", help="say only what is wrong")
    parser.add_argument("--json", action="store_true", help="status: one JSON object a log")


def run(args: argparse.Namespace) -> int:
    """Run it. Raises LeashError."""
    work = load("leashtui.faces.cli.uploads")
    code: int = work.status(args) if args.what == "status" else work.send(args)
    return code
