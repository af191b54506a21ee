"""`leash policy analyse`: what policies can never do, and what changes from one set to another, over all situations.

Knows how findings are printed. Refuses to reason: `policy.analysis` does, with the extra of that name. Invariant: what
is printed as a difference was answered so by the engine; what was not is called unconfirmed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct

from leashtui.faces.cli.columns import json_line
from leashtui.faces.cli.extra import load
from leashtui.faces.cli.recorded import in_force
from leashtui.model.errors import Exit, LeashError
from leashtui.words.plain import count, one_line


class Found(Struct, frozen=True):
    """One finding, as `--json` prints it. what: never matches, never decides, or differs."""

    what: str
    policy: str = ""
    behind: tuple[str, ...] = ()
    before: str = ""
    after: str = ""
    was: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    situation: tuple[str, ...] = ()
    confirmed: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "path", nargs="?", type=Path, metavar="PATH", help="in place of your own policies (default: those in force)"
    )
    parser.add_argument("--against", type=Path, metavar="OLD", help="say what changes from these policies to PATH")
    parser.add_argument("--all", action="store_true", help="look for idle policies in the shipped layer too")
    parser.add_argument("--json", action="store_true", help="print one JSON object a finding")


def run(args: argparse.Namespace) -> int:
    """Print the findings; returns FINDINGS when there are any. Raises LeashError."""
    analysis = load("leashtui.policy.analysis")
    for path in (args.path, args.against):
        if path is not None and not path.exists():
            raise LeashError(f"there is no {path}", "name a .cedar file or a directory of them", Exit.USAGE)
    bundle = in_force(args.path)
    if args.against is not None:
        found = list(_grouped(analysis.changes(in_force(args.against), bundle)))
    else:
        found = [_idle(one) for one in analysis.idle(bundle, lambda p: args.all or p.layer != "builtin")]
    for one in found:
        if args.json:
            print(json_line(one))
        else:
            _show(one)
    if not args.json:
        policies = count(len(bundle.policies), "policy", "policies")
        print(f"{count(len(found), 'finding')} over all situations, of {policies}")
    return Exit.FINDINGS if found else Exit.OK


def _idle(one: Any) -> Found:
    what = "could not be analysed" if one.never == "?" else f"never {one.never}"
    return Found(what, one.policy.name, one.behind)


def _grouped(changes: Iterable[Any]) -> Iterator[Found]:
    """One finding for what changes alike for several actions."""
    groups: dict[tuple[str, str, tuple[str, ...]], list[Any]] = {}
    for one in changes:
        groups.setdefault((one.before, one.after, one.was), []).append(one)
    for members in groups.values():
        first = next((one for one in members if one.confirmed), members[0])
        yield _change(first, tuple(str(one.action) for one in members))


def _change(one: Any, actions: tuple[str, ...]) -> Found:
    return Found(
        "differs",
        before=str(one.before),
        after=str(one.after),
        was=one.was,
        by=one.by,
        actions=actions,
        situation=one.witness.told(),
        confirmed=one.confirmed,
    )


def _show(one: Found) -> None:
    if one.what == "differs":
        sure = "" if one.confirmed else "  (the engine did not confirm this one)"
        print(f"{one.before} -> {one.after}{sure}")
        print(f"    by    {', '.join(one.by) or 'no policy'}  (was {', '.join(one.was) or 'no policy'})")
        print(f"    for   {', '.join(one.actions)}; for example")
        for line in one.situation:
            print(f"          {one_line(line, 200)}")
        return
    behind = f": wherever it matches, so does {' or '.join(one.behind)}" if one.behind else ""
    print(f"{one.policy} {one.what}{behind}")
