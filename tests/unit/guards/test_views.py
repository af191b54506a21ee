"""What a sandbox's programs name, looked up by their ways."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leashtui.guards.kernel import abi, views

RENAMES = "import os\nopen('x', 'w')\nprint(flush=True)\nwhile 1: os.rename('x', 'y'); os.rename('y', 'x')"
HOW = abi.OPEN_HOW.pack(os.O_PATH | os.O_CLOEXEC, 0, 0x10)
WAY = b"/a/b/up/a/b/up/a/b/../b"


@pytest.fixture
def renamer(tmp_path: Path) -> Iterator[None]:
    """Somebody who renames a file of theirs, all the time."""
    (tmp_path / "other").mkdir()
    argv = [sys.executable, "-S", "-c", RENAMES]
    with subprocess.Popen(argv, cwd=tmp_path / "other", stdout=subprocess.PIPE) as busy:
        assert busy.stdout is not None
        busy.stdout.readline()
        yield
        busy.kill()


def test_a_way_up_is_found_while_others_rename(tmp_path: Path, renamer: None) -> None:
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "top/a/b/up").symlink_to("../..")
    top = os.open(tmp_path / "top", os.O_PATH)
    ends = time.monotonic() + 3
    while (
        time.monotonic() < ends
    ):  # on two cores a plain look is disturbed a thousand times meanwhile; on one hardly ever
        with views._held(top, WAY, 0) as fd:
            assert os.path.samestat(os.fstat(fd), os.stat(tmp_path / "top/a/b"))
    os.close(top)


def test_a_look_that_is_disturbed_is_taken_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "top/a").mkdir(parents=True)
    top, looks, real = os.open(tmp_path / "top", os.O_PATH), 0, abi.call_text

    def disturbed(*words: Any) -> int:
        nonlocal looks
        looks += 1
        if looks < 8:
            raise BlockingIOError
        return real(*words)

    monkeypatch.setattr(abi, "call_text", disturbed)
    with views._held(top, b"a", 0) as fd:
        assert os.path.samestat(os.fstat(fd), os.stat(tmp_path / "top/a"))
    assert looks == 8
    os.close(top)
