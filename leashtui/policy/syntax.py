"""Where things stand in a Cedar file: tokens, statements, and limits that are checked before the engine sees a byte.

Knows Cedar's lexical grammar and nothing of its meaning. cedarpy reports no positions and dies of deep nesting (a stack
overflow kills the process at about 600 levels), so this module finds both the limits and the places by itself.
Invariant: text that passes `tokenise` and `statements` holds no NUL, control, bidi or zero-width character, nests at
most NESTING levels and uses at most OPERATORS operators a policy.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from msgspec import Struct

from leashtui.model.errors import PolicyError
from leashtui.words.plain import mixed_word

SIZE = 1 << 20
"""Largest policy file, bytes."""
NESTING = 32
"""Deepest nesting of brackets and conditionals."""
OPERATORS = 256
"""Most operators (dots, comparisons and clauses included) in one policy."""
TOKENS = 20_000
"""Most words and signs in one policy."""
STARS = 32
"""Most stars in a pattern: matching costs their number times the text's length."""
STATEMENTS = 4096
"""Most policies in one file."""

_TOKEN = re.compile(
    r"""(?:[ \t\n]++|//[^\n]*+)*+
    (?: (?P<string>"(?:[^"\\]|\\.)*+")
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*+)
      | (?P<number>[0-9]++)
      | (?P<mark>::|&&|\|\||==|!=|<=|>=|[-<>=!+*/%.,;:@(){}\[\]?])
      | (?P<end>\Z))""",
    re.VERBOSE | re.DOTALL,
)
_SPACE = re.compile(r"(?:[ \t\n]++|//[^\n]*+)*+")
_OPEN = {"(": ")", "[": "]", "{": "}"}
_CLOSE = frozenset(_OPEN.values())
_OPERATORS = frozenset({"&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "!", ".", "::", "/", "%", "="})
_WORD_OPERATORS = frozenset({"in", "like", "has", "is", "when", "unless"})


class Flaw(PolicyError):
    """One thing wrong in a policy file. line and column count from 1; 0 when the file as a whole is meant."""

    def __init__(self, file: str, line: int, column: int, what: str, hint: str) -> None:
        place = f"{file}:{line}:{column}" if line else file
        super().__init__(f"{place}: {what}", hint)
        self.file = file
        self.line = line
        self.column = column
        self.what = what


class Token(Struct, frozen=True):
    """A piece of text that is no space. start: character offset."""

    kind: str
    text: str
    start: int


class Statement(Struct, frozen=True):
    """The tokens of one policy, from its first annotation to its semicolon."""

    tokens: tuple[Token, ...]

    @property
    def start(self) -> int:
        """Character offset of its first token."""
        return self.tokens[0].start

    @property
    def end(self) -> int:
        """Character offset behind its semicolon."""
        last = self.tokens[-1]
        return last.start + len(last.text)

    def annotations(self) -> Iterator[tuple[str, Token]]:
        """(name, the token of the name) of each annotation, in order."""
        for at, name in zip(self.tokens, self.tokens[1:], strict=False):
            if at.text == "@":
                yield name.text, name
            elif at.text in ("permit", "forbid") and at.kind == "word":
                return


class Text:
    """A policy file's text with its name, able to say in which line an offset lies."""

    def __init__(self, file: str, text: str) -> None:
        self.file = file
        self.text = text
        self._lines = [0, *(m.end() for m in re.finditer("\n", text))]

    def place(self, offset: int) -> tuple[int, int]:
        """(line, column) of a character offset, both from 1."""
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def flaw(self, offset: int, what: str, hint: str) -> Flaw:
        """An error at this offset."""
        line, column = self.place(offset)
        return Flaw(self.file, line, column, what, hint)


def hidden_character(text: str) -> tuple[int, str] | None:
    """Offset and spelling of the first character that is not seen as what it is: NUL, control, bidi, zero-width.

    Line feed and tab pass. Returns None when there is none.
    """
    if text.isascii() and text.replace("\n", "").replace("\t", "").isprintable():
        return None
    for offset, char in enumerate(text):
        if char in "\n\t" or (char.isascii() and char.isprintable()):
            continue
        if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}:
            return offset, f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()
    return None


def read_text(file: str, raw: bytes) -> Text:
    """The text of a policy file. Raises Flaw: too large, not UTF-8, or with characters that hide something."""
    if len(raw) > SIZE:
        raise Flaw(file, 0, 0, f"{len(raw):,} bytes are more than the limit of {SIZE:,}", "split it into several files")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = raw[: error.start].decode("utf-8", "replace")
        line, column = Text(file, before).place(len(before))
        raise Flaw(file, line, column, "this byte is not UTF-8", "save the file as UTF-8") from error
    found = Text(file, text.replace("\r\n", "\n"))
    hidden = hidden_character(found.text)
    if hidden is not None:
        raise found.flaw(
            hidden[0],
            f"hidden character {hidden[1]}: what a person reads here is not what would be evaluated",
            "remove it; inside a string write it as an escape such as \\u{200b}",
        )
    return found


def tokenise(text: Text) -> list[Token]:
    """All tokens. Raises Flaw at an unfinished string or a character that Cedar does not know."""
    tokens: list[Token] = []
    offset, read = 0, _TOKEN.match
    while True:
        match = read(text.text, offset)
        if match is None:
            space = _SPACE.match(text.text, offset)
            offset = space.end() if space else offset
            if text.text[offset] == '"':
                raise text.flaw(offset, "this string never ends", 'close it with a double quote (")')
            raise text.flaw(offset, f"unexpected character {text.text[offset]!r}", "Cedar has no such sign; remove it")
        kind = match.lastgroup or ""
        if kind == "end":
            return tokens
        word, offset = match[kind], match.start(kind)
        if kind == "string" and not word.isascii() and (mixed := mixed_word(word)):
            what = f"{mixed!r} mixes letters of two scripts, of which some look alike"
            raise text.flaw(offset, what, "write it in one script, or a letter that is meant as an escape: \\u{43e}")
        tokens.append(Token(kind, word, offset))
        offset = match.end()


def _follows_like(tokens: Sequence[Token]) -> bool:
    return len(tokens) > 1 and tokens[-2].kind == "word" and tokens[-2].text == "like"


def statements(text: Text, tokens: Sequence[Token]) -> list[Statement]:
    """The policies of a file. Raises Flaw: unbalanced, too deep, too many operators, no final semicolon."""
    found: list[Statement] = []
    current: list[Token] = []
    expected: list[tuple[str, Token]] = []
    operators = conditionals = 0
    for token in tokens:
        current.append(token)
        if token.kind == "mark":
            if token.text in _OPEN:
                expected.append((_OPEN[token.text], token))
            elif token.text in _CLOSE:
                if not expected or expected[-1][0] != token.text:
                    raise text.flaw(token.start, f"'{token.text}' closes nothing", "remove it, or open it before")
                expected.pop()
            elif token.text in _OPERATORS:
                operators += 1
        elif token.kind == "word":
            conditionals += token.text == "if"
            operators += token.text in _WORD_OPERATORS
        elif token.kind == "string" and token.text.count("*") > STARS and _follows_like(current):
            raise text.flaw(token.start, f"more than {STARS} stars in one pattern", "use a fact instead of text")
        if len(expected) + conditionals > NESTING:
            raise text.flaw(
                token.start, f"nested deeper than {NESTING} levels", "split the condition into several policies"
            )
        if operators > OPERATORS:
            raise text.flaw(
                token.start,
                f"more than {OPERATORS} operators in one policy",
                "split it into several policies, or use a set and .contains(...)",
            )
        if len(current) > TOKENS:
            raise text.flaw(token.start, f"more than {TOKENS:,} words in one policy", "split it into several policies")
        if token.text == ";" and token.kind == "mark" and not expected:
            found.append(Statement(tuple(current)))
            current, operators, conditionals = [], 0, 0
            if len(found) > STATEMENTS:
                raise text.flaw(token.start, f"more than {STATEMENTS:,} policies", "split it into several files")
    if expected:
        opened = expected[-1][1]
        raise text.flaw(opened.start, f"'{opened.text}' is never closed", f"add '{expected[-1][0]}'")
    if current:
        raise text.flaw(current[-1].start, "the last policy does not end", "add ';' after it")
    return found
