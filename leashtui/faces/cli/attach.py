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
from leashtui.faces.facing import CRASHES, DETACHED, GONE
from leashtui.faces.outer import OuterTerminal
from leashtui.model.errors import Exit, LeashError
from leashtui.stores.directories import config_dir
from leashtui.supervisor.config import load

_THEIRS = (signal.SIGINT, signal.SIGTSTP)
"""What a terminal's keys and a shell send to the whole job: the face does it. Not SIG_IGN: that is inherited."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("session", nargs="?", default="", metavar="SESSION", help="default: the only one")
    parser.add_argument("--code", default="", help="the code shown where the session was started (tier watch)")
    parser.add_argument(
        "--role",
        choices=("reviewer", "observer", "owner"),
        default="owner",
        help="observer: look only; reviewer: answer, but not type to the agent (default: owner, all of it)",
    )
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
    code = args.code or ask_code(live) if live.code else ""
    end = -1
    for more in ((), (), face.safe):  # a native engine that crashed twice is not asked a third time
        end = _show([*face.command(str(directory_of(live))), "--role", args.role, *more], code, face.paints)
        if end not in CRASHES:
            break
    if end in {0, DETACHED}:
        return Exit.OK
    if end == GONE and all(other.session != live.session for other in live_sessions()):
        return Exit.UNREACHABLE  # the face has said so
    raise LeashError(
        f"the panel died ({end}); session {live.session} goes on",
        f"again: leash attach {live.session}, or with --plain",
    )


def _show(command: list[str], code: str, paints: bool) -> int:
    """One face, to its end. Returns its exit code."""
    fds: list[int] = []
    if code:
        fds.append(_hide(code))
        command += ["--code-fd", str(fds[0])]
    terminal = OuterTerminal()
    before = {number: signal.signal(number, lambda *_: None) for number in _THEIRS}
    end = -1
    try:
        process = subprocess.Popen(command, pass_fds=fds)
        signal.signal(signal.SIGTSTP, lambda *_: process.send_signal(signal.SIGTSTP))
        while os.WIFSTOPPED(status := os.waitpid(process.pid, os.WUNTRACED)[1]):
            _stand_still(process.pid)
        end = process.returncode = os.waitstatus_to_exitcode(status)
    finally:
        for fd in fds:
            os.close(fd)
        for number, handler in before.items():
            signal.signal(number, handler)
        terminal.restore(painted=paints, died=end not in {0, DETACHED, GONE})
    return end


def _stand_still(face: int) -> None:
    """The face was stopped and has given the terminal back: so do we, until the shell has us go on."""
    ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGTSTP)
    signal.signal(signal.SIGTSTP, ours)
    os.kill(face, signal.SIGCONT)


def _hide(code: str) -> int:
    """A descriptor from which only the face reads the code: a command line could be read by the agent."""
    fd = os.memfd_create("code")
    os.write(fd, code.encode() + b"\n")
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
