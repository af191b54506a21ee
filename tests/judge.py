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


class Files(NoProbe):
    """A workspace that holds these files and has nothing tracked."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = {f"{CWD}/{name}": text for name, text in texts.items()}
        self.asked: list[str] = []

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        self.asked.append(path)
        return self.texts.get(path)

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        return path in self.texts

    def tracked(self, path: str) -> bool | None:
        """See Probe."""
        return any(name == path or name.startswith(path + "/") for name in self.texts)


def judged_with(command: str, files: Files, mode: Mode = Mode.SHIM) -> Judged:
    """What leash would say where the workspace holds these files."""
    one = Rehearsal(mode, Path("/nonexistent"), "dev", lambda _: files)
    return one.judge(command, cwd=CWD, home=HOME, workspace=CWD)
