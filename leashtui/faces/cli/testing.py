"""`leash policy test`: cases against the policies, other spellings of their commands too, and which policies none met.

Knows case files and how results are printed: as text, JSON lines or JUnit. Refuses to judge. Invariant: a case that was
not judged is a failure, never left out; what a policy must not let through is tried in other spellings as well.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from xml.etree import ElementTree

from msgspec import Struct
from msgspec.structs import replace

from leashtui.faces.cli.columns import json_line
from leashtui.model.errors import Exit, LeashError, PolicyError
from leashtui.model.facts import Facts
from leashtui.model.request import Request, Tier
from leashtui.model.verdict import Decision, Outcome
from leashtui.policy import cases, sources
from leashtui.policy.bundle import Bundle, build
from leashtui.policy.cases import Case
from leashtui.policy.entities import Principal, Surroundings
from leashtui.policy.pdp import PDP
from leashtui.policy.policy import Policy
from leashtui.policy.schema import Schema
from leashtui.policy.spellings import spellings
from leashtui.stores.directories import config_dir
from leashtui.supervisor import layers as places
from leashtui.supervisor.policyload import with_stack
from leashtui.supervisor.rehearsal import reader
from leashtui.words.plain import count, one_line

_RANK = {Outcome.ALLOW: 0, Outcome.ASK: 1, Outcome.DENY: 2}
Setting = tuple[str, Tier, Surroundings]


class Result(Struct, frozen=True):
    """One test case's end, as `test --json` prints it. spelling: the other words it was tried in, '' for its own."""

    file: str
    case: str
    passed: bool
    expected: str
    got: str
    policies: tuple[str, ...]
    wanted: tuple[str, ...] | None
    errors: tuple[str, ...] = ()
    obliged: tuple[str, ...] = ()
    spelling: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="case files (.toml), policy files or directories"
    )
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print one JSON object a line")
    shape.add_argument("--coverage", action="store_true", help="print how many cases each policy decided")
    parser.add_argument("--junit", type=Path, metavar="FILE", help="also write the results as JUnit XML")


def run(args: argparse.Namespace) -> int:
    """Run every case. Returns FINDINGS when one failed. Raises LeashError."""
    for path in args.paths:
        if not path.exists():
            raise LeashError(f"there is no {path}", "name a .toml or .cedar file, or a directory", Exit.USAGE)
    results: list[Result] = []
    met: dict[str, int] = {}
    for chosen, where in _rounds(args.paths):
        found = list(_cases(where))
        schema = places.schema(config_dir())
        loaded = with_stack(lambda chosen=chosen, schema=schema: _built(chosen, schema))  # type: ignore
        judge = _Judge(loaded)
        judged = [result for file, case in found for result in judge.all(str(file), case)]
        results.extend(judged)
        own = chosen[-1][1]
        files = {one.file for one in sources.read([("user", own)])}
        for policy in loaded.policies:
            if policy.file in files:
                met[policy.name] = sum(_meets(policy, result) for result in judged)
    if args.junit is not None:
        _write_junit(args.junit, results)
    failed = [result for result in results if not result.passed]
    if args.json:
        for result in results:
            print(json_line(result))
    else:
        _show(results, failed, met, args.coverage)
    return Exit.FINDINGS if failed else Exit.OK


def _meets(policy: Policy, result: Result) -> bool:
    """Whether the case shows what this policy does."""
    if policy.answer == "oblige":
        return bool(result.obliged) and set(policy.meta.obligations) <= set(result.obliged)
    return policy.name in result.policies


def _rounds(paths: Sequence[Path]) -> list[tuple[list[tuple[str, Path]], Sequence[Path]]]:
    """(layers, where cases lie): a person's own policies must not fail the cases of the shipped ones."""
    found = places.session_layers(config_dir(), os.getcwd())
    pack = [one for one in found if one[0] == "builtin"]
    if paths:
        return [([*pack, *(("user", path) for path in paths if path.suffix != ".toml")], paths)]
    shipped = [("builtin", place) for place in places.profile_places(places.PROFILES[-1])]
    rounds = [(shipped[: n + 1], [shipped[n][1]]) for n in range(len(shipped))]
    mine = [one for one in found if one[0] in ("team", "project", "user") and one[1].exists()]
    return [*rounds, *(([*pack, one], [one[1]]) for one in mine)]


def _built(chosen: list[tuple[str, Path]], schema: Schema) -> Bundle:
    """Their permits count here, trusted or not: the question is what they would say."""
    found = sources.read(chosen)
    return build(found, schema, trusted=frozenset(one.digest for one in found))


def _cases(paths: Sequence[Path]) -> Iterator[tuple[Path, Case]]:
    """Every case of these paths: a .toml file itself, for a directory its tests/*.toml."""
    for path in paths:
        if path.suffix == ".cedar":
            continue
        for file in [path] if path.suffix == ".toml" else sorted((path / "tests").glob("*.toml")):
            try:
                document = tomllib.loads(file.read_bytes().decode())
            except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
                raise PolicyError(f"{file}: {error}", "see policies/tests for the shape of a case") from error
            for case in cases.read_suite(str(file), document):
                yield file, case


class _Judge:
    """Judges cases against one set; a decider for each kind of session that they speak of."""

    def __init__(self, loaded: Bundle) -> None:
        self._loaded = loaded
        self._pdps: dict[Setting, PDP] = {}
        self._readers: dict[str, Callable[[str], Facts]] = {}

    def all(self, file: str, case: Case) -> Iterator[Result]:
        """The case, and where something must be held, every spelling of its command that is held less."""
        first = self._result(file, case, self._decide(case))
        yield first
        if not (case.run and case.spellings and first.passed and case.expect is not Outcome.ALLOW):
            return
        for text in spellings(case.run):
            decision = self._decide(replace(case, run=text))
            if _RANK[decision.outcome] < _RANK[case.expect]:
                yield self._result(file, replace(case, by=None), decision, text)

    def _decide(self, case: Case) -> Decision:
        pdp = self._pdp(case.setting())
        pdp.learn(tuple(sorted(case.outside.items())))
        return pdp.decide(*self._situation(case))

    def _situation(self, case: Case) -> tuple[Request, Facts]:
        if not case.run:
            return cases.situation(case)
        read = self._readers.get(case.branch)
        if read is None:
            read = self._readers[case.branch] = reader(cases.WORKSPACE, case.branch)
        request, _ = cases.situation(replace(case, command="true", facts={}, effects=()))
        return replace(request, argv=("bash", "-c", case.run), exe="/bin/bash"), read(case.run)

    def _pdp(self, setting: Setting) -> PDP:
        found = self._pdps.get(setting)
        if found is None:
            role, tier, around = setting
            places.check_role(self._loaded, role)
            found = PDP(self._loaded, Principal("test", "test", "test", "test", role), tier=tier, around=around)
            found.self_test()
            self._pdps[setting] = found
        return found

    @staticmethod
    def _result(file: str, case: Case, decision: Decision, spelling: str = "") -> Result:
        caused = tuple(sorted(policy.id for policy in decision.policies))
        wanted = None if case.by is None else tuple(sorted(case.by))
        obliged = case.obliges is None or tuple(sorted(case.obliges)) == decision.obligations
        passed = decision.outcome is case.expect and wanted in (None, caused) and obliged
        expected, got = str(case.expect), str(decision.outcome)
        duties = decision.obligations if case.obliges is not None else ()
        return Result(file, case.name, passed, expected, got, caused, wanted, decision.errors, duties, spelling)


def _show(results: Sequence[Result], failed: Sequence[Result], met: dict[str, int], coverage: bool) -> None:
    for result in failed:
        print("\n".join(_explain(result)))
    for name, number in met.items():
        if coverage:
            print(f"{number:>5}  {name}")
        elif not number:
            print(f"no case names {name}")
    tested = sum(number > 0 for number in met.values())
    spelled = sum(bool(result.spelling) for result in failed)
    also = f" ({spelled:,} in another spelling)" if spelled else ""
    print(f"{count(len(results) - len(failed), 'case')} passed, {len(failed):,} failed{also}", end="; ")
    print(f"{tested:,} of {count(len(met), 'policy', 'policies')} met by a case")


def _explain(result: Result) -> Iterator[str]:
    yield f"FAILED {result.case}  ({result.file})"
    if result.spelling:
        yield f"    written  {one_line(result.spelling, 300)}"
    yield f"    expected {result.expected}, got {result.got}"
    yield f"    by       {', '.join(result.policies) or 'no policy'}"
    if result.wanted is not None and result.wanted != result.policies:
        yield f"    not by   {', '.join(result.wanted) or 'no policy'}"
    for error in result.errors:
        yield f"    error    {one_line(error)}"


def _write_junit(path: Path, results: Sequence[Result]) -> None:
    """One test suite a case file."""
    root = ElementTree.Element("testsuites", name="leash policy test")
    for file in dict.fromkeys(result.file for result in results):
        of = [result for result in results if result.file == file]
        failures = sum(not result.passed for result in of)
        suite = ElementTree.SubElement(root, "testsuite", name=file, tests=str(len(of)), failures=str(failures))
        for result in of:
            name = one_line(f"{result.case} [{result.spelling}]" if result.spelling else result.case, 400)
            case = ElementTree.SubElement(suite, "testcase", name=name, classname=one_line(file, 400))
            if not result.passed:
                what = f"expected {result.expected}, got {result.got}"
                ElementTree.SubElement(case, "failure", message=what).text = "\n".join(_explain(result))
    try:
        path.write_bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")
    except OSError as error:
        raise LeashError(f"{path}: {error.strerror}", "name a file that can be written", Exit.USAGE) from error
