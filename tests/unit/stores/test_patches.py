"""Patches: files of agents that cannot be reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from leashtui.model.errors import LeashError
from leashtui.stores import patches


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    """A file below a folder that we may not enter, root or not."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0)
    before = os.geteuid()
    if not before:
        os.seteuid(65534)
    yield folder / "agent" / "settings.json"
    os.seteuid(before)
    folder.chmod(0o700)


def test_what_cannot_be_reached_has_nothing_to_tidy_and_is_named(closed: Path) -> None:
    patches.tidy(closed)
    with pytest.raises(LeashError, match=f"{closed}: Permission denied"):
        patches.read(closed)
