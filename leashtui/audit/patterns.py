"""What a secret looks like when nobody told us its value: beside a key word, inside a URL, or by a known prefix.

These patterns only mask; they never decide (audit.md, Secrets). Knows regular expressions. Invariant: each takes time
linear in the text, whatever the text is: what follows a key word has no second chance to match, and a prefix counts
only where a word begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from leashtui.audit.tokens import FORMS

GAP = "\x1f"
"""Stands between the strings of one record when they are searched together."""

_WORDS = (
    r"password|passwd|passphrase|passcode|pwd|secret|token|credentials?|"
    r"(?:api|access|secret|private|signing|encryption|account|master|auth)[-_. ]?key"
)
_VALUE = (
    r"(?:\"(?P<{0}1>[^\"\n\x1f]{{3,}})\"|'(?P<{0}2>[^'\n\x1f]{{3,}})'|"
    r"(?P<{0}3>[^\s\"'&;,|<>(){{}}\x1f\\]{{3,}}))"
)
_NOT_A_VALUE = re.compile(
    r"[$%*<{\[]|~?/|\./|-|(?:none|null|nil|true|false|undefined|required|optional|string|str|bytes|int|bool|self|"
    r"os\.environ|os\.getenv|process\.env|env|input|prompt|default|bearer|basic)\b",
    re.IGNORECASE,
)

MARK = "[secret:"
"""How every mark begins."""

_KEYED = re.compile(
    rf"(?P<key>{_WORDS}|(?<![A-Za-z])pass(?=\s?=))(?:_?\d{{1,3}})?\\?[\"']?\s{{0,3}}(?:=>|:=|[=:])\s{{0,3}}\\?"
    + _VALUE.format("v"),
    re.IGNORECASE,
)
_FLAG = re.compile(
    rf"(?<![\w-])--?(?:[a-z]{{1,20}}-){{0,3}}(?P<key>{_WORDS})[ \x1f]{{1,3}}" + _VALUE.format("v"), re.IGNORECASE
)
_PROGRAM = re.compile(
    r"(?:(?:mysql|mysqldump|mysqladmin|mariadb)\b[^\n;|]{0,200}?[ \x1f]-p|sshpass[ \x1f]-p[ \x1f]?|"
    r"curl\b[^\n;|]{0,200}?[ \x1f](?:-u|--user|--proxy-user)[ \x1f=]?[\"']?[^\s:\"'\x1f]{1,64}:)" + _VALUE.format("v")
)
_HEADER = re.compile(
    r"(?P<key>authorization|cookie)\\?[\"']?\s?[:=]\s?\\?[\"']?(?:(?:bearer|basic|token|digest|apikey|negotiate)\s+)?"
    r"(?P<v1>[^\s\"'\x1f\\][^\"'\n\x1f\\]{2,})|\bbearer\s+(?P<v2>[\w.~+/=-]{8,})",
    re.IGNORECASE,
)
_URL = re.compile(r"://(?:[^\s/:@\"'\x1f]{0,128}:(?P<v1>[^\s/@\"'\x1f]{1,512})|(?P<v2>[\w.~%-]{16,512}))@")
_BLOCK = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?P<v1>.*?)(?=-----END|\x1f|\Z)", re.DOTALL)
_PASS = "pass pwd"
_SECRETS = f"{_PASS} secret token credential key"

_RULES: tuple[tuple[re.Pattern[str], str, bool, tuple[str, ...]], ...] = (
    (_BLOCK, "private-key", False, ("-----begin",)),
    (_HEADER, "authorization", False, ("authorization", "cookie", "bearer")),
    (_URL, "url-password", False, ("://",)),
    (_KEYED, "", True, tuple(_SECRETS.split())),
    (_FLAG, "", True, tuple(_SECRETS.split())),
    (_PROGRAM, "password", True, ("mysql", "mariadb", "sshpass", "curl")),
)
"""pattern, label ('' names the key), strict, and lower-case text of which every match holds one piece."""


class Found(NamedTuple):
    """A secret value in a text: what it is called in the mark, where it lies, and the value."""

    label: str
    start: int
    end: int
    value: str


def is_key(word: str) -> bool:
    """Whether a word begins like the tokens that well-known services give out."""
    return any(form.pattern.match(word) for form in FORMS)


def is_suspicious(text: str) -> bool:
    """The first look, a few microseconds: False only when `find` finds nothing."""
    for form in FORMS:
        for piece in form.holds:
            if piece in text:
                return True
    lower = text.lower()
    for rule in _RULES:
        for piece in rule[3]:
            if piece in lower:
                return True
    return False


def find(text: str) -> Iterator[Found]:
    """Every value in `text` that looks secret, surest pattern first; they may overlap. Marks are left alone."""
    for form in FORMS:
        if any(piece in text for piece in form.holds):
            for match in form.pattern.finditer(text):
                yield Found(form.label, match.start(), match.end(), match[0])
    lower = text.lower()
    for pattern, label, strict, pieces in _RULES:
        if any(piece in lower for piece in pieces):
            yield from _groups(pattern, text, label, strict=strict)


def _groups(pattern: re.Pattern[str], text: str, label: str, *, strict: bool) -> Iterator[Found]:
    for match in pattern.finditer(text):
        groups = match.groupdict()
        name = next((n for n in ("v1", "v2", "v3") if groups.get(n)), "")
        if not name:
            continue
        start = match.start(name)
        value = groups[name].rstrip("\\")
        end = start + len(value)
        if not value.strip() or value.startswith((MARK, "$")) or text.endswith(MARK, 0, start):
            continue
        if strict and (_NOT_A_VALUE.match(value) or (name == "v3" and text[end : end + 1] in ("(", "["))):
            continue
        yield Found(label or groups["key"].lower().replace(" ", "-"), start, end, value)
