"""Reads shell words: quotes, escapes, expansions and substitutions, exactly as bash would split them.

Knows the lexical rules of bash. Refuses to know commands (the parser that extends it does) and values. Invariant: it
consumes every character it passes or raises `Unparsable`; nothing is skipped in silence.
"""

from __future__ import annotations

import re

from leashtui.classify.patterns import lazy
from leashtui.classify.syntax import Lit, Part, Proc, Sequence, Sub, Words

DEPTH = 40
"""How deep quotes, substitutions and compound commands may nest."""

_PLAIN = lazy(r"[^\s;&|<>()$`\"'\\?*+@!]+")
_IN_QUOTES = lazy(r"[^$`\"\\]+")
_ANSI = lazy(r"\\(?:([0-7]{1,3})|x\{?([0-9A-Fa-f]{1,2})\}?|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|c(.)|(.))", re.S)
_ANSI_CHARS = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}
_BLANK = lazy(r"(?:[ \t]|\\\n)*")
_BREAKS = frozenset(" \t\n;&|<>()")


Places = int | tuple[int, ...]
"""Where the characters of a text stand in the whole: all so much further on, or one by one."""


class Unparsable(Exception):
    """The text is no valid bash, or leash does not understand it. at: character offset."""

    def __init__(self, message: str, at: int) -> None:
        super().__init__(message)
        self.at = at


def decode_ansi(text: str) -> str:
    r"""The value of the inside of $'...'."""
    if "\\" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        octal, hexa, four, eight, control, char = match.groups()
        if octal:
            return chr(int(octal, 8) & 0xFF)
        code = hexa or four or eight
        if code:
            value = int(code, 16)
            return chr(value) if value <= 0x10FFFF else ""
        if control:
            return chr(ord(control) & 0x1F)
        return _ANSI_CHARS.get(char, char if char in "\\'\"?" else "\\" + char)

    return _ANSI.sub(one, text)


class Reader:
    """A position in a text. Extended by the parser, which reads what stands inside substitutions."""

    def __init__(self, text: str, depth: int = 0, places: Places = 0) -> None:
        self.text = text
        self.places = places
        self.size = len(text)
        self.at = 0
        self.depth = depth

    def sequence(self, *closers: str) -> Sequence:
        """Commands up to one of `closers` (not consumed)."""
        raise NotImplementedError

    def nested(self, text: str, places: Places) -> Sequence:
        """The commands of a text that stands inside this one (backticks), at these places of the whole."""
        raise NotImplementedError

    def dollar(self, parts: list[Part], *, quoted: bool) -> None:
        """What starts with `$`."""
        raise NotImplementedError

    def backticks(self, *, quoted: bool) -> Sub:
        """An old-style substitution."""
        raise NotImplementedError

    def spot(self, at: int) -> int:
        """Where offset `at` of this text stands in the whole text."""
        if isinstance(self.places, int):
            return self.places + at
        return self.places[min(at, len(self.places) - 1)] if self.places else 0

    def within(self, start: int) -> Places:
        """The places of what follows offset `start`."""
        return self.places + start if isinstance(self.places, int) else self.places[start:]

    def fail(self, message: str) -> Unparsable:
        """The error for this position."""
        return Unparsable(message, min(self.at, self.size))

    def deeper(self) -> None:
        """Account for one more level; its caller reduces `depth` again."""
        self.depth += 1
        if self.depth > DEPTH:
            raise self.fail("nested too deeply")

    def blanks(self) -> None:
        """Pass spaces, tabs, continued lines and a comment."""
        found = _BLANK.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        if self.at < self.size and self.text[self.at] == "#":
            end = self.text.find("\n", self.at)
            self.at = self.size if end < 0 else end

    def word(self, stops: frozenset[str] = _BREAKS, *, until: str = "") -> Words | None:
        """The word here, or None when there is none. until: one further character that ends it."""
        start = self.at
        text, size = self.text, self.size
        parts: list[Part] = []
        while self.at < size:
            found = _PLAIN.match(text, self.at) if not until else None
            if found is not None:
                parts.append(Lit(found.group(), quoted=False))
                self.at = found.end()
                continue
            char = text[self.at]
            if char == until:
                break
            if char in "<>" and text.startswith("(", self.at + 1) and char in stops:
                self.at += 2
                parts.append(Proc(char, self.inside(")")))
                continue
            if char in stops:
                break
            if char in "?*+@!" and text.startswith("(", self.at + 1) and (parts or char != "!"):
                parts.append(self.extended(char))
                continue
            self.piece(char, parts)
        if not parts:
            return None if self.at == start else Words((), start, self.at)
        return Words(tuple(parts), start, self.at)

    def piece(self, char: str, parts: list[Part]) -> None:
        """One part of an unquoted word."""
        if char == "\\":
            if self.at + 1 >= self.size:
                parts.append(Lit("\\", quoted=True))
                self.at += 1
                return
            following = self.text[self.at + 1]
            if following != "\n":
                parts.append(Lit(following, quoted=True))
            self.at += 2
        elif char == "'":
            end = self.text.find("'", self.at + 1)
            if end < 0:
                raise self.fail("a quote is not closed")
            parts.append(Lit(self.text[self.at + 1 : end], quoted=True))
            self.at = end + 1
        elif char == '"':
            self.quoted(parts)
        elif char == "$":
            self.dollar(parts, quoted=False)
        elif char == "`":
            parts.append(self.backticks(quoted=False))
        else:
            parts.append(Lit(char, quoted=False))
            self.at += 1

    def quoted(self, parts: list[Part]) -> None:
        """A double-quoted string."""
        self.at += 1
        before = len(parts)
        while True:
            if self.at >= self.size:
                raise self.fail("a double quote is not closed")
            char = self.text[self.at]
            if char == '"':
                self.at += 1
                break
            self.soft(char, parts, escapes='$`"\\')
        if len(parts) == before:
            parts.append(Lit("", quoted=True))

    def soft(self, char: str, parts: list[Part], escapes: str) -> None:
        """One part where expansions count but words are not split."""
        found = _IN_QUOTES.match(self.text, self.at)
        if found is not None:
            parts.append(Lit(found.group(), quoted=True))
            self.at = found.end()
        elif char == "\\":
            following = self.text[self.at + 1 : self.at + 2]
            if following in escapes and following:
                parts.append(Lit(following, quoted=True))
                self.at += 2
            elif following == "\n":
                self.at += 2
            else:
                parts.append(Lit("\\", quoted=True))
                self.at += 1
        elif char == "$":
            self.dollar(parts, quoted=True)
        elif char == "`":
            parts.append(self.backticks(quoted=True))
        else:
            parts.append(Lit(char, quoted=True))
            self.at += 1

    def body(self, text: str, start: int = 0, places: Places | None = None) -> tuple[Part, ...]:
        """The parts of a here-document's body that expands: `text` from `start` on. places: where it stands."""
        inner = type(self)(text, self.depth, self.places if places is None else places)
        inner.at = start
        parts: list[Part] = []
        while inner.at < inner.size:
            inner.soft(inner.text[inner.at], parts, escapes="$`\\")
        return tuple(parts)

    def extended(self, char: str) -> Lit:
        """An extended glob such as @(a|b): only that it matches something is kept."""
        level = 0
        start = self.at
        while self.at < self.size:
            here = self.text[self.at]
            level += (here == "(") - (here == ")")
            self.at += 1
            if here == "\n" or here in "'\"$`\\":
                raise self.fail("an extended glob that leash does not read")
            if level == 0 and here == ")":
                return Lit("*" if "(" in self.text[start : self.at] else char, quoted=False)
        raise self.fail("an extended glob is not closed")

    def inside(self, closer: str) -> Sequence:
        """The commands up to `closer`, which is consumed."""
        self.deeper()
        body = self.sequence(closer)
        self.depth -= 1
        if not self.text.startswith(closer, self.at):
            raise self.fail(f"a {closer} is missing")
        self.at += len(closer)
        return body
