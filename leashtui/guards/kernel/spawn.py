"""Starts the agent through the launcher, in a PTY or on given descriptors, and takes the listener from it.

Knows how the two speak. Refuses to judge. Hazards: ptyprocess waits for the end of its child's first exec, so that one
is the launcher's own, before any filter; the listener comes by SCM_RIGHTS, which works where a container's profile
forbids pidfd_getfd. Invariant: when `launch` returns, the launcher has locked itself up and waits for `go`; nothing of
the agent has run yet. When it raises, the launcher is dead.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from ptyprocess import PtyProcess

from leashtui.guards.kernel.filter import program
from leashtui.guards.kernel.floor import BARE, Floor
from leashtui.guards.kernel.trials import trials
from leashtui.model.errors import GuardError
from leashtui.model.request import Tier

_LAUNCHER = str(Path(__file__).with_name("launcher.py"))
_PATIENCE = 20.0


class Launched:
    """A launcher that waits. pid: the agent's, later. listener and master: -1 when there is none (both are ours).

    anchor: the idle process that makes Ctrl-Z work in a terminal, 0 without one; it is to be ended with the session.
    """

    def __init__(self, pid: int, line: socket.socket, listener: int, master: int, anchor: int = 0) -> None:
        self.pid = pid
        self.listener = listener
        self.master = master
        self.anchor = anchor
        self._line = line

    def go(self) -> None:
        """Let it exec. The exec itself is the first act the guard sees. A launcher that died meanwhile is reaped."""
        with self._line, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._line.sendall(b"go")


class Begun:
    """A launcher that does not know yet what to become: its interpreter starts while a session is built.

    It holds nothing and has no guard; at the end of its line, with whoever holds it, it goes without a word.
    """

    def __init__(self, stdio: tuple[int, ...] = (), size: tuple[int, int] | None = None) -> None:
        """size: (rows, cols) for a PTY, else stdio names fds 0-2 for it."""
        self.stdio = stdio
        self.line, theirs = socket.socketpair()
        with theirs:
            self.pid, self.master = _start(theirs.fileno(), stdio, size)


def launch(
    argv: Sequence[str],
    *,
    exe: str,
    env: Mapping[str, str],
    cwd: str,
    guarded: bool,
    stdio: tuple[int, ...] = (),
    size: tuple[int, int] | None = None,
    floor: Floor = BARE,
    begun: Begun | None = None,
) -> Launched:
    """Start `argv` stopped before its exec. size: (rows, cols) for a PTY, else stdio names fds 0-2 for it.

    floor: what holds it whatever it asks, see floor.py. begun: a launcher that was started before, for these streams.
    Raises GuardError with what the launcher said when it cannot lock itself up.
    """
    begun = Begun(stdio, size) if begun is None else begun
    ours, pid, master = begun.line, begun.pid, begun.master
    settings = {
        "parent": os.getpid(),
        "cwd": cwd,
        "exe": exe,
        "argv": [os.fsencode(a) for a in argv],
        "env": {os.fsencode(k): os.fsencode(v) for k, v in env.items()},
        "stdio": list(begun.stdio),
        "guarded": guarded,
        "filter": program(floor.tier, reads=floor.reads),
        "trials": trials(floor.tier) if guarded else [],
        "handled": floor.handled,
        "cores": floor.tier is Tier.COMPAT,  # in tier strict the floor keeps the kernel from writing them
        "rules": [(os.fsencode(path), rights) for path, rights in floor.rules],
        "covered": [os.fsencode(path) for path in floor.covered],
        "veil": os.fsencode(floor.veil),
        "owned": [(os.fsencode(copy), os.fsencode(path)) for copy, path in floor.owned],
        "windows": [os.fsencode(path) for path in floor.windows],
    }
    try:
        listener, anchor = _converse(ours, marshal.dumps(settings))
    except GuardError:
        ours.close()
        if master >= 0:
            os.close(master)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        raise
    return Launched(pid, ours, listener, master, anchor)


def _start(line: int, stdio: tuple[int, ...], size: tuple[int, int] | None) -> tuple[int, int]:
    """(pid, master) of a fresh launcher; master -1 without a PTY."""
    command = [sys.executable, "-I", "-S", _LAUNCHER, str(line)]
    bare = {"PATH": os.defpath, "LC_ALL": "C.UTF-8"}
    if size is None:
        stdin = None if 0 in stdio else subprocess.DEVNULL
        child = subprocess.Popen(command, pass_fds=(line, *stdio), env=bare, start_new_session=True, stdin=stdin)
        child.returncode = 0  # reaped by the session's own waitpid
        return child.pid, -1
    os.set_inheritable(line, True)
    terminal = PtyProcess.spawn(command, env=bare, dimensions=size, pass_fds=(line,))
    master = os.dup(terminal.fd)
    terminal.fileobj.close()
    terminal.closed = True  # the pump owns the terminal; ptyprocess must not end the child when collected
    return terminal.pid, master


def _converse(line: socket.socket, letter: bytes) -> tuple[int, int]:
    """Tell the launcher what to become; the listener it hands back, -1 unguarded, and the anchor. Raises GuardError."""
    line.settimeout(_PATIENCE)
    try:
        line.sendall(b"%d\n" % len(letter) + letter)
        word, fds, _, _ = socket.recv_fds(line, 4096, 1)
    except OSError as error:
        raise GuardError(f"the launcher did not answer: {error}", "run `leash doctor`") from error
    kind, _, anchor = word.partition(b" ")
    if kind not in (b"listener", b"ready") or not anchor.isdigit():
        raise GuardError(
            f"the agent could not be put under guard: {word.decode(errors='replace') or 'the launcher ended'}",
            "run `leash doctor`, or accept less with --guard watch",
        )
    return fds[0] if fds else -1, int(anchor)
