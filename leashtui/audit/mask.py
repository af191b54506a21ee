"""The masker: no secret value reaches the chain, wherever in a record it stands and however it is encoded.

Knows the secret values of the session's environment and what secrets look like. Refuses to judge: masking changes the
record, never the decision, and never the person's screen. Invariants: masking comes before hashing; a value found once
in a record is replaced everywhere in it; what replaces it, `[secret:NAME]`, says which secret it was.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeVar

import msgspec

from leashtui.audit.encoded import SHORTEST, broken, hidden, squeezed
from leashtui.audit.patterns import GAP, MARK, Found, find, is_suspicious
from leashtui.audit.secrets import disguises, secrets_of
from leashtui.audit.strings import Strings

S = TypeVar("S", bound=msgspec.Struct)

_LEARNED = 6
"""A value found by its looks is replaced everywhere in its record from this length on; shorter ones where found."""

_MOST = 128
"""Values looked for everywhere in one record; a flood of more is masked where each stands."""


_STRINGS = 8192
_REMEMBERED = 512
"""So many strings of at most so many characters are remembered as holding nothing."""


def mark(name: str) -> str:
    """What stands in a record instead of the secret called `name`."""
    return f"[secret:{re.sub(r'[^A-Za-z0-9_.-]', '_', name)[:64]}]"


_DRAFT = re.compile(r"(/tmp/cc)[A-Za-z0-9]{6}(?=\.(?:s|o|res|ld|le|c)\b)")
"""A name that a compiler makes up anew each time: too short for anything but a value that is known."""
_APART = "\0"
"""Stands between strings that are looked through as one: in no encoding, and no joint of a broken value."""

Scan = Callable[[str], Iterable[tuple[int, int, str]]]
"""A scanner of somebody who keeps one: (start, end, label) of each secret in a text."""


class Masker:
    """Masks the known `values` (name -> value, see secrets.secrets_of) and whatever looks like a secret."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._scan: Scan | None = None
        self._marks: dict[str, str] = {}
        for name, value in values.items():
            for spelling in disguises(value):
                self._marks.setdefault(spelling, mark(name))
        self._known = tuple(self._marks)
        self._pieces = tuple({squeezed(value): mark(name) for name, value in values.items()}.items())
        self._plain: set[str] = set()
        self._empty: set[str] = set()
        self._strings = Strings()

    @classmethod
    def from_environment(cls, environ: Mapping[str, str], more: Mapping[str, str] = MappingProxyType({})) -> Masker:
        """Masks the secret values of this environment (which ones: secrets.secrets_of), and `more`."""
        return cls({**more, **secrets_of(environ)})

    def use(self, scan: Scan) -> None:
        """Mask also what a maintained scanner finds, from now on."""
        self._scan = scan
        self._plain = set()

    def mask(self, text: str) -> str:
        """`text` without secrets."""
        veiled = self._veiled([text])
        if not veiled and not self._suspicious(text):
            return text
        return _Pass(self._marks, text, veiled).change(text)

    def places(self, text: str) -> list[tuple[int, int, str]]:
        """(start, end, what stands there instead) of each secret in `text`; none overlap."""
        veiled = self._veiled([text])
        if not veiled and not self._suspicious(text):
            return []
        return _Pass(self._marks, text, veiled).spans(text)

    def mask_event(self, event: S) -> tuple[S, int]:
        """The event with every string masked, and how many values were replaced in it."""
        plain = self._plain  # a scanner that comes meanwhile (`use`) starts with another set: it has seen none of these
        strings = self._strings.gather(event)
        fresh = [text for text in strings if text not in plain and not self._is_draft(text, plain)]
        if not fresh:
            return event, 0
        veiled = self._veiled(fresh)
        if not veiled and not self._suspicious(GAP.join(fresh)):
            _remember(plain, fresh)
            return event, 0
        _remember(plain, [text for text in fresh if text not in veiled and not self._suspicious(text)])
        text = GAP.join(strings)
        work = _Pass(self._marks, text, veiled)
        if not work.needed:
            return event, 0
        masked: S = self._strings.rebuild(event, work.change)
        return masked, work.count

    def _is_draft(self, text: str, plain: set[str]) -> bool:
        """Whether it differs from a string that holds nothing only in a name that a compiler made up."""
        if "/tmp/cc" not in text or _shape(text) not in plain:
            return False
        return not any(spelling in text for spelling in self._known)

    def _suspicious(self, text: str) -> bool:
        """The first look, a few microseconds: False only when nothing can be there."""
        for spelling in self._known:
            if spelling in text:
                return True
        return is_suspicious(text)

    def _veiled(self, strings: Iterable[str]) -> dict[str, list[Found]]:
        """What is encoded, in pieces or known to the scanner, by the string it stands in."""
        found: dict[str, list[Found]] = {}
        long = [text for text in strings if len(text) >= SHORTEST]
        if self._scan is None and next(self._under(_APART.join(long)), None) is None:
            return found
        for text in long:
            places = [Found(label, start, end, text[start:end]) for start, end, label in self._under(text)]
            if places:
                found[text] = places
        return found

    def _under(self, text: str) -> Iterator[tuple[int, int, str]]:
        yield from hidden(text, self._label, self._empty)
        yield from broken(text, self._pieces)
        for start, end, label in self._scan(text) if self._scan is not None else ():
            if not text.startswith(MARK, max(0, text.rfind("[", 0, end))):
                yield start, end, mark(label)

    def _label(self, text: str) -> str:
        """The mark of the first secret in a decoded text, '' when it holds none."""
        for spelling in self._known:
            if spelling in text:
                return self._marks[spelling]
        first = next(find(text), None) if is_suspicious(text) else None
        return mark(first.label) if first is not None else ""


def _remember(plain: set[str], strings: Iterable[str]) -> None:
    """These hold nothing, and nothing by which a string beside them would: they come again and again."""
    if len(plain) >= _STRINGS:
        plain.clear()
    short = [text for text in strings if len(text) <= _REMEMBERED]
    plain.update(short)
    plain.update([_shape(text) for text in short if "/tmp/cc" in text])


def _shape(text: str) -> str:
    """A string with the names that a compiler made up taken out."""
    return _DRAFT.sub(rf"\1{_APART}", text)


class _Pass:
    """One record under the brush: the values to replace everywhere in it, and how many were."""

    def __init__(self, known: Mapping[str, str], text: str, veiled: Mapping[str, list[Found]]) -> None:
        self.count = 0
        marks = {spelling: sign for spelling, sign in known.items() if spelling in text}
        self._whole: dict[str, str] = {}
        looks = list(find(text))
        for found in looks:
            value = found.value.strip()
            if len(value) >= _LEARNED and len(marks) < _MOST:
                marks.setdefault(value, mark(found.label))
            self._whole.setdefault(value, mark(found.label))
        for found in (found for places in veiled.values() for found in places):
            if len(found.value) >= _LEARNED and len(marks) < _MOST:
                marks.setdefault(found.value, found.label)
        self.needed = bool(marks or looks or veiled)
        self._marks = marks
        self._veiled = veiled
        longest = sorted(marks, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def change(self, text: str) -> str:
        """One string of the record, masked."""
        out: list[str] = []
        at = 0
        for start, end, label in self.spans(text):
            out += (text[at:start], label)
            self.count += 1
            at = end
        return "".join((*out, text[at:])) if out else text

    def spans(self, text: str) -> list[tuple[int, int, str]]:
        """What is to be replaced in one string of the record; places that overlap are one, named after the first."""
        if text in self._whole:
            return [(0, len(text), self._whole[text])]
        places = [Found(self._marks[m[0]], *m.span(), m[0]) for m in self._known(text)]
        if self._whole:
            places += [Found(mark(f.label), f.start, f.end, f.value) for f in find(text)]
        places += self._veiled.get(text, ())
        merged: list[tuple[int, int, str]] = []
        for place in sorted(places, key=lambda f: (f.start, -f.end)):
            if merged and place.start < merged[-1][1]:
                start, end, label = merged[-1]
                merged[-1] = (start, max(end, place.end), label)
            else:
                merged.append((place.start, place.end, place.label))
        return merged

    def _known(self, text: str) -> Iterator[re.Match[str]]:
        return self._pattern.finditer(text) if self._pattern is not None else iter(())
