"""`leash approve ID` and `leash deny ID`: a person's answer from any terminal.

Knows how to find the card. Refuses to report an answer that the desk did not confirm: the command succeeds only when
the card went with this very answer.
"""

from __future__ import annotations

import argparse

from leashtui.faces.cli.call import Call, waiting
from leashtui.faces.cli.sessions import Live, choose, live_sessions
from leashtui.model.card import Card, Choice
from leashtui.model.errors import Exit, LeashError
from leashtui.model.wire import Answer, CardGone, Done, Refused
from leashtui.words.plain import one_line
from leashtui.words.refusal import INSTEAD


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments; `deny` takes a reason, `approve` a wider answer."""
    parser.add_argument("id", metavar="ID", help="the card, as `leash approvals` lists it: L-12, or SESSION/L-12")
    parser.add_argument("--session", default="", help="the session it waits in, when several have that id")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")
    if parser.prog.endswith("deny"):
        words = parser.add_mutually_exclusive_group()
        words.add_argument("--because", default="", metavar="TEXT", help="what the agent is told")
        words.add_argument("--instead", default="", metavar="COMMAND", help="have the agent run this wording of it")
    else:
        parser.add_argument(
            "--for-session", action="store_true", help="also allow the shown prefix until the session ends"
        )


def run(args: argparse.Namespace) -> int:
    """Answer, and wait for the desk's word that it counted."""
    wanted, _, ask = args.id.rpartition("/")
    live, card = find(ask, args.session or wanted, args.code)
    choice, because = Choice.DENY, ""
    if args.command == "approve":
        choice = Choice.SESSION if args.for_session else Choice.ONCE
    else:
        because = INSTEAD + args.instead if args.instead else args.because
    with Call(live, code=args.code) as call:
        call.send(Answer(ask=ask, choice=choice, feedback=because))
        while True:
            message = call.receive()
            if isinstance(message, Refused):
                raise LeashError(message.reason, message.hint or "leash approvals", Exit.FINDINGS)
            if isinstance(message, Done):
                raise LeashError(f"session {live.session} ended before the answer", "leash log", Exit.FINDINGS)
            if isinstance(message, CardGone) and message.ask == ask:
                break
    if message.why != ("denied" if choice is Choice.DENY else "allowed"):
        who = f" by {one_line(message.who, 80)}" if message.who else ""
        raise LeashError(f"{ask} was {message.why}{who} before this answer", "leash log", Exit.FINDINGS)
    print(f"{message.why}: {one_line(card.command, 300)}")
    return Exit.OK


def find(ask: str, wanted: str, code: str) -> tuple[Live, Card]:
    """The card a person means. Raises LeashError listing candidates."""
    sessions = live_sessions()
    if wanted:
        sessions = [choose(sessions, wanted)]
    elif not sessions:
        choose(sessions)
    every, closed = waiting(sessions, code)
    found = [(live, card) for live, card in every if card.id == ask]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{live.session}/{card.id}" for live, card in found)
        raise LeashError(f"{ask} waits in {len(found)} sessions", f"name one: {names}", Exit.USAGE)
    if closed:
        raise closed[0]
    names = ", ".join(f"{live.session}/{card.id}" if len(sessions) > 1 else card.id for live, card in every)
    raise LeashError(
        f"{ask} is not waiting: it was answered, withdrawn, or never asked",
        f"waiting: {names}" if names else "nothing waits now",
        Exit.FINDINGS,
    )
