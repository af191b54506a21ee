"""The supervisor's process: `python -I -m leashtui.supervisor CHANNEL_FD`.

Hides itself from the agent first, then reads what to start, builds the session, starts the agent and runs until the
end. Invariant: every way out tells the keeper something, and an error before the agent ran leaves nothing behind.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import os
import socket
import sys

from leashtui.supervisor.ignition import asyncio  # isort: skip  # before whoever else imports it
from leashtui.guards.kernel.probe import Support
from leashtui.model.errors import Exit, LeashError
from leashtui.supervisor.channel import Channel, Start
from leashtui.supervisor.trying import Trial

_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_SIGTERM = 15


def _hide() -> None:
    """Not readable, not traceable, parent of all orphans below; a dead warden asks us to end."""
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_DUMPABLE, 0), (_PR_SET_CHILD_SUBREAPER, 1), (_PR_SET_PDEATHSIG, _SIGTERM)):
        if libc.prctl(option, value, 0, 0, 0) != 0:
            error = ctypes.get_errno()
            raise LeashError(f"prctl({option}) failed: {os.strerror(error)}", "run `leash doctor`")


async def _live(start: Start, channel: Channel, support: Support) -> int:
    from leashtui.supervisor.startup import start_session

    session = await start_session(start, channel, support)
    gc.freeze()  # what is built by now lives as long as the session: no later collection has to look at it
    gc.enable()
    return await session.run()


def main() -> int:
    """Returns the agent's exit code, or leash's own when it could not start."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    try:
        _hide()
        trial = Trial(without=channel.line.fileno())
        import leashtui.supervisor.startup  # noqa: F401 - while the keeper still finds out what to start

        start = channel.read_start()
        return asyncio.run(_live(start, channel, trial.result()))
    except LeashError as error:
        code = error.code if error.code in {Exit.NOT_FOUND, Exit.REFUSED} else Exit.FAILED
        channel.tell(error=error.message, hint=error.hint, code=int(code))
        return int(code)
    except Exception as error:  # noqa: BLE001 - the last place that can still tell the person
        lacks, hint = _lack(error)
        channel.tell(
            error=lacks or f"the supervisor failed: {type(error).__name__}: {error}",
            hint=hint or "nothing of the agent runs on; please report this with the output of `leash doctor`",
            code=int(Exit.FAILED),
        )
        return int(Exit.FAILED)


def _lack(error: Exception) -> tuple[str, str]:
    """What this account has too little of, and what to do; two empty texts for any other failure."""
    number = error.errno if isinstance(error, OSError) else 0
    if number in (errno.EMFILE, errno.ENFILE):
        return "leash cannot open any more files; nothing of the agent runs on", "raise `ulimit -n`, to 256 or more"
    if number == errno.EAGAIN or "can't start new thread" in str(error):
        return "leash cannot start any more processes; nothing of the agent runs on", "raise `ulimit -u`, or end some"
    if isinstance(error, MemoryError) or number == errno.ENOMEM:
        return (
            "there is too little memory for leash; nothing of the agent runs on",
            "raise `ulimit -v`, or end programs",
        )
    return "", ""


if __name__ == "__main__":
    sys.exit(main())
