"""`leash audit seal`: finished sessions as sealed segments in a directory, for object storage.

Knows ages as people write them. Refuses to decide what may be sealed (stores.segments does).
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from leashtui.faces.cli.columns import Paper
from leashtui.faces.cli.prune import before
from leashtui.model.errors import Exit
from leashtui.stores.directories import state_dir
from leashtui.stores.proof import Proof
from leashtui.stores.segments import seal
from leashtui.words.plain import count, one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leash audit seal`."""
    parser.add_argument("to", metavar="DIRECTORY", type=Path, help="where segments and their manifest go")
    parser.add_argument("--older", default="0h", metavar="AGE", help="sessions that ended longer ago, like 7d")


def run(args: argparse.Namespace) -> int:
    """Seal. Returns FINDINGS when a session could not be sealed. Raises LeashError."""
    paper = Paper(sys.stdout, os.environ)
    made = raw = size = bad = 0
    for one in seal(state_dir(), args.to, before=before(args.older)):
        if isinstance(one, Proof):
            bad += 1
            print(f"leash: {one.session} was not sealed: {one_line(one.message, 400)}", file=sys.stderr)
            continue
        made, raw, size = made + 1, raw + one.raw, size + one.size
        print(paper.fit(f"{one.session:<22} {count(one.records, 'record'):>14}  {one.size:>9,} of {one.raw:,} bytes"))
    print(f"{count(made, 'segment')} sealed in {args.to}, {size / 1e6:.1f} of {raw / 1e6:.1f} MB")
    return Exit.FINDINGS if bad else Exit.OK
