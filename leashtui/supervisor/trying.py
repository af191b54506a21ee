"""The host is tried by a child while the supervisor still imports what it will need.

Knows a pipe and a pid. Refuses to know what is tried (`guards/kernel/probe.py`) and to keep a result for another
session. Invariant: a child that fails, or says what cannot be read, has shown nothing; then it is tried here.
"""

from __future__ import annotations

import os

import msgspec

from leashtui.guards.kernel.probe import Support, probe

_encode = msgspec.json.encode


class Trial:
    """A trial that has begun. without: a descriptor that the child is not to hold. Raises OSError."""

    def __init__(self, without: int) -> None:
        self._result, answer = os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                os.close(without)
                os.write(answer, _encode(probe()))
            finally:
                os._exit(0)
        os.close(answer)

    def result(self) -> Support:
        """What was found; waits for it."""
        with open(self._result, "rb") as pipe:
            said = pipe.read()
        os.waitpid(self._pid, 0)
        try:
            return msgspec.json.decode(said, type=Support)
        except ValueError:
            return probe()
