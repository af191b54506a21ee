"""Where exported events go: a file, a syslog server over TCP or TLS, an HTTP collector.

Knows connections and what counts as delivered. Refuses to know records: it gets bytes. Invariants: `send` returns only
when the other side has them, as far as its protocol can say so; a file is cut back to the last delivered event before
anything is added, so that a crash leaves nothing twice.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from leashtui.model.errors import Exit, LeashError, StoreError

TIMEOUT = 20.0
"""Seconds a server may take to answer."""


class Away(StoreError):
    """The receiver cannot be reached; trying later may help."""


class Sink(Protocol):
    """A receiver. mark: what `resume` needs to go on after the last `send` that returned.

    name: of a batch; one that is delivered again has the same.
    """

    def resume(self, mark: int) -> None: ...

    def send(self, messages: Sequence[bytes], name: str = "") -> int: ...

    def close(self) -> None: ...


class FileSink:
    """A file of lines; mark: its size. Raises StoreError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
        try:
            self._file = os.fdopen(os.open(path, flags, 0o600), "r+b", buffering=0)
        except OSError as error:
            raise StoreError(f"cannot write {path}: {error.strerror}", "name another file") from error

    def resume(self, mark: int) -> None:
        """Drop what came after the last delivered event."""
        size = os.fstat(self._file.fileno()).st_size
        if size < mark:
            hint = "an export goes on only into the file it began: name a new one, with another --name"
            raise StoreError(f"{self._path} is shorter than what was exported into it", hint)
        self._file.truncate(mark)
        self._file.seek(mark)

    def send(self, messages: Sequence[bytes], name: str = "") -> int:
        """Append lines and wait for the disk."""
        try:
            self._file.write(b"".join(message + b"\n" for message in messages))
            os.fsync(self._file.fileno())
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error.strerror}", "free some space") from error
        return self._file.tell()

    def close(self) -> None:
        """Close it."""
        self._file.close()


class SocketSink:
    """Framed messages to HOST:PORT. Syslog has no acknowledgement: what the kernel sent may be lost with the line."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None) -> None:
        self._where = (host, port)
        self._tls = tls
        self._socket: socket.socket | None = None

    def resume(self, mark: int) -> None:
        """Nothing is remembered on the other side."""

    def send(self, messages: Sequence[bytes], name: str = "") -> int:
        """Send all of them. Raises Away."""
        try:
            if self._socket is None:
                raw = socket.create_connection(self._where, TIMEOUT)
                raw.settimeout(TIMEOUT)
                self._socket = raw if self._tls is None else self._tls.wrap_socket(raw, server_hostname=self._where[0])
            self._socket.sendall(b"".join(messages))
        except OSError as error:
            self.close()
            raise Away(f"{self._where[0]}:{self._where[1]} cannot be reached: {error}", "it is tried again") from error
        return 0

    def close(self) -> None:
        """Hang up."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None


class HttpSink:
    """Batches to an HTTP collector, which acknowledges each by its status."""

    def __init__(self, url: str, headers: dict[str, str], tls: ssl.SSLContext) -> None:
        self._parts = urlsplit(url)
        self._headers = {"Content-Type": "application/json", **headers}
        self._tls = tls
        self._connection: http.client.HTTPConnection | None = None

    def resume(self, mark: int) -> None:
        """The collector keeps what it acknowledged."""

    def send(self, messages: Sequence[bytes], name: str = "") -> int:
        """Post them as one body. Raises Away, or StoreError when the collector refuses."""
        host, port = self._parts.hostname or "", self._parts.port
        try:
            if self._connection is None:
                if self._parts.scheme == "https":
                    self._connection = http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self._tls)
                else:
                    self._connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
            path = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
            self._connection.request("POST", path, b"\n".join(messages), self._headers)
            answer = self._connection.getresponse()
            said = answer.read(500)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Away(f"{host} cannot be reached: {error}", "it is tried again") from error
        if answer.status >= 500 or answer.status == 429:
            self.close()
            raise Away(f"{host} answered {answer.status}", "it is tried again")
        if answer.status >= 300:
            text = said.decode("utf-8", "replace")
            raise StoreError(f"{host} refused the events: {answer.status} {text}", "check address and token")
        return 0

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None


def open_sink(target: str, headers: dict[str, str], ca: str = "") -> Sink:
    """The sink of a target: a path, tcp://, tls://, https://, or http:// to this machine. Raises LeashError."""
    parts = urlsplit(target)
    if parts.scheme in ("tcp", "tls"):
        if not parts.hostname or not parts.port:
            raise LeashError(f"{target} has no host or port", "like tls://logs.example.org:6514", Exit.USAGE)
        return SocketSink(parts.hostname, parts.port, _trust(ca) if parts.scheme == "tls" else None)
    if parts.scheme in ("http", "https"):
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise LeashError("http:// would send records in clear text", "use https://", Exit.USAGE)
        return HttpSink(target, headers, _trust(ca))
    return FileSink(Path(target))


def _trust(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise LeashError(f"the CA file {ca} cannot be read: {error}", "name a PEM file", Exit.USAGE) from error
