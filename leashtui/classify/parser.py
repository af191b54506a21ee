"""Reads a shell text into the typed tree: lists, pipelines, compound commands, redirections, here-documents.

Knows the grammar of bash (and so of POSIX sh). Refuses to know what any program does. Invariant: either the whole text
becomes a tree, to its last character, or `Unparsable` is raised; there is no partial tree.
"""

from __future__ import annotations

import re

from leashtui.classify.clauses import Clauses
from leashtui.classify.reader import Unparsable
from leashtui.classify.syntax import (
    Assign,
    Case,
    Chain,
    Compute,
    CountFor,
    For,
    Function,
    Group,
    If,
    Loop,
    Node,
    Pipeline,
    Prefixed,
    Redirect,
    Redirected,
    Sequence,
    Simple,
    Test,
    Words,
)

_RESERVED = frozenset(
    "if then elif else fi while until do done for select case esac function { } ! [[ time coproc".split()
)
_CLOSING = frozenset(["then", "elif", "else", "fi", "do", "done", "esac", "}"])
_DECLARING = frozenset(["export", "declare", "typeset", "local", "readonly"])
_FUNCTION = re.compile(r"[ \t]*\([ \t]*\)")
_KEYWORD_END = frozenset(" \t\n;&|<>()")
_TEST_STOPS = frozenset(" \t\n;&|<>()")
_REGEX_STOPS = frozenset(" \t\n")


def parse(text: str) -> Sequence:
    """The tree of `text`. Raises Unparsable."""
    parser = Parser(text)
    tree = parser.sequence()
    if parser.at < parser.size:
        raise parser.fail(f"{text[parser.at]!r} is not expected here")
    return tree


_NAMED = re.compile(r"[A-Za-z_]\w*[ \t]+(?=[{(]|(?:if|while|until|for|case)\b)", re.ASCII)
"""The name of a coprocess, which stands before a compound command only."""


class Parser(Clauses):
    """One text being read."""

    def nested(self, text: str) -> Sequence:
        """See Reader."""
        inner = Parser(text, self.depth)
        body = inner.sequence()
        if inner.at < inner.size:
            raise self.fail("a backtick substitution that leash does not read")
        return body

    # ---- lists

    def sequence(self, *closers: str) -> Sequence:
        """See Reader. Also ends before a reserved word that closes a compound command, and before `;;`."""
        items: list[tuple[Node, bool]] = []
        while True:
            self.lines()
            if self.at >= self.size or self.closes(closers):
                break
            node = self.chain()
            background = False
            self.blanks()
            here = self.text[self.at : self.at + 2]
            if here[:1] == "&" and here != "&&":
                background = True
                self.at += 1
            elif here[:1] == ";" and here != ";;" and not here.startswith(";&"):
                self.at += 1
            items.append((node, background))
            self.blanks()
            if self.at < self.size and not background and here[:1] not in (";", "\n") and not self.closes(closers):
                raise self.fail(f"{self.text[self.at]!r} is not expected here")
        if self.at >= self.size and self.pending:
            raise self.fail("a here-document without a body")
        return Sequence(tuple(items))

    def closes(self, closers: tuple[str, ...]) -> bool:
        """Whether what stands here ends the list being read."""
        text = self.text
        char = text[self.at]
        if char == ")" or text.startswith((";;", ";&"), self.at):
            return True
        if any(text.startswith(c, self.at) for c in closers):
            return True
        return self.keyword() in _CLOSING

    def keyword(self) -> str:
        """The reserved word here, or ''."""
        found = re.compile(r"[a-z]+|\[\[|[{}!]").match(self.text, self.at)
        if found is None or found.group() not in _RESERVED:
            return ""
        end = found.end()
        return found.group() if end >= self.size or self.text[end] in _KEYWORD_END else ""

    def take(self, word: str) -> None:
        """Pass the reserved word `word`."""
        self.lines()
        if self.keyword() != word:
            raise self.fail(f"{word!r} is missing")
        self.at += len(word)

    def chain(self) -> Node:
        """Commands joined by && and ||."""
        links = [("", self.pipeline())]
        while True:
            self.blanks()
            op = self.text[self.at : self.at + 2]
            if op not in ("&&", "||"):
                return links[0][1] if len(links) == 1 else Chain(tuple(links))
            self.at += 2
            self.lines()
            links.append((op, self.pipeline()))

    def pipeline(self) -> Node:
        """Commands joined by pipes, with `!`, `time` and `coproc` before them."""
        self.blanks()
        word = self.keyword()
        if word in ("!", "time", "coproc"):
            self.deeper()
            self.at += len(word)
            self.blanks()
            named = _NAMED.match(self.text, self.at) if word == "coproc" else None
            if named is not None:
                self.at = named.end()
            if word == "time" and re.compile(r"-p(?=\s)").match(self.text, self.at):
                self.at += 2
            if word == "time" and (self.at >= self.size or self.text[self.at] in ";\n&|)"):
                node: Node = Simple((), (), (), self.at, self.at)
            else:
                node = self.pipeline()
            self.depth -= 1
            return Prefixed(word, node)
        commands = [self.command()]
        while True:
            self.blanks()
            if not self.text.startswith("|", self.at) or self.text.startswith("||", self.at):
                return commands[0] if len(commands) == 1 else Pipeline(tuple(commands))
            self.at += 2 if self.text.startswith("|&", self.at) else 1
            self.lines()
            commands.append(self.command())

    # ---- commands

    def command(self) -> Node:
        """One command of a pipeline."""
        self.blanks()
        if self.at >= self.size:
            raise self.fail("a command is missing")
        self.deeper()
        node = self.compound()
        if node is None:
            found = self.simple()
        elif type(node) is Function:
            found = node
        else:
            redirects = self.redirects()
            found = Redirected(node, redirects) if redirects else node
        self.depth -= 1
        return found

    def compound(self) -> Node | None:
        """The compound command here, or None for a simple one."""
        char = self.text[self.at]
        if char == "(":
            if self.text.startswith("((", self.at):
                inside = self.arithmetic(self.at + 2)
                if inside is not None:
                    return Compute(inside)
            self.at += 1
            body = self.inside(")")
            if not body.items:
                raise self.fail("a subshell without a command")
            return Group(body, subshell=True)
        word = self.keyword()
        reader = {
            "{": self.braces,
            "if": self.conditional,
            "while": self.loop,
            "until": self.loop,
            "for": self.iteration,
            "select": self.iteration,
            "case": self.choice,
            "[[": self.test,
            "function": self.function,
        }.get(word)
        if reader is None:
            if word:
                raise self.fail(f"{word!r} is not expected here")
            return None
        start = self.at
        self.at += len(word)
        return reader(start)

    def braces(self, start: int) -> Node:
        body = self.sequence()
        self.take("}")
        return Group(body, subshell=False)

    def conditional(self, start: int) -> Node:
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
        condition = self.sequence()
        return Loop(condition, self.doing())

    def doing(self) -> Sequence:
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
                return Test(tuple(words), start, self.at)
            regex = plain == "=~" and not regex
            words.append(word)

    def function(self, start: int) -> Node:
        self.blanks()
        name = self.word()
        plain = name.plain() if name is not None else None
        if plain is None:
            raise self.fail("a function's name is missing")
        found = _FUNCTION.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return self.defined(plain, start)

    def defined(self, name: str, start: int) -> Function:
        """The function `name`, whose body stands here."""
        self.lines()
        body = self.command()
        if isinstance(body, Simple | Function):
            raise self.fail(f"the body of the function {name!r} is missing")
        return Function(name, body, start, self.at)

    # ---- simple commands

    def simple(self) -> Node:
        start = self.at
        assigns: list[Assign] = []
        words: list[Words | Assign] = []
        redirects: list[Redirect] = []
        declaring = False
        while True:
            self.blanks()
            if self.at >= self.size:
                break
            redirect = self.redirect()
            if redirect is not None:
                redirects.append(redirect)
                continue
            if not words or declaring:
                assign = self.assignment()
                if assign is not None:
                    (words if words else assigns).append(assign)
                    continue
            word = self.word()
            if word is None:
                break
            words.append(word)
            if len(words) == 1:
                plain = word.plain()
                declaring = plain in _DECLARING
                if plain == "]]":
                    raise self.fail("']]' is not expected here")
                found = _FUNCTION.match(self.text, self.at) if plain and not redirects and not assigns else None
                if found is not None and plain is not None:
                    self.at = found.end()
                    return self.defined(plain, start)
        if not assigns and not words and not redirects:
            if self.at < self.size:
                raise self.fail(f"{self.text[self.at]!r} is not expected here")
            raise self.fail("a command is missing")
        return Simple(tuple(assigns), tuple(words), tuple(redirects), start, self.at)


__all__ = ["Parser", "Unparsable", "parse"]
