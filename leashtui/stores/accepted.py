"""What a person accepted of the things an agent obeys: instruction files, skills, servers, each by a digest.

Knows one file in the state directory, name -> digest, and beside it the texts those digests stand for. Refuses to know
what the things are. Names that are no UTF-8 come back as they went in. Invariant: the file is written whole; one that
cannot be read has accepted nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from leashtui.stores import patches
from leashtui.stores.directories import ensure_private

FILE = "inventory.json"
"""Its name below the state directory."""
TEXTS = "accepted"
"""The folder of the texts."""


class Accepted:
    """`directory`/inventory.json."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def known(self) -> Mapping[str, str]:
        """Everything accepted. Raises LeashError when the file exists and may not be read."""
        raw = patches.read(self._directory / FILE)
        try:
            found = {} if raw is None else json.loads(raw)
        except (ValueError, RecursionError):
            return {}
        good = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
        return found if good else {}

    def add(self, things: Mapping[str, str]) -> None:
        """These are accepted as they are, besides all others. Raises LeashError."""
        ensure_private(self._directory)
        patches.rewrite(self._directory / FILE, json.dumps({**self.known(), **things}).encode())

    def keep(self, texts: Mapping[str, str]) -> None:
        """What digests stand for, to show a difference later. Raises LeashError."""
        folder = self._directory / TEXTS
        ensure_private(self._directory)
        ensure_private(folder)
        for digest, text in texts.items():
            if not (folder / digest).exists():
                patches.rewrite(folder / digest, text.encode("utf-8", "surrogateescape"))

    def text(self, digest: str) -> str | None:
        """What a digest stands for, None when it was not kept. Raises LeashError."""
        raw = patches.read(self._directory / TEXTS / digest) if digest.isalnum() else None
        return None if raw is None else raw.decode("utf-8", "surrogateescape")
