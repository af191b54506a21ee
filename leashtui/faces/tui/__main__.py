"""`python -I -m leashtui.faces.tui SESSION_DIR`: one panel of one live session, in this terminal.

Knows the order that makes it quick: connect first, import Textual while the answer travels; with `--door FD` in place
of a session it imports first, draws itself when it is told its options there, and connects when it is told where.
Refuses to start on something that is not a terminal. Exit codes: 0 the session is over, 10 the person left, 4 the
supervisor is gone, 130 the person did not wait for the session, 128+n a signal. Invariant: whatever is said on stderr
is said after the terminal was given back.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import pwd
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from leashtui.supervisor.ignition import asyncio  # isort: skip  # before whoever else imports it
from leashtui.faces import bell
from leashtui.faces.link import Knock, Link
from leashtui.faces.tui import text as say
from leashtui.faces.tui.door import Door, waiting_at
from leashtui.faces.tui.look import colourless
from leashtui.model.errors import LeashError

_BACKLOG = 500
_PR_SET_DUMPABLE = 4
_PR_SET_PDEATHSIG = 1
_LEAVES = 5
"""Seconds that a face may take to leave when it is told to."""


def main() -> int:
    """Run one face to its end. Returns its exit code."""
    door = waiting_at(sys.argv[1:])
    first: Mapping[str, Any] = {}
    if door is not None:
        signal.signal(signal.SIGINT, lambda *_: None)  # the keeper hears it too, and knows what to do
        _die_with_the_keeper()
        import leashtui.faces.tui.app  # noqa: F401 - while nobody knows yet what there will be to show

        first = door.first()
        if not first:
            return 0
    arguments = _parser().parse_args(first["argv"] if door is not None else None)
    if not arguments.web and not (sys.stdin.isatty() and sys.stderr.isatty()):
        print("leash: the panel needs a terminal; use --plain", file=sys.stderr)
        return 2
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    code = ""
    if arguments.code_fd >= 0:
        with open(arguments.code_fd, encoding="ascii") as pipe:
            code = pipe.readline().strip()
    if arguments.web:  # its page is all it lives for
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.environ["TEXTUAL_DISABLE_KITTY_KEY"] = "1"  # keys must stay the bytes the agent expects
    os.environ.setdefault("ESCDELAY", "25")
    if not arguments.web and colourless(os.environ.get("TERM", "")):
        os.environ["NO_COLOR"] = "1"
    try:
        end = asyncio.run(_face(arguments, code, door, first))
    except LeashError as error:
        print(f"leash: {error.message}" + (f"\nleash: {error.hint}" if error.hint else ""), file=sys.stderr)
        return int(error.code)
    if end == 4:
        print(f"leash: {say.GONE}", file=sys.stderr)
    if arguments.web:
        os._exit(end)  # the thread that reads the page's keys would go on at the end of its input
    return end


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m leashtui.faces.tui", allow_abbrev=False)
    parser.add_argument("directory", type=Path, nargs="?", help="the session's directory")
    parser.add_argument("--role", choices=("owner", "reviewer", "observer"), default="owner")
    parser.add_argument("--code-fd", type=int, default=-1, help="descriptor to read the approval code from")
    parser.add_argument("--leader", default="ctrl+]", help="the key between agent and panel")
    bell.add_arguments(parser)
    parser.add_argument("--theme", choices=("auto", "dark", "light", "contrast"), default="auto")
    parser.add_argument("--key", action="append", default=[], metavar="ACTION=KEY", help="another key for an action")
    parser.add_argument("--web", action="store_true", help="drawn by a page instead of a terminal")
    parser.add_argument("--alone", action="store_true", help="without the agent's terminal")
    parser.add_argument("--still", action="store_true", help="no clock ticks")
    parser.add_argument("--engine", choices=("auto", "python"), default="auto", help="what draws the agent's terminal")
    return parser


def _die_with_the_keeper() -> None:
    """A face without a keeper would fight the shell for the terminal."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP, 0, 0, 0)


async def _face(arguments: argparse.Namespace, code: str, door: Door | None, first: Mapping[str, Any]) -> int:
    directory, role = arguments.directory, arguments.role

    async def knock(place: Path, code: str) -> Knock:
        return await Link.knock(place, face="tui", role=role, backlog=_BACKLOG, code=code)

    knocked = await knock(directory, code) if door is None else None  # a supervisor waits some seconds for a hello only
    from leashtui.faces.tui.app import LeashApp
    from leashtui.faces.tui.desk import Desk, End, Unopened
    from leashtui.faces.tui.driver import PanelDriver
    from leashtui.faces.tui.engines import make_engine
    from leashtui.faces.tui.keys import Keymap
    from leashtui.faces.tui.leader import leader_of

    async def arrive() -> Link | None:
        assert door is not None
        told = await door.second()
        return await (await knock(Path(told["directory"]), str(told.get("code", "")))).opened() if told else None

    link: Desk = Unopened(first.get("agent", ""), first.get("workspace", ""))
    if knocked is not None:
        link = await knocked.opened()
    columns, rows = (80, 24) if arguments.web else os.get_terminal_size(sys.stderr.fileno())
    rings, messengers = bell.chosen(arguments, os.environ)
    app = LeashApp(
        link,
        make_engine(columns, rows, arguments.engine),
        answers=role == "owner" and not arguments.alone,
        types=role == "owner",
        driver_class=None if arguments.web else PanelDriver,
        leader=leader_of(arguments.leader),
        bell=rings,
        messengers=messengers,
        theme=arguments.theme,
        keymap=Keymap(dict(pair.split("=", 1) for pair in arguments.key)),
        still=arguments.still,
        alone=arguments.alone,
        watches=role == "observer",
        me=_me(),
        arrival=arrive if door is not None else None,
    )
    loop = asyncio.get_running_loop()

    def leave(number: int, frame: object) -> None:
        signal.alarm(_LEAVES)  # a terminal that is gone takes no more bytes, and who waits for it waits for ever
        loop.call_soon_threadsafe(app.exit, 128 + number, 128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    loop.call_later(1.0, _collect_again)
    try:
        result = await app.run_async()
    finally:
        app.hang_up()
    if app.trouble is not None:
        raise app.trouble
    return int(End.GONE if result is None and app.return_code is None else result or app.return_code or 0)


def _me() -> str:
    """Who sits here, by the name that the supervisor knows people by."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _collect_again() -> None:
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    sys.exit(main())
