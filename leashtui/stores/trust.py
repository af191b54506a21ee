"""Which policy files of a project may permit: pinned by the bytes a person looked at, as direnv does.

Knows workspaces, file names and digests. Refuses to know policies. Invariant: trust is for these bytes in this
workspace; a changed file is untrusted until somebody trusts it again, and a record that is damaged trusts nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import StoreError
from leashtui.stores.directories import ensure_private

FILE = "trust.json"
"""Its name below the configuration directory."""


class _Pins(Struct, frozen=True, forbid_unknown_fields=True):
    """workspace -> file -> sha256, hex."""

    v: int = 1
    pinned: dict[str, dict[str, str]] = {}


class Trust:
    """The pins in `directory`/trust.json."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def pinned(self, workspace: str) -> Mapping[str, str]:
        """file -> digest of one workspace. Raises StoreError when the record cannot be read."""
        return self._read().pinned.get(workspace, {})

    def digests(self, workspace: str) -> frozenset[str]:
        """The digests that count in this workspace. Raises StoreError as `pinned` does."""
        return frozenset(self.pinned(workspace).values())

    def workspaces(self) -> Mapping[str, Mapping[str, str]]:
        """Everything that is trusted."""
        return self._read().pinned

    def pin(self, workspace: str, files: Mapping[str, str]) -> None:
        """Trust these files (name -> digest) of a workspace, and no others; none at all ends its trust."""
        pinned = dict(self._read().pinned)
        pinned.pop(workspace, None)
        if files:
            pinned[workspace] = dict(files)
        ensure_private(self._path.parent)
        draft = self._path.with_name(f".{FILE}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_Pins(pinned=pinned)), indent=1))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}", f"make {self._path.parent} writable") from error

    def _read(self) -> _Pins:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Pins)
        except FileNotFoundError:
            return _Pins()
        except (OSError, ValueError) as error:  # msgspec's own errors are ValueErrors
            raise StoreError(f"{self._path}: {error}", "remove it, then trust again: leash policy trust") from error
