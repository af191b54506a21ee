"""`leash policy fmt`: policy files in one layout, comments kept.

Knows files. Refuses to touch a file that does not parse, and one that the layout would change in meaning. Invariant: a
file is replaced whole or not at all, and what it says is the same before and after.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from leashtui.model.errors import Exit, LeashError
from leashtui.policy import layout, sources
from leashtui.supervisor.policyload import with_stack
from leashtui.words.plain import count, one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="policy files or directories")
    parser.add_argument("--check", action="store_true", help="change nothing; exit with 1 when a file would change")


def run(args: argparse.Namespace) -> int:
    """Lay out every file. Raises LeashError; files before the one that failed are done then."""
    for path in args.paths:
        if not path.exists():
            raise LeashError(f"there is no {path}", "name a .cedar file or a directory of them", Exit.USAGE)
    found = sources.read([("user", path) for path in args.paths])
    changed = 0
    for one in found:
        text = with_stack(lambda one=one: layout.lay_out(one))  # type: ignore[misc]
        if text.encode() == one.raw:
            continue
        changed += 1
        print(f"{'would change' if args.check else 'changed'}  {one_line(one.file, 400)}")
        if not args.check:
            _replace(Path(one.file), text)
    print(f"{count(len(found), 'file')}, {changed:,} {'to change' if args.check else 'changed'}")
    return Exit.FINDINGS if args.check and changed else Exit.OK


def _replace(path: Path, text: str) -> None:
    real = path.resolve()
    draft = real.with_name(f".{real.name}.{os.getpid()}")
    try:
        draft.write_text(text)
        draft.chmod(real.stat().st_mode & 0o777)
        draft.replace(real)
    except OSError as error:
        raise LeashError(f"{path}: {error.strerror}", "make it writable", Exit.STORE) from error
