"""What a child found about this host is what is found here, and a child that fails has shown nothing."""

from __future__ import annotations

import os

import pytest

from leashtui.guards.kernel.probe import probe
from leashtui.supervisor import trying


def _a_trial() -> trying.Trial:
    ours, theirs = os.pipe()
    try:
        return trying.Trial(without=theirs)
    finally:
        os.close(ours)
        os.close(theirs)


def test_the_child_finds_what_is_found_here() -> None:
    assert _a_trial().result() == probe()


@pytest.mark.parametrize("said", [b"", b"{", b'{"tier":"strict"}'])
def test_a_child_that_fails_means_trying_here(monkeypatch: pytest.MonkeyPatch, said: bytes) -> None:
    monkeypatch.setattr(trying, "_encode", lambda found: said)
    monkeypatch.setattr(trying, "probe", lambda: found)
    found = probe()
    assert _a_trial().result() is found


def test_a_trial_leaves_no_child_and_no_descriptor_behind() -> None:
    before = len(os.listdir("/proc/self/fd"))
    trial = _a_trial()
    trial.result()
    assert len(os.listdir("/proc/self/fd")) == before
    with pytest.raises(ChildProcessError):
        os.waitpid(trial._pid, os.WNOHANG)
