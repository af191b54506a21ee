"""What MCP tools were when a person first met them, or last accepted them: the pins against a tool that changes.

Knows one file in the state directory. Refuses to know what a change means. Invariant: what was accepted changes only by
`first` (nothing was known) and `accept` (the person said so); a file that cannot be read is an error, and no pin.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from leashtui.model.errors import StoreError
from leashtui.model.mcp import PinnedServer, PinnedTool, Served
from leashtui.stores.directories import ensure_private

FILE = "mcp.json"
"""Its name below the state directory."""
_DEFINITION = ("name", "title", "description", "inputSchema", "outputSchema", "annotations")


class _File(Struct, frozen=True):
    v: int = 1
    servers: dict[str, PinnedServer] = {}


def pin_of(tool: Mapping[str, Any]) -> PinnedTool:
    """A tool of a `tools/list` answer, by what a model reads of it."""
    kept = {key: tool[key] for key in _DEFINITION if key in tool}
    text = json.dumps(kept, ensure_ascii=False, sort_keys=True)
    return PinnedTool(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), text)


def key_of(served: Served) -> str:
    """How a server is called here."""
    return f"{served.source}#{served.name}"


class Pins:
    """The pins in `directory`/mcp.json, read again whenever the file was written."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE
        self._stamp: tuple[int, int] | None = None
        self._known: dict[str, PinnedServer] = {}

    def all(self) -> Mapping[str, PinnedServer]:
        """Every server, by key. Raises StoreError when the file cannot be read."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._known = None, {}
            return self._known
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}", f"make {self._path.parent} readable") from error
        stamp = (found.st_mtime_ns, found.st_ino)
        if stamp != self._stamp:
            self._known = dict(self._read().servers)
            self._stamp = stamp
        return self._known

    def of(self, served: Served) -> PinnedServer | None:
        """What was accepted of a server, None for one that is met for the first time."""
        return self.all().get(key_of(served))

    def first(self, served: Served, tools: Mapping[str, PinnedTool]) -> None:
        """Pin the tools of a server of which nothing was known, or the rest of its first list. Raises StoreError."""

        def change(known: PinnedServer | None) -> PinnedServer:
            if known is None:
                return PinnedServer(served.name, served.source, served.target, dict(tools), served.target, dict(tools))
            return replace(known, tools={**tools, **known.tools}, seen={**known.seen, **tools})

        self._change(key_of(served), change)

    def see(self, served: Served, tools: Mapping[str, PinnedTool]) -> None:
        """Note what a known server says of its tools now. Raises StoreError."""

        def change(known: PinnedServer | None) -> PinnedServer:
            old = known or PinnedServer(served.name, served.source, served.target)
            return replace(old, seen_target=served.target, seen={**old.seen, **tools})

        known = self.of(served)
        if known is None or known.seen_target != served.target or any(known.seen.get(n) != t for n, t in tools.items()):
            self._change(key_of(served), change)

    def accept(self, key: str, shadowing: tuple[str, ...] = ()) -> PinnedServer:
        """The person accepts a server as it was last seen. Raises StoreError."""

        def change(known: PinnedServer | None) -> PinnedServer:
            if known is None:
                raise StoreError(f"no MCP server is called {key!r}", "leash mcp list")
            return replace(known, target=known.seen_target or known.target, tools=known.seen, shadowing=shadowing)

        return self._change(key, change)

    def forget(self, key: str) -> None:
        """Drop a server: it is met for the first time again. Raises StoreError."""
        with self._locked():
            servers = {k: s for k, s in self._read().servers.items() if k != key}
            self._write(_File(servers=servers))

    def _change(self, key: str, change: Callable[[PinnedServer | None], PinnedServer]) -> PinnedServer:
        with self._locked():
            servers = dict(self._read().servers)
            made = servers[key] = change(servers.get(key))
            self._write(_File(servers=servers))
        return made

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time, over all sessions."""
        ensure_private(self._path.parent)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File()
        except (OSError, ValueError) as error:
            raise StoreError(
                f"{self._path}: {error}", "move it away; every tool is then met for the first time"
            ) from error

    def _write(self, content: _File) -> None:
        draft = self._path.with_name(f".{FILE}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(content), indent=1))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}", f"make {self._path.parent} writable") from error
        self._stamp = None
