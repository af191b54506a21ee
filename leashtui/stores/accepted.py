"""What a person accepted of the things an agent obeys: instruction files, skills, servers, each by a digest.

Knows one file in the state directory: name -> digest. Refuses to know what the things are. Invariant: it is written
whole; a file that cannot be read has accepted nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec

from leashtui.stores import patches
from leashtui.stores.directories import ensure_private

FILE = "inventory.json"
"""Its name below the state directory."""


class Accepted:
    """`directory`/inventory.json."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def known(self) -> Mapping[str, str]:
        """Everything accepted. Raises LeashError when the file exists and may not be read."""
        raw = patches.read(self._directory / FILE)
        try:
            return {} if raw is None else msgspec.json.decode(raw, type=dict[str, str])
        except ValueError:
            return {}

    def add(self, things: Mapping[str, str]) -> None:
        """These are accepted as they are, besides all others. Raises LeashError."""
        ensure_private(self._directory)
        patches.rewrite(self._directory / FILE, msgspec.json.encode({**self.known(), **things}))
