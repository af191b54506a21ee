"""Grants that outlive their session: what a person approved, for one repository, one kind of agent and some days.

Knows what was approved, as facts, never as policy text: a grant is built from it anew in each session. Refuses to
judge. Invariant: a record that is damaged grants nothing; one that has expired is never given out.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from leashtui.model.errors import StoreError
from leashtui.model.facts import Facts
from leashtui.model.verdict import Decision
from leashtui.stores.directories import ensure_private

FILE = "grants.json"
"""Its name below the configuration directory."""


class Kept(Struct, frozen=True, forbid_unknown_fields=True):
    """One approval that holds on. kind: of agents, '' for all. expires: microseconds since the epoch."""

    id: str
    workspace: str
    kind: str
    expires: int
    facts: Facts
    decision: Decision
    exact: bool = False


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    v: int = 1
    kept: tuple[Kept, ...] = ()


class KeptGrants:
    """The grants in `directory`/grants.json."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / FILE

    def all(self) -> tuple[Kept, ...]:
        """Every grant, oldest first, expired ones too. Raises StoreError when the record cannot be read."""
        return self._read().kept

    def living(self, workspace: str, now: int) -> tuple[Kept, ...]:
        """Those that hold in this workspace at `now` (us). Raises StoreError."""
        return tuple(one for one in self.all() if one.workspace == workspace and one.expires > now)

    def next_id(self) -> str:
        """A name no grant here has had."""
        taken = [int(one.id[1:]) for one in self.all() if one.id[1:].isdigit()]
        return f"r{max(taken, default=0) + 1}"

    def keep(self, grant: Kept) -> None:
        """Add a grant. Raises StoreError."""
        self._write((*self.all(), grant))

    def drop(self, name: str) -> Kept | None:
        """Take a grant away; None when there is none of that name. Raises StoreError."""
        found = next((one for one in self.all() if one.id == name), None)
        if found is not None:
            self._write(tuple(one for one in self.all() if one.id != name))
        return found

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File()
        except (OSError, ValueError) as error:  # msgspec's own errors are ValueErrors
            raise StoreError(f"{self._path}: {error}", "remove it; what it granted is asked again") from error

    def _write(self, kept: tuple[Kept, ...]) -> None:
        ensure_private(self._path.parent)
        draft = self._path.with_name(f".{FILE}.{os.getpid()}")
        try:
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(_File(kept=kept)), indent=1))
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._path)
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}", f"make {self._path.parent} writable") from error
