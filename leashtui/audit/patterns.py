"""What a secret looks like when nobody told us its value: beside a key word, inside a URL, or by a known prefix.

These patterns only mask; they never decide (audit.md, Secrets). Knows regular expressions. Invariant: each takes time
linear in the text, whatever the text is: what follows a key word has no second chance to match, and a prefix counts
only where a word begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

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

_MARK = "[secret:"

_PREFIXES = {
    "github-token": r"gh[pousr]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{20,}",
    "gitlab-token": r"gl(?:pat|dt|rt|cbt)-[\w-]{16,}",
    "api-key": r"sk-(?=[\w-]*\d)[\w-]{16,}|[spr]k_(?:live|test)_[A-Za-z0-9]{16,}|AIza[\w-]{30,}|gsk_[A-Za-z0-9]{20,}",
    "aws-key": r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])",
    "slack-token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}",
    "package-token": r"npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|dckr_pat_[\w-]{16,}",
    "huggingface-token": r"hf_[A-Za-z0-9]{30,}",
    "jwt": r"eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]*",
    "cloud-token": r"SG\.[\w-]{16,}\.[\w-]{16,}|dop_v1_[a-f0-9]{32,}|shpat_[a-fA-F0-9]{20,}|ya29\.[\w-]{20,}|"
    r"GOCSPX-[\w-]{20,}|hvs\.[\w-]{20,}|AGE-SECRET-KEY-1[0-9A-Z]{40,}",
}

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
_PREFIX = re.compile(r"(?<![\w-])(?:" + "|".join(f"(?P<{k.replace('-', '_')}>{p})" for k, p in _PREFIXES.items()) + ")")

NEEDLES = (
    *("pass", "pwd", "secret", "token", "key", "credential", "authorization", "bearer", "cookie", "://", "curl"),
    *("mysql", "mariadb", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "glcbt-"),
    *("sk-", "k_live_", "k_test_", "aiza", "gsk_", "akia", "asia", "abia", "acca", "xox", "xapp-", "npm_", "pypi-"),
    *("hf_", "eyj", "sg.", "dop_v1_", "shpat_", "ya29.", "gocspx-", "hvs.", "-----begin"),
)
"""Lower-case text of which every match of every pattern contains at least one piece: the cheap first look."""


class Found(NamedTuple):
    """A secret value in a text: what it is called in the mark, where it lies, and the value."""

    label: str
    start: int
    end: int
    value: str


def is_key(word: str) -> bool:
    """Whether a word begins like the tokens that well-known services give out."""
    return _PREFIX.match(word) is not None


def find(text: str) -> Iterator[Found]:
    """Every value in `text` that looks secret, surest pattern first; they may overlap. Marks are left alone."""
    for match in _PREFIX.finditer(text):
        yield Found((match.lastgroup or "token").replace("_", "-"), match.start(), match.end(), match[0])
    for pattern, label in ((_BLOCK, "private-key"), (_HEADER, "authorization"), (_URL, "url-password")):
        yield from _groups(pattern, text, label, strict=False)
    for pattern, label in ((_KEYED, ""), (_FLAG, ""), (_PROGRAM, "password")):
        yield from _groups(pattern, text, label, strict=True)


def _groups(pattern: re.Pattern[str], text: str, label: str, *, strict: bool) -> Iterator[Found]:
    for match in pattern.finditer(text):
        groups = match.groupdict()
        name = next((n for n in ("v1", "v2", "v3") if groups.get(n)), "")
        if not name:
            continue
        start = match.start(name)
        value = groups[name].rstrip("\\")
        end = start + len(value)
        if not value.strip() or value.startswith((_MARK, "$")) or text.endswith(_MARK, 0, start):
            continue
        if strict and (_NOT_A_VALUE.match(value) or (name == "v3" and text[end : end + 1] in ("(", "["))):
            continue
        yield Found(label or groups["key"].lower().replace(" ", "-"), start, end, value)
