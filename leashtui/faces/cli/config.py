"""`leash config show|path`: every value in force and the file it came from."""

from __future__ import annotations

import argparse

import msgspec

from leashtui.faces.cli.columns import json_line
from leashtui.model.errors import Exit
from leashtui.stores.directories import config_dir
from leashtui.supervisor.config import FILE, load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    commands = parser.add_subparsers(dest="config_command", required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="print every value and where it comes from")
    show.add_argument("--json", action="store_true", help="print one JSON object a line: key, value, source")
    commands.add_parser("path", help="print the file leash reads")


def run(args: argparse.Namespace) -> int:
    """Print. Raises ConfigError when the file is wrong."""
    if args.config_command == "path":
        print(config_dir() / FILE)
        return Exit.OK
    for value in load(config_dir()).values():
        if args.json:
            print(json_line(value))
        else:
            print(f"{value.key} = {msgspec.json.encode(value.value).decode()}  # {value.source}")
    return Exit.OK
