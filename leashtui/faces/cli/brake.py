"""`leash freeze`, `leash resume` and `leash kill`: the brake, from any terminal.

Knows how to ask a supervisor for it and how to see that it happened. A kill does not depend on a supervisor that still
answers, or on a code: a signal that any process of this user could send ends the supervisor, and with it, by the kernel
and the warden, everything below it.
"""

from __future__ import annotations

import argparse
import os
import signal
import time

from leashtui.faces.cli.call import Call
from leashtui.faces.cli.sessions import TIMEOUT, Live, choose, dial, live_sessions
from leashtui.model.errors import Exit, LeashError, Unreachable
from leashtui.model.event import Braked
from leashtui.model.wire import Brake, Done, Recorded, Refused

_AGAIN = 0.2
_DONE = {"freeze": "frozen", "resume": "goes on", "kill": "ended"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    which.add_argument("--all", action="store_true", help="every session of yours")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")


def run(args: argparse.Namespace) -> int:
    """Brake the chosen sessions; one failing does not spare the others."""
    sessions = live_sessions()
    chosen = sessions if args.all else [choose(sessions, args.session)]
    failed: list[LeashError] = []
    for live in chosen:
        try:
            _brake(live, args.command, args.code)
            print(f"{live.session} ({live.agent}): {_DONE[args.command]}")
        except LeashError as error:
            failed.append(error)
    if failed:
        raise LeashError("; ".join(e.message for e in failed), failed[0].hint, failed[0].code)
    if not chosen:
        print("no session is running")
    return Exit.OK


def _brake(live: Live, what: str, code: str) -> None:
    try:
        with Call(live, code=code) as call:
            call.send(Brake(what=what))
            while not _happened(call, what):
                continue
    except LeashError:
        if what != "kill":
            raise
        _end(live)


def _happened(call: Call, what: str) -> bool:
    """Whether the next message says so. Raises LeashError when the desk refuses, Unreachable when it is silent."""
    message = call.receive()
    if isinstance(message, Refused):
        raise LeashError(f"session {call.live.session}: {message.reason}", message.hint, Exit.FINDINGS)
    if isinstance(message, Done):
        return True
    return (
        isinstance(message, Recorded) and isinstance(message.record.event, Braked) and message.record.event.what == what
    )


def _end(live: Live) -> None:
    """End a supervisor by signal, the hard one when it does not obey, while it still holds the session's socket."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + TIMEOUT
        while time.monotonic() < deadline:
            try:
                dial(live).close()
            except Unreachable:
                return  # it is gone, and what was below it with it
            os.kill(live.pid, number)
            time.sleep(_AGAIN)
