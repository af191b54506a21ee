"""Secrets in other clothes: inside base64, base32, hex, escapes and percent signs, or broken over lines and quotes.

Knows encodings. Refuses to know what is secret: it is told how to look at decoded text, and which values are known.
Invariants: what is reported is a place in the text as it stands; each look takes time linear in the text.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from urllib.parse import unquote_to_bytes

Look = Callable[[str], str]
"""What is secret in a decoded text: its label, '' for nothing."""

_DEPTH = 3
"""Encodings inside encodings that are undone."""

_REMEMBERED = 256
_RUNS_KEPT = 4096
"""So many runs of at most so many characters are remembered as holding nothing."""

_MOST = 1 << 20
"""Characters of one encoded run that are decoded."""

_RUNS = re.compile(
    r"(?P<escaped>(?:\\{1,4}(?:x[0-9a-fA-F]{2}|u00[0-9a-fA-F]{2}|[0-3][0-7]{2})){6,})"
    r"|(?P<percent>[\w.~+-]{0,40}(?:%[0-9a-fA-F]{2}[\w.~+-]*)+)"
    r"|(?P<base64>[A-Za-z0-9+/_-]{16,}(?:(?:\\n|\s{1,4})[A-Za-z0-9+/_-]{16,})*(?:(?:\\n|\s{1,4})[A-Za-z0-9+/_-]{1,76}(?==))?={0,2})"
)
_ESCAPE = re.compile(r"\\{1,4}(?:x([0-9a-fA-F]{2})|u00([0-9a-fA-F]{2})|([0-3][0-7]{2}))")
_BREAKS = re.compile(r"\\n|\s")
_HEX = re.compile(r"(?:[0-9a-fA-F]{2}){8,}")
_BASE32 = re.compile(r"[A-Z2-7]{16,}=*")
_JOINTS = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\\[nrt]|[\s'\"\\+|`\u2500-\u257f,]+")
"""What may stand between the pieces of a value that was broken: quotes, plus signs, ends of lines, frames, colours."""
SHORTEST = 10
"""Shorter values are not looked for in pieces."""


def hidden(text: str, look: Look, empty: set[str], depth: int = _DEPTH) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) of each encoded run of `text` that holds a secret, as `look` says of what it decodes to.

    empty: runs that hold none for this `look`, of which more become known here.
    """
    for match in _RUNS.finditer(text):
        run = match[0]
        if len(run) > _MOST or run in empty:
            continue
        for plain in _decoded(run, match.lastgroup or ""):
            label = look(plain)
            if not label and depth > 1:
                label = next((found for _, _, found in hidden(plain, look, empty, depth - 1)), "")
            if label:
                yield match.start(), match.end(), label
                break
        else:
            if depth == _DEPTH and len(run) <= _REMEMBERED:
                if len(empty) >= _RUNS_KEPT:
                    empty.clear()
                empty.add(run)


def _decoded(run: str, form: str) -> Iterator[str]:
    """What a run may say: text only, what decodes to anything else is none."""
    if form == "escaped":
        found = (m[1] or m[2] for m in _ESCAPE.finditer(run)), (m[3] for m in _ESCAPE.finditer(run))
        yield from _text(bytes(int(a, 16) if a else int(b, 8) & 255 for a, b in zip(*found, strict=True)))
        return
    if form == "percent":
        yield from _text(unquote_to_bytes(run.replace("+", " ")))
        return
    joined = _BREAKS.sub("", run)
    if joined != run:  # one text over several lines, or several beside each other
        for piece in _BREAKS.split(run):
            yield from _decoded(piece, form)
    if _HEX.fullmatch(joined):
        yield from _text(bytes.fromhex(joined))
    if _BASE32.fullmatch(joined):
        bare = joined.rstrip("=")
        try:
            yield from _text(base64.b32decode(bare + "=" * (-len(bare) % 8)))
        except binascii.Error:
            return
    bare = joined.rstrip("=").replace("-", "+").replace("_", "/")
    bare = bare[: len(bare) - (len(bare) % 4 == 1)]
    yield from _text(base64.b64decode(bare + "=" * (-len(bare) % 4)))


def _text(raw: bytes) -> Iterator[str]:
    if b"\0" in raw[1::2] and not raw[1::2].strip(b"\0"):
        raw = raw[::2]  # UTF-16, as PowerShell encodes
    try:
        yield raw.decode()
    except UnicodeDecodeError:
        if sum(31 < byte < 127 for byte in raw) > 0.9 * len(raw):
            yield raw.decode("utf-8", "replace")


def squeezed(text: str) -> str:
    """`text` without what may stand between the pieces of a broken value."""
    return _JOINTS.sub("", text)


def broken(text: str, values: Iterable[tuple[str, str]]) -> Iterator[tuple[int, int, str]]:
    """(start, end, label) where a known value stands in pieces. values: (squeezed value, label)."""
    wanted = [(value, label) for value, label in values if len(value) >= SHORTEST]
    whole = squeezed(text)
    hits = [(value, label) for value, label in wanted if value in whole]
    if not hits:
        return
    places = list(range(len(text)))
    for match in reversed(list(_JOINTS.finditer(text))):
        del places[match.start() : match.end()]
    for value, label in hits:
        at = whole.find(value)
        while at >= 0:
            yield places[at], places[at + len(value) - 1] + 1, label
            at = whole.find(value, at + len(value))
