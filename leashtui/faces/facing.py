"""What the keeper shows: a face, how it is started, and what its exit code says.

Knows processes. Refuses to know terminals and sessions. Standard library only. Invariant: a face never outlives the
keeper that started it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from typing import NamedTuple

from leashtui.faces import ahead as early

DETACHED = 10
"""Exit code of a face that the person left on purpose."""
GONE = 4
"""Exit code of a face that lost its supervisor."""
GAVE_UP = 130
"""Exit code of a face whose person did not wait for the session (Ctrl-C)."""
CRASHES = frozenset({-signal.SIGSEGV, -signal.SIGBUS, -signal.SIGABRT, -signal.SIGILL, -signal.SIGFPE})
"""How a face dies whose native engine met bytes it cannot bear; the last try is drawn without it."""
_PR_SET_PDEATHSIG = 1
_LOST = 125


class Face(NamedTuple):
    """command: from the session's directory to the face's command line. paints: it uses escape sequences.

    Where the tier needs a code, `--code-fd N` is added: a descriptor to read it from. safe: what is added for a face
    that crashed before. waits: the command line and options of a face that is shown at once, and told through a door
    (`--door N`) which session it is for; () where a face has to know it before.
    """

    command: Callable[[str], Sequence[str]]
    paints: bool
    safe: Sequence[str] = ()
    waits: tuple[Sequence[str], Sequence[str]] | tuple[()] = ()


def launch(face: Face, directory: str, code: str, *, crashed: bool) -> int:
    """Start a face for the session in `directory`; its process id. crashed: it died of its native engine before.

    Raises OSError when it cannot be started.
    """
    parent = os.getpid()
    command, fds = list(face.command(directory)), []
    if crashed:
        command += face.safe
    if code:
        fds = [_sealed(code)]
        command += ["--code-fd", str(fds[0])]
    drawn_on = 1 if face.paints and early.onto_terminal() else None
    process = subprocess.Popen(command, pass_fds=fds, stderr=drawn_on, preexec_fn=lambda: _die_with(parent))
    process.returncode = 0  # reaped by the keeper's own waitpid
    for fd in fds:
        os.close(fd)
    return process.pid


def stands_still(pid: int) -> bool:
    """Whether a child of ours is stopped already."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _sealed(text: str) -> int:
    """A descriptor from which `text` and a newline can be read, and nothing on any disk."""
    fd = os.memfd_create("code")
    os.write(fd, text.encode() + b"\n")
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _die_with(parent: int) -> None:
    """In the face, before its exec: a face without a keeper would fight the shell for the terminal."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGHUP, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(_LOST)
