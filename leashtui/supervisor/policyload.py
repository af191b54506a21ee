"""Policy loading with a stack of its own: the engine's parser recurses as deep as a policy file nests.

cedarpy overflows the stack, and so kills the process, at about 600 levels on a main thread and 30 on a small one. The
pure floor checks nesting before it parses and starts no threads; this module gives what is left 16 MiB. Refuses to know
Cedar, and where policies lie (`layers`). Invariant: a caller gets a whole bundle or a PolicyError, never a part of one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from leashtui.model.errors import LeashError, PolicyError
from leashtui.policy import bundle
from leashtui.policy.bundle import Bundle

STACK = 16 << 20
"""Bytes of stack for the engine: 32 times what the deepest policy that is accepted was seen to need."""

T = TypeVar("T")
_ONE = threading.Lock()
"""The size of new stacks is the process's: whoever changes it for one thread does so alone."""


def load(layers: Sequence[tuple[str, Path]], *, trusted: frozenset[str] = frozenset()) -> Bundle:
    """`leashtui.policy.bundle.load` on a thread with STACK bytes of stack. Raises PolicyError as that does."""
    return with_stack(lambda: bundle.load(layers, trusted=trusted))


def with_stack(work: Callable[[], T]) -> T:
    """What `work` returns, done on a thread with STACK bytes of stack.

    Raises what `work` raises when that is a LeashError, PolicyError for anything else.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - carried to the caller, who raises it
            errors.append(error)

    start(run, "policy-load", STACK).join()
    if errors:
        if isinstance(errors[0], LeashError):
            raise errors[0]
        raise PolicyError(
            f"the policies cannot be loaded: {type(errors[0]).__name__}: {errors[0]}", "run `leash policy check`"
        ) from errors[0]
    return results[0]


def start(work: Callable[[], None], name: str, stack: int) -> threading.Thread:
    """A thread that does `work` on a stack of `stack` bytes; it does not keep the process alive."""
    with _ONE:
        before = threading.stack_size(stack)
        try:
            thread = threading.Thread(target=work, name=name, daemon=True)
            thread.start()
        finally:
            threading.stack_size(before)
    return thread
