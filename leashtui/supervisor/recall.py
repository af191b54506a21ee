"""Remembers facts: the same request, asked again while the machine still answers the same, has the same facts.

The classifier is a pure function of the request and of what its probe answers, so both are kept: a Witness writes
down every question with its answer, and Recall asks them all again before it gives remembered facts out. Refuses to
know what a fact means. Invariant: remembered facts are those the classifier would find now; a changed answer, another
request or a flood of questions is classified anew.
"""

from __future__ import annotations

from msgspec.structs import replace

from leashtui.classify.witness import Question, Witness
from leashtui.model.facts import Facts
from leashtui.model.ports import Classifier
from leashtui.model.request import Request

REMEMBERED = 1024
"""Most remembered requests; the oldest is forgotten first."""
_CHARACTERS = 4096
"""Longest request, and longest answers, that are worth keeping."""
_QUESTIONS = 64


class Recall:
    """A classifier (model.ports.Classifier) in front of another, which looks at the machine only through `witness`."""

    def __init__(self, classify: Classifier, witness: Witness) -> None:
        self._classify = classify
        self._witness = witness
        self._known: dict[Request, tuple[Facts, tuple[Question, ...]]] = {}

    def __call__(self, request: Request) -> Facts:
        """The facts of a request; who asks, and from where in the tree, is none of them."""
        asked = replace(request, process=None, ancestry=(), tool="", call="", diff="", taint=())
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


__all__ = ["Recall", "Witness"]
