"""Text of unknown origin made safe to show: one line, printable, bounded, with hidden characters spelled out.

Knows Unicode categories. Refuses to know markup: what comes out is plain text, to be drawn as plain text only.
"""

from __future__ import annotations

import json
import re
import unicodedata

_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e"}
_ALIKE = frozenset({"LATIN", "CYRILLIC", "GREEK", "ARMENIAN", "CHEROKEE", "COPTIC", "FULLWIDTH", "MATHEMATICAL"})
"""Scripts, by the first word of their letters' names, in which letters look like those of another."""
_WORD = re.compile(r"[^\W\d_]+")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def visible(text: str) -> str:
    """`text` with every control, format, surrogate and line-separator character spelled out (\\n, \\x07, \\u202e)."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_spell(c) for c in text)


def _spell(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    if unicodedata.category(char) in _HIDDEN:
        code = ord(char)
        if code < 0x100:
            return f"\\x{code:02x}"
        return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
    return char


def visible_json(line: str) -> str:
    """A line of JSON that says the same, with such characters spelled as JSON spells them."""
    if line.isascii():
        return line
    return "".join(json.dumps(c)[1:-1] if unicodedata.category(c) in _HIDDEN else c for c in line)


def mixed_word(text: str) -> str:
    """The first word that mixes letters of scripts with look-alikes; '' when there is none."""
    if text.isascii():
        return ""
    return next((w for w in _WORD.findall(text) if not w.isascii() and len({*map(_script, w)} & _ALIKE) > 1), "")


def mixed(text: str) -> str:
    """What a reader has to know of such a word, '' without one: 'gіthub mixes alphabets: і is Cyrillic'."""
    word = mixed_word(text)
    odd = next((c for c in word if not c.isascii() and _script(c) in _ALIKE), "")
    return f"{word} mixes alphabets: {odd} is {_script(odd).capitalize()}" if odd else ""


def _script(char: str) -> str:
    return unicodedata.name(char, "").split(" ")[0]


def one_line(text: str, limit: int = 200) -> str:
    """`visible(text)` cut to `limit` characters with an ellipsis."""
    shown = visible(text[: limit * 2])
    return shown if len(shown) <= limit and len(text) <= limit * 2 else shown[: limit - 1] + "…"


def count(number: int, singular: str, plural: str = "") -> str:
    """'1 act', '2 acts', '1,204 files'."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def duration(seconds: float) -> str:
    """'0:07', '12:30', '3:02:11'."""
    whole = max(0, int(seconds))
    hours, rest = divmod(whole, 3600)
    minutes, secs = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
