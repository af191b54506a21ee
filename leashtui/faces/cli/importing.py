"""`leash policy import-leash`: StrongDM Leash files, statement by statement, as policies of leash.

Knows how the comparison is printed: as Cedar with comments, or as JSON lines. Refuses to translate; `policy.strongdm`
does. Invariant: nothing is written but standard output, and a comment can never become policy text.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from leashtui.faces.cli.columns import json_line
from leashtui.model.errors import Exit, LeashError
from leashtui.policy import bundle, sources, strongdm_import
from leashtui.policy.policy import Policy
from leashtui.policy.schema import Schema
from leashtui.policy.strongdm import Mode
from leashtui.policy.strongdm_import import SAYS, Statement
from leashtui.supervisor.policyload import with_stack
from leashtui.words.plain import count, one_line


class Imported(Struct, frozen=True):
    """One statement, as `import-leash --json` prints it."""

    file: str
    line: int
    statement: str
    theirs: str
    ours: str
    warnings: tuple[str, ...]
    http_rewrites: tuple[tuple[str, str, str], ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="Leash policy files or directories")
    parser.add_argument(
        "--mode",
        choices=[mode.value for mode in Mode],
        default=Mode.CEDAR.value,
        help="cedar: what their document says; leash-compat: what their engine does, surprises included",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a statement")


def run(args: argparse.Namespace) -> int:
    """Print the policies. Raises LeashError."""
    for path in args.paths:
        if not path.exists():
            raise LeashError(f"there is no {path}", "name a .cedar file or a directory of them", Exit.USAGE)
    mode = Mode(args.mode)
    schema = bundle.load_schema()
    found = with_stack(
        lambda: strongdm_import.read(sources.read([("user", path) for path in args.paths]), mode, schema)
    )
    wrong = with_stack(lambda: _flaws(found, schema))
    if args.json:
        for one in found:
            row = Imported(one.file, one.line, one.text, one.theirs, one.ours, one.warnings, one.rewrites)
            print(json_line(row))
        return Exit.FINDINGS if wrong else Exit.OK
    if mode is Mode.COMPAT:
        print("// leash-compat: for comparing with what their engine does.\n")
    for number, one in enumerate(found):
        print(_shown(one, wrong.get(number, "")))
    warned = sum(bool(one.warnings) for one in found)
    policies = sum(len(one.policies) for one in found)
    print(f"// {count(len(found), 'statement')}, {count(policies, 'policy', 'policies')}; {warned:,} to look at")
    if wrong:
        print(f"// {count(len(wrong), 'statement')} could not be carried over: write what is meant by hand")
    return Exit.FINDINGS if wrong else Exit.OK


def _flaws(found: Sequence[Statement], schema: Schema) -> dict[int, str]:
    """What is wrong with the policies of a statement, by its number: said aloud, and not handed out as policies."""
    taken: list[Policy] = []
    wrong: dict[int, str] = {}
    for number, one in enumerate(found):
        text = "" if one.rewrites else one.ours
        flaws = bundle.check([sources.source("user", one.file, text.encode())], schema, taken)
        if flaws:
            wrong[number] = flaws[0].what
    return wrong


def _shown(one: Statement, wrong: str) -> str:
    lines = [f"// {one_line(one.file, 200)}:{one.line}"]
    lines.append(f"// statement: {one_line(' '.join(one.text.split()), 2000)}")
    lines.append(f"// Leash reads: {one_line(one.theirs, 2000)}")
    lines += [f"// warning {name}: {SAYS[name]}" for name in one.warnings]
    lines += [f"// sets header {one_line(header, 200)} for {one_line(host, 200)}" for host, header, _ in one.rewrites]
    if one.rewrites:
        return "\n".join([*lines, "// (a header to set, no decision: no policy comes of it)", ""])
    if wrong:
        lines += [f"// NOT CARRIED OVER: {one_line(wrong, 400)}", *(f"//   {line}" for line in one.ours.splitlines())]
        return "\n".join([*lines, ""])
    return "\n".join([*lines, one.ours, ""])
