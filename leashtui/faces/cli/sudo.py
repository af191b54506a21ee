"""`leash sudo`: types your password at the prompt of a sudo command that a session runs outside the guard.

Knows one prompt and one line. Refuses to keep it: it goes over the approver socket, whose peers are checked, to the
terminal that sudo reads. Invariant: the password is never shown, recorded or passed to anything of the session.
"""

from __future__ import annotations

import argparse
import sys
from getpass import getpass

from leashtui.faces.cli.call import Call
from leashtui.faces.cli.sessions import choose, live_sessions
from leashtui.model.errors import Exit, LeashError
from leashtui.model.event import Notice
from leashtui.model.wire import Recorded, Refused, Typed
from leashtui.words.outside import TYPED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")


def run(args: argparse.Namespace) -> int:
    """Ask for the password, hand it over. Raises LeashError when nothing waits for one."""
    live = choose(live_sessions(), args.session)
    if not sys.stdin.isatty():
        raise LeashError("a password is typed in a terminal only", "run `leash sudo` in one of yours", Exit.USAGE)
    line = getpass(f"[sudo] password, for session {live.session} ({live.agent}): ")
    with Call(live, code=args.code) as call:
        call.send(Typed(line=line))
        while True:
            message = call.receive()
            if isinstance(message, Refused):
                raise LeashError(f"session {live.session}: {message.reason}", message.hint, Exit.FINDINGS)
            if isinstance(message, Recorded) and _says_so(message):
                print("typed")
                return Exit.OK


def _says_so(message: Recorded) -> bool:
    event = message.record.event
    return isinstance(event, Notice) and event.text.endswith(TYPED)
