"""Reads what hangs on a command: assignments, redirections, here-documents.

Knows their grammar. Refuses to know commands (the parser that extends it does). Invariant: as its reader's.
"""

from __future__ import annotations

import re

from leashtui.classify.reader import Reader
from leashtui.classify.syntax import Assign, Lit, Part, Redirect, Words

_ASSIGN = re.compile(r"([A-Za-z_]\w*)(\[[^\]\s]*\])?(\+?)=", re.ASCII)
_REDIRECT = re.compile(r"(\d+|\{[A-Za-z_]\w*\})?(&>>|&>|<<<|<<-|<<|<>|<&|>&|>>|>\||<|>)")


class Clauses(Reader):
    """A reader that also reads assignments and redirections. pending: here-documents whose body is still to come."""

    def __init__(self, text: str, depth: int = 0) -> None:
        super().__init__(text, depth)
        self.pending: list[tuple[Redirect, str, bool]] = []

    def lines(self) -> None:
        """Pass blanks, comments and newlines, reading here-documents that are due."""
        while True:
            self.blanks()
            if self.at >= self.size or self.text[self.at] != "\n":
                return
            self.at += 1
            if self.pending:
                self.documents()

    def assignment(self) -> Assign | None:
        """`name=...` here, or None."""
        found = _ASSIGN.match(self.text, self.at)
        if found is None:
            return None
        start = self.at
        name, index, append = found.groups()
        if index and ("$(" in index or "`" in index):
            raise self.fail("an index that leash does not read")
        self.at = found.end()
        if self.text.startswith("(", self.at):
            self.at += 1
            items: list[Words] = []
            while True:
                self.lines()
                if self.text.startswith(")", self.at):
                    self.at += 1
                    break
                word = self.word()
                if word is None:
                    raise self.fail("an array is not closed")
                items.append(word)
            return Assign(name, None, bool(append), "", tuple(items), start, self.at)
        value = self.word()
        return Assign(name, value, bool(append), (index or "")[1:-1], None, start, self.at)

    # ---- redirections

    def redirects(self) -> tuple[Redirect, ...]:
        found: list[Redirect] = []
        while True:
            self.blanks()
            redirect = self.redirect() if self.at < self.size else None
            if redirect is None:
                return tuple(found)
            found.append(redirect)

    def redirect(self) -> Redirect | None:
        """The redirection here, or None. A process substitution is none."""
        found = _REDIRECT.match(self.text, self.at)
        if found is None:
            return None
        fd, op = found.groups()
        if op in "<>" and self.text.startswith("(", found.end()):
            return None
        start = self.at
        self.at = found.end()
        self.blanks()
        target = self.word()
        if target is None or not target.parts:
            raise self.fail("a redirection without a target")
        made = Redirect(op, fd or "", target, start, self.at)
        if op in ("<<", "<<-"):
            raw = any(type(p) is Lit and p.quoted for p in target.parts)
            mark = "".join(p.text for p in target.parts if type(p) is Lit)
            if any(type(p) is not Lit for p in target.parts):
                mark = self.text[target.start : target.end]
            made.raw = raw
            self.pending.append((made, mark, op == "<<-"))
        return made

    def continued(self, before: str, line: str, mark: str) -> str:
        """What a line of a document leaves for the next one to be joined to. Shells differ over a joined end mark."""
        if before and (line == mark or before + line.removesuffix("\\") == mark):
            raise self.fail("a here-document whose end shells read differently")
        tail = len(line) - len(line.rstrip("\\"))
        return before + line[:-1] or "\n" if tail % 2 else ""

    def documents(self) -> None:
        """Read the bodies of the here-documents that were announced on the line before."""
        pending, self.pending = self.pending, []
        for redirect, mark, strip in pending:
            lines: list[str] = []
            start = self.at
            joined = ""
            ended = False
            while self.at < self.size:
                end = self.text.find("\n", self.at)
                line = self.text[self.at :] if end < 0 else self.text[self.at : end]
                self.at = self.size if end < 0 else end + 1
                bare = line.lstrip("\t") if strip else line
                if not redirect.raw:
                    joined = self.continued(joined, bare, mark)
                if bare == mark:
                    ended = True
                    break
                lines.append(bare + "\n")
            if not ended:
                raise self.fail("a here-document without its end")
            text = "".join(lines)
            if redirect.raw:
                parts: tuple[Part, ...] = (Lit(text, quoted=True),)
            elif self.text.startswith(text, start):
                parts = self.body(self.text[: start + len(text)], start)
            else:
                parts = self.body(text)
            redirect.target = Words(parts, start, self.at)
