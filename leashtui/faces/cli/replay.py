"""`leash replay [SESSION]`: see a recorded session again, terminal and decisions together.

Knows how to find a session and to start its player in a process of its own. Refuses to draw. Invariant: replaying
changes nothing and can answer nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from leashtui.faces.outer import OuterTerminal
from leashtui.model import codec
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import sessions_dir
from leashtui.stores.journal import read
from leashtui.stores.recording import Moment, path_of, read_recording
from leashtui.stores.sessions import find_session, list_sessions

FORMAT = 1
"""Version of the JSON lines: {v, t, output|size|record}."""

_SPEEDS = ("0.25", "0.5", "1", "2", "4", "8", "16")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the newest")
    parser.add_argument("--speed", choices=_SPEEDS, default="1", help="how many times as fast; + and - change it")
    parser.add_argument("--silence", type=float, default=2.0, metavar="SECONDS", help="how long a pause may last")
    parser.add_argument("--at", default="", metavar="ACT", help="begin at an act: L-12, or a record's number")
    parser.add_argument("--json", action="store_true", help="print what would be played, one JSON object a line")
    parser.add_argument("--html", default="", metavar="FILE", help="write one page that needs nothing else")


def run(args: argparse.Namespace) -> int:
    """Play it to its end or until it is left."""
    log = _log(args.session)
    if args.json:
        _print(log)
        return Exit.OK
    if args.html:
        return _export(log, args)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise LeashError("a replay needs a terminal", "without one: leash replay --json, or leash log", Exit.USAGE)
    command = [sys.executable, "-I", "-m", "leashtui.faces.tui.replay", "--speed", args.speed]
    command += ["--silence", str(max(0.0, args.silence)), "--at", args.at, str(log)]
    terminal = OuterTerminal()
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the player's
    code = -1
    try:
        code = subprocess.run(command, check=False).returncode
    finally:
        signal.signal(signal.SIGINT, before)
        terminal.restore(painted=True, died=code < 0)
    return code if code >= 0 else 128 - code


def _export(log: Path, args: argparse.Namespace) -> int:
    command = [sys.executable, "-I", "-m", "leashtui.faces.tui.replay", "--silence", str(max(0.0, args.silence))]
    code = subprocess.run([*command, "--html", os.path.abspath(args.html), str(log)], check=False).returncode
    if code == 0:
        print(f"leash: wrote {args.html}; it holds what the terminal showed: look before you share it", file=sys.stderr)
    return code


def _log(wanted: str) -> Path:
    """The log of the session a person means. Raises LeashError."""
    if wanted:
        found = find_session(sessions_dir(), wanted)
        if found is None:
            raise LeashError(f"no session {wanted!r} is recorded here", "leash log --sessions lists them", Exit.USAGE)
        return found
    every = list_sessions(sessions_dir())
    if not every:
        raise LeashError("no session is recorded here", "start one: leash PROGRAM, or leash demo", Exit.USAGE)
    return every[-1].path


def _print(log: Path) -> None:
    """Output, sizes and records by time; t: microseconds since the epoch."""
    rows: list[tuple[int, int, str]] = []
    for row in read(log):
        if isinstance(row.body, bytes):
            body = row.body.decode()
            rows.append((codec.decode_record(row.body).t, 0, f'"record":{body}'))
    if path_of(log).exists():
        header, moments = read_recording(path_of(log))
        rows += [(int((header.started + m.t) * 1e6), 1, _told(m)) for m in moments]
    for t, _, what in sorted(rows):
        print(f'{{"v":{FORMAT},"t":{t},{what}}}')


def _told(moment: Moment) -> str:
    name = {"o": "output", "r": "size"}.get(moment.kind, "remark")
    return f'"{name}":{json.dumps(moment.data)}'
