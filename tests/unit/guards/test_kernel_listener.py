"""An answer that comes twice is no reason to give the session up; a listener that fails is."""

from __future__ import annotations

import errno
import fcntl
import os
import sys

import pytest

from leashtui.guards.kernel.listener import Listener


@pytest.mark.parametrize(("number", "gone"), [(errno.EINPROGRESS, False), (errno.ENOENT, False), (errno.EBADF, True)])
def test_only_a_broken_listener_is_lost(number: int, gone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    ours, theirs = os.pipe()
    lost: list[str] = []
    listener = Listener(ours, lost.append)
    monkeypatch.setattr(fcntl, "ioctl", fail)
    assert not listener.answer(7)
    assert bool(lost) is gone
    listener.close()
    os.close(theirs)


def test_without_luajit_every_notice_goes_to_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lupa.luajit21", None)
    listening, writing = os.pipe()
    try:
        listener = Listener(listening, lambda words: None)
        assert listener.hasten(lambda path, kept: None) is None
        assert list(listener.take()) == []
    finally:
        listener.close()
        os.close(writing)
