"""The typed tree of a shell text: words made of parts, commands made of words. Nouns only, no behaviour.

Spans are character offsets [start, end) into the text that was parsed. A `Lit` that is quoted takes part in no further
expansion; an unquoted one may hold tildes, braces and globs. Invariant: every command that the text can start is a
`Simple` (or a nested text inside a part) somewhere in the tree.
"""

from __future__ import annotations

from typing import TypeAlias

from msgspec import Struct


class Lit(Struct, gc=False):
    """Literal text."""

    text: str
    quoted: bool


class Param(Struct):
    """`$name` or `${...}`. op: '' or the operator; index: the text between brackets; prefix: '#', '!' or ''."""

    name: str
    quoted: bool
    prefix: str = ""
    index: str = ""
    op: str = ""
    arg: Words | None = None
    second: Words | None = None


class Sub(Struct):
    """`$(...)` or backticks. body: the parsed commands. source: the text between backticks; spans are its."""

    body: Sequence
    quoted: bool
    source: str = ""


class Arith(Struct):
    """`$((...))`. inside: its text as parts, because it may hold substitutions."""

    inside: Words
    quoted: bool


class Proc(Struct):
    """`<(...)` or `>(...)`."""

    direction: str
    body: Sequence


Part: TypeAlias = Lit | Param | Sub | Arith | Proc


class Words(Struct):
    """One shell word (or one here-document body): its parts."""

    parts: tuple[Part, ...]
    start: int
    end: int

    def plain(self) -> str | None:
        """The text when nothing in it is quoted or expanded, else None."""
        if len(self.parts) == 1:
            part = self.parts[0]
            if type(part) is Lit and not part.quoted:
                return part.text
        return None


class Assign(Struct):
    """`name=value`, `name+=value`, `name[index]=value` or `name=(...)`."""

    name: str
    value: Words | None
    append: bool = False
    index: str = ""
    items: tuple[Words, ...] | None = None
    start: int = 0
    end: int = 0


class Redirect(Struct):
    """`fd op target`; for here-documents the target is the body and `raw` says that it expands nothing."""

    op: str
    fd: str
    target: Words
    start: int
    end: int
    raw: bool = False


class Simple(Struct):
    """One simple command. items of `words` may be assignments for the declaring builtins."""

    assigns: tuple[Assign, ...]
    words: tuple[Words | Assign, ...]
    redirects: tuple[Redirect, ...]
    start: int
    end: int


class Pipeline(Struct):
    """Two or more commands joined by pipes."""

    commands: tuple[Node, ...]


class Chain(Struct):
    """`first && second || third`: pairs of operator ('' for the first) and command."""

    links: tuple[tuple[str, Node], ...]


class Sequence(Struct):
    """Commands one after the other; True where one is put into the background."""

    items: tuple[tuple[Node, bool], ...]


class Group(Struct):
    """`( ... )` when `subshell`, else `{ ...; }`."""

    body: Sequence
    subshell: bool


class If(Struct):
    """Pairs of condition and body; `otherwise` is the else branch."""

    branches: tuple[tuple[Sequence, Sequence], ...]
    otherwise: Sequence | None


class Loop(Struct):
    """`while` or `until`."""

    condition: Sequence
    body: Sequence


class For(Struct):
    """`for name in words` or `select`. words None: the positional parameters."""

    name: str
    words: tuple[Words, ...] | None
    body: Sequence


class CountFor(Struct):
    """`for ((...; ...; ...))`."""

    head: Words
    body: Sequence


class Case(Struct):
    """`case subject in pattern) body`."""

    subject: Words
    items: tuple[tuple[tuple[Words, ...], Sequence], ...]


class Function(Struct):
    """A function definition."""

    name: str
    body: Node
    start: int
    end: int


class Test(Struct):
    """`[[ ... ]]`: its words, operators left out."""

    words: tuple[Words, ...]
    start: int
    end: int


class Compute(Struct):
    """`((...))`."""

    inside: Words


class Redirected(Struct):
    """A compound command with redirections."""

    node: Node
    redirects: tuple[Redirect, ...]


class Prefixed(Struct):
    """`!`, `time` or `coproc` before a command."""

    word: str
    node: Node


Node: TypeAlias = (
    Simple
    | Pipeline
    | Chain
    | Sequence
    | Group
    | If
    | Loop
    | For
    | CountFor
    | Case
    | Function
    | Test
    | Compute
    | Redirected
    | Prefixed
)
