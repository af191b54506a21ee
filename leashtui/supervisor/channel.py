"""The private line between the keeper and the supervisor: JSON objects, one a line, over a socketpair.

Standard json and not the nouns' codec, because argv and environment may carry bytes that are not UTF-8: Python's json
keeps them as lone surrogates in both directions. Invariant: what the keeper sends cannot answer a card.
"""

from __future__ import annotations

import json
import socket
from typing import Any

import msgspec

from leashtui.model.errors import LeashError
from leashtui.model.request import Posture
from leashtui.supervisor.budget import Budget

_LIMIT = 8 << 20


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """What `leash run` asks for. guard: the minimum tier, '' for the best. face: tui|plain|headless.

    stdio: inherited descriptors for the agent's fds 0-2 when headless. also: git and common directories of a
    worktree. exe: the resolved program. hooks: whether the agent is started with
    leash's hooks. mcp: whether its MCP servers are led through leash. patience: seconds until a held act becomes a
    ticket, 0 for what the agent is known to wait. late, wake: see config.Config.
    grants, withhold: names of variables, `*` for anything: those that the agent gets though they look secret, and those
    that count as secret besides.
    opened, closed: paths below the home: secret places that stay open, and further ones that are covered.
    watched: names of files in the workspace whose reads are asked in tier strict.
    budget: what may be used before the session stands still. scan: see config.Secrets.
    lock: policy layers besides the builtin one are found by the supervisor.
    """

    argv: tuple[str, ...]
    exe: str
    agent: str
    cwd: str
    workspace: str
    also: tuple[str, ...] = ()
    guard: str = ""
    on_ask: str = "wait"
    posture: Posture = Posture.GUARD
    role: str = ""
    face: str = "headless"
    env: dict[str, str] = {}
    cols: int = 80
    rows: int = 24
    home: str = ""
    linger: bool = False
    stdio: tuple[int, ...] = ()
    ignore: tuple[str, ...] = ()
    record: bool = False
    hooks: bool = True
    mcp: bool = True
    patience: int = 0
    late: int = 3600
    wake: bool = False
    grants: tuple[str, ...] = ()
    withhold: tuple[str, ...] = ()
    opened: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    watched: tuple[str, ...] = ()
    sudo: str = "refuse"
    listen: str = "ask"
    budget: Budget = Budget()
    scan: bool = False


class Channel:
    """Our end of the line; blocking for the start message, then fed by the event loop."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self._buffer = b""

    def read_start(self) -> Start:
        """The first message. Raises LeashError when it is not one."""
        while b"\n" not in self._buffer:
            data = self.line.recv(65536)
            if not data or len(self._buffer) > _LIMIT:
                raise LeashError("the keeper sent no start message", "start sessions with `leash run`")
            self._buffer += data
        try:
            return msgspec.convert(self.take()[0]["start"], Start)
        except (KeyError, IndexError, ValueError, msgspec.ValidationError) as error:
            raise LeashError(
                f"the start message is wrong: {error}", "keeper and supervisor must be one version"
            ) from error

    def take(self) -> list[dict[str, Any]]:
        """The complete messages received so far. Raises ValueError on rubbish."""
        *lines, self._buffer = self._buffer.split(b"\n")
        return [json.loads(line) for line in lines if line]

    def receive(self) -> list[dict[str, Any]] | None:
        """Messages that are ready now, None at the end of the line."""
        try:
            data = self.line.recv(65536)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not data:
            return None
        self._buffer += data
        return self.take()

    def tell(self, **message: Any) -> None:
        """Send one message; a keeper that is gone does not matter."""
        try:
            self.line.setblocking(True)
            self.line.settimeout(2)
            self.line.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            return
        finally:
            self.line.setblocking(False)
