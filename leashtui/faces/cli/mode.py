"""`leash mode`: what a running session does with what its policies ask: record only, hold, or refuse.

Knows how to ask a supervisor for it and how to see that it happened. Refuses to judge whether it may: a stricter mode
always may, a looser one is the person's to take and the policies' to allow. Invariant: success is printed only after
the session said what holds.
"""

from __future__ import annotations

import argparse

from leashtui.faces.cli.call import Call
from leashtui.faces.cli.sessions import choose, live_sessions
from leashtui.model.errors import Exit, LeashError
from leashtui.model.request import Posture
from leashtui.model.wire import Refused, Shift, Shifted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("mode", choices=[mode.value for mode in Posture], help="what the session does from now on")
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")


def run(args: argparse.Namespace) -> int:
    """Switch one session. Raises LeashError; it then goes on as before."""
    live = choose(live_sessions(), args.session)
    role = "brake" if args.mode == Posture.LOCKDOWN else "reviewer"  # more may be refused without proof of who asks
    with Call(live, role=role, code=args.code) as call:
        call.send(Shift(args.mode))
        while not isinstance(message := call.receive(), Shifted):
            if isinstance(message, Refused):
                raise LeashError(f"session {live.session}: {message.reason}", message.hint, Exit.DENIED)
    if message.problem:
        raise LeashError(f"session {live.session}: {message.problem}", f"it is in mode {message.mode}", Exit.FINDINGS)
    print(f"{live.session} ({live.agent}): mode {message.mode}")
    return Exit.OK
