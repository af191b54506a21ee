"""`leash review offer ID`: hand one waiting act to the team, from any terminal.

Knows how to find the card. Refuses to report what the desk did not confirm.
"""

from __future__ import annotations

import argparse

from leashtui.faces.cli.answer import find
from leashtui.faces.cli.call import Call
from leashtui.model.errors import Exit, LeashError
from leashtui.model.wire import CardGone, CardShown, Done, Refused, ToTeam
from leashtui.words.plain import one_line


def hand(args: argparse.Namespace) -> int:
    """Offer it, and wait for the desk's word."""
    wanted, _, ask = args.ask.rpartition("/")
    live, card = find(ask, wanted, "")
    with Call(live) as call:
        call.send(ToTeam(ask=ask))
        while True:
            message = call.receive()
            if isinstance(message, Refused):
                raise LeashError(message.reason, message.hint or "leash approvals", Exit.FINDINGS)
            if isinstance(message, Done) or (isinstance(message, CardGone) and message.ask == ask):
                raise LeashError(f"{ask} waits no more", "leash log", Exit.FINDINGS)
            if isinstance(message, CardShown) and message.card.id == ask and message.card.offered:
                break
    print(f"offered to the team: {one_line(card.command, 300)}")
    return Exit.OK
