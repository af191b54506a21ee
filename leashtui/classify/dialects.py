"""Shell languages other than bash: what of zsh reads the same, by zsh's own grammar, and why the rest cannot be read.

Knows zsh's constructs where they run something or hide it from a reader of bash. Refuses to evaluate. Invariant: a text
with a construct that only zsh knows, or that its grammar does not read, is never taken for understood.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING

from msgspec import Struct

from leashtui.classify.patterns import lazy

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_QUOTED = lazy(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", re.S)
_EQUALS = lazy(r"(^|[\s;|&({])=(?=[A-Za-z])")
_NAMES = (
    (lazy(r"\b(?:TRAP[A-Z]+|zshexit|chpwd|precmd|preexec|periodic|zshaddhistory|command_not_found_handler)\b"),
     "a function that zsh calls by itself"),
    (lazy(r"(?:^|[\s;&|({])(?:foreach|nocorrect|coproc)\b"), "a reserved word of zsh"),
    (lazy(r"<\d*-\d*>"), "a range of numbers"),
    (lazy(r"(?<![\w$\"'\\])(?:\*\*/)*[*?][^\s()|;&<>]*\([^\s()]+\)|(?<=[\s;|&])\([^\s()]*[|~^][^()]*\)(?=[\w./*])"),
     "a glob with qualifiers"),
    (lazy(r"\balias\s+-[a-zA-Z]*[gs]"), "an alias that works inside a line"),
    (lazy(r"\b(?:zsystem|sysopen|syswrite|ztcp|zftp|zsocket|zpty|sched|zle|vared)\b|zsh/(?:net|zftp|files|system|zpty)"),
     "a module that connects or writes by itself"),
)  # fmt: skip
_NODES = {
    "zsh_glob_qualifier": "a glob with qualifiers",
    "expansion_flags": "an expansion with flags",
    "expansion_style": "an expansion with flags",
    "expansion_modifier": "an expansion with modifiers",
    "repeat_statement": "a reserved word of zsh",
    "always_clause": "a reserved word of zsh",
    "terse_for_statement": "a short loop",
    "terse_if_statement": "a short condition",
    "ERROR": "text that zsh's own grammar does not read",
}
_COMMANDS = frozenset(("command", "redirected_statement", "pipeline"))
_MOST = 64


class Reading(Struct, frozen=True):
    """How zsh reads a text. strange: in words, what only zsh understands in it; commands: what such a text runs."""

    strange: str
    commands: tuple[str, ...] = ()


def as_bash(text: str) -> str:
    """A zsh text as bash would write it: `=name` is the program's path."""
    return _EQUALS.sub(r"\1", text) if "=" in text else text


@cache
def _parser() -> Parser | None:
    """The reader of zsh's grammar. None where it is not installed."""
    try:
        import tree_sitter_zsh  # only a text of zsh needs it
        from tree_sitter import Language, Parser
    except ImportError:
        return None
    return Parser(Language(tree_sitter_zsh.language()))


@lru_cache(maxsize=256)
def read_zsh(text: str) -> Reading:
    """How zsh reads a text that bash is to read."""
    bare = _QUOTED.sub("''", text)
    strange = next((what for pattern, what in _NAMES if pattern.search(bare)), "")
    parser = _parser()
    if parser is None:
        return Reading(strange or "a grammar that is not installed here")
    root = parser.parse(text.encode("utf-8", "surrogatepass")).root_node
    found: list[str] = []
    inner = _look(root, found)
    if root.has_error and not inner:
        inner = _NODES["ERROR"]
    strange = strange or inner
    return Reading(strange, tuple(found[:_MOST]) if strange else ())


def _look(root: Node, found: list[str]) -> str:
    """The first construct that only zsh knows; notes the text of every command."""
    waiting, strange = [root], ""
    while waiting:
        node = waiting.pop()
        if node.type in _NODES and node.text != b"#":  # ${#x} is a length everywhere
            strange = _NODES[node.type]
        if node.type in _COMMANDS and len(found) < _MOST:
            found.append((node.text or b"").decode("utf-8", "surrogatepass"))
        waiting.extend(reversed(node.children))
    return strange
