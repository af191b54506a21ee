"""`leash status`: the live sessions, how strongly each is guarded, and what waits in it."""

from __future__ import annotations

import argparse
import time

from msgspec import Struct

from leashtui.faces.cli.call import Call
from leashtui.faces.cli.sessions import Live, choose, live_sessions
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError, Unreachable
from leashtui.words.plain import duration, one_line


class Status(Struct, frozen=True):
    """One session, as `--json` prints it. started: microseconds since the epoch. problem: why it is not known."""

    session: str
    agent: str
    argv: tuple[str, ...]
    workspace: str
    tier: str
    lost: tuple[str, ...]
    started: int
    frozen: bool
    waiting: tuple[str, ...]
    pid: int
    log: str
    problem: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="only this session")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")


def run(args: argparse.Namespace) -> int:
    """Print them, oldest first."""
    sessions = live_sessions()
    if args.session:
        sessions = [choose(sessions, args.session)]
    found = [status for status in (_look(live, args.code) for live in sessions) if status is not None]
    if args.json:
        for status in found:
            print(codec.encode(status).decode())
        return Exit.OK
    if not found:
        print("no session is running")
    for status in found:
        _show(status)
    return Exit.OK


def _look(live: Live, code: str) -> Status | None:
    """None when it ended meanwhile."""
    frozen, lost, cards, problem = False, (), (), ""  # type: tuple[bool, tuple[str, ...], tuple[str, ...], str]
    try:
        with Call(live, role="observer", code=code) as call:
            frozen, lost = call.welcome.frozen, call.welcome.lost
            cards = tuple(card.id for card in call.cards())
    except Unreachable:
        return None
    except LeashError as error:
        problem = error.message
    return Status(
        session=live.session,
        agent=live.agent,
        argv=live.argv,
        workspace=live.workspace,
        tier=live.tier,
        lost=lost,
        started=live.started,
        frozen=frozen,
        waiting=cards,
        pid=live.pid,
        log=live.log,
        problem=problem,
    )


def _show(status: Status) -> None:
    age = duration(time.time() - status.started / 1_000_000)
    waits = f"waiting: {', '.join(status.waiting)}" if status.waiting else "nothing waits"
    state = "frozen, " if status.frozen else ""
    print(f"{status.session}  {status.agent}  tier {status.tier}  {age}  {state}{status.problem or waits}")
    print(f"    {one_line(' '.join(status.argv), 160)}  in {one_line(status.workspace, 160)}")
