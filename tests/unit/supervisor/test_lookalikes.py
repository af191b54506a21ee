"""A program under another name is known by its link or its bytes, and nothing else is."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from leashtui.supervisor.lookalikes import Lookalikes


@pytest.fixture
def bins(tmp_path: Path) -> Path:
    folder = tmp_path.resolve() / "bin"
    folder.mkdir()
    (folder / "kubectl").write_bytes(b"#!/bin/sh\n" + b"x" * 300_000)
    (folder / "kubectl-1.30").write_bytes(b"#!/bin/sh\n" + b"x" * 300_000)
    (folder / "tiny").write_bytes(b"#!/bin/sh\n")
    return folder


def test_links_and_copies_are_what_they_are(bins: Path, tmp_path: Path) -> None:
    known = Lookalikes([str(bins)])
    (tmp_path / "link").symlink_to(bins / "kubectl")
    shutil.copy(bins / "kubectl", tmp_path / "copy")
    assert known.of(str(tmp_path / "link")) == str(bins / "kubectl")
    assert known.of(str(tmp_path / "copy")) == str(bins / "kubectl")


def test_what_only_has_the_size_is_another(bins: Path, tmp_path: Path) -> None:
    known = Lookalikes([str(bins)])
    (tmp_path / "other").write_bytes(b"#!/bin/sh\n" + b"y" * 300_000)
    (tmp_path / "empty").touch()
    for name in ("other", "empty", "absent"):
        assert known.of(str(tmp_path / name)) == ""
    assert known.of(str(bins / "kubectl")) == ""
