"""The tree of a shell text as lines that a person can follow: how leash read it, before what it means.

Knows the nodes of the syntax. Refuses to evaluate. Invariant: every simple command of the tree is one line, in order.
"""

from __future__ import annotations

from msgspec import Struct

from leashtui.classify.machine import parsed
from leashtui.classify.normalise import cleaned
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
    Part,
    Pipeline,
    Prefixed,
    Proc,
    Redirected,
    Sequence,
    Simple,
    Sub,
    Test,
    Words,
)


class Branch(Struct, frozen=True):
    """One line of the tree. depth: 0 is the outermost. kind: 'command', or the construct. text: as it was written."""

    depth: int
    kind: str
    text: str = ""


def outline(command: str) -> tuple[Branch, ...]:
    """The lines of a shell text, outermost first; one line of kind 'unreadable' when it cannot be read."""
    text = cleaned(command)
    tree = parsed(text)
    if isinstance(tree, Unparsable):
        return (Branch(0, "unreadable", str(tree)),)
    found: list[Branch] = []
    _node(tree, text, 0, found)
    return tuple(found)


def _node(node: Node, text: str, depth: int, found: list[Branch]) -> None:
    if isinstance(node, Simple):
        found.append(Branch(depth, "command", text[node.start : node.end]))
        for word in (*node.words, *(r.target for r in node.redirects), *node.assigns):
            _word(word, text, depth + 1, found)
    elif isinstance(node, Sequence):
        for item, background in node.items:
            if background:
                found.append(Branch(depth, "in the background"))
            _node(item, text, depth + background, found)
    elif isinstance(node, Pipeline):
        found.append(Branch(depth, "pipeline"))
        for command in node.commands:
            _node(command, text, depth + 1, found)
    elif isinstance(node, Chain):
        for op, command in node.links:
            if op:
                found.append(Branch(depth, "and then" if op == "&&" else "or else"))
            _node(command, text, depth + bool(op), found)
    elif isinstance(node, Prefixed):
        found.append(Branch(depth, node.word))
        _node(node.node, text, depth + 1, found)
    elif isinstance(node, Redirected):
        _node(node.node, text, depth, found)
        for redirect in node.redirects:
            found.append(Branch(depth + 1, "redirection", text[redirect.start : redirect.end]))
    else:
        _compound(node, text, depth, found)


def _compound(node: Node, text: str, depth: int, found: list[Branch]) -> None:
    title, bodies = _parts(node)
    found.append(Branch(depth, title))
    for body in bodies:
        _node(body, text, depth + 1, found)
    if isinstance(node, Test):
        for word in node.words:
            _word(word, text, depth + 1, found)
    elif isinstance(node, (Compute, CountFor)):
        _word(node.inside if isinstance(node, Compute) else node.head, text, depth + 1, found)
    elif isinstance(node, For):
        for word in node.words or ():
            _word(word, text, depth + 1, found)


def _parts(node: Node) -> tuple[str, tuple[Node, ...]]:
    """What a compound command is called, and the nodes inside it."""
    if isinstance(node, Group):
        return ("in a subshell" if node.subshell else "group", (node.body,))
    if isinstance(node, If):
        inside: list[Node] = []
        for condition, body in node.branches:
            inside += [condition, body]
        return ("if", (*inside, *((node.otherwise,) if node.otherwise is not None else ())))
    if isinstance(node, Loop):
        return ("while", (node.condition, node.body))
    if isinstance(node, For):
        return (f"for {node.name}", (node.body,))
    if isinstance(node, CountFor):
        return ("for", (node.body,))
    if isinstance(node, Case):
        return ("case", tuple(body for _, body in node.items))
    if isinstance(node, Function):
        return (f"function {node.name}", (node.body,))
    return ("test" if isinstance(node, Test) else "arithmetic", ())


def _word(word: Words | Assign, text: str, depth: int, found: list[Branch]) -> None:
    """The commands inside a word."""
    if isinstance(word, Assign):
        for inner in (*((word.value,) if word.value is not None else ()), *(word.items or ())):
            _word(inner, text, depth, found)
        return
    for part in word.parts:
        _part(part, text, depth, found)


def _part(part: Part, text: str, depth: int, found: list[Branch]) -> None:
    if isinstance(part, Sub | Proc):
        found.append(Branch(depth, "substitution" if isinstance(part, Sub) else "process"))
        _node(part.body, text, depth + 1, found)
        return
    for name in ("arg", "second", "inside"):
        inner = getattr(part, name, None)
        if isinstance(inner, Words):
            _word(inner, text, depth, found)
