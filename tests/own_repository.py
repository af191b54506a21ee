"""A repository as the classifier is told of it, and what its tests of git look for."""

from __future__ import annotations

from judge import CWD

from leashtui.classify.machine import Bounds
from leashtui.classify.probe import NoProbe
from leashtui.model.facts import Verb

ROOT = f"{CWD}/.git"
HEAD = "0123456789abcdef0123456789abcdef01234567"
OBJECT = f"{ROOT}/objects/{HEAD[:2]}/{HEAD[2:]}"


class Repository(NoProbe):
    """The workspace's, and one in `lib`, on a branch `main`. own: what the session made, edited: and changed."""

    def __init__(self, *own: str, edited: str = "") -> None:
        self.own = own
        self._edited = edited
        self.texts = {
            f"{ROOT}/HEAD": "ref: refs/heads/main\n",
            f"{ROOT}/refs/heads/main": f"{HEAD}\n",
            f"{ROOT}/refs/tags/w": f"{HEAD}\n",
            f"{ROOT}/packed-refs": f"{HEAD} refs/heads/packed\n",
        }

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        return path in (
            "/home/dev/other",
            CWD,
            f"{CWD}/src",
            f"{CWD}/lib",
            ROOT,
            f"{CWD}/lib/.git",
            *self.own,
            *self.texts,
        ) or path.startswith(f"{ROOT}/objects/")

    def tracked(self, path: str) -> bool | None:
        """See Probe."""
        return path == f"{CWD}/src/app.py"

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        return self.texts.get(path)

    def made(self, path: str) -> bool:
        """See Probe."""
        return path in self.own

    def edited(self, path: str) -> bool:
        """See Probe."""
        return path == f"{CWD}/{self._edited}"

    def are_own(self, question: str) -> bool:
        """See Probe."""
        return question == "branch\0x"


LOSES = {Verb.DISCARD_WORK, Verb.HISTORY_REWRITE}
SEEN = Bounds(files=True)
