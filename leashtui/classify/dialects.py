"""Shell languages other than bash: what of zsh reads the same, and why the rest cannot be read.

Knows zsh's own grammar where it runs something or hides it from a reader of bash. Refuses to evaluate. Invariant: a
text with a construct that only zsh knows is never taken for understood.
"""

from __future__ import annotations

import re

from leashtui.classify.patterns import lazy

_QUOTED = lazy(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"", re.S)
_EQUALS = lazy(r"(^|[\s;|&({])=(?=[A-Za-z])")
_ONLY = (
    (lazy(r"(?<![$<>=\s;|&({!-])\((?!\))|(?<=[\s;|&])\([^\s()]*[|~^][^()]*\)(?=[\w./*])"), "a glob with qualifiers"),
    (lazy(r"\$\{[(=~^]|\$[=~^][\w{]"), "an expansion with flags"),
    (lazy(r"\b(?:TRAP[A-Z]+|zshexit|chpwd|precmd|preexec|periodic|zshaddhistory|command_not_found_handler)\b"),
     "a function that zsh calls by itself"),
    (lazy(r"(?:^|[\s;&|({])(?:repeat|foreach|always|nocorrect|coproc)\b"), "a reserved word of zsh"),
    (lazy(r"<\d*-\d*>"), "a range of numbers"),
    (lazy(r"\balias\s+-[a-zA-Z]*[gs]"), "an alias that works inside a line"),
    (lazy(r"\b(?:zsystem|sysopen|syswrite|ztcp|zftp|zsocket|zpty|sched|zle|vared)\b|zsh/(?:net|zftp|files|system|zpty)"),
     "a module that connects or writes by itself"),
)  # fmt: skip


def as_bash(text: str) -> str:
    """A zsh text as bash would write it: `=name` is the program's path."""
    return _EQUALS.sub(r"\1", text) if "=" in text else text


def only_zsh(text: str) -> str:
    """What in a text only zsh understands, in words; '' when bash reads it the same."""
    bare = _QUOTED.sub("''", text)
    return next((what for pattern, what in _ONLY if pattern.search(bare)), "")
