"""`leash policy simulate` and `diff`: what other policies would have changed in the sessions recorded here.

Knows logs and where policies lie. Refuses to run or change anything. Invariant: every recorded act that falls into the
time asked for is judged again, or counted among those that could not be.
"""

from __future__ import annotations

import argparse
import os
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from leashtui.model.codec import decode_record
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Decided
from leashtui.model.request import Tier
from leashtui.policy.entities import Principal
from leashtui.policy.pdp import PDP
from leashtui.policy.replay import Replay
from leashtui.stores.directories import config_dir, sessions_dir
from leashtui.stores.journal import read
from leashtui.supervisor import layers
from leashtui.supervisor.policyload import load
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
    since = time.time_ns() // 1000 - _span(args.since) * 1_000_000
    logs = args.log or sorted(sessions_dir().glob("*.db"))
    comparing = args.policy_command == "diff"
    after = _decider(args.new if comparing else args.policy)
    before = _decider(args.old) if comparing else None
    replay = Replay(after.decide, before.decide if before else None)
    unreadable = 0
    for act in _acts(logs, since):
        if act is None:
            unreadable += 1
        else:
            replay.add(act)
    groups = replay.groups()
    for group in groups:
        if args.json:
            print(msgspec.json.encode(group).decode())
            continue
        print(f"{group.count:>6,}  {group.before} -> {group.after}  by {', '.join(group.by) or 'no policy'}")
        for example in group.examples:
            print(f"        {one_line(example, 160)}")
    if not args.json:
        changed = sum(group.count for group in groups)
        lost = f", {unreadable:,} not readable" if unreadable else ""
        print(f"{count(replay.acts, 'act')} of {count(len(logs), 'log')}: {changed:,} would change{lost}")
    return Exit.OK


def _span(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if match is None:
        raise LeashError(f"--since {text} is no time", "write 90m, 12h, 7d or 4w", Exit.USAGE)
    return int(match[1]) * _UNITS[match[2]]


def _decider(path: Path | None) -> PDP:
    """A decider over the layers of a session here, with `path` in place of the person's own."""
    if path is not None and not path.exists():
        raise LeashError(f"there is no {path}", "name a .cedar file or a directory of them", Exit.USAGE)
    found = layers.session_layers(config_dir(), os.getcwd())
    bundle = layers.load(config_dir(), os.getcwd()).bundle if path is None else None
    if bundle is None:
        replaced = [(layer, path if layer == "user" and path else place) for layer, place in found]
        bundle = load(replaced)
    pdp = PDP(bundle, Principal("simulate", "simulate", "simulate", "simulate"), tier=Tier.EXEC)
    pdp.self_test()
    return pdp


def _acts(logs: Sequence[Path], since: int) -> Iterator[Decided | None]:
    """Every recorded decision since then (us); None for a record that cannot be read."""
    for log in logs:
        for row in read(log):
            try:
                record = decode_record(row.body if isinstance(row.body, bytes) else b"")
            except msgspec.DecodeError:
                yield None
                continue
            if isinstance(record.event, Decided) and record.t >= since:
                yield record.event
