"""`leash policy check|list` and the way to its other tools: what a policy author runs, without any session.

Knows how to print findings, as text or as one JSON object a line. Refuses to judge: checks
are `policy.bundle`'s, answers are the decider's. Invariant: nothing here changes a file or a session.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

from msgspec import Struct

from leashtui.faces.cli.columns import json_line
from leashtui.model.errors import Exit, LeashError
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle, sources
from leashtui.policy.policy import Policy
from leashtui.policy.syntax import Flaw
from leashtui.stores.directories import config_dir
from leashtui.supervisor import layers as places
from leashtui.supervisor.policyload import with_stack
from leashtui.words.plain import count, one_line

TOOLS = (
    ("test", "testing", "run test cases against the policies"),
    ("decide", "decide", "answer requests from policies alone, one JSON object a line"),
    ("explain", "why", "say why a recorded act was answered as it was, condition by condition"),
    ("simulate", "simulate", "say what policies would have changed in recorded sessions"),
    ("diff", "simulate", "say what would change in recorded sessions from one set of policies to another"),
    ("suggest", "suggest", "propose narrow grants from what was approved again and again"),
    ("analyse", "analyse", "find policies that never match or never decide, and what differs between two sets"),
    ("fmt", "fmt", "lay policy files out in one way"),
    ("reload", "reload", "put the policies that lie there now in force in a running session"),
    ("trust", "trust", "let a project's own policies permit, for the bytes they have now"),
    ("import-leash", "importing", "carry StrongDM Leash policies over, and say where they mean something else"),
)
"""Subcommands in modules of their own: name, module below leashtui.faces.cli, one-line help."""


class Finding(Struct, frozen=True):
    """One thing that is wrong in a policy file, as `check --json` prints it."""

    file: str
    line: int
    column: int
    problem: str
    remedy: str


class Listed(Struct, frozen=True):
    """One policy, as `list --json` prints it."""

    id: str
    answer: str
    severity: str
    locked: bool
    reason: str
    file: str
    line: int


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    commands = parser.add_subparsers(dest="policy_command", required=True, metavar="COMMAND")
    check = commands.add_parser("check", help="read policies and say everything that is wrong in them")
    listing = commands.add_parser("list", help="list the policies of a new session")
    check.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="policy files or directories")
    for command in (check, listing):
        command.add_argument("--json", action="store_true", help="print one JSON object a line")
    for name, module, words in TOOLS:
        import_module(f"leashtui.faces.cli.{module}").add_arguments(commands.add_parser(name, help=words))


def run(args: argparse.Namespace) -> int:
    """Run the chosen subcommand. Returns an Exit code. Raises LeashError for what is not a finding."""
    if args.policy_command == "check":
        return _check(args.paths, args.json)
    tool = next((module for name, module, _ in TOOLS if name == args.policy_command), None)
    if tool is not None:
        return int(import_module(f"leashtui.faces.cli.{tool}").run(args))
    return _list(args.json)


def _print_json(rows: Iterable[Struct]) -> None:
    for row in rows:
        print(json_line(row))


def _exist(paths: Sequence[Path]) -> None:
    for path in paths:
        if not path.exists():
            raise LeashError(f"there is no {path}", "name a .cedar file or a directory that holds some", Exit.USAGE)


def _check(paths: Sequence[Path], as_json: bool) -> int:
    _exist(paths)
    layers = [("user", path) for path in paths] if paths else places.session_layers(config_dir(), os.getcwd())
    good: list[Policy] = []

    def look() -> list[Finding]:
        found: list[Finding] = []
        schema = places.schema(config_dir())
        read: list[sources.Source] = []
        for layer in layers:
            try:
                read.extend(sources.read([layer]))
            except Flaw as flaw:
                found.append(_finding(flaw))
        return found + [_finding(flaw) for flaw in bundle.check(read, schema, good)]

    findings = with_stack(look)
    if as_json:
        _print_json(findings)
    else:
        for finding in findings:
            place = f"{finding.file}:{finding.line}:{finding.column}" if finding.line else finding.file
            print(f"{one_line(place, 400)}: {one_line(finding.problem, 400)}\n    {one_line(finding.remedy, 400)}")
        where = ", ".join(str(path) for _, path in layers)
        print(
            f"{count(len(good), 'policy', 'policies')} good, {count(len(findings), 'error')} in {one_line(where, 400)}"
        )
    return Exit.FINDINGS if findings else Exit.OK


def _finding(flaw: Flaw) -> Finding:
    return Finding(flaw.file, flaw.line, flaw.column, flaw.what, flaw.hint)


def _list(as_json: bool) -> int:
    loaded = places.load(config_dir(), os.getcwd()).bundle
    rows = [
        Listed(p.name, p.answer, str(p.meta.severity), p.meta.locked, p.meta.reason, p.file, p.line)
        for p in loaded.policies
    ]
    if as_json:
        _print_json(rows)
        return Exit.OK
    width = max((len(row.id) for row in rows), default=0)
    for row in rows:
        answer = row.answer + (" (locked)" if row.locked and row.answer == Outcome.ASK else "")
        print(f"{row.id:<{width}}  {answer:<12}  {row.severity:<8}  {one_line(row.reason, 160)}")
    print(f"{count(len(rows), 'policy', 'policies')}, bundle {loaded.digest}")
    return Exit.OK
