"""The names that compilers make up for what one of their programs leaves for the next: `/tmp/ccX3fQ9a.s`.

No two runs of a compiler have the same, so no command line of its inner programs comes twice, though all mean the same.
Knows how such a name looks, and how one request, its facts and its questions are those of another with other names.
Refuses to judge. Invariants: a name with a word in it that any judge of names looks for is none of them, and neither is
one that stands anywhere else in the request; a shape says what the request says but for which names it has.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from leashtui.classify.witness import Question
from leashtui.guards.kernel.swift import TELLS
from leashtui.model.facts import Facts
from leashtui.model.request import Action, Request

_DRAFT = re.compile(r"(?:(?<==)|(?<=\A))(/tmp/|/var/tmp/)(cc[A-Za-z0-9]{6})(?=\.(?:s|o|res|ld|le|c)\Z)")
_TELLS = tuple(TELLS.split())
_MARK = "\0{}"
"""No word of a command line holds this byte."""


def shape_of(request: Request) -> tuple[Request, tuple[str, ...]]:
    """(the request with its made-up names numbered, those names in order); (the request, ()) when it has none."""
    if request.action is not Action.PROCESS_EXEC or not any("/cc" in word for word in request.argv):
        return request, ()
    found: dict[str, str] = {}
    seen: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        seen.append(match[2])
        return match[1] + found.setdefault(match[2], _MARK.format(len(found)))

    argv = tuple(_DRAFT.sub(numbered, word) for word in request.argv)
    if not found or not all(_is_ordinary(name) for name in found):
        return request, ()
    said = "\n".join((*argv, request.exe, request.cwd, *(part for pair in request.env for part in pair)))
    if any(name in said for name in found):
        return request, ()
    return replace(request, argv=argv), tuple(found)


def _is_ordinary(name: str) -> bool:
    lower = name.lower()
    return not any(word in lower for word in _TELLS)


class Draft:
    """What was found out of one request with made-up names, to be told of others. Raises ValueError when it cannot."""

    def __init__(self, names: tuple[str, ...], facts: Facts, notes: tuple[Question, ...]) -> None:
        self.names = names
        self.notes = notes
        self.proven = False
        """Whether another request of this shape was judged in full, and came to the same."""
        try:
            self._facts = msgspec.msgpack.encode(facts)
        except UnicodeEncodeError as error:
            raise ValueError(str(error)) from error
        self._any = re.compile("|".join(names))
        self._any_bytes = re.compile(self._any.pattern.encode())

    def facts_for(self, names: tuple[str, ...]) -> Facts:
        """The facts of the request that has these names. Names are of one length, so what holds them is too."""
        other = {old.encode(): new.encode() for old, new in zip(self.names, names, strict=True)}
        body = self._any_bytes.sub(lambda match: other[match[0]], self._facts)
        return msgspec.msgpack.decode(body, type=Facts)

    def notes_for(self, names: tuple[str, ...]) -> tuple[Question, ...]:
        """What was asked, with the answers, by these names."""
        other = dict(zip(self.names, names, strict=True))
        return tuple(
            (method, self._told(about, other), self._told(answer, other) if isinstance(answer, str) else answer)
            for method, about, answer in self.notes
        )

    def _told(self, text: str, other: Mapping[str, str]) -> str:
        return self._any.sub(lambda match: other[match[0]], text)
