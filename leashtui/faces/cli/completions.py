"""`leash completions SHELL`: prints the completion script that ships with leash.

Knows where the scripts lie, in a checkout and in an installed package. Refuses to make them: they are generated from
the command table by completions/generate.py, and a test keeps the two from drifting.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import leashtui
from leashtui.model.errors import Exit, LeashError

FILES = {"bash": "leash.bash", "zsh": "_leash", "fish": "leash.fish"}

EPILOG = (
    "bash: leash completions bash > ~/.local/share/bash-completion/completions/leash · "
    "zsh: leash completions zsh > a directory on $fpath, as _leash · "
    "fish: leash completions fish > ~/.config/fish/completions/leash.fish"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("shell", choices=sorted(FILES), metavar="SHELL", help=", ".join(sorted(FILES)))


def run(args: argparse.Namespace) -> int:
    """Print the script."""
    package = Path(leashtui.__file__).parent
    for directory in (package / "completions", package.parent / "completions"):
        file = directory / FILES[args.shell]
        if file.is_file():
            print(file.read_text(encoding="utf-8"), end="")
            return Exit.OK
    raise LeashError("the completion scripts are not installed", "install leashtui again from its wheel")
