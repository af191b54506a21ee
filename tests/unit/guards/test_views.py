"""What a sandbox's programs name, looked up by their ways."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from leashtui.guards.kernel import abi, views
from leashtui.guards.kernel import numbers as nr

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
    disturbed = 0
    for _ in range(200_000):  # the control: one look fails while another renames
        try:
            os.close(abi.call_text(nr.OPENAT2, top, WAY, HOW, len(HOW)))
        except BlockingIOError:
            disturbed += 1
            if disturbed > 20:
                break
    assert disturbed > 20
    for _ in range(3000):
        with views._held(top, WAY, 0) as fd:
            assert os.path.samestat(os.fstat(fd), os.stat(tmp_path / "top/a/b"))
    os.close(top)
