"""`leash doctor`: one line a check, a mark, and what to do where something is missing.

Knows how to print findings. Refuses to change anything on the machine. Invariant: exit code 1 when and only when a
session could not be started, or could not be trusted, as things are.
"""

from __future__ import annotations

import argparse
import os
import sys

from leashtui.faces.cli.checks import BAD, NOTE, Check, examine
from leashtui.faces.cli.columns import json_line
from leashtui.faces.cli.options import GUARDS
from leashtui.faces.cli.prove import prove
from leashtui.model.errors import Exit
from leashtui.words.plain import count, one_line

_MARKS = {"ok": "✓", "note": "!", "bad": "✗"}
_PLAIN_MARKS = {"ok": "ok ", "note": "!  ", "bad": "BAD"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "--prove",
        nargs="?",
        const="",
        metavar="AGENT",
        help="run a session (of that agent's tier) that tries what none may do, and show what refused each try",
    )
    parser.add_argument("--guard", choices=GUARDS, help="with --prove: the tier to prove, instead of the default")
    parser.add_argument("--json", action="store_true", help="print one JSON object a check: name, state, detail, fix")


def run(args: argparse.Namespace) -> int:
    """Examine this machine. Returns FINDINGS when something is broken."""
    found = examine() if args.prove is None else prove(args.prove, args.guard)
    if args.json:
        for check in found:
            print(json_line(check))
    else:
        _show(found)
        print(_outcome(found) if args.prove is None else _proof(found))
    return Exit.FINDINGS if any(check.state == BAD for check in found) else Exit.OK


def _show(found: list[Check]) -> None:
    unicode = (sys.stdout.encoding or "").lower().startswith("utf") and os.environ.get("TERM") != "dumb"
    marks = _MARKS if unicode else _PLAIN_MARKS
    width = max(len(check.name) for check in found)
    for check in found:
        print(f"{marks[check.state]} {check.name:<{width}}  {one_line(check.detail, 400)}")
        for line in check.more:
            print(f"  {'':<{width}}  - {one_line(line, 400)}")
        if check.fix:
            print(f"  {'':<{width}}  → {one_line(check.fix, 400)}" if unicode else f"  {'':<{width}}  fix: {check.fix}")


def _outcome(found: list[Check]) -> str:
    bad = sum(check.state == BAD for check in found)
    return "all is well" if not bad else f"{bad} of {len(found)} checks are broken"


def _proof(found: list[Check]) -> str:
    """What the tries came to: what a tier does not promise is no fault of it, and yet not well."""
    through = sum(check.state == NOTE and check.detail.startswith("went through") for check in found)
    if any(check.state == BAD for check in found) or not through:
        return _outcome(found)
    return f"this tier keeps what it promises, which is not all: {count(through, 'try', 'tries')} went through"
