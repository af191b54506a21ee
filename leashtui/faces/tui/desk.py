"""What the panel needs of whoever it talks to, and how it ends.

A protocol, a stand-in for a desk that is not there yet, and the numbers. Refuses to know sockets: `faces.link` is one
such desk, a scripted one and a tape are others. Invariant: the numbers are what the keeper acts on.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from enum import IntEnum
from typing import Protocol

from leashtui.faces.tui.feed import Stream
from leashtui.model.errors import Unreachable
from leashtui.model.wire import DeskMessage, FaceMessage, Welcome


class End(IntEnum):
    """Exit codes of the face."""

    DONE = 0
    """The session is over."""
    GONE = 4
    """The supervisor is gone."""
    DETACHED = 10
    """The person left; the agent goes on."""
    CLOSED = 11
    """Only the panel was closed: the agent has the terminal again."""
    GAVE_UP = 130
    """The person did not wait for the session."""


class Desk(Protocol):
    """What the app needs of a link (faces.link.Link, or a scripted one)."""

    welcome: Welcome

    def __aiter__(self) -> AsyncIterator[DeskMessage]: ...

    def send(self, message: FaceMessage) -> None: ...

    async def open_terminal(self, cols: int, rows: int) -> Stream: ...


class Unopened:
    """In place of the desk of a session that is still being built: nothing was heard of it, nothing can be said to it.

    agent, workspace: what the person started, where. The tier is not known yet, and so is not said.
    """

    def __init__(self, agent: str, workspace: str) -> None:
        self.welcome = Welcome("", agent, (), workspace, "", (), "", time.time_ns() // 1000, "", "")

    async def __aiter__(self) -> AsyncIterator[DeskMessage]:
        """Nothing."""
        return
        yield

    def send(self, message: FaceMessage) -> None:
        """Nobody is there."""

    async def open_terminal(self, cols: int, rows: int) -> Stream:
        """Raises Unreachable."""
        raise Unreachable("the session is not there yet")
