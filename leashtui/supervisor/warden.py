"""The warden: `python -I -S warden.py FD[,FD...] -- SUPERVISOR...` starts the supervisor and outlives it.

It is the subreaper above the supervisor: whatever loses its parent below comes here. Knows pids and nothing else: no
listener, no channel, no card; the descriptors in its first argument are the supervisor's alone. Standard library only,
for it runs without site-packages. Invariants: when the supervisor is gone, so is everything that was below it, before
the warden exits with the supervisor's code; the keeper's death and the hang-up of a terminal end nothing.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_WALL = 0x40000000
_CANNOT = 125
_IGNORED = (
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
    signal.SIGPIPE,
)
_WAITED = (signal.SIGTERM, signal.SIGCHLD)
_PATIENCE = 30.0
"""Seconds after which a process that even SIGKILL does not end (a dead disk) is given up."""


def become_subreaper() -> None:
    """Orphans below this process become its children instead of init's. Raises OSError."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl({option}): {os.strerror(error)}")


def below(root: int) -> dict[int, tuple[int, int]]:
    """pid: (process group, session) of all descendants of `root`; a zombie counts, for its threads may still run."""
    children: dict[int, list[int]] = {}
    membership: dict[int, tuple[int, int]] = {}
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                _, parent, group, session = file.read().rpartition(b")")[2].split()[:4]
        except OSError:
            continue
        children.setdefault(int(parent), []).append(int(name))
        membership[int(name)] = int(group), int(session)
    found = list(children.get(root, ()))
    for pid in found:
        found.extend(children.get(pid, ()))
    return {pid: membership[pid] for pid in found}


def end_everything() -> None:
    """Kill and reap all descendants of this process until it has none.

    Whole process groups at once, because a fork cannot slip through a signal to its group; then one by one what makes
    a group of its own with every fork.
    """
    deadline = time.monotonic() + _PATIENCE
    while reap() and time.monotonic() < deadline:
        found = below(os.getpid())
        for group in {group for group, session in found.values() if _is_foreign(group, session)}:
            _send(-group)
        for pid in found:
            _send(pid)
        time.sleep(0.001)


def _is_foreign(group: int, session: int) -> bool:
    """Whether all members of a group must be below us: nobody can join a session, and ours may hold others."""
    own = os.getsid(0)
    return group != os.getpgid(0) and (session != own or own == os.getpid())


def _send(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # gone, or beyond our rights (a setuid program): the next round looks again


def reap() -> bool:
    """Collect the children that ended; returns whether any child is left."""
    while True:
        try:
            if os.waitpid(-1, os.WNOHANG | _WALL)[0] == 0:
                return True
        except ChildProcessError:
            return False


def _start(command: list[str], inherited: list[int]) -> int:
    """Start the supervisor in a process group of its own, with `inherited` and our streams. Raises OSError."""
    highest = max([2, *inherited]) + 1
    for fd in range(3, highest):
        if fd not in inherited and _is_open(fd):
            os.close(fd)
    os.closerange(highest, os.sysconf("SC_OPEN_MAX"))
    for fd in inherited:
        os.set_inheritable(fd, True)
    return os.posix_spawn(command[0], command, os.environ, setsigdef=_IGNORED, setsigmask=[], setpgroup=0)


def _is_open(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


def _forget(inherited: list[int]) -> None:
    """Close what is the supervisor's, so that its end can be seen at the other end of every line."""
    for fd in inherited:
        os.close(fd)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    if null > 2:
        os.close(null)


def _wait_for(supervisor: int) -> int:
    """Reap orphans until the supervisor ends, and pass SIGTERM on to it; returns its code, or 128 + signal.

    Signals are waited for, not handled: a Python handler that comes just before waitpid would never run.
    """
    while True:
        number = signal.sigwait(_WAITED)
        if number == signal.SIGTERM:
            os.kill(supervisor, signal.SIGTERM)
            continue
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG | _WALL)
            if pid == supervisor:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            if pid == 0:
                break


def main(argv: list[str]) -> int:
    """argv: FDS -- COMMAND... Returns the supervisor's exit code; 125 when it could not be started."""
    os.setsid()
    become_subreaper()
    _prctl(_PR_SET_DUMPABLE, 0)
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    inherited = [int(fd) for fd in argv[0].split(",") if fd]
    command = argv[2:]
    signal.pthread_sigmask(signal.SIG_BLOCK, _WAITED)
    try:
        supervisor = _start(command, inherited)
    except OSError as error:
        print(f"cannot start {command[0]}: {error.strerror}", file=sys.stderr)
        return _CANNOT
    _forget(inherited)
    code = _wait_for(supervisor)
    end_everything()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
