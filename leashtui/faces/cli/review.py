"""`leash review`: what waits on the machines of the team, and signed answers to it; `offer` sends what waits here.

Knows the words of the command line. Refuses to import a database driver before a subcommand needs one.
"""

from __future__ import annotations

import argparse

from leashtui.faces.cli.extra import load
from leashtui.faces.cli.handing import hand


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `leash review`."""
    parser.add_argument("--team", action="store_true", help="what waits on all machines of the team (the default)")
    parser.add_argument("--json", action="store_true", help="one JSON object an act")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    commands = parser.add_subparsers(dest="review_command", metavar="COMMAND")
    waiting = commands.add_parser("list", help="what waits, on all machines (also without a command)")
    waiting.add_argument("--json", action="store_true", help="one JSON object an act")
    waiting.add_argument("-f", "--follow", action="store_true", help="go on with what comes")
    for name, text in (("approve", "let a waiting act happen, once"), ("deny", "refuse a waiting act")):
        answer = commands.add_parser(name, help=f"{text}; signs with your SSH key")
        answer.add_argument("id", type=int, metavar="NUMBER", help="as `leash review` lists it")
        answer.add_argument("--because", default="", metavar="TEXT", help="what the agent is told")
    join = commands.add_parser("join", help="become a reviewer: the line `leash invite` printed")
    join.add_argument("dsn", metavar="ADDRESS")
    join.add_argument("--as", dest="name", required=True, metavar="NAME", help="your name among the reviewers")
    join.add_argument("--key", required=True, metavar="FILE", help="your SSH key (its .pub when an agent holds it)")
    offer = commands.add_parser("offer", help="offer what waits on this machine to the team, until interrupted")
    offer.add_argument("ask", nargs="?", default="", metavar="ID", help="only this act: L-12, or SESSION/L-12")
    offer.add_argument("-q", "--quiet", action="store_true", help="say only what is wrong")
    offer.add_argument("--attend", action="store_true", help="only what was offered, only while a session runs")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand. Raises LeashError."""
    if args.review_command == "offer" and args.ask:
        return hand(args)
    if args.review_command == "offer":
        return int(load("leashtui.faces.cli.courier").offer(args))
    work = load("leashtui.faces.cli.reviewing")
    code: int = getattr(work, args.review_command or "waiting", work.waiting)(args)
    return code
