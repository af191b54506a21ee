"""Remembers facts: the same request, asked again while the machine still answers the same, has the same facts.

The classifier is a pure function of the request and of what its probe answers, so both are kept: a Witness writes
down every question with its answer, and Recall asks them all again before it gives remembered facts out. Requests that
differ in names only that a compiler made up are one (drafts.py), once two of them were judged in full and came to the
same. Refuses to know what a fact means. Invariant: remembered facts are those the classifier would find now; a changed
answer, another request or a flood of questions is classified anew.
"""

from __future__ import annotations

import contextlib
from typing import TypeVar

from msgspec.structs import replace

from leashtui.classify.witness import Question, Witness
from leashtui.model.facts import Facts
from leashtui.model.ports import Classifier
from leashtui.model.request import Claim, Pin, Request
from leashtui.supervisor.drafts import Draft, shape_of

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
        self._drafts: dict[Request, Draft] = {}

    def __call__(self, request: Request) -> Facts:
        """The facts of a request; who asks, and from where in the tree, is none of them."""
        asked = replace(
            request,
            process=None,
            ancestry=(),
            tool="",
            call="",
            helper="",
            diff="",
            pin=Pin.UNKNOWN,
            effect=Claim.UNKNOWN,
            taint=(),
        )
        shape, names = shape_of(asked)
        if names:
            return self._draft(asked, shape, names)
        known = self._known.get(asked)
        if known is not None and self._witness.still(known[1]):
            return known[0]
        self._known.pop(asked, None)
        facts, notes = self._anew(asked)
        if notes is not None:
            _put(self._known, asked, (facts, notes))
        return facts

    def _draft(self, asked: Request, shape: Request, names: tuple[str, ...]) -> Facts:
        """The facts of a request with made-up names."""
        draft = self._drafts.get(shape)
        if draft is not None and draft.proven and self._witness.still(draft.notes_for(names)):
            return draft.facts_for(names)
        self._drafts.pop(shape, None)
        facts, notes = self._anew(asked)
        if notes is not None:
            with contextlib.suppress(ValueError):
                made = Draft(names, facts, notes)
                made.proven = (
                    draft is not None
                    and set(draft.names).isdisjoint(names)
                    and draft.notes_for(names) == notes
                    and draft.facts_for(names) == facts
                )
                _put(self._drafts, shape, made)
        return facts

    def _anew(self, asked: Request) -> tuple[Facts, tuple[Question, ...] | None]:
        """(facts, what was asked for them), None for what is not worth keeping."""
        notes = self._witness.begin()
        facts = self._classify(asked)
        worth = len(notes) <= _QUESTIONS and _size(asked, notes) <= _CHARACTERS
        return facts, tuple(notes) if worth else None


K = TypeVar("K")
V = TypeVar("V")


def _put(known: dict[K, V], key: K, value: V) -> None:
    """Remember, and forget the oldest where that is one too many."""
    if len(known) >= REMEMBERED:
        del known[next(iter(known))]
    known[key] = value


def _size(request: Request, notes: list[Question]) -> int:
    words = [*request.argv, *(part for pair in request.env for part in pair), request.cwd, request.path, request.script]
    answers = [text for _, about, answer in notes for text in (about, answer) if isinstance(text, str)]
    return sum(map(len, words)) + sum(map(len, answers))


__all__ = ["Recall", "Witness"]
