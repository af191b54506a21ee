"""The line on which a panel that was started ahead is told what to be, and later which session it is for.

Knows two JSON objects, one a line, over a socket that the keeper holds. Refuses to know what is in them. Invariant: the
end of the line before the first means that nobody wants this panel, before the second that there will be no session.
"""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Sequence
from typing import Any

_FLAG = "--door"


def waiting_at(words: Sequence[str]) -> Door | None:
    """The door named on this command line, if one is."""
    return Door(socket.socket(fileno=int(words[1]))) if len(words) == 2 and words[0] == _FLAG else None


class Door:
    """line: the panel's end."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._buffer = b""

    def first(self) -> dict[str, Any]:
        """Wait for what to be; {} when nobody wants it."""
        while b"\n" not in self._buffer:
            if not (data := self._line.recv(65536)):
                return {}
            self._buffer += data
        return self._take()

    async def second(self) -> dict[str, Any]:
        """Wait for where to connect; {} when there will be no session."""
        self._line.setblocking(False)
        loop = asyncio.get_running_loop()
        while b"\n" not in self._buffer:
            try:
                data = await loop.sock_recv(self._line, 65536)
            except OSError:
                data = b""
            if not data:
                return {}
            self._buffer += data
        return self._take()

    def _take(self) -> dict[str, Any]:
        line, _, self._buffer = self._buffer.partition(b"\n")
        found = json.loads(line)
        return found if isinstance(found, dict) else {}
