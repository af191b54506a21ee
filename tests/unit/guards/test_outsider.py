"""What a program outside the guard is started with."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from leashtui.guards.kernel import outsider


@pytest.mark.parametrize("files", ["700", "-1"])
def test_it_may_have_as_much_open_as_it_is_told(files: str) -> None:
    """-1: no limit, where there is one for everybody it stays."""
    master, slave = pty.openpty()
    here = os.open("/", os.O_PATH)
    given, got = os.pipe()
    numbers = (slave, here, slave, got, got)
    words = [*map(str, numbers), files, "/bin/sh", "sh", "-c", "ulimit -Sn; pwd; tty <&0 >/dev/null && echo tty"]
    try:
        subprocess.run([sys.executable, "-I", "-S", outsider.__file__, *words], pass_fds=sorted({*numbers}), check=True)
        said = os.read(given, 999).decode().split()
    finally:
        for fd in (master, slave, here, given, got):
            os.close(fd)
    assert said[1:] == ["/", "tty"]
    assert files == "-1" or said[0] == files
