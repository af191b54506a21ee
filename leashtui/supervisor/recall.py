"""Remembers facts: the same request, asked again while the machine still answers the same, has the same facts.

The classifier is a pure function of the request and of what its probe answers, so both are kept: Witness writes down
every question with its answer, and Recall asks them all again before it gives remembered facts out. Refuses to know
what a fact means. Invariant: remembered facts are those the classifier would find now; a changed answer, another
request or a flood of questions is classified anew.
"""

from __future__ import annotations

from msgspec.structs import replace

from leashtui.classify.probe import Probe
from leashtui.model.facts import Facts
from leashtui.model.ports import Classifier
from leashtui.model.request import Request

REMEMBERED = 1024
"""Most remembered requests; the oldest is forgotten first."""
_CHARACTERS = 4096
"""Longest request, and longest answers, that are worth keeping."""
_QUESTIONS = 64

Question = tuple[str, str, object]
"""The probe's method, what it was asked about, what it answered."""


class Witness:
    """A probe (classify.probe.Probe) that notes what it was asked and what it answered."""

    def __init__(self, probe: Probe) -> None:
        self._probe = probe
        self._notes: list[Question] = []

    def begin(self) -> list[Question]:
        """A fresh page of notes, which grows with every question from now on."""
        self._notes = []
        return self._notes

    def still(self, notes: tuple[Question, ...]) -> bool:
        """Whether every question has the same answer now."""
        return all(getattr(self._probe, method)(about) == answer for method, about, answer in notes)

    def exists(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.exists(path)
        self._notes.append(("exists", path, answer))
        return answer

    def is_dir(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.is_dir(path)
        self._notes.append(("is_dir", path, answer))
        return answer

    def real(self, path: str) -> str:
        """See Probe."""
        answer = self._probe.real(path)
        self._notes.append(("real", path, answer))
        return answer

    def tracked(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.tracked(path)
        self._notes.append(("tracked", path, answer))
        return answer

    def ignored(self, path: str) -> bool | None:
        """See Probe."""
        answer = self._probe.ignored(path)
        self._notes.append(("ignored", path, answer))
        return answer

    def git_config(self, key: str) -> str | None:
        """See Probe."""
        answer = self._probe.git_config(key)
        self._notes.append(("git_config", key, answer))
        return answer

    def read_text(self, path: str) -> str | None:
        """See Probe."""
        answer = self._probe.read_text(path)
        self._notes.append(("read_text", path, answer))
        return answer


class Recall:
    """A classifier (model.ports.Classifier) in front of another, which looks at the machine only through `witness`."""

    def __init__(self, classify: Classifier, witness: Witness) -> None:
        self._classify = classify
        self._witness = witness
        self._known: dict[Request, tuple[Facts, tuple[Question, ...]]] = {}

    def __call__(self, request: Request) -> Facts:
        """The facts of a request; who asks, and from where in the tree, is none of them."""
        asked = replace(request, process=None, ancestry=(), tool="", call="", diff="")
        known = self._known.get(asked)
        if known is not None and self._witness.still(known[1]):
            return known[0]
        self._known.pop(asked, None)
        notes = self._witness.begin()
        facts = self._classify(asked)
        if len(notes) <= _QUESTIONS and _size(asked, notes) <= _CHARACTERS:
            if len(self._known) >= REMEMBERED:
                del self._known[next(iter(self._known))]
            self._known[asked] = (facts, tuple(notes))
        return facts


def _size(request: Request, notes: list[Question]) -> int:
    words = [*request.argv, *(part for pair in request.env for part in pair), request.cwd, request.path, request.script]
    answers = [text for _, about, answer in notes for text in (about, answer) if isinstance(text, str)]
    return sum(map(len, words)) + sum(map(len, answers))
