"""Writes the completion scripts from the command table: `python completions/generate.py [--check]`.

Knows shtab, which is needed only here. `--check` writes nothing and exits 1 when a script is out of date. Invariant:
the scripts follow from the table alone, so that the same table always gives the same bytes.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import shtab

from leashtui import __version__
from leashtui.faces.cli import options
from leashtui.faces.cli.completions import FILES
from leashtui.faces.cli.main import parser_of
from leashtui.faces.cli.table import COMMANDS

HERE = Path(__file__).parent


def whole_parser() -> argparse.ArgumentParser:
    """One parser with every command below it, as a shell sees leash."""
    parser = argparse.ArgumentParser(prog="leash", description="Runs a coding agent and holds what is risky.")
    parser.add_argument("--version", action="version", version=__version__)
    options.add_arguments(parser)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for row in COMMANDS:
        commands.add_parser(row.name, parents=[parser_of(row)], add_help=False, help=row.help)
    return parser


def scripts() -> dict[str, str]:
    """File name: text, for every shell."""
    made: dict[str, str] = {}
    for shell, name in FILES.items():
        text: str = shtab.complete(whole_parser(), shell=shell)
        made[name] = text.rstrip("\n") + "\n"
    return made


def main() -> int:
    """Write, or with --check compare."""
    check = sys.argv[1:] == ["--check"]
    stale = [name for name, text in scripts().items() if not _same(HERE / name, text)]
    for name in stale:
        if check:
            print(f"completions/{name} is out of date: python completions/generate.py", file=sys.stderr)
        else:
            (HERE / name).write_text(scripts()[name], encoding="utf-8")
            print(f"wrote completions/{name}")
    return 1 if check and stale else 0


def _same(file: Path, text: str) -> bool:
    return file.is_file() and file.read_text(encoding="utf-8") == text


if __name__ == "__main__":
    sys.exit(main())
