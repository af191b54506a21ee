"""How a command tells the person what went wrong: on stderr, each line with leash's name.

Knows LeashError. Refuses to exit. Imports nothing heavy, because every command may need it.
"""

from __future__ import annotations

import sys

from leashtui.model.errors import LeashError


def complain(error: LeashError) -> None:
    """What happened and the next command, on stderr."""
    print(f"leash: {_printable(error.message)}", file=sys.stderr)
    if error.hint:
        print(f"leash: {_printable(error.hint)}", file=sys.stderr)


def _printable(text: str) -> str:
    """`text` without control characters: a file name must not paint over the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
