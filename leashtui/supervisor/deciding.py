"""The thread on which the policy engine runs: a stack of known size, whatever the shell's limit for this process is.

Knows how to have a call done there and to wait for it. Refuses to know policies. What needs no engine (the cache, the
index) never comes here; what does pays two wake-ups, some 13 us. Invariant: a caller gets the result of its own call
or its error, never another's, and a call from this thread itself is done at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TypeVar

from leashtui.supervisor.policyload import STACK, start

T = TypeVar("T")


class _Call:
    """One call on its way: done is held until it has a result or an error."""

    __slots__ = ("done", "error", "result", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()


class DecisionThread:
    """Calls done on a stack of `stack` bytes, one after the other. It ends with the process.

    `PDP.self_test` says whether that stack is enough: an engine that runs short of it errs in every policy.
    """

    def __init__(self, stack: int = STACK) -> None:
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._thread = start(self._serve, "policy-decide", stack)

    def __call__(self, work: Callable[[], T], /) -> T:
        """What `work` returns. Raises what it raises, panics of the engine included."""
        if threading.get_ident() == self._thread.ident:
            return work()
        call = _Call(work)
        self._calls.put(call)
        call.done.acquire()
        if call.error is not None:
            raise call.error
        result: T = call.result
        return result

    def _serve(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            call = self._calls.get()
            try:
                call.result = call.work()
            except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
                call.error = error
            finally:
                call.done.release()
            del call  # what it held must not live until the next one comes
