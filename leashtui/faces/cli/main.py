"""`leash`: finds the command, builds the parser of that one command only, and turns errors into three lines.

Knows the table and the exit codes. Refuses to know what any command does. Invariant: nothing heavy is imported before
the command is known, so that a hook or a prompt may call leash freely.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

from leashtui import __version__
from leashtui.faces.cli.complaint import complain
from leashtui.faces.cli.table import BY_NAME, CHANGING, Row, overview
from leashtui.model.errors import Exit, LeashError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from leashtui.faces.ahead import Ahead


def main(words: Sequence[str] | None = None) -> int:
    """Run leash with these words (default: the process's own). Returns the exit code."""
    _stand_in()
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        code = _dispatch(list(sys.argv[1:] if words is None else words))
        sys.stdout.flush()
    except LeashError as error:
        complain(error)
        return int(error.code)
    except FileNotFoundError:
        if _is_somewhere():
            raise
        complain(LeashError("the folder you are in is gone", "cd into one that exists", Exit.FAILED))
        return int(Exit.FAILED)
    except PermissionError as error:
        from leashtui.stores.directories import why_closed

        closed = why_closed(str(error.filename))
        if closed is None:
            raise
        complain(closed)
        return int(closed.code)
    except KeyboardInterrupt:
        return int(Exit.INTERRUPTED)
    except BrokenPipeError:  # `leash log | head`: the reader has enough; nothing more may be written to it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(Exit.OK)
    return int(code)


def _is_somewhere() -> bool:
    try:
        return bool(os.getcwd())
    except FileNotFoundError:
        return False


def _stand_in() -> None:
    """Put /dev/null where a standard stream is closed: what leash opens would come to be one of them."""
    if None not in (sys.stdin, sys.stdout, sys.stderr):
        return
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: PTH123, SIM115


def _dispatch(words: list[str]) -> int:
    from leashtui.faces.cli.options import split

    first = words[0] if words else ""
    if first == "help" and len(words) > 1 and words[1] in BY_NAME:
        words = [words[1], "--help"]
    elif first in ("-h", "--help", "help"):
        print(overview())
        return Exit.OK
    elif first in ("-V", "--version"):
        print(f"leash {__version__}")
        return Exit.OK
    elif not words:
        print(overview(), file=sys.stderr)
        return Exit.USAGE
    if words[0] == "run" and not {"-h", "--help"} & set(ours := split(words[1:])[0]):
        return _begin(BY_NAME["run"], words[1:], ours)
    if words[0] in BY_NAME:
        return _command(BY_NAME[words[0]], words[1:])
    ours, rest, literal = split(words)
    if rest and not literal and rest[0] in BY_NAME:
        raise LeashError(
            f"{rest[0]!r} is a command of leash: its options go after it",
            f"for a program of that name: leash {' '.join(ours)} -- {rest[0]}",
            Exit.USAGE,
        )
    if not literal and rest[1:2] == ["--"]:
        del rest[1]
    return _begin(BY_NAME["run"], [*ours, "--", *rest], ours)


def _begin(row: Row, words: list[str], ours: list[str]) -> int:
    """Run a session; what it needs in any case starts while its command line is still read."""
    from leashtui.faces.ahead import likely

    ahead = likely(ours)
    try:
        return _command(row, words, ahead)
    finally:
        if ahead is not None:
            ahead.drop()


def parser_of(row: Row) -> argparse.ArgumentParser:
    """The parser of one command, with help and options."""
    from argparse import ArgumentParser
    from importlib import import_module

    module = import_module(f"leashtui.faces.cli.{row.module}")
    epilog = getattr(module, "EPILOG", None)
    parser = ArgumentParser(
        prog=f"leash {row.name}", description=_sentence(row.help), epilog=epilog, allow_abbrev=False
    )
    parser.set_defaults(run=module.run, command=row.name)
    module.add_arguments(parser)
    return parser


def _command(row: Row, words: list[str], ahead: Ahead | None = None) -> int:
    parser = parser_of(row)
    parser.set_defaults(ahead=ahead)
    if row.verbatim:
        from leashtui.faces.cli.options import split

        ours, rest, _ = split(words)
        args = parser.parse_args(ours)
        args.argv = rest
    else:
        parse = parser.get_default("parse") or parser.parse_args  # `leash log` reads -key:value as a query
        args = parse(words)
    code: int = args.run(args)
    if row.name in CHANGING:
        from leashtui.faces.cli.chronicle import enter

        enter(row.name)
    return code


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "."
