"""`leash team`: set up a team store, let machines and readers in, join one, and see how it stands.

Knows the words of the command line. Refuses to import a database driver before a subcommand needs one (teamwork.py
does the work).
"""

from __future__ import annotations

import argparse

from leashtui.faces.cli.extra import load
from leashtui.model.errors import Exit
from leashtui.stores import enrolment
from leashtui.stores.directories import config_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `leash team`."""
    commands = parser.add_subparsers(dest="team_command", required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="set a PostgreSQL database up as a team store, or bring it up to date")
    init.add_argument("dsn", metavar="ADDRESS", help="a database you own: postgresql://you@host/leash")
    init.add_argument("--team", default="team", help="name of the first team (default: team)")
    trial = commands.add_parser("try", help="a team store of your own in one command: starts a PostgreSQL, joins it")
    stopping = trial.add_mutually_exclusive_group()
    stopping.add_argument("--stop", action="store_true", help="stop it; what is in it stays")
    stopping.add_argument("--remove", action="store_true", help="stop it and remove everything in it")
    trial.set_defaults(team="team", team_command="attempt")
    invite = commands.add_parser("invite", help="let a machine or a reader in: prints the line to paste there")
    invite.add_argument("login", metavar="LOGIN", help="its login name, new or existing")
    invite.add_argument("dsn", metavar="ADDRESS", help="the database, as its owner")
    invite.add_argument("--team", default="team", help="name of the team (default: team)")
    invite.add_argument("--as", dest="what", choices=("device", "reader"), default="device", help="what it may do")
    expel = commands.add_parser("expel", help="take every right from a login; its records stay")
    expel.add_argument("login", metavar="LOGIN")
    expel.add_argument("dsn", metavar="ADDRESS", help="the database, as its owner")
    join = commands.add_parser("join", help="send the records of this machine to a team store from now on")
    join.add_argument("dsn", metavar="ADDRESS", help="the address you were given; `-` asks for it")
    commands.add_parser("leave", help="send nothing any more; what was sent stays")
    status = commands.add_parser("status", help="the store, this machine in it, and every chain you may see")
    status.add_argument("dsn", nargs="?", metavar="ADDRESS", help="another store than the one this machine joined")
    status.add_argument("--json", action="store_true", help="one JSON object a chain")


def run(args: argparse.Namespace) -> int:
    """Run the subcommand. Raises LeashError."""
    if args.team_command == "leave":
        gone = enrolment.leave(config_dir())
        print("this machine left the team store" if gone else "this machine belongs to no team store")
        return Exit.OK
    work = load("leashtui.faces.cli.teamwork")
    code: int = getattr(work, args.team_command)(args)
    return code
