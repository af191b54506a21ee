"""`leash policy simulate` and `diff`: what other policies would have changed in the sessions recorded here.

Knows logs and where policies lie. Refuses to run or change anything. Invariant: every recorded act that falls into the
time asked for is judged again, or counted among those that could not be.
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path

from leashtui.faces.cli.columns import json_line
from leashtui.faces.cli.recorded import Deciders, in_force, records
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Decided
from leashtui.policy.replay import Replay
from leashtui.stores.directories import sessions_dir
from leashtui.words.plain import count, one_line

_UNITS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of both."""
    if parser.prog.endswith("diff"):
        parser.add_argument("old", type=Path, metavar="OLD", help="the policies to compare with")
        parser.add_argument("new", type=Path, metavar="NEW", help="the policies to try")
    else:
        parser.add_argument(
            "--policy", type=Path, metavar="PATH", help="try these as your own policies (default: those in force)"
        )
    parser.add_argument("--since", default="30d", metavar="TIME", help="how far back: 90m, 12h, 7d, 4w (default: 30d)")
    parser.add_argument("--log", type=Path, action="append", metavar="FILE", help="this log (default: every session's)")
    parser.add_argument("--json", action="store_true", help="print one JSON object a group of acts")


def run(args: argparse.Namespace) -> int:
    """Replay and print. Raises LeashError."""
    since = time.time_ns() // 1000 - span(args.since) * 1_000_000
    logs = args.log or sorted(sessions_dir().glob("*.db"))
    comparing = args.policy_command == "diff"
    after = _deciders(args.new if comparing else args.policy)
    before = _deciders(args.old) if comparing else None
    replay, unreadable = Replay(), 0
    for log in logs:
        for _, record in records(log):
            if record is None:
                unreadable += 1
                continue
            for deciders in (after, before):
                if deciders is not None:
                    deciders.follow(record)
            act = record.event
            if isinstance(act, Decided) and record.t >= since:
                old = before.now.decide(act.request, act.facts) if before else act.decision
                replay.add(act, old, after.now.decide(act.request, act.facts))
    _show(replay, len(logs), unreadable, args.json)
    return Exit.OK


def _show(replay: Replay, logs: int, unreadable: int, as_json: bool) -> None:
    groups = replay.groups()
    for group in groups:
        if as_json:
            print(json_line(group))
            continue
        was = f" (was {', '.join(group.was)})" if group.was else ""
        print(f"{group.count:>6,}  {group.before} -> {group.after}  by {', '.join(group.by) or 'no policy'}{was}")
        for example in group.examples:
            print(f"        {one_line(example, 160)}")
    if not as_json:
        for name, times in replay.same.most_common():
            print(f"{times:>6,}  as before, now also by {name}")
        changed = sum(group.count for group in groups)
        lost = f", {unreadable:,} not readable" if unreadable else ""
        print(f"{count(replay.acts, 'act')} of {count(logs, 'log')}: {changed:,} would change{lost}")
        if not logs:
            print("nothing is recorded here yet: run `leash demo`, or an agent under leash, then try again")


def span(text: str) -> int:
    """Seconds. Raises LeashError when it is no time."""
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if match is None:
        raise LeashError(f"--since {text} is no time", "write 90m, 12h, 7d or 4w", Exit.USAGE)
    return int(match[1]) * _UNITS[match[2]]


def _deciders(path: Path | None) -> Deciders:
    """Deciders over the layers of a session here, with `path` in place of the person's own."""
    if path is not None and not path.exists():
        raise LeashError(f"there is no {path}", "name a .cedar file or a directory of them", Exit.USAGE)
    return Deciders(in_force(path))
