"""The operators of `${...}`: defaults, cutting, replacing, slicing, case, indirection, arrays. Pure.

Knows bash's patterns. Invariant: an operator on a value that is not wholly known gives an unknown value with the same
taint, never a guess.
"""

from __future__ import annotations

import re
from typing import Protocol

from leashtui.classify.reader import decode_ansi
from leashtui.classify.state import State
from leashtui.classify.syntax import Param, Words
from leashtui.classify.values import UNKNOWN, Taint, Word


class Values(Protocol):
    """Where the values of parameters and words come from."""

    def variable(self, name: str, state: State) -> tuple[Word, ...]:
        """The values a parameter has."""
        ...

    def is_set(self, name: str, state: State) -> bool | None:
        """Whether a parameter is set. None: not known."""
        ...

    def one(self, word: Words | None, state: State) -> Word:
        """A word as one value."""
        ...

    def again(self, text: str, state: State) -> Word:
        """What a text comes to that is expanded once more."""
        ...


def transform(expander: Values, part: Param, state: State) -> list[Word]:
    """The value of a braced expansion with an operator, a prefix or an index."""
    name, op = part.name, part.op
    if part.prefix == "#":
        held = expander.variable(name, state)
        whole = " ".join(held)
        return [Word(UNKNOWN if UNKNOWN in whole else str(len(held) if part.index in ("@", "*") else len(whole)))]
    if part.prefix == "!":
        if op or part.index in ("@", "*"):
            return [Word(UNKNOWN, 0, many=True)]
        pointer = " ".join(expander.variable(name, state))
        if UNKNOWN in pointer:
            return [Word(UNKNOWN, Taint.LOCAL, many=True)]
        return list(expander.variable(pointer, state)) or [Word("")]
    values = list(expander.variable(name, state))
    if part.index in ("@", "*"):
        pass
    elif part.index:
        values = _item(values, part.index)
    elif len(values) > 1 and name not in ("@", "*"):
        values = values[:1]
    if not op:
        return values
    if op in (":-", "-", ":=", "=", ":?", "?", ":+", "+"):
        return _default(expander, part, state, values)
    return [_changed(expander, part, state, value) for value in values]


def _item(values: list[Word], index: str) -> list[Word]:
    if not index.lstrip("-").isdigit():
        taint = 0
        for value in values:
            taint |= value.taint
        return [Word(UNKNOWN, taint, many=True)]
    number = int(index)
    if any(UNKNOWN in v and v.many for v in values):
        return [Word(UNKNOWN, values[0].taint, many=True)]
    return [values[number]] if -len(values) <= number < len(values) else []


def _default(expander: Values, part: Param, state: State, values: list[Word]) -> list[Word]:
    """`${x:-y}` and its kin. Where the environment decides, the visible text is believed."""
    is_set = expander.is_set(part.name, state)
    if is_set and part.op.startswith(":") and not any(values):
        is_set = False
    other = expander.one(part.arg, state)
    kind = part.op[-1]
    if kind == "+":
        return [] if is_set is False else [other]
    if is_set:
        return values
    if kind == "=":
        state.assign(part.name, other)
    if kind == "?":
        return values or [Word(UNKNOWN, 0, many=True)]
    if is_set is None and values and values[0].taint:
        return [Word(other or UNKNOWN, other.taint | values[0].taint)]
    return [other]


def _changed(expander: Values, part: Param, state: State, value: Word) -> Word:
    """`value` after `#`, `%`, `/`, `^`, `,`, `:` or `@`."""
    op = part.op
    arg = expander.one(part.arg, state)
    second = expander.one(part.second, state)
    taint = value.taint | arg.taint
    if op == "@":
        if arg[:1] == "P":
            made = expander.again(value, state) if UNKNOWN not in value else Word(UNKNOWN, Taint.DECODED)
            return Word(made, taint | made.taint, many=True)
        if arg[:1] == "E":
            return Word(decode_ansi(value), taint)
        return Word(value, taint)
    if UNKNOWN in value or UNKNOWN in arg:
        return Word(UNKNOWN, taint, many=True)
    text = str(value)
    if op[0] in "#%/" and _is_slow(text, str(arg), second):
        return Word(UNKNOWN, taint | second.taint, many=True)
    if op in ("#", "##", "%", "%%"):
        return Word(_cut(text, str(arg), op), taint)
    if op[0] == "/":
        if UNKNOWN in second:
            return Word(UNKNOWN, taint | second.taint, many=True)
        pattern = _regex(str(arg), greedy=True)
        anchored = {"/#": r"\A" + pattern, "/%": pattern + r"\Z"}.get(op, pattern)
        fixed = str(second)
        return Word(re.sub(anchored, lambda _: fixed, text, count=0 if op == "//" else 1), taint | second.taint)
    if op in ("^", "^^", ",", ",,"):
        change = str.upper if op[0] == "^" else str.lower
        return Word(change(text) if len(op) == 2 else change(text[:1]) + text[1:], taint)
    if op == ":":
        return Word(_slice(text, arg.strip(), None if part.second is None else second.strip()), taint)
    return Word(UNKNOWN, taint, many=True)


def _is_slow(text: str, pattern: str, second: str) -> bool:
    """Whether an operator with a pattern could take long or make much: a star is tried at every place of the text."""
    most = 4096 if pattern.count("*") < 2 else 256 if pattern.count("*") == 2 else 0
    return len(text) > most or len(text) * (len(second) + 1) > 1 << 20


def _slice(text: str, offset: str, length: str | None) -> str:
    if not offset.lstrip("-").isdigit() or (length is not None and not length.lstrip("-").isdigit()):
        return UNKNOWN
    rest = text[int(offset) :]
    return rest if length is None else rest[: int(length)]


def _cut(text: str, pattern: str, op: str) -> str:
    expression = _regex(pattern, greedy=len(op) == 2)
    if op[0] == "#":
        found = re.match(expression, text, re.S)
        return text[found.end() :] if found else text
    ends = range(len(text) + 1) if len(op) == 2 else range(len(text), -1, -1)
    for start in ends:
        if re.fullmatch(expression, text[start:], re.S):
            return text[:start]
    return text


def _regex(pattern: str, *, greedy: bool) -> str:
    """A shell pattern as a regular expression."""
    out, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "*":
            out += ".*" if greedy else ".*?"
        elif char == "?":
            out += "."
        elif char == "[" and "]" in pattern[at + 2 :]:
            end = pattern.index("]", at + 2)
            inside = pattern[at + 1 : end].replace("\\", "\\\\")
            inside = "^" + inside[1:] if inside[:1] == "!" else inside
            inside = inside.replace("[:space:]", r"\s").replace("[:alnum:]", "A-Za-z0-9")
            out += f"[{inside}]" if _valid(f"[{inside}]") else re.escape(pattern[at : end + 1])
            at = end
        elif char == "\\" and at + 1 < len(pattern):
            at += 1
            out += re.escape(pattern[at])
        else:
            out += re.escape(char)
        at += 1
    return out


def _valid(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True
