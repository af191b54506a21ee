"""A classifier with the shipped policies for tests: the world of the labels, without a session."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from leashtui.classify.probe import NoProbe
from leashtui.model.request import Mode
from leashtui.supervisor.rehearsal import Judged, Rehearsal

CWD = "/home/dev/proj"
HOME = "/home/dev"
RANK = {"allow": 0, "ask": 1, "deny": 2}


@cache
def rehearsal(mode: Mode = Mode.SHIM) -> Rehearsal:
    """One for all tests: it keeps no state between commands."""
    return Rehearsal(mode, Path("/nonexistent"), "dev", lambda _: NoProbe())


def judged(command: str, mode: Mode = Mode.SHIM, cwd: str = CWD) -> Judged:
    """What leash would say about a command line of the developer."""
    return rehearsal(mode).judge(command, cwd=cwd, home=HOME, workspace=CWD)


def verdict(command: str, mode: Mode = Mode.SHIM) -> str:
    """allow, ask or deny."""
    return judged(command, mode).decision.outcome.value
