"""The supervisor's side of the HTTP endpoint: its address, its routes, and the process that serves them.

Knows one child process and one listening socket. Refuses to know HTTP (gateway.py). Invariant: an address is useless
without the session's token in it; the process serves exactly the routes it was started with.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from leashtui.model.errors import GuardError

_GATEWAY = str(Path(__file__).with_name("gateway.py"))
_PASSED = ("HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR")


class Endpoint:
    """One a session. directory: where the MCP socket is. Raises GuardError when no port can be had."""

    def __init__(self, directory: Path) -> None:
        self.pid = 0
        self._directory = directory
        self._token = secrets.token_urlsafe(18)
        self._routes: dict[str, str] = {}
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self._listener.bind(("127.0.0.1", 0))
            self._listener.listen(128)
        except OSError as error:
            self._listener.close()
            raise GuardError(f"no port for MCP servers: {error.strerror}", "leash config: mcp = false") from error

    def add(self, key: str, url: str) -> str:
        """The local address of a server."""
        self._routes[key] = url
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/{self._token}/{key}"

    def start(self, env: Mapping[str, str]) -> None:
        """Serve from now on, with the person's own proxy and certificates. Raises GuardError."""
        told = json.dumps(
            {
                "directory": os.fspath(self._directory),
                "token": self._token,
                "routes": self._routes,
                "parent": os.getpid(),
            }
        )
        reading, writing = os.pipe()
        files = [
            (os.POSIX_SPAWN_DUP2, reading, 0),
            (os.POSIX_SPAWN_DUP2, self._listener.fileno(), 3),
            *((os.POSIX_SPAWN_OPEN, n, os.devnull, os.O_RDWR, 0) for n in (1, 2)),
        ]
        surroundings = {"PATH": os.defpath, "LANG": "C.UTF-8"} | {k: env[k] for k in _PASSED if k in env}
        try:
            argv = [sys.executable, "-IS", _GATEWAY]
            self.pid = os.posix_spawn(argv[0], argv, surroundings, file_actions=files, setsid=True)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(told.encode())
        except OSError as error:
            raise GuardError(f"the MCP endpoint cannot be started: {error.strerror}", "run `leash doctor`") from error
        finally:
            os.close(reading)
            self._listener.close()

    def close(self) -> None:
        """End it. The caller reaps it."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
