"""What echo and printf print, for words that are known. Pure.

Knows their escapes and conversions. Invariant: a conversion of an unknown word gives an unknown piece.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from leashtui.classify.patterns import lazy
from leashtui.classify.reader import decode_ansi
from leashtui.classify.values import bare

_CONVERSION = lazy(r"%(%|[-+ #0']*(?:\*|\d+)?(?:\.(?:\*|\d+))?(?:[hlLqjzt]*)([diouxXeEfFgGaAcsbqn]|\([^)]*\)T))")


def echo_text(words: Sequence[str]) -> str:
    """What `echo WORDS` prints."""
    rest = list(words)
    newline, escapes = True, False
    while rest and re.fullmatch(r"-[neE]+", rest[0]):
        flags = rest.pop(0)
        newline = newline and "n" not in flags
        escapes = "e" in flags or escapes
    text = " ".join(bare(w) for w in rest)
    if escapes:
        text = decode_ansi(text.replace("\\0", "\\"))
    return text + ("\n" if newline else "")


def printf_text(words: Sequence[str]) -> str:
    """What `printf WORDS` prints."""
    if not words:
        return ""
    layout = decode_ansi(bare(words[0]))
    rest = [bare(w) for w in words[1:]]
    out: list[str] = []
    for _ in range(64):
        used = 0

        def one(match: re.Match[str], values: list[str] = rest) -> str:
            nonlocal used
            if match.group(1) == "%":
                return "%"
            used += 1
            value = values.pop(0) if values else ""
            kind = match.group(2)
            if kind == "b":
                return decode_ansi(value)
            if kind == "c":
                return value[:1]
            if kind == "x" and value.isdigit():
                return format(int(value), "x")
            return value

        out.append(_CONVERSION.sub(one, layout))
        if not rest or not used:
            break
    return "".join(out)
