"""`leash policy reload`: put the policies that lie there now in force in a running session, once they were shown.

Knows how to show an offer and how to ask for a yes. Refuses to read policies itself: the session does, and compares.
Invariant: what comes into force is exactly the set that was shown; a set that is broken changes nothing.
"""

from __future__ import annotations

import argparse
import sys

from leashtui.faces.cli.call import Call
from leashtui.faces.cli.sessions import choose, live_sessions
from leashtui.model.errors import Exit, LeashError, PolicyError
from leashtui.model.wire import Offered, Refused, Reload
from leashtui.words.plain import count, one_line


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    parser.add_argument("--yes", action="store_true", help="do not ask: put in force what lies there")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")


def run(args: argparse.Namespace) -> int:
    """Show, ask, put in force. Raises LeashError; the session then decides as before."""
    with Call(choose(live_sessions(), args.session), code=args.code) as call:
        offer = _ask(call, "")
        if offer.bundle == offer.was:
            print(f"nothing changed: bundle {offer.was} is in force")
            return Exit.OK
        _show(offer)
        if not args.yes and not _agreed():
            print("left as it was")
            return Exit.OK
        done = _ask(call, offer.bundle)
    print(f"in force: bundle {done.bundle}")
    return Exit.OK


def _ask(call: Call, bundle: str) -> Offered:
    call.send(Reload(bundle))
    while True:
        message = call.receive()
        if isinstance(message, Refused):
            raise LeashError(f"session {call.live.session}: {message.reason}", message.hint, Exit.DENIED)
        if isinstance(message, Offered):
            if message.problem:
                raise PolicyError(f"{message.problem} (bundle {message.was} stays in force)", message.hint)
            return message


def _show(offer: Offered) -> None:
    for names, word in ((offer.added, "new"), (offer.changed, "changed"), (offer.removed, "gone")):
        for name in names:
            print(f"{word:<8}{one_line(name)}{'  PERMITS' if name in offer.permits else ''}")
    total = len(offer.added) + len(offer.changed) + len(offer.removed)
    print(f"{count(total, 'policy differs', 'policies differ')}: bundle {offer.was} -> {offer.bundle}")


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise LeashError("nobody can agree here", "look at what changes, then: leash policy reload --yes", Exit.USAGE)
    return input("put them in force? [y/N] ").strip().lower() in ("y", "yes")
