"""`leash report`: what agents did over a while, as Markdown or as one HTML page, and whether the logs prove it.

Knows where records come from. Refuses to count (audit.report) and to lay out (words.report). Invariant: the report
says how many of the logs it counted proved themselves, and names those that did not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from leashtui.audit.query import Query, parse
from leashtui.audit.report import Tally
from leashtui.faces.cli.log import said
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import sessions_dir, state_dir
from leashtui.stores.index import search, shelf_of
from leashtui.stores.proof import prove
from leashtui.stores.sessions import list_sessions
from leashtui.words.plain import count, duration
from leashtui.words.report import Page, Table, html, markdown, top

_ROWS = 12


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `leash report`."""
    parser.add_argument("query", nargs="*", metavar="QUERY", help="as in `leash log` (default: since:30d)")
    parser.add_argument("--html", action="store_true", help="one HTML page instead of Markdown")
    parser.add_argument("-o", "--output", metavar="FILE", default="", help="write it there (.html means --html)")


def run(args: argparse.Namespace) -> int:
    """Write the report. Returns FINDINGS when a log does not prove itself. Raises LeashError."""
    zone = datetime.now().astimezone().tzinfo or UTC
    words = " ".join(args.query) or "since:30d"
    tally = Tally(zone)
    for value, agent in _records(parse(words, now=time.time_ns() // 1000, zone=zone)):
        tally.add(value, agent)
    proofs = list(prove(state_dir())) if sessions_dir().is_dir() else []
    bad = [proof.session for proof in proofs if not proof.ok]
    page = page_of(tally, words, len(proofs), bad)
    text = html(page) if args.html or args.output.endswith(".html") else markdown(page)
    if args.output:
        try:
            Path(args.output).write_text(text, "utf-8")
        except OSError as error:
            raise LeashError(f"{args.output}: {error.strerror}", "name another file", Exit.USAGE) from error
        print(f"wrote {args.output}: {count(tally.acts, 'act')} of {count(len(tally.sessions), 'session')}")
    else:
        sys.stdout.write(text)
    return Exit.FINDINGS if bad else Exit.OK


def _records(query: Query) -> Iterator[tuple[dict[str, Any], str]]:
    for session in list_sessions(sessions_dir()):
        if session.problem:
            continue
        for _, value in search(state_dir(), shelf_of(session.path, session.agent), query, said(session.id)):
            if value:
                yield value, session.agent


def page_of(tally: Tally, query: str, logs: int, bad: list[str]) -> Page:
    """The report of what was counted."""
    zone = tally.zone
    first, last = (datetime.fromtimestamp(t / 1e6, zone).strftime("%Y-%m-%d %H:%M") for t in (tally.first, tally.last))
    span = f"{first} to {last}, query: {query}" if tally.records else f"nothing was recorded; query: {query}"
    figures = (
        ("acts", f"{tally.acts:,}"),
        ("sessions", f"{len(tally.sessions):,}"),
        ("allowed", f"{tally.verdicts['allow']:,}"),
        ("refused", f"{tally.verdicts['deny']:,}"),
        ("asks in 100 acts", f"{tally.asks_per_100:.1f}"),
        ("half of the answers within", duration(tally.waited(0.5)) if tally.waits else "-"),
        ("nine in ten within", duration(tally.waited(0.9)) if tally.waits else "-"),
        ("asks a person allowed", f"{tally.overrides:,}"),
        ("secrets masked", f"{tally.masked:,}"),
    )
    days = tuple((day, c["allow"], c["ask"], c["deny"]) for day, c in sorted(tally.days.items()))
    tables = (
        Table("Policies that decided", top(tally.policies.most_common(_ROWS))),
        Table("What was refused most", top(tally.refused.most_common(_ROWS))),
        Table("Who answered", top(tally.people.most_common(_ROWS))),
        Table("How asks ended", top(tally.by.most_common(_ROWS))),
        Table(
            "Files changed most", top(tally.files.most_common(_ROWS)), "seen by the watcher, not attributed to an act"
        ),
        Table("Agents, by sessions", top(tally.agents.most_common(_ROWS))),
        Table("Alarms", top(tally.alarms.most_common(_ROWS))),
    )
    proof = f"{count(logs, 'log')} read; all of them prove themselves." if not bad else (
        f"{count(logs, 'log')} read; these do not prove themselves: {', '.join(bad)}. Run: leash audit verify"
    )  # fmt: skip
    return Page("What the agents did", span, figures, days, tables, proof)
