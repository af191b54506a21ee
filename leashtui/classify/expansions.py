"""Reads what starts with a dollar sign or a backtick: variables, `${...}`, arithmetic, substitutions.

Knows their grammar. Refuses to know their values. Invariant: as its reader's; an expansion it does not know is
`Unparsable`, never plain text.
"""

from __future__ import annotations

import re

from leashtui.classify.patterns import lazy
from leashtui.classify.reader import Reader, decode_ansi
from leashtui.classify.syntax import Arith, Lit, Param, Part, Sub, Words

_NAME = lazy(r"[A-Za-z_]\w*", re.ASCII)
_OPERATORS = (
    ":-", ":=", ":?", ":+", "##", "#", "%%", "%", "//", "/#", "/%", "/", "^^", "^", ",,", ",", "@", ":", "-", "=", "?",
    "+",
)  # fmt: skip
_SPECIAL = lazy(r"[0-9@*#?$!-]")


class Expansions(Reader):
    """A reader that also reads expansions."""

    def dollar(self, parts: list[Part], *, quoted: bool) -> None:
        """What starts with `$`."""
        text, at = self.text, self.at
        following = text[at + 1 : at + 2]
        if following == "(":
            if text.startswith("((", at + 1):
                found = self.arithmetic(at + 3)
                if found is not None:
                    parts.append(Arith(found, quoted))
                    return
            self.at = at + 2
            parts.append(Sub(self.inside(")"), quoted))
        elif following == "{":
            parts.append(self.braced(quoted))
        elif following == "[":
            end = text.find("]", at)
            if end < 0 or "[" in text[at + 2 : end]:
                raise self.fail("$[ is not closed")
            inner = type(self)(text[at + 2 : end], self.depth + 1, self.within(at + 2))
            parts.append(Arith(Words(inner.everything(), at, end + 1), quoted))
            self.at = end + 1
        elif following == "'" and not quoted:
            end = at + 2
            while end < self.size and text[end] != "'":
                end += 2 if text[end] == "\\" else 1
            if end >= self.size:
                raise self.fail("a quote is not closed")
            parts.append(Lit(decode_ansi(text[at + 2 : end]), quoted=True))
            self.at = end + 1
        elif following == '"' and not quoted:
            self.at += 1
            self.quoted(parts)
        elif following == "\\" and text.startswith("\n", at + 2):
            raise self.fail("a continued line inside an expansion")
        else:
            found_name = _NAME.match(text, at + 1) or _SPECIAL.match(text, at + 1)
            if found_name is None:
                parts.append(Lit("$", quoted=True))
                self.at += 1
            else:
                parts.append(Param(found_name.group(), quoted))
                self.at = found_name.end()

    def everything(self) -> tuple[Part, ...]:
        """The whole text as parts, quotes counting as plain characters do in arithmetic."""
        parts: list[Part] = []
        while self.at < self.size:
            self.soft(self.text[self.at], parts, escapes='$`"\\')
        return tuple(parts)

    def arithmetic(self, start: int) -> Words | None:
        """The inside of `((` that began before `start`, up to `))`; None when it is a subshell after all."""
        level, at, text = 0, start, self.text
        while at < self.size:
            char = text[at]
            if char in "'\"`":
                close = text.find(char, at + 1)
                at = close if close > 0 else self.size
            elif char == "\\":
                at += 1
            elif char == "(":
                level += 1
            elif char == ")":
                if level == 0:
                    if not text.startswith("))", at):
                        return None
                    inner = type(self)(text[start:at], self.depth + 1, self.within(start))
                    self.at = at + 2
                    return Words(inner.everything(), start, at)
                level -= 1
            at += 1
        return None

    def backticks(self, *, quoted: bool) -> Sub:
        """An old-style substitution: its text is unescaped, then read as a text of its own."""
        end = self.at + 1
        inner: list[str] = []
        places: list[int] = []
        while end < self.size and self.text[end] != "`":
            if (
                self.text[end] == "\\"
                and end + 1 < self.size
                and self.text[end + 1] in "$`\\" + ('"' if quoted else "")
            ):
                end += 1
            inner.append(self.text[end])
            places.append(self.spot(end))
            end += 1
        if end >= self.size:
            raise self.fail("a backtick is not closed")
        self.deeper()
        body = self.nested("".join(inner), (*places, places[-1] + 1 if places else self.spot(end)))
        self.depth -= 1
        self.at = end + 1
        return Sub(body, quoted)

    def braced(self, quoted: bool) -> Param:
        """`${...}`."""
        self.deeper()
        text = self.text
        start = self.at
        self.at += 2
        prefix = ""
        here = text[self.at : self.at + 1]
        after = text[self.at + 1 : self.at + 2]
        if here in "#!" and here and after not in ("}", "") and (after.isalnum() or after in "_@*?$!#-"):
            prefix = here
            self.at += 1
        found = _NAME.match(text, self.at) or re.compile(r"\d+|[@*#?$!-]").match(text, self.at)
        if found is None:
            raise self.fail("an expansion that leash does not read")
        self.at = found.end()
        index = self.subscript() if text.startswith("[", self.at) else ""
        op, arg, second = "", None, None
        if not text.startswith("}", self.at):
            op = next((o for o in _OPERATORS if text.startswith(o, self.at)), "")
            if not op and not (prefix == "!" and text[self.at] in "*@"):
                raise self.fail("an expansion that leash does not read")
            self.at += len(op)
            ends = "}/" if op[:1] == "/" else "}:" if op == ":" else "}"
            arg = self.operand(ends, quoted)
            if self.at < self.size and text[self.at] in ends[1:]:
                self.at += 1
                second = self.operand("}", quoted)
        if not text.startswith("}", self.at):
            raise self.fail("${ is not closed")
        self.at += 1
        self.depth -= 1
        return Param(found.group(), quoted, prefix, index, op, arg, second) if self.at > start else Param("", quoted)

    def subscript(self) -> str:
        """The text of `[...]`, brackets left out. A substitution inside is more than leash reads."""
        end = self.text.find("]", self.at)
        inside = self.text[self.at + 1 : end]
        if end < 0 or "$(" in inside or "`" in inside:
            raise self.fail("an index that leash does not read")
        self.at = end + 1
        return inside

    def operand(self, ends: str, quoted: bool) -> Words:
        """A word inside braces, up to one of `ends` (not consumed)."""
        start = self.at
        parts: list[Part] = []
        while self.at < self.size and self.text[self.at] not in ends:
            char = self.text[self.at]
            if quoted and char == "'":
                parts.append(Lit("'", quoted=True))
                self.at += 1
            elif char in " \t\n;&|<>()":
                parts.append(Lit(char, quoted=quoted))
                self.at += 1
            else:
                self.piece(char, parts)
        return Words(tuple(parts), start, self.at)
