"""`leash attach [SESSION]`: another panel on a running session, in this terminal.

Knows how to start a face and to give the terminal back. Refuses to be one. Invariant: leaving this panel, or its death,
changes nothing for the agent.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess

from leashtui.faces.cli.call import ask_code
from leashtui.faces.cli.options import add_face
from leashtui.faces.cli.run import choose_face, face_of
from leashtui.faces.cli.sessions import choose, directory_of, live_sessions
from leashtui.faces.keeper import DETACHED
from leashtui.faces.outer import OuterTerminal
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import config_dir
from leashtui.supervisor.config import load


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")
    add_face(parser)


def run(args: argparse.Namespace) -> int:
    """Show a panel until it is left or the session ends. Returns 0 then."""
    live = choose(live_sessions(), args.session)
    config = load(config_dir()).config
    face = face_of(choose_face(args, config), config)
    if face is None:
        raise LeashError(
            "attach needs a terminal on stdin and stdout", "without one: leash approvals, leash approve ID", Exit.USAGE
        )
    command = [*face.command(str(directory_of(live))), "--role", "reviewer"]
    fds: list[int] = []
    if live.code:
        fds.append(_hide(args.code or ask_code(live)))
        command += ["--code-fd", str(fds[0])]
    terminal = OuterTerminal()
    before = signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is the panel's; not SIG_IGN: it is inherited
    code = -1
    try:
        with subprocess.Popen(command, pass_fds=fds) as process:
            code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
        terminal.restore(painted=face.paints, died=code not in {0, DETACHED})
    if code in {0, DETACHED}:
        return Exit.OK
    raise LeashError(
        f"the panel died ({code}); session {live.session} goes on",
        f"again: leash attach {live.session}, or with --plain",
    )


def _hide(code: str) -> int:
    """A descriptor from which only the face reads the code: a command line could be read by the agent."""
    fd = os.memfd_create("code")
    os.write(fd, code.encode() + b"\n")
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
