"""`python -I -m leashtui.faces.tui.replay LOG`: plays one recorded session in this terminal.

Knows where log and recording lie. Refuses to change either. Exit codes: 0 it was left or played, 2 no terminal, 5 a log
that cannot be read. Invariant: a log without a recording still replays its decisions.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from leashtui.faces.tui.tape import SILENCE, Tape, make_tape
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError
from leashtui.model.wire import Recorded
from leashtui.stores.journal import read
from leashtui.stores.recording import Moment, path_of, read_recording

_SIZE = (80, 24)


def load(log: Path, silence: float = SILENCE) -> tuple[Tape, tuple[int, int], bool]:
    """The tape of a session, the size its terminal began with, and whether that was recorded. Raises StoreError."""
    moments: list[Moment] = []
    size, started, kept = _SIZE, 0.0, path_of(log).exists()
    if kept:
        header, found = read_recording(path_of(log))
        moments, size, started = list(found), (header.cols, header.rows), header.started
    return make_tape(_records(log), moments, int(started * 1e6), silence), size, kept


def _records(log: Path) -> Iterator[Recorded]:
    for row in read(log):
        if isinstance(row.body, bytes) and isinstance(row.seq, int):
            try:
                record = codec.decode_record(row.body)
            except msgspec.DecodeError:
                continue  # a kind that a newer leash wrote: the panel could not show it
            yield Recorded(row.seq, record, row.hash.hex() if isinstance(row.hash, bytes) else "")


def _export(tape: Tape, size: tuple[int, int], arguments: argparse.Namespace) -> int:
    from leashtui.faces.tui.engines import make_engine
    from leashtui.faces.tui.export import make_page

    page = make_page(tape, make_engine(*size), f"leash {arguments.log.stem}")
    try:
        with open(arguments.html, "x", encoding="utf-8", opener=_private) as file:
            file.write(page)
    except OSError as error:
        print(f"leash: cannot write {arguments.html}: {error.strerror}\nleash: choose a new file", file=sys.stderr)
        return Exit.STORE
    return Exit.OK


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def main() -> int:
    """Play one session. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m leashtui.faces.tui.replay", allow_abbrev=False)
    parser.add_argument("log", type=Path)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--silence", type=float, default=SILENCE)
    parser.add_argument("--at", default="", help="an act: L-12, a record's id or number")
    parser.add_argument("--html", type=Path, help="write a page there instead")
    arguments = parser.parse_args()
    if arguments.html is None and not (sys.stdin.isatty() and sys.stderr.isatty()):
        print("leash: a replay needs a terminal; without one: leash replay --json", file=sys.stderr)
        return Exit.USAGE
    from leashtui.faces.tui.driver import PanelDriver
    from leashtui.faces.tui.engines import make_engine
    from leashtui.faces.tui.player import NoDesk, Player

    try:
        tape, size, _ = load(arguments.log, arguments.silence)
    except LeashError as error:
        print(f"leash: {error.message}" + (f"\nleash: {error.hint}" if error.hint else ""), file=sys.stderr)
        return int(error.code)
    if arguments.html is not None:
        return _export(tape, size, arguments)
    start = tape.index_of(arguments.at) if arguments.at else 0
    if start is None:
        print(f"leash: there is no act {arguments.at!r} in this session\nleash: see `leash log`", file=sys.stderr)
        return Exit.USAGE
    desk = NoDesk(tape, arguments.log.stem, str(arguments.log))
    app = Player(tape, make_engine(*size), desk, start=start, speed=arguments.speed, driver_class=PanelDriver)
    asyncio.run(app.run_async())
    return Exit.OK


if __name__ == "__main__":
    sys.exit(main())
