"""A socket of ours is its owner's, at a path of any length, and tells who called."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from leashtui.model.errors import GuardError
from leashtui.sockets import listen, peer_of


@pytest.mark.parametrize("depth", [1, 40])
def test_it_listens_however_long_its_path_for_its_owner_only(tmp_path: Path, depth: int) -> None:
    place = tmp_path.joinpath(*["folder"] * depth)
    place.mkdir(parents=True)
    listener = listen(place, "ask.sock", 4)
    assert stat.S_IMODE((place / "ask.sock").stat().st_mode) == 0o600
    with pytest.raises(BlockingIOError):
        listener.accept()
    here = os.open(place, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(f"/proc/self/fd/{here}/ask.sock")
        line, _ = listener.accept()
        assert peer_of(line) == (os.getpid(), os.getuid())
        line.close()
    os.close(here)
    listener.close()


def test_what_stands_there_already_is_named(tmp_path: Path) -> None:
    (tmp_path / "ask.sock").write_text("in the way")
    with pytest.raises(GuardError, match="cannot listen in"):
        listen(tmp_path, "ask.sock", 4)
