"""The command inside `/bin/sh -c '…'`: what a person reads first when an agent hands its line to a shell.

Knows the quoting of `shlex.join` and the usual shells in their usual places. Refuses everything else: another path,
another flag, a further word or any other quoting leaves the command as it is. Invariant: the inner text is exactly the
one word the shell would run, and `places` says for each of its characters where it stands in the whole command.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_SHELL = re.compile(r"(?:/(?:usr/(?:local/)?)?bin/)?(sh|bash|dash|zsh|ksh)")
_FLAG = re.compile(r"-[elux]*c?")
_COMMAND_FLAG = re.compile(r"-[elux]*c")
_PLAIN = re.compile(r"[^\s'\"\\$`&|;<>()*?\[\]#~!{}]+")
_QUOTED = re.compile(r"'([^']*)'|\"([^\"\\$`]*)\"")
_DEEPEST = 3
_SYSTEM = re.compile(r"/(?:usr/)?(?:local/)?s?bin/|/usr/lib(?:exec)?/git-core/")


class Inner(NamedTuple):
    """text: what the shell runs. shells: e.g. 'sh -c', '' when nothing was unwrapped. places: indexes of its source."""

    text: str
    shells: str
    places: Sequence[int]


class _Word(NamedTuple):
    text: str
    places: Sequence[int]


def inner(command: str) -> Inner:
    """The command without the shells around it, as far as that can be told without guessing."""
    text, shells = command, ""
    found: Sequence[int] = range(len(command))
    for _ in range(_DEEPEST):
        words = _words(text)
        shell = _SHELL.fullmatch(words[0].text) if words and len(words) > 2 else None
        flags = [w.text for w in words[1:-1]]
        if shell is None or not all(map(_FLAG.fullmatch, flags)) or not _COMMAND_FLAG.fullmatch(flags[-1]):
            break
        if any(_COMMAND_FLAG.fullmatch(flag) for flag in flags[:-1]) or not words[-1].text.strip():
            break
        found = [found[at] for at in words[-1].places]
        text, shells = words[-1].text, " ".join([*([shells] if shells else []), shell[1], *flags])
    return Inner(text, shells, found)


def spans_in(unwrapped: Inner, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of the whole command as ranges of the inner text; what covers all of it marks nothing."""
    moved = []
    for start, end in spans:
        hit = [at for at, place in enumerate(unwrapped.places) if start <= place < end]
        if hit and len(hit) < len(unwrapped.text):
            moved.append((hit[0], hit[-1] + 1))
    return moved


def brief(command: str) -> str:
    """For one narrow row: the inner command, its program without the folder it comes from.

    A folder of the system is left out; any other is announced by an ellipsis, so that nothing passes for another.
    """
    text = inner(command).text
    first, space, rest = text.partition(" ")
    if not first.startswith("/") or "/" not in first[1:]:
        return text
    system = _SYSTEM.match(first)
    if system is not None and "/" not in first[system.end() :]:
        return first[system.end() :] + space + rest
    return "…/" + first.rpartition("/")[2] + space + rest


def _words(text: str) -> list[_Word]:
    """The words of a line quoted by shlex; [] for anything richer."""
    words: list[_Word] = []
    at = 0
    while at < len(text):
        if text[at] == " ":
            at += 1
            continue
        letters, places = "", list[int]()
        while at < len(text) and text[at] != " ":
            quoted = _QUOTED.match(text, at)
            plain = None if quoted else _PLAIN.match(text, at)
            if quoted is not None:
                group = 1 if quoted[1] is not None else 2
                letters += quoted[group]
                places += range(quoted.start(group), quoted.end(group))
                at = quoted.end()
            elif plain is not None:
                letters += plain[0]
                places += range(plain.start(), plain.end())
                at = plain.end()
            else:
                return []
        words.append(_Word(letters, places))
    return words
