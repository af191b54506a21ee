"""Reads compound commands: if, while, for, case, [[ ]], functions, groups in braces.

Knows their grammar. Refuses to know lists and simple commands (the parser that extends it does). Invariant: as its
reader's.
"""

from __future__ import annotations

import re

from leashtui.classify.clauses import Clauses
from leashtui.classify.patterns import lazy
from leashtui.classify.syntax import Case, CountFor, For, Function, Group, If, Loop, Node, Sequence, Simple, Test, Words

FUNCTION = lazy(r"[ \t]*\([ \t]*\)")
"""The parentheses after a function's name."""
_TEST_STOPS = frozenset(" \t\n;&|<>()")
_REGEX_STOPS = frozenset(" \t\n")


class Compounds(Clauses):
    """A reader that also reads compound commands."""

    def keyword(self) -> str:
        """The reserved word here, or ''."""
        raise NotImplementedError

    def take(self, word: str) -> None:
        """Pass the reserved word `word`."""
        raise NotImplementedError

    def command(self) -> Node:
        """One command of a pipeline."""
        raise NotImplementedError

    def braces(self, start: int) -> Node:
        """`{ ...; }`."""
        body = self.sequence()
        self.take("}")
        return Group(body, subshell=False)

    def conditional(self, start: int) -> Node:
        """`if`, up to `fi`."""
        branches = []
        while True:
            condition = self.sequence()
            self.take("then")
            branches.append((condition, self.sequence()))
            word = self.keyword()
            self.at += len(word)
            if word != "elif":
                break
        otherwise = None
        if word == "else":
            otherwise = self.sequence()
            self.take("fi")
        elif word != "fi":
            raise self.fail("'fi' is missing")
        return If(tuple(branches), otherwise)

    def loop(self, start: int) -> Node:
        """`while`, `until`."""
        condition = self.sequence()
        return Loop(condition, self.doing())

    def doing(self) -> Sequence:
        """The body of a loop."""
        self.lines()
        if self.text.startswith(";", self.at):
            self.at += 1
            self.lines()
        if self.keyword() == "{":
            self.at += 1
            body = self.sequence()
            self.take("}")
            return body
        self.take("do")
        body = self.sequence()
        self.take("done")
        return body

    def iteration(self, start: int) -> Node:
        """`for`, `select`."""
        self.blanks()
        if self.text.startswith("((", self.at):
            head = self.arithmetic(self.at + 2)
            if head is None:
                raise self.fail("'))' is missing")
            return CountFor(head, self.doing())
        name = self.word()
        plain = name.plain() if name is not None else None
        if plain is None:
            raise self.fail("a name is missing after 'for'")
        self.lines()
        words: list[Words] | None = None
        if re.compile(r"in(?=[\s;]|$)").match(self.text, self.at):
            self.at += 2
            words = []
            while True:
                self.blanks()
                if self.at >= self.size or self.text[self.at] in ";\n":
                    break
                word = self.word()
                if word is None:
                    raise self.fail("a word is missing")
                words.append(word)
        return For(plain, None if words is None else tuple(words), self.doing())

    def choice(self, start: int) -> Node:
        """`case`, up to `esac`."""
        self.blanks()
        subject = self.word()
        self.lines()
        if subject is None or not re.compile(r"in(?=\s)").match(self.text, self.at):
            raise self.fail("'in' is missing")
        self.at += 2
        items: list[tuple[tuple[Words, ...], Sequence]] = []
        while True:
            self.lines()
            if self.keyword() == "esac":
                self.at += 4
                return Case(subject, tuple(items))
            if self.text.startswith("(", self.at):
                self.at += 1
            patterns = []
            while True:
                self.blanks()
                pattern = self.word()
                if pattern is None:
                    raise self.fail("a pattern is missing")
                patterns.append(pattern)
                self.blanks()
                if not self.text.startswith("|", self.at):
                    break
                self.at += 1
            if not self.text.startswith(")", self.at):
                raise self.fail("')' is missing after a pattern")
            self.at += 1
            body = self.sequence()
            items.append((tuple(patterns), body))
            for end in (";;&", ";;", ";&"):
                if self.text.startswith(end, self.at):
                    self.at += len(end)
                    break

    def test(self, start: int) -> Node:
        """`[[ ... ]]`: its words."""
        words: list[Words] = []
        regex = False
        while True:
            self.lines()
            if self.at >= self.size:
                raise self.fail("']]' is missing")
            char = self.text[self.at]
            if not regex and char in "<>&|()":
                self.at += 1
                continue
            word = self.word(_REGEX_STOPS if regex else _TEST_STOPS)
            if word is None:
                raise self.fail("a test that leash does not read")
            plain = word.plain()
            if plain == "]]":
                return Test(tuple(words), self.spot(start), self.spot(self.at))
            regex = plain == "=~" and not regex
            words.append(word)

    def function(self, start: int) -> Node:
        """`function name`."""
        self.blanks()
        name = self.word()
        plain = name.plain() if name is not None else None
        if plain is None:
            raise self.fail("a function's name is missing")
        found = FUNCTION.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return self.defined(plain, start)

    def defined(self, name: str, start: int) -> Function:
        """The function `name`, whose body stands here."""
        self.lines()
        body = self.command()
        if isinstance(body, Simple | Function):
            raise self.fail(f"the body of the function {name!r} is missing")
        return Function(name, body, self.spot(start), self.spot(self.at))
