"""Starts the agent through the launcher, in a PTY or on given descriptors, and takes the listener from it.

Knows how the two speak. Refuses to judge. Invariant: when `launch` returns, the launcher has locked itself up and waits
for `go`; nothing of the agent has run yet.
"""

from __future__ import annotations

import marshal
import os
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ptyprocess import PtyProcess

from leashtui.guards.kernel.filter import program
from leashtui.model.errors import GuardError

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_PATIENCE = 20.0


class Launched:
    """A launcher that waits. pid: the agent's, later. listener and master: -1 when there is none (both are ours)."""

    def __init__(self, pid: int, line: socket.socket, listener: int, master: int) -> None:
        self.pid = pid
        self.listener = listener
        self.master = master
        self._line = line

    def go(self) -> None:
        """Let it exec. The exec itself is the first act the guard sees."""
        self._line.sendall(b"go")
        self._line.close()


def launch(
    argv: Sequence[str],
    *,
    exe: str,
    env: Mapping[str, str],
    cwd: str,
    guarded: bool,
    stdio: tuple[int, ...] = (),
    size: tuple[int, int] | None = None,
) -> Launched:
    """Start `argv` stopped before its exec. size: (rows, cols) for a PTY, else stdio names fds 0-2 for it.

    Raises GuardError with what the launcher said when it cannot lock itself up.
    """
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", _LAUNCHER, str(theirs.fileno())]
    passed = (theirs.fileno(), *stdio)
    master = -1
    bare = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    with theirs:
        if size is None:
            child = subprocess.Popen(
                command, pass_fds=passed, env=bare, start_new_session=True, stdin=subprocess.DEVNULL
            )
            child.returncode = 0  # reaped by the session's own waitpid
            pid = child.pid
        else:
            os.set_inheritable(theirs.fileno(), True)
            terminal = PtyProcess.spawn(command, env=bare, dimensions=size, pass_fds=passed)
            pid, master = terminal.pid, os.dup(terminal.fd)
            terminal.fileobj.close()
            terminal.closed = True  # the pump owns the terminal; ptyprocess must not end the child when collected
    settings = {
        "parent": os.getpid(),
        "cwd": cwd,
        "exe": exe,
        "argv": [os.fsencode(a) for a in argv],
        "env": {os.fsencode(k): os.fsencode(v) for k, v in env.items()},
        "stdio": list(stdio),
        "guarded": guarded,
        "filter": program(),
    }
    letter = marshal.dumps(settings)
    ours.settimeout(_PATIENCE)
    try:
        ours.sendall(b"%d\n" % len(letter) + letter)
        word, fds, _, _ = socket.recv_fds(ours, 4096, 1)
    except OSError as error:
        raise GuardError(f"the launcher did not answer: {error}", "run `leash doctor`") from error
    if word not in (b"listener", b"ready"):
        raise GuardError(
            f"the agent could not be put under guard: {word.decode(errors='replace') or 'the launcher ended'}",
            "run `leash doctor`, or accept less with --guard watch",
        )
    if fds:
        os.set_blocking(fds[0], False)
    return Launched(pid, ours, fds[0] if fds else -1, master)
