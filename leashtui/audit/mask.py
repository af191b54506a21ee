"""The masker: no secret value reaches the chain, wherever in a record it stands and however it is encoded.

Knows the secret values of the session's environment and what secrets look like. Refuses to judge: masking changes the
record, never the decision, and never the person's screen. Invariants: masking comes before hashing; a value found once
in a record is replaced everywhere in it; what replaces it, `[secret:NAME]`, says which secret it was.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec

from leashtui.audit.patterns import GAP, NEEDLES, Found, find
from leashtui.audit.secrets import disguises, secrets_of
from leashtui.audit.strings import Strings

S = TypeVar("S", bound=msgspec.Struct)

_LEARNED = 6
"""A value found by its looks is replaced everywhere in its record from this length on; shorter ones where found."""

_MOST = 128
"""Values looked for everywhere in one record; a flood of more is masked where each stands."""


def mark(name: str) -> str:
    """What stands in a record instead of the secret called `name`."""
    return f"[secret:{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:64]}]"


class Masker:
    """Masks the known `values` (name -> value, see secrets.secrets_of) and whatever looks like a secret."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._marks: dict[str, str] = {}
        for name, value in values.items():
            for spelling in disguises(value):
                self._marks.setdefault(spelling, mark(name))
        self._known = tuple(self._marks)
        self._strings = Strings()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], more: Mapping[str, str] = MappingProxyType({})) -> Masker:
        """Masks the secret values of this environment (which ones: secrets.secrets_of), and `more`."""
        return cls({**more, **secrets_of(environ)})

    def mask(self, text: str) -> str:
        """`text` without secrets."""
        if not self._suspicious(text):
            return text
        return _Pass(self._marks, text).change(text)

    def mask_event(self, event: S) -> tuple[S, int]:
        """The event with every string masked, and how many values were replaced in it."""
        text = GAP.join(self._strings.gather(event))
        if not self._suspicious(text):
            return event, 0
        work = _Pass(self._marks, text)
        if not work.needed:
            return event, 0
        masked: S = self._strings.rebuild(event, work.change)
        return masked, work.count

    def _suspicious(self, text: str) -> bool:
        """The first look, a few microseconds: False only when nothing can be there."""
        for spelling in self._known:
            if spelling in text:
                return True
        lower = text.lower()
        for needle in NEEDLES:  # noqa: SIM110 - any() with a generator takes twice as long
            if needle in lower:
                return True
        return False


class _Pass:
    """One record under the brush: the values to replace everywhere in it, and how many were."""

    def __init__(self, known: Mapping[str, str], text: str) -> None:
        self.count = 0
        marks = {spelling: sign for spelling, sign in known.items() if spelling in text}
        self._whole: dict[str, str] = {}
        looks = list(find(text))
        for found in looks:
            value = found.value.strip()
            if len(value) >= _LEARNED and len(marks) < _MOST:
                marks.setdefault(value, mark(found.label))
            self._whole.setdefault(value, mark(found.label))
        self.needed = bool(marks or looks)
        self._marks = marks
        longest = sorted(marks, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def change(self, text: str) -> str:
        """One string of the record, masked."""
        if text in self._whole:
            self.count += 1
            return self._whole[text]
        places = [Found(self._marks[m[0]], *m.span(), m[0]) for m in self._known(text)]
        if self._whole:
            places += [Found(mark(f.label), f.start, f.end, f.value) for f in find(text)]
        return self._paint(text, places) if places else text

    def _known(self, text: str) -> Iterator[re.Match[str]]:
        return self._pattern.finditer(text) if self._pattern is not None else iter(())

    def _paint(self, text: str, places: list[Found]) -> str:
        """Every place replaced by its mark; places that overlap become one, named after the first."""
        out: list[str] = []
        at = 0
        for place in sorted(places, key=lambda f: (f.start, -f.end)):
            if place.start >= at:
                out += (text[at : place.start], place.label)
                self.count += 1
            at = max(at, place.end)
        return "".join((*out, text[at:]))
