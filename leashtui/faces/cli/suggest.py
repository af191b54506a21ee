"""`leash policy suggest`: what a person approved again and again, as narrow grants, with what each would have released.

Knows logs and how often the same thing was approved. Refuses to suggest what no grant may release. Invariant: what is
shown as released was counted by deciding every recorded ask again with exactly that grant.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from leashtui.faces.cli import keeping
from leashtui.faces.cli.columns import json_line
from leashtui.faces.cli.recorded import Deciders, in_force, records
from leashtui.faces.cli.simulate import span
from leashtui.model.errors import Exit, LeashError, PolicyError
from leashtui.model.event import Answered, Decided, SessionStarted
from leashtui.model.facts import Facts
from leashtui.model.verdict import By, Outcome, Ruling
from leashtui.policy import grants
from leashtui.stores.directories import sessions_dir
from leashtui.stores.kept import Kept
from leashtui.supervisor.granting import grant_of
from leashtui.words.plain import count, one_line

EXAMPLES = 3


class Asked(Struct, frozen=True):
    """One recorded ask: what it was, where, by which kind of agent, and whether a person let it happen."""

    act: Decided
    workspace: str
    kind: str
    approved: bool


class Suggestion(Struct, frozen=True):
    """A grant that would have answered for the person, as `--json` prints it. released: how many asks, denied: of those
    how many the person had refused."""

    number: int
    grant: str
    approvals: int
    released: int
    denied: int
    examples: tuple[str, ...]
    workspace: str
    kind: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--since", default="30d", metavar="TIME", help="how far back: 12h, 7d, 4w (default: 30d)")
    parser.add_argument("--min", type=int, default=3, metavar="N", help="approvals that make a habit (default: 3)")
    parser.add_argument("--keep", type=int, default=0, metavar="NUMBER", help="keep this suggestion as a grant")
    parser.add_argument("--for", dest="life", default=keeping.LIFE, metavar="TIME", help="with --keep: how long (30d)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a suggestion")


def run(args: argparse.Namespace) -> int:
    """Print the suggestions, or keep one. Raises LeashError."""
    since = keeping.now() - span(args.since) * 1_000_000
    asked = [one for log in sorted(sessions_dir().glob("*.db")) for one in _asked(log, since)]
    found = list(_suggestions(asked, max(args.min, 2), span(args.life)))
    if args.keep:
        if not 0 < args.keep <= len(found):
            raise LeashError(f"there is no suggestion {args.keep}", "leash policy suggest lists them", Exit.USAGE)
        keeping.keep(found[args.keep - 1][1])
        return Exit.OK
    for suggestion, _ in found:
        if args.json:
            print(json_line(suggestion))
        else:
            _show(suggestion)
    if not args.json:
        hint = "; keep one: leash policy suggest --keep 1" if found else ""
        print(f"{count(len(asked), 'ask')} looked at, {count(len(found), 'suggestion')}{hint}")
    return Exit.OK


def _asked(log: Path, since: int) -> list[Asked]:
    workspace = kind = ""
    waiting: dict[str, Decided] = {}
    found = []
    for _, record in records(log):
        event = record.event if record is not None else None
        if record is None or event is None:
            continue
        if isinstance(event, SessionStarted):
            workspace, kind = event.workspace, event.agent
        elif isinstance(event, Decided) and event.decision.outcome is Outcome.ASK and record.t >= since:
            waiting[record.id] = event
        elif isinstance(event, Answered) and event.verdict.by is By.PERSON and record.parent in waiting:
            approved = event.verdict.ruling is Ruling.ALLOW
            found.append(Asked(waiting.pop(record.parent), workspace, kind, approved))
    return found


def _suggestions(asked: Sequence[Asked], least: int, life: int) -> list[tuple[Suggestion, Kept]]:
    groups: dict[tuple[str, str, tuple[str, ...], frozenset[str]], list[Asked]] = {}
    for one in asked:
        facts, decision = one.act.facts, one.act.decision
        if one.approved and not grants.refusal(facts, decision):
            asks = frozenset(policy.id for policy in decision.policies)
            groups.setdefault((one.workspace, one.kind, facts.grant_prefix, asks), []).append(one)
    deciders = Deciders(in_force())
    found: list[tuple[Suggestion, Kept]] = []
    for (workspace, kind, _, _), members in sorted(groups.items(), key=lambda item: -len(item[1])):
        if len(members) < least:
            continue
        facts = min((one.act.facts for one in members), key=_breadth)
        exact = len({one.act.facts.command for one in members}) == 1
        expires = keeping.now() + life * 1_000_000
        kept = Kept(f"s{len(found) + 1}", workspace, kind, expires, facts, members[0].act.decision, exact)
        rows = _released(deciders, kept, [one for one in asked if (one.workspace, one.kind) == (workspace, kind)])
        if rows is None:
            continue
        text = grant_of(kept).text.strip()
        examples = tuple(dict.fromkeys(one.act.facts.command for one in rows))[:EXAMPLES]
        refused = sum(not one.approved for one in rows)
        number = len(found) + 1
        made = Suggestion(number, text, len(members), len(rows), refused, examples, workspace, kind)
        found.append((made, kept))
    return found


def _breadth(facts: Facts) -> tuple[int, ...]:
    """The narrowest of several approvals first: what a grant lets through is bounded by what its example did."""
    return len(facts.hosts) + len(facts.remotes) + len(facts.packages), len(facts.touches()), len(facts.verbs())


def _released(deciders: Deciders, kept: Kept, asked: Sequence[Asked]) -> list[Asked] | None:
    """The recorded asks that this grant would have answered; None when it cannot stand any more."""
    pdp = deciders.fresh(kept.kind, lambda: time.time_ns() // 1000)
    try:
        pdp.add_grant(grant_of(kept))
    except PolicyError:
        return None
    return [one for one in asked if pdp.decide(one.act.request, one.act.facts).released]


def _show(one: Suggestion) -> None:
    whose = f"{one.kind} in " if one.kind else ""
    print(f"{one.number}. approved {count(one.approvals, 'time')} by a person ({whose}{one_line(one.workspace)})")
    print("   " + one.grant.replace("\n", "\n   "))
    denied = f", {one.denied:,} of which were refused" if one.denied else ""
    print(f"   would have released {count(one.released, 'ask')}{denied}:")
    for example in one.examples:
        print(f"     {one_line(example, 160)}")
    print()
