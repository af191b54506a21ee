"""What the panel needs of whoever it talks to, and how it ends.

A protocol and three numbers. Refuses to know sockets: `faces.link` is one such desk, a scripted one and a tape are
others. Invariant: the numbers are what the keeper acts on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from enum import IntEnum
from typing import Protocol

from leashtui.faces.tui.feed import Stream
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


class Desk(Protocol):
    """What the app needs of a link (faces.link.Link, or a scripted one)."""

    welcome: Welcome

    def __aiter__(self) -> AsyncIterator[DeskMessage]: ...

    def send(self, message: FaceMessage) -> None: ...

    async def open_terminal(self, cols: int, rows: int) -> Stream: ...
