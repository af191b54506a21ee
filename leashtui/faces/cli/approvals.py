"""`leash approvals`: what waits for an answer, over all sessions of this user."""

from __future__ import annotations

import argparse
import time

from leashtui.faces.cli.call import waiting
from leashtui.faces.cli.complaint import complain
from leashtui.faces.cli.sessions import choose, live_sessions
from leashtui.model import codec
from leashtui.model.errors import Exit
from leashtui.words.consequence import OTHER_EYES
from leashtui.words.inner import inner
from leashtui.words.plain import duration, one_line

_EFFECTS = 6
"""How many effects are shown besides the first."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="only this session")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object a line: id, session, act, since, ..."
    )
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")


def run(args: argparse.Namespace) -> int:
    """Print them, oldest first."""
    sessions = live_sessions()
    if args.session:
        sessions = [choose(sessions, args.session)]
    found, closed = waiting(sessions, args.code)
    for error in closed:
        complain(error)
    code = Exit.DENIED if closed else Exit.OK
    if args.json:
        for _, card in found:
            print(codec.encode(card).decode())
        return code
    if not found:
        print("nothing waits" + (" in the others" if closed else ""))
        return code
    now = time.time()
    for live, card in found:
        age = duration(now - card.since / 1_000_000)
        name = card.id if len(sessions) == 1 else f"{live.session}/{card.id}"
        many = f"  x{card.count}" if card.count > 1 else ""
        print(f"{name}  {card.severity}  {age}  {one_line(inner(card.command).text, 200)}{many}")
        print(f"    {one_line(card.consequence, 200)}")
        first = f"{card.consequence},"
        others = [e.sentence for e in card.evidence if e.sentence and not first.startswith(f"{e.sentence},")]
        for sentence in list(dict.fromkeys(others))[:_EFFECTS]:
            print(f"    - {one_line(sentence, 200)}")
        if card.other:
            print(f"    {OTHER_EYES}")
    print("answer: leash approve ID, or leash deny ID --because 'what to do instead'")
    return code
