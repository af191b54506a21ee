"""`leash policy check|test|list` and the way to its other tools: what a policy author runs, without any session.

Knows how to read case files and how to print findings, as text or as one JSON object a line. Refuses to judge: checks
are `policy.bundle`'s, answers are the decider's. Invariant: nothing here changes a file or a session.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Iterable, Sequence
from importlib import import_module
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import Exit, LeashError, PolicyError
from leashtui.model.request import Tier
from leashtui.model.verdict import Outcome
from leashtui.policy import bundle, cases, sources
from leashtui.policy.bundle import Bundle
from leashtui.policy.cases import Case
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.policy.policy import Policy
from leashtui.policy.syntax import Flaw
from leashtui.stores.directories import config_dir
from leashtui.supervisor import layers as places
from leashtui.supervisor.policyload import load, with_stack
from leashtui.words.plain import count, one_line

TOOLS = (
    ("decide", "decide", "answer requests from policies alone, one JSON object a line"),
    ("simulate", "simulate", "say what policies would have changed in recorded sessions"),
    ("diff", "simulate", "say what would change in recorded sessions from one set of policies to another"),
    ("fmt", "fmt", "lay policy files out in one way"),
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


class Result(Struct, frozen=True):
    """One test case's end, as `test --json` prints it."""

    file: str
    case: str
    passed: bool
    expected: str
    got: str
    policies: tuple[str, ...]
    wanted: tuple[str, ...] | None
    errors: tuple[str, ...] = ()


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
    test = commands.add_parser("test", help="run test cases against the policies")
    listing = commands.add_parser("list", help="list the policies of a new session")
    check.add_argument("paths", nargs="*", type=Path, metavar="PATH", help="policy files or directories")
    test.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="case files (.toml), policy files or directories"
    )
    for command in (check, test, listing):
        command.add_argument("--json", action="store_true", help="print one JSON object a line")
    for name, module, words in TOOLS:
        import_module(f"leashtui.faces.cli.{module}").add_arguments(commands.add_parser(name, help=words))


def run(args: argparse.Namespace) -> int:
    """Run the chosen subcommand. Returns an Exit code. Raises LeashError for what is not a finding."""
    if args.policy_command == "check":
        return _check(args.paths, args.json)
    if args.policy_command == "test":
        return _test(args.paths, args.json)
    tool = next((module for name, module, _ in TOOLS if name == args.policy_command), None)
    if tool is not None:
        return int(import_module(f"leashtui.faces.cli.{tool}").run(args))
    return _list(args.json)


def _print_json(rows: Iterable[Struct]) -> None:
    for row in rows:
        print(msgspec.json.encode(row).decode())


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
        schema = bundle.load_schema()
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


def _test(paths: Sequence[Path], as_json: bool) -> int:
    _exist(paths)
    of = dict(places.session_layers(config_dir()))
    builtin, user = ("builtin", of["builtin"]), ("user", of["user"])
    if paths:
        mine = [("user", path) for path in paths if path.suffix != ".toml"]
        rounds = [([builtin, *mine], paths)]
    else:  # a person's own policies must not fail the cases of the shipped ones
        rounds = [([builtin], [builtin[1]]), ([builtin, user], [user[1]])]
    results: list[Result] = []
    untested: list[str] = []
    for chosen, where in rounds:
        loaded = load(chosen)
        found = _cases(where)
        pdps = {role: _pdp(loaded, role) for role in {"", *(case.role for _, case in found)}}
        judged = [_judge(pdps[case.role], str(file), case) for file, case in found]
        results.extend(judged)
        untested.extend(_untested(loaded, chosen[-1][0], judged))
    failed = [result for result in results if not result.passed]
    if as_json:
        _print_json(results)
    else:
        for result in failed:
            print(_explain(result))
        for name in untested:
            print(f"no case names {name}")
        print(f"{count(len(results) - len(failed), 'case')} passed, {len(failed):,} failed")
    return Exit.FINDINGS if failed else Exit.OK


def _pdp(loaded: Bundle, role: str) -> PDP:
    places.check_role(loaded, role)
    pdp = PDP(loaded, Principal("test", "test", "test", "test", role), tier=Tier.EXEC)
    pdp.self_test()
    return pdp


def _cases(paths: Sequence[Path]) -> list[tuple[Path, Case]]:
    """Every case of these paths: a .toml file itself, for a directory its tests/*.toml."""
    found: list[tuple[Path, Case]] = []
    for path in paths:
        files = [path] if path.suffix == ".toml" else sorted((path / "tests").glob("*.toml"))
        for file in files:
            try:
                document = tomllib.loads(file.read_bytes().decode())
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise PolicyError(f"{file}: {error}", "see policies/tests for the shape of a case") from error
            found.extend((file, case) for case in cases.read_suite(str(file), document))
    return found


def _judge(pdp: PDP, file: str, case: Case) -> Result:
    request, facts = cases.situation(case)
    decision = pdp.decide(request, facts)
    caused = tuple(sorted(policy.id for policy in decision.policies))
    wanted = None if case.by is None else tuple(sorted(case.by))
    passed = decision.outcome is case.expect and wanted in (None, caused)
    return Result(file, case.name, passed, str(case.expect), str(decision.outcome), caused, wanted, decision.errors)


def _explain(result: Result) -> str:
    lines = [f"FAILED {result.case}  ({result.file})", f"    expected {result.expected}, got {result.got}"]
    lines.append(f"    by       {', '.join(result.policies) or 'no policy'}")
    if result.wanted is not None and result.wanted != result.policies:
        lines.append(f"    not by   {', '.join(result.wanted) or 'no policy'}")
    lines.extend(f"    error    {one_line(error)}" for error in result.errors)
    return "\n".join(lines)


def _untested(loaded: Bundle, layer: str, results: Sequence[Result]) -> list[str]:
    """The policies of a layer that no case met."""
    named = {name for result in results for name in result.policies}
    return [p.name for p in loaded.policies if p.layer == layer and p.name not in named]


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
