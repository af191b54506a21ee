"""`leash policy decide`: requests in, one JSON object a line; answers out, in the same order, from policy files alone.

Knows lines. Refuses to consult anything else of the machine: no shipped policy, no configuration, no classifier.
Invariant: every line gets an answer; one that cannot be read is a deny that says why, and the exit code tells.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from leashtui.faces.cli.columns import json_line
from leashtui.model.codec import escape
from leashtui.model.errors import Exit, LeashError
from leashtui.model.verdict import Outcome
from leashtui.policy import sources, standalone, strongdm_import
from leashtui.policy.standalone import Answer, Question, Standalone
from leashtui.policy.strongdm import Mode
from leashtui.supervisor.policyload import with_stack

DIALECTS = ("cedar", "leash", "leash-compat")
LONGEST = 1 << 20
"""Bytes of a line beyond which it is refused."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--policies", type=Path, required=True, metavar="PATH", help="a policy file or directory")
    parser.add_argument(
        "--dialect", choices=DIALECTS, default="cedar", help="how the policies are meant (default: cedar)"
    )
    parser.add_argument(
        "--unmatched",
        choices=("deny", "ask"),
        default="deny",
        help="what holds where no policy matches (dialect cedar; default: deny, as in Cedar)",
    )
    parser.add_argument("requests", metavar="REQUESTS", help="a .jsonl file of requests, - for standard input")


def run(args: argparse.Namespace) -> int:
    """Answer every line. Returns FINDINGS when one of them could not be read. Raises LeashError."""
    if not args.policies.exists():
        raise LeashError(f"there is no {args.policies}", "name a .cedar file or a directory of them", Exit.USAGE)
    return with_stack(lambda: _run(args))


def _run(args: argparse.Namespace) -> int:
    engine = build(args.policies, args.dialect, Outcome(args.unmatched))
    bad = 0
    try:
        with sys.stdin.buffer if args.requests == "-" else open(args.requests, "rb") as file:
            for answer, good in answers(engine, file):
                bad += not good
                sys.stdout.write(json_line(answer) + "\n")
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise LeashError(f"{args.requests}: {error.strerror}", "name a file of requests", Exit.USAGE) from error
    return Exit.FINDINGS if bad else Exit.OK


def build(path: Path, dialect: str, unmatched: Outcome = Outcome.DENY) -> Standalone:
    """The engine of these policies. Raises Flaw for the first thing that is wrong with them."""
    found = sources.read([("user", path)])
    try:
        if dialect == "cedar":
            return Standalone(standalone.read_policies(found), unmatched, {})
        mode = Mode.COMPAT if dialect == "leash-compat" else Mode.CEDAR
        return strongdm_import.Dialect(strongdm_import.read(found, mode))
    except ValueError as error:
        raise strongdm_import.plain_flaw(found, error) from error


def answers(engine: Standalone, file: BinaryIO) -> Iterator[tuple[Answer, bool]]:
    """(answer, whether its line could be read) of every line that is not empty."""
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            while not line.endswith(b"\n") and (line := file.readline(LONGEST)):
                pass
            yield Answer(None, Outcome.DENY, (), (f"line {number} is longer than {LONGEST:,} bytes",)), False
        elif line.strip():
            yield _answer(engine, number, line)


def _answer(engine: Standalone, number: int, line: bytes) -> tuple[Answer, bool]:
    name: str | int | None = None
    try:
        document = json.loads(line)  # unlike msgspec it takes file names that are not UTF-8, as lone surrogates
        given = document.get("id") if isinstance(document, dict) else None
        name = given if isinstance(given, str | int) else None
        return engine.ask(msgspec.convert(document, Question)), True
    except (ValueError, RecursionError) as error:  # msgspec's own errors are ValueErrors
        safe = escape(name) if isinstance(name, str) else name
        return Answer(safe, Outcome.DENY, (), (escape(f"line {number}: {error}"),)), False
