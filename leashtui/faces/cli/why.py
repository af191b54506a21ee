"""`leash policy explain`: why a recorded act was answered as it was, condition by condition, and what nearly spoke.

Knows how to find an act in a log and how to print reasons. Refuses to judge. Invariant: it says when the policies are
no longer those of the recorded decision.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from msgspec import Struct

from leashtui.faces.cli.columns import Paper, json_line
from leashtui.faces.cli.recorded import Deciders, in_force, records
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Answered, Asked, Decided, Record
from leashtui.policy.pdp import PDP
from leashtui.policy.reasons import Reason, reasons
from leashtui.stores.directories import sessions_dir
from leashtui.stores.sessions import find_session, newest
from leashtui.words.plain import one_line


class Told(Struct, frozen=True):
    """One policy, as `--json` prints it. conditions: (text, holds)."""

    id: str
    answer: str
    matches: bool
    conditions: tuple[tuple[str, bool | None], ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("event", metavar="EVENT", help="its number or id in the log (leash log --json), or a card: L-3")
    parser.add_argument("--session", default="", metavar="SESSION", help="default: the newest")
    parser.add_argument("--json", action="store_true", help="print one JSON object a policy that could speak")


def run(args: argparse.Namespace) -> int:
    """Find the act, judge it again and print why. Raises LeashError."""
    record, act, workspace, before = _find(_log(args.session), args.event)
    deciders = Deciders(in_force(None, workspace))
    for earlier in before:
        deciders.follow(earlier)
    pdp = deciders.now
    found = reasons(pdp, act.request, act.facts, pdp.about(act.request.action))
    if args.json:
        for one in found:
            conditions = tuple((c.text, c.holds) for c in one.conditions)
            print(json_line(Told(one.policy.name, one.policy.answer, one.matches, conditions)))
        return Exit.OK
    _show(record, act, pdp, found, Paper(sys.stdout, os.environ))
    return Exit.OK


def _log(session: str) -> Path:
    if session:
        found = find_session(sessions_dir(), session)
        if found is None:
            raise LeashError(f"there is no session {session}", "leash log --sessions lists them", Exit.USAGE)
        return found
    last = newest(sessions_dir())
    if last is None:
        raise LeashError("no session is recorded here yet", "leash demo, or leash AGENT", Exit.USAGE)
    return last.path


def _find(log: Path, event: str) -> tuple[Record, Decided, str, list[Record]]:
    """(record, act, workspace, all records before it). A card or an answer leads to the act that was asked."""
    seen: dict[str, Record] = {}
    wanted = ""
    everything: list[Record] = []
    for number, record in records(log):
        if record is None:
            continue
        everything.append(record)
        seen[record.id] = record
        is_card = isinstance(record.event, Asked) and record.event.card.id == event.upper()
        if event in (str(number), record.id) or is_card:
            wanted = record.id
            break
    found = seen.get(wanted)
    while found is not None and not isinstance(found.event, Decided):
        leads = isinstance(found.event, Asked | Answered) or found.parent
        found = seen.get(found.parent) if leads else None
    if found is None or not isinstance(found.event, Decided):
        raise LeashError(f"{event} is no act of this log", "leash log --json shows numbers and ids", Exit.USAGE)
    workspace = next((getattr(r.event, "workspace", "") for r in everything if hasattr(r.event, "workspace")), "")
    return found, found.event, workspace, everything


def _show(record: Record, act: Decided, pdp: PDP, found: list[Reason], paper: Paper) -> None:
    decision = act.decision
    ruling = f", then {act.verdict.ruling} by {act.verdict.by}" if act.verdict is not None else ""
    print(f"{paper.paint(one_line(act.facts.command, 300), 'bold')}  ({record.id})")
    print(f"decided: {decision.outcome}{ruling}")
    if decision.bundle != pdp.bundle.digest:
        now = pdp.decide(act.request, act.facts).outcome
        print(f"the policies are others now ({decision.bundle} -> {pdp.bundle.digest}); they would answer: {now}")
    for error in decision.errors:
        print(f"error: {one_line(error, 300)}")
    for title, chosen in (
        ("matched", [one for one in found if one.matches]),
        ("one condition away", [one for one in found if one.is_near]),
    ):
        print(paper.paint(f"\n{title}", "bold") + ("" if chosen else "  none"))
        for one in chosen:
            _one(one, paper)


def _one(one: Reason, paper: Paper) -> None:
    where = f"  ({Path(one.policy.file).name}:{one.policy.line})" if one.policy.file else ""
    print(f"  {one.policy.name}: {one.policy.answer}{where}")
    for condition in one.conditions:
        mark = {True: "yes", False: "NO ", None: "ERR"}[condition.holds]
        print(paper.fit(f"    {mark}  {one_line(condition.text, 400)}"))
    if not one.conditions:
        print("    yes  always")
