"""A socket file that a dead server left is told from one at which somebody listens."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from leashtui.guards.kernel.silent import is_silent


def test_silent_is_only_what_a_dead_server_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = str(tmp_path / "s")
    server = socket.socket(socket.AF_UNIX)
    server.bind(path)
    server.listen()
    assert not is_silent(path, socket.SOCK_STREAM)
    server.setblocking(False)
    with pytest.raises(BlockingIOError):  # who is listed is not knocked at
        server.accept()
    server.close()
    assert is_silent(path, socket.SOCK_STREAM)
    os.unlink(path)
    assert not is_silent(path, socket.SOCK_STREAM)


def test_a_server_that_is_listed_by_another_name_is_not_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        server.listen()
        assert not is_silent(str(tmp_path / "s"), socket.SOCK_STREAM)
